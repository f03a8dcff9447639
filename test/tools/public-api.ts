import { join } from 'node:path'
import ts from 'typescript'
import { publicEntries } from './entries.js'
import { ROOT } from './vitest-report.js'

/** A name that a user can import. */
export interface PublicName {
  readonly entry: string
  readonly name: string
  readonly documented: boolean
}

/** The public types of the package, by the compiler. */
export interface PublicApi {
  readonly names: readonly PublicName[]
  /** Uses of `any` in the declarations of `src/`, inferred types included: `src/a.ts: any in line 3 of its types`. */
  readonly anys: readonly string[]
}

/** Asks the compiler for all exports of the entry points. */
export function readPublicApi(): PublicApi {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT)
  const entries = publicEntries(ROOT)
  const program = ts.createProgram({
    rootNames: entries.map(({ source }) => join(ROOT, source)),
    options: { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: ROOT },
  })
  const checker = program.getTypeChecker()
  const names = entries.flatMap(({ name: entry, source }) => {
    const file = program.getSourceFile(join(ROOT, source))
    const module = file && checker.getSymbolAtLocation(file)
    if (module === undefined) throw new TypeError(`${source} exports nothing.`)
    return checker.getExportsOfModule(module).map((symbol) => {
      const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      return { entry, name: symbol.name, documented: meant.getDocumentationComment(checker).length > 0 }
    })
  })
  return { names, anys: anysOf(program) }
}

/** Reads the declarations that the compiler would emit. */
function anysOf(program: ts.Program): string[] {
  const found: string[] = []
  program.emit(undefined, (path, text) => {
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) {
        const line = text.split('\n')[file.getLineAndCharacterOfPosition(node.getStart()).line]
        found.push(`${path.slice(ROOT.length)}: ${line?.trim()}`)
      }
      ts.forEachChild(node, visit)
    }
    visit(file)
  })
  return found
}
