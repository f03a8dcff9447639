import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import * as xstate from 'xstate'
import { readPages } from './tools/documents.js'
import { publicEntries } from './tools/entries.js'
import { fileOf, runSnippets } from './tools/snippet-runs.js'
import {
  checkSaid,
  examplesOf,
  namesOf,
  pictureCode,
  programsOf,
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
const programs = readPages().flatMap(({ path, text }) => programsOf(path, text))
const examples = readTree(root, 'src').flatMap(examplesOf)
const completed = examples.map(({ place, code }): Snippet => ({ place, code: withImports(code, names) }))
const snippets = [...programs, ...completed]

rmSync(folder, { recursive: true, force: true })
const runs = runSnippets(snippets, folder)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the README', () => {
  it('has programs that run, the first of them in twenty-five lines', () => {
    const own = programs.filter(({ place }) => place.startsWith('README.md'))

    expect(own.length).toBeGreaterThanOrEqual(2)
    expect(own[0]?.code.trim().split('\n').length).toBeLessThanOrEqual(25)
  })
})

describe('a snippet', () => {
  it.each(snippets.map((snippet) => [snippet.place, snippet] as const))('of %s has the stated output', (_, snippet) => {
    const { printed, picture, error } = runs.get(snippet) ?? { printed: '', error: 'did not end' }

    expect(error).toBeUndefined()
    for (const said of promisedBy(snippet.code)) expect(printed).toContain(said)
    if (snippet.prints !== undefined) expect(printed).toBe(snippet.prints)
    expect(picture).toBe(snippet.picture)
  })

  it('compiles as in the project of a user', () => {
    for (const snippet of snippets) writeFileSync(join(folder, fileOf(snippet)), snippet.code)
    const options = {
      extends: '../../tsconfig.json',
      include: ['*.mts'],
      compilerOptions: { noUnusedLocals: false, declaration: true },
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))

    const { stdout, status } = spawnSync('npx', ['tsc', '-p', folder], { cwd: root, encoding: 'utf8' })

    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  }, 300_000)
})

describe('the reader of snippets', () => {
  it('finds examples at their place', () => {
    const text = 'export {}\n/**\n * One.\n * @example\n * ```ts\n * one() // 1\n * ```\n */\n'

    expect(examplesOf({ path: 'src/a.ts', text })).toEqual([{ place: 'src/a.ts:6', code: 'one() // 1\n' }])
  })

  it('finds the output and the picture below a program', () => {
    const picture = 'stateDiagram-v2\n  [*] --> a'
    const code = "createApplication(g, { entrypoint: 'a' })\n"
    const text = `\`\`\`ts run\n${code}\`\`\`\n\nIt prints\n\n\`\`\`text\n1\n2\n\`\`\`\n\n\`\`\`mermaid\n${picture}\n\`\`\`\n\n# Next\n\n\`\`\`text\n3\n\`\`\`\n`

    const [found] = programsOf('a.md', text)

    expect(found).toEqual({ place: 'a.md:2', code, prints: '1\n2', picture })
    expect(found && pictureCode(found)).toContain("g.runnable({ entrypoint: 'a' })")
    expect(() => pictureCode({ place: 'a.md:2', code: '' })).toThrow('a.md:2 has a picture')
  })

  it('imports used names, and no declared names or members', () => {
    const entry = { name: 'teasel', source: 'src/index.ts', text: "export { and, or, run, type Run } from './a.js'" }

    expect(withImports('const or: Run = run({ and: 1 }).and', namesOf([entry]))).toBe(
      "import { run, type Run } from 'teasel'; const or: Run = run({ and: 1 }).and",
    )
  })

  it('checks a comment with a value, and no remark', () => {
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
