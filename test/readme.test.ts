import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as teasel from 'teasel'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

// Its programs are compiled and run by snippets.test.ts.
describe('the README', () => {
  it('tells of every error, by class and code', () => {
    const told = [...readme.matchAll(/^\| `([a-z-]+)` \| (`\w+Error`.*?) \|/gm)]
    const named = told.flatMap(([, code, names = '']) => [...names.matchAll(/\w+/g)].map(([name]) => [name, code]))
    const made = Object.entries(teasel).flatMap(([name, value]) =>
      name !== 'TeaselError' && 'code' in value ? [[name, value.code]] : [],
    )

    expect(named.toSorted()).toEqual(made.toSorted())
  })

  it('S-017 tells of maps before it tells of tasks', () => {
    const [maps, products, tasks] = ['mapStates({', '`mapActionsAndStates`', '`parallel({ tasks })`'].map((name) =>
      readme.indexOf(name),
    )

    expect([maps, products, tasks]).toEqual([maps, products, tasks].toSorted((a = 0, b = 0) => a - b))
    expect(maps).toBeGreaterThan(0)
  })

  it('lists every example, and no other', () => {
    const listed = [...readme.matchAll(/\]\(examples\/(\d\d-[\w-]+\.ts)\)/g)].map(([, file]) => file)

    expect(listed).toEqual(readdirSync(join(root, 'examples')).filter((file) => /^\d\d-/.test(file)))
  })
})
