import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Json } from '../../src/read/payload.js'
import { differenceOf, jsonPatchOf } from '../../src/ui/json-patch.js'
import { issuesOf } from '../../src/ui/json-schema.js'

const SCHEMAS = {
  verdict: z.object({ ok: z.boolean(), why: z.string().min(2).max(5).optional() }),
  strict: z.strictObject({ n: z.int().min(0).max(9), tags: z.array(z.enum(['a', 'b'])).min(1) }),
  union: z.union([z.string(), z.number().gt(3).lt(8), z.null()]),
  kinds: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('one'), n: z.number() }),
    z.object({ kind: z.literal('two'), s: z.string() }),
  ]),
  tuple: z.tuple([z.string(), z.number()]).rest(z.boolean()),
  record: z.record(z.string(), z.number()),
  both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })),
} as const

/** Values that are often close to what a schema takes. */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      'c',
      'one',
      'two',
      '',
      'xx',
      '😀',
      '😀😀😀😀😀',
      'toolong',
      true,
      false,
      null,
      0,
      4,
      7.5,
      8,
      -1,
      10,
    ),
    fc.jsonValue({ maxDepth: 1 }),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  record: fc.dictionary(fc.constantFrom('ok', 'why', 'n', 'tags', 'kind', 's', 'a', 'b', 'x'), tie('value'), {
    maxKeys: 4,
  }),
  value: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('record')),
})).value

describe('a JSON Schema', () => {
  it('refuses nothing that the schema takes which it was made of, and most of the rest', () => {
    let [refused, taken] = [0, 0]
    for (const schema of Object.values(SCHEMAS)) {
      const json = JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))) as Json
      fc.assert(
        fc.property(value, (one) => {
          const issues = issuesOf(one, json)
          if (schema.safeParse(one).success) {
            taken += 1
            expect(issues).toEqual([])
          } else if (issues.length > 0) refused += 1
        }),
        { numRuns: 2000 },
      )
    }
    expect(taken).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(5000)
  })

  it('names every part that does not fit', () => {
    const json = JSON.parse(JSON.stringify(z.toJSONSchema(SCHEMAS.strict))) as Json
    expect(issuesOf({ n: 12, tags: ['a', 'z'], more: 1 }, json)).toEqual([
      'n is 12; it takes at most 9.',
      'tags[1] is "z"; it takes "a", "b".',
      'more is not allowed.',
    ])
    expect(issuesOf({}, json)).toEqual(['n is missing.', 'tags is missing.'])
    expect(issuesOf(1, {})).toEqual([])
    expect(issuesOf(1, true)).toEqual([])
  })
})

/** Applies operations as RFC 6902 has them. */
function patched(before: Json, steps: readonly { op: string; path: string; value?: Json }[]): Json {
  const root = { '': structuredClone(before) } as Record<string, Json>
  for (const { op, path, value: next = null } of steps) {
    const keys = ['', ...path.split('/').slice(1)].map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.pop() ?? ''
    let at = root as unknown as Record<string, unknown>
    for (const key of keys) at = at[key] as Record<string, unknown>
    if (Array.isArray(at)) at.splice(Number(last), op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [next]))
    else if (op === 'remove') delete at[last]
    else Object.defineProperty(at, last, { value: next, enumerable: true, writable: true, configurable: true })
  }
  return root[''] ?? null
}

describe('a JSON Patch', () => {
  it('makes the later state of the earlier one', () => {
    const state = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>)
    fc.assert(
      fc.property(state, state, fc.array(fc.jsonValue() as fc.Arbitrary<Json>), (before, after, list) => {
        const [one, two] = [
          { ...before, list },
          { ...before, ...after, list: [...list.slice(1), 'more', ...list.slice(0, 1)] },
        ]
        const steps = jsonPatchOf(one, differenceOf(one, two))
        expect(patched(one, steps)).toEqual(two)
      }),
      { numRuns: 2000 },
    )
  })
})
