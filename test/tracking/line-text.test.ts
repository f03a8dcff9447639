import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineText } from '../../src/log/line-text.js'

// A line begins with its type, and has no numbers as names.

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('"', '\\', '\ud800', '__proto__'))
const name = text.filter((one) => one !== 'type' && !/^\d+$/.test(one))
const value = fc.oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(undefined), fc.jsonValue())

describe('the text of a line', () => {
  it('is that of JSON.stringify', () => {
    fc.assert(
      fc.property(text, fc.dictionary(name, value), (type, members) => {
        const line = { type, ...members } as never
        expect(lineText(line)).toBe(JSON.stringify(line))
      }),
      { numRuns: 2000 },
    )
  })
})
