import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Exports of an entry file, and members of exported interfaces and classes, that say nothing of themselves. */
export function undocumented(entry: string): string[] {
  const config = ts.readConfigFile(`${ROOT}/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT)
  const program = ts.createProgram([`${ROOT}/${entry}`], { ...options, baseUrl: ROOT })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(`${ROOT}/${entry}`)
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
  if (module === undefined) throw new TypeError(`${entry} is no module.`)
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map((symbol) => symbol.name)
    .sort()
}
