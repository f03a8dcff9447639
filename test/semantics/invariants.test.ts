import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { importsOf, readTree, type SourceFile } from '../tools/source-tree.js'
import { invariantRows } from './invariants.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = readTree(root, 'src')

type Rows = typeof invariantRows
type TitlesOf = (file: string) => readonly string[] | undefined

/** The invariants at the heads of files: `application/reader.ts G1`. */
const headsOf = (files: readonly SourceFile[]): string[] =>
  files.flatMap(({ path, text }) =>
    [...text.matchAll(/^\/\/ ([A-Z]\d+) {2}/gm)].map(([, id]) => `${path.slice('src/'.length)} ${id}`),
  )

const rowsOf = (rows: Rows): string[] =>
  Object.entries(rows).flatMap(([file, ids]) => Object.keys(ids).map((id) => `${file} ${id}`))

/** Everything that is wrong with a list of invariants. */
function faultsOf(rows: Rows, files: readonly SourceFile[], titlesOf: TitlesOf): string[] {
  const [heads, cited] = [headsOf(files), rowsOf(rows)]
  return [
    ...heads.filter((head, i) => heads.indexOf(head) < i).map((head) => `${head} is there twice`),
    ...heads.filter((head) => !cited.includes(head)).map((head) => `no row cites ${head}`),
    ...cited.filter((row) => !heads.includes(row)).map((row) => `there is no invariant ${row}`),
    ...Object.entries(rows).flatMap(([file, ids]) =>
      Object.entries(ids).flatMap(([id, tests]) => {
        const faults = tests.flatMap((test) => faultOf(test, titlesOf) ?? [])
        return (tests.length === 0 ? ['no test is cited'] : faults).map((fault) => `${file} ${id}: ${fault}`)
      }),
    ),
  ]
}

function faultOf(test: string, titlesOf: TitlesOf): string | undefined {
  const [file = '', title = ''] = test.split(' › ')
  const titles = titlesOf(file)
  if (titles === undefined) return `there is no test file ${file}`
  const found = titles.filter((one) => one.includes(title)).length
  return found === 1 ? undefined : `${found} titles of ${file} contain "${title}"`
}

const isTest = (callee: ts.Expression): boolean =>
  ts.isIdentifier(callee)
    ? callee.text === 'it'
    : (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isTest(callee.expression)

/** The titles of a test file, and the texts of the tables that titles are filled in from. */
function titlesIn(text: string): string[] {
  const titles: string[] = []
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) titles.push(node.text)
    if (ts.isTemplateExpression(node)) titles.push(node.getText())
    if (ts.isArrayLiteralExpression(node)) for (const item of node.elements) collect(item)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTest(node.expression) && node.arguments[0] !== undefined)
      collect(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('a.test.ts', text, ts.ScriptTarget.Latest, true))
  return titles
}

const known = new Map<string, readonly string[] | undefined>()
const titlesOf: TitlesOf = (file) => {
  if (!known.has(file)) {
    const path = fileURLToPath(new URL(`${file}.test.ts`, import.meta.url))
    known.set(file, existsSync(path) ? titlesIn(readFileSync(path, 'utf8')) : undefined)
  }
  return known.get(file)
}

describe('the invariants at the heads of the source', () => {
  it('are each cited with the tests that show them', () => {
    expect(faultsOf(invariantRows, sources, titlesOf)).toEqual([])
  })

  it.each<[string, Rows, string]>([
    ['an invariant without a row', {}, 'no row cites a.ts A1'],
    [
      'a row without its invariant',
      { 'a.ts': { A1: ['a › works'], A2: ['a › works'] } },
      'there is no invariant a.ts A2',
    ],
    ['a row without a test', { 'a.ts': { A1: [] } }, 'a.ts A1: no test is cited'],
    ['an unknown title', { 'a.ts': { A1: ['a › fails'] } }, 'a.ts A1: 0 titles of a contain "fails"'],
    ['an ambiguous title', { 'a.ts': { A1: ['a › w'] } }, 'a.ts A1: 2 titles of a contain "w"'],
    ['an unknown file', { 'a.ts': { A1: ['b › works'] } }, 'a.ts A1: there is no test file b'],
  ])('are checked for %s', (_, rows, fault) => {
    const files = [{ path: 'src/a.ts', text: '// Owns: a.\n// A1  It works.\n//     And goes on.\n' }]
    const titles = titlesIn("it('works', () => {}); it.each([['waits', 1]])('%s', () => {})")

    expect(faultsOf(rows, files, (file) => (file === 'a' ? titles : undefined))).toEqual([fault])
  })

  it('hold for a branch: the engine knows only its handle', () => {
    const users = sources.filter((file) =>
      importsOf(file).some((one) => one.file === 'src/runtime/map/in-process-branch.ts'),
    )

    expect(users.map(({ path }) => path)).toEqual(['src/runtime/map/branch-starter.ts'])
  })
})
