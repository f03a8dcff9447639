import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import * as xstate from 'xstate'
import { publicEntries } from './tools/entries.js'
import {
  blocksOf,
  CHECK,
  checkSaid,
  examplesOf,
  namesOf,
  promisedBy,
  type Snippet,
  withChecks,
  withImports,
} from './tools/snippets.js'
import { readTree } from './tools/source-tree.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, '.cache/snippets')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const entries = publicEntries(root).map((entry) => ({ ...entry, text: read(entry.source) }))
const fromXState = Object.keys(xstate).map((name) => [name, { from: 'xstate', isType: false }] as const)
const names = new Map([...fromXState, ...namesOf(entries)])
const programs = blocksOf('README.md', read('README.md'), 'ts run')
const examples = readTree(root, 'src').flatMap(examplesOf)
const snippets = [...programs, ...examples.map(({ place, code }) => ({ place, code: withImports(code, names) }))]

rmSync(folder, { recursive: true, force: true })
mkdirSync(join(folder, 'run'), { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fileOf = ({ place }: Snippet): string => `${place.replaceAll(/[/:.]/g, '-')}.mts`

/** Runs all snippets in one process, each as a module of its own. */
function runAll(): Map<string, { readonly printed: string; readonly error?: string }> {
  const files = snippets.map((snippet) => {
    const file = join(folder, 'run', fileOf(snippet))
    writeFileSync(
      file,
      `import { checkSaid as ${CHECK} } from '../../../test/tools/snippets.ts'; ${withChecks(snippet.code)}`,
    )
    return file
  })
  const runner = join(root, 'test/tools/run-snippets.ts')
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', runner, ...files], {
    cwd: root,
    encoding: 'utf8',
  })
  if (stderr !== '') throw new TypeError(stderr)
  const ran = JSON.parse(stdout) as readonly { file: string; printed: string; error?: string }[]
  return new Map(ran.map(({ file, ...rest }) => [file, rest]))
}
const ran = runAll()
const told = (snippet: Snippet) => ran.get(join(folder, 'run', fileOf(snippet)))

describe('the README', () => {
  it('has programs that can be run, the first of them in twenty lines', () => {
    expect(programs.length).toBeGreaterThanOrEqual(5)
    expect(programs[0]?.code.trim().split('\n').length).toBeLessThanOrEqual(20)
  })
})

describe('a snippet', () => {
  it.each(snippets.map((snippet) => [snippet.place, snippet] as const))('of %s gives what it says', (_, snippet) => {
    const { printed, error } = told(snippet) ?? { printed: '', error: 'did not end' }

    expect(error).toBeUndefined()
    for (const said of promisedBy(snippet.code)) expect(printed).toContain(said)
  })

  it('compiles as a user compiles', () => {
    for (const snippet of snippets) writeFileSync(join(folder, fileOf(snippet)), snippet.code)
    const options = {
      extends: '../../tsconfig.json',
      include: ['*.mts'],
      compilerOptions: { noUnusedLocals: false, declaration: true },
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))

    const { stdout, status } = spawnSync('npx', ['tsc', '-p', folder], { cwd: root, encoding: 'utf8' })

    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  })
})

describe('the reader of snippets', () => {
  it('finds examples where they stand', () => {
    const text = 'export {}\n/**\n * One.\n * @example\n * ```ts\n * one() // 1\n * ```\n */\n'

    expect(examplesOf({ path: 'src/a.ts', text })).toEqual([{ place: 'src/a.ts:6', code: 'one() // 1\n' }])
  })

  it('imports what is used, and not what is declared or a member', () => {
    const entry = { name: 'teasel', source: 'src/index.ts', text: "export { and, or, run, type Run } from './a.js'" }

    expect(withImports('const or: Run = run({ and: 1 }).and', namesOf([entry]))).toBe(
      "import { run, type Run } from 'teasel'; const or: Run = run({ and: 1 }).and",
    )
  })

  it('checks what a comment says, and no remark', () => {
    const code = "f(1) // 2\nconst { a, b: c } = f() // 1, 'two'\ng() // done once\nconsole.log(1) // 1\n"

    expect(withChecks(code)).toBe(
      [
        '; checkSaid([f(1)], [2], "2"); // 2',
        `const { a, b: c } = f(); checkSaid([a, c], [1, 'two'], "1, 'two'"); // 1, 'two'`,
        'g() // done once',
        'console.log(1) // 1',
        '',
      ].join('\n'),
    )
    expect(() => checkSaid([{ n: 2 }], [{ n: 3 }], '{ n: 3 }')).toThrow('It says { n: 3 } and gave {"n":2}')
  })
})
