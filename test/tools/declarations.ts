import { basename } from 'node:path'
import ts from 'typescript'
import { inPackingOrder } from './packing-order.js'

// Makes the declarations that tsup has built smaller, and easier to read. A file that entry points share exports each
// declaration where it stands and by its own name, in place of a list of letters at its end. Such a file gets a short name.

const SHARED = /^([\w-]+)-[\w-]{8}\.d\.ts$/
const INDENT = /^(?: {4})+/gm

/** A change of a text: the characters from `start` to `end` become `text`. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** For each shared file, the names of its declarations by the names that it exports them by. */
type Exports = ReadonlyMap<string, ReadonlyMap<string, string>>

/**
 * @param files the text of each declaration file by its path in the package
 * @returns the same for the smaller ones, whose paths differ for shared files
 * @throws {TypeError} if a file imports what a shared one does not export
 */
export function smallerDeclarations(files: ReadonlyMap<string, string>): Map<string, string> {
  const parsed = new Map([...files].map(([path, text]) => [path, parse(path, text.replace(INDENT, narrower))]))
  const shared: Exports = new Map(
    [...parsed].filter(([path]) => SHARED.test(path)).map(([path, file]) => [path, exportsOf(file)]),
  )
  const made = new Map([...parsed].map(([path, file]) => [path, rewritten(path, file, shared)]))
  const order = inPackingOrder(new Map([...made].filter(([path]) => shared.has(path))))
  const names = new Map(
    order.map((path, i) => [path, `t${String(i).padStart(2, '0')}-${path.match(SHARED)?.[1]}.d.ts`]),
  )
  return new Map(
    [...made].map(([path, text]) => {
      const renamed = text.replace(/(['"])((?:\.\.?\/)+)([\w-]+)\.js\1/g, (all, _, folders: string, name: string) => {
        const to = names.get(`${name}.d.ts`)?.replace(/\.d\.ts$/, '.js')
        return to === undefined ? all : `'${folders}${to}'`
      })
      return [names.get(path) ?? path, renamed]
    }),
  )
}

/** Editors do not show how far declarations are indented. */
const narrower = (space: string): string => ' '.repeat(space.length / 4)

const parse = (path: string, text: string): ts.SourceFile =>
  ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)

/** The names in `export { … }` without a source. */
function ownSpecifiers(file: ts.SourceFile): ts.ExportSpecifier[] {
  return file.statements.flatMap((one) =>
    ts.isExportDeclaration(one) &&
    one.moduleSpecifier === undefined &&
    one.exportClause &&
    ts.isNamedExports(one.exportClause)
      ? [...one.exportClause.elements]
      : [],
  )
}

const localOf = (one: ts.ImportOrExportSpecifier): string => (one.propertyName ?? one.name).text

const exportsOf = (file: ts.SourceFile): ReadonlyMap<string, string> =>
  new Map(ownSpecifiers(file).map((one) => [one.name.text, localOf(one)]))

/** The text of a file without aliases, as far as it can be without them. */
function rewritten(path: string, file: ts.SourceFile, shared: Exports): string {
  const edits: Edit[] = []
  const left: string[] = []
  for (const one of ownSpecifiers(file)) {
    const local = localOf(one)
    const name = shared.has(path) ? local : one.name.text
    const declared = file.statements.filter((each) => namesOf(each).includes(local))
    const isPlain = declared.length > 0 && declared.every((each) => namesOf(each).length === 1)
    if (isPlain && name === local && (!isTypeOnly(one) || declared.every(isType)))
      for (const each of declared) edits.push({ start: each.getStart(file), end: each.getStart(file), text: 'export ' })
    else left.push(`${isTypeOnly(one) ? 'type ' : ''}${pair(local, name)}`)
  }
  for (const one of file.statements) {
    if (!ts.isImportDeclaration(one) && !ts.isExportDeclaration(one)) continue
    edits.push({ start: one.getStart(file), end: one.end, text: moduleLine(one, file, shared) })
  }
  const text = edited(file.text, edits)
    .trim()
    .replace(/\n{3,}/g, '\n\n')
  // Without an export declaration every declaration of an ambient module is an export of it.
  return `${text}\n\nexport {${left.length === 0 ? '' : ` ${left.join(', ')} `}};\n`
}

/** The names that a statement declares. */
function namesOf(one: ts.Statement): string[] {
  if (ts.isVariableStatement(one)) return one.declarationList.declarations.map(({ name }) => name.getText())
  const { name } = one as ts.Statement & { readonly name?: ts.Identifier }
  return name === undefined ? [] : [name.text]
}

const isType = (one: ts.Statement): boolean => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one)

/** Whether the specifier, or its whole list, exports types only. */
function isTypeOnly(one: ts.ImportOrExportSpecifier): boolean {
  return one.isTypeOnly || one.parent.parent.isTypeOnly
}

const pair = (from: string, to: string): string => (from === to ? from : `${from} as ${to}`)

/** An import, or an export from a file, by the names of the declarations. Empty for one that has nothing left. */
function moduleLine(one: ts.ImportDeclaration | ts.ExportDeclaration, file: ts.SourceFile, shared: Exports): string {
  if (one.moduleSpecifier === undefined) return ''
  const from = (one.moduleSpecifier as ts.StringLiteral).text
  if (!from.startsWith('.')) return one.getText(file)
  // It is there for its effects, and a declaration has none.
  if (ts.isImportDeclaration(one) && one.importClause === undefined) return ''
  const names = shared.get(basename(from).replace(/\.js$/, '.d.ts'))
  const list = ts.isImportDeclaration(one) ? one.importClause?.namedBindings : one.exportClause
  if (names === undefined || list === undefined || !(ts.isNamedImports(list) || ts.isNamedExports(list)))
    return one.getText(file)
  const pairs = [...list.elements].map((each) => {
    const name = names.get(localOf(each))
    if (name === undefined) throw new TypeError(`${file.fileName}: ${from} exports no ${localOf(each)}.`)
    return `${isTypeOnly(each) ? 'type ' : ''}${pair(name, each.name.text)}`
  })
  return `${ts.isImportDeclaration(one) ? 'import' : 'export'} { ${pairs.sort().join(', ')} } from '${from}';`
}

function edited(text: string, edits: readonly Edit[]): string {
  let made = text
  for (const { start, end, text: to } of edits.toSorted((a, b) => b.start - a.start))
    made = made.slice(0, start) + to + made.slice(end)
  return made
}
