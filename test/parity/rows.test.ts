import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { faultRows, parityRows } from './rows.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const titles = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts') && name !== 'rows.test.ts')
  .flatMap((name) => [
    ...readFileSync(`${folder}/${name}`, 'utf8').matchAll(/^\s*it(?:\.each\(.*\))?\(\s*(['"`])(.*?)\1,/gm),
  ])
  .map((found) => found[2] ?? '')
const named = titles.flatMap((title) => title.match(/\b(T-[A-Z0-9]+-\d+|W-\d{3})\b/g) ?? [])

describe('parity with Burr', () => {
  it('has a test for every row that applies here, and a reason for every other row', () => {
    const shown = parityRows.filter(({ absent }) => absent === undefined).map(({ id }) => id)

    expect(shown.filter((id) => !named.includes(id))).toEqual([])
    expect(faultRows.filter((id) => !named.includes(id))).toEqual([])
    expect(named.filter((id) => !shown.includes(id) && !faultRows.includes(id))).toEqual([])
  })

  it('numbers each row once', () => {
    const ids = parityRows.map(({ id }) => id)

    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(134)
  })
})
