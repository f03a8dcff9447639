import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, '.cache/readme')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const programs = [...readme.matchAll(/```ts run\n([\s\S]*?)```/g)].map(([, code = '']) => code)

mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a program says that it prints: the comments behind its `console.log`s, as far as they give a value. */
const promised = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\) \/\/ (?!typed)(.+)$/gm)].map(([, said = '']) => said)

describe('the README', () => {
  it('has programs that can be run, the first of them in twenty lines', () => {
    expect(programs).toHaveLength(5)
    expect(programs[0]?.trim().split('\n').length).toBeLessThanOrEqual(20)
  })

  it.each(programs.map((code, i) => [i + 1, code] as const))('program %i prints what it says', (i, code) => {
    const file = join(folder, `program-${i}.mts`)
    writeFileSync(file, code)

    const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', file], {
      cwd: root,
      encoding: 'utf8',
    })

    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    for (const said of promised(code)) expect(stdout).toContain(said)
  })

  it('has programs that compile as a user compiles', () => {
    programs.forEach((code, i) => void writeFileSync(join(folder, `compiled-${i}.mts`), code))
    const options = { extends: '../../tsconfig.json', include: ['compiled-*.mts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))

    const { stdout, status } = spawnSync('npx', ['tsc', '-p', folder], { cwd: root, encoding: 'utf8' })

    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  }, 60_000)
})
