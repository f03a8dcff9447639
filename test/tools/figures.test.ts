import { describe, expect, it } from 'vitest'
import { measureCode, percentile } from './code-figures.js'
import { breaches, figuresOf, table } from './figures.js'

const files = [
  {
    path: 'src/state/a.ts',
    text: `import type { B } from './b.js'
/** Two lines. */
export function two(x: any): B {
  return x as B }
export const list = [1].map((n) => n!)
`,
  },
  {
    path: 'src/state/b.ts',
    text: `import type { A } from './a.js'
export type B = A
export const one = () => [1] as const
`,
  },
]
const good = measureCode([{ path: 'src/state/c.ts', text: 'export const c = 1\n' }])
const api = { names: [{ entry: 'teasel', name: 'c', documented: true }], anys: [] }

describe('figures', () => {
  it('count lines, functions with a name, any, casts and cycles', () => {
    expect(measureCode(files)).toEqual({
      files: 2,
      lines: 8,
      medianFile: 3,
      maxFile: 5,
      functionP50: 1,
      functionP95: 2,
      anyPerKloc: 125,
      castsPerKloc: 250,
      cycles: 1,
    })
  })

  it('take the percentile that is reached', () => {
    const values = Array.from({ length: 20 }, (_, i) => 20 - i)

    expect([percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)]).toEqual([10, 19, 0])
  })

  it('report each value beyond its limit', () => {
    expect(breaches(figuresOf(good, api, 3))).toEqual([])
    expect(breaches(figuresOf({ ...good, medianFile: 151, maxFile: 401, functionP95: 41, cycles: 1 }, api, 3))).toEqual(
      [
        'medianFile is 151: at most 150 lines',
        'maxFile is 401: at most 400 lines',
        'functionP95 is 41: at most 40 lines',
        'cycles is 1: none',
      ],
    )
    expect(
      breaches(
        figuresOf(good, { names: [...api.names, { entry: 'teasel', name: 'd', documented: false }], anys: ['a'] }, 3),
      ),
    ).toEqual(['exportedAny is 1: none', 'documented is 50: 100 %'])
  })

  it('are printed in a table below those of the models', () => {
    const lines = table(figuresOf(good, api, 3)).split('\n')

    expect(lines).toHaveLength(10)
    expect(lines.at(-1)).toMatch(/^teasel +1 +1\/1 +0\/0 +0 +0 +0 +100% +0 +3$/)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  })
})
