import { isDeepStrictEqual } from 'node:util'
import ts from 'typescript'
import type { Entry } from './entries.js'
import type { SourceFile } from './source-tree.js'

/** A program in a document. */
export interface Snippet {
  /** Its place: `README.md:25`, `src/graph/condition.ts:31`. */
  readonly place: string
  readonly code: string
  /** Its output, if a `text` block below it shows that. */
  readonly prints?: string
  /** The picture of its graph, if a `mermaid` block below it shows that. */
  readonly picture?: string
}

/** The blocks of a document behind a fence such as `ts run`. */
function blocksOf(path: string, text: string, fence: string): Snippet[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${fence}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ({ index, 1: code = '' }) => ({
      place: `${path}:${lineAt(text, index) + 1}`,
      code,
    }),
  )
}

/** The programs of a document: its `ts run` blocks, with the output and the picture below them. */
export function programsOf(path: string, text: string): Snippet[] {
  return blocksOf(path, text, 'ts run').map((snippet) => {
    const rest = text.slice(text.indexOf(snippet.code) + snippet.code.length + FENCE.length)
    const below = rest.slice(0, /^(#|```ts)/m.exec(rest)?.index)
    const [, prints] = /^```text\n([\s\S]*?)\n```$/m.exec(below) ?? []
    const [, picture] = /^```mermaid\n(stateDiagram-v2\n[\s\S]*?)\n```$/m.exec(below) ?? []
    return { ...snippet, ...(prints !== undefined && { prints }), ...(picture !== undefined && { picture }) }
  })
}
const FENCE = '```'

/** Code to append to a program: it exports the picture of the graph of the program's application. */
export function pictureCode({ place, code }: Snippet): string {
  const [, graph, entrypoint] = /createApplication\((\w+), \{ entrypoint: '(\w+)'/.exec(code) ?? []
  if (graph === undefined) throw new TypeError(`${place} has a picture and no createApplication(graph, { entrypoint`)
  return [
    "import { toMermaid as drawnBelow } from 'teasel/visualize'",
    `export const picture = drawnBelow(${graph}.runnable({ entrypoint: '${entrypoint}' }), { direction: 'LR', depth: 2 })`,
    '',
  ].join('\n')
}

/** The `ts` blocks of doc comments. */
export function examplesOf({ path, text }: SourceFile): Snippet[] {
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(({ index, 0: comment }) => {
    const first = lineAt(text, index) - 1
    const plain = comment.replace(/^ *\* ?/gm, '')
    return blocksOf(path, plain, 'ts').map(({ place, code }) => ({
      place: `${path}:${first + Number(place.split(':').at(-1))}`,
      code,
    }))
  })
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

/** The exported names of modules, each with its module, and whether it is a type. */
export type Names = ReadonlyMap<string, { readonly from: string; readonly isType: boolean }>

/** The exports of the entry points, read from their re-exports. */
export function namesOf(entries: readonly (Entry & { readonly text: string })[]): Names {
  const names = new Map<string, { readonly from: string; readonly isType: boolean }>()
  for (const { name, source, text } of entries) {
    for (const statement of ts.createSourceFile(source, text, ts.ScriptTarget.Latest).statements) {
      if (!ts.isExportDeclaration(statement) || !statement.exportClause) continue
      if (!ts.isNamedExports(statement.exportClause)) continue
      for (const one of statement.exportClause.elements) {
        const isType = statement.isTypeOnly || one.isTypeOnly
        if (!names.has(one.name.text)) names.set(one.name.text, { from: name, isType })
      }
    }
  }
  return names
}

/** The code with imports of the known names that it uses and does not declare. Lines keep their numbers. */
export function withImports(code: string, names: Names): string {
  const file = ts.createSourceFile('snippet.mts', code, ts.ScriptTarget.Latest, true)
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isMember(node)) (isDeclared(node) ? declared : used).add(node.text)
    ts.forEachChild(node, visit)
  }
  visit(file)
  const byModule = new Map<string, string[]>()
  for (const name of used) {
    const known = declared.has(name) ? undefined : names.get(name)
    if (known === undefined) continue
    byModule.set(known.from, [...(byModule.get(known.from) ?? []), known.isType ? `type ${name}` : name])
  }
  const lines = [...byModule].map(([module, all]) => `import { ${all.sort().join(', ')} } from '${module}';`)
  return `${lines.sort().join(' ')} ${code}`
}

/** `b` of `a.b`, `{ b: 1 }`, `{ b() {} }`: a name, but no variable. */
function isMember(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  return (
    (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isPropertySignature(parent)) &&
    parent.name === node
  )
}

function isDeclared(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isImportSpecifier(parent) || ts.isImportClause(parent) || ts.isNamespaceImport(parent)) return true
  if (ts.isBindingElement(parent) || ts.isVariableDeclaration(parent) || ts.isParameter(parent))
    return parent.name === node
  return (
    (ts.isFunctionDeclaration(parent) || ts.isClassDeclaration(parent) || ts.isInterfaceDeclaration(parent)) &&
    parent.name === node
  )
}

/** The name under which {@link withChecks} expects {@link checkSaid}. */
export const CHECK = 'checkSaid'

/**
 * The code with a check behind every top-level statement whose comment has its value: `f(1) // 2`,
 * `const { a, b } = f() // 1, 'two'`. A comment that is no value is a remark.
 */
export function withChecks(code: string): string {
  const file = ts.createSourceFile('snippet.mts', code, ts.ScriptTarget.Latest, true)
  let checked = ''
  let from = 0
  for (const statement of file.statements) {
    const said = /^ *\/\/ (.+)/.exec(code.slice(statement.end))?.[1]
    const given = said !== undefined && isValue(said) ? givenBy(statement) : undefined
    if (said === undefined || given === undefined) continue
    checked += code.slice(from, given.keep ? statement.end : statement.getStart())
    checked += `; ${CHECK}([${given.names}], [${said}], ${JSON.stringify(said)});`
    from = statement.end
  }
  return checked + code.slice(from)
}

/** The value of a statement, as code; statements that declare names are kept. */
function givenBy(statement: ts.Statement): { readonly names: string; readonly keep: boolean } | undefined {
  if (ts.isExpressionStatement(statement)) {
    const text = statement.expression.getText()
    return text.startsWith('console.') ? undefined : { names: text, keep: false }
  }
  const declaration = ts.isVariableStatement(statement) ? statement.declarationList.declarations[0] : undefined
  if (declaration === undefined || ts.isArrayBindingPattern(declaration.name)) return undefined
  if (ts.isIdentifier(declaration.name)) return { names: declaration.name.text, keep: true }
  return { names: declaration.name.elements.map((one) => one.name.getText()).join(', '), keep: true }
}

function isValue(said: string): boolean {
  try {
    new Function(`return [${said}]`)()
    return true
  } catch {
    return false
  }
}

/** Throws unless a snippet gave the stated value. */
export function checkSaid(given: readonly unknown[], said: readonly unknown[], text: string): void {
  const plain = structuredClone(given)
  if (!isDeepStrictEqual(plain, said))
    throw new TypeError(`It says ${text} and gave ${JSON.stringify(plain).slice(1, -1)}`)
}

/** The stated output of a program: the comments behind its `console.log`s that are values. */
export const promisedBy = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\) \/\/ (?!typed)(.+)$/gm)].map(([, said = '']) => said)
