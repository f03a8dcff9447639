import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

/** A source file for the architecture rules. */
export interface SourceFile {
  /** From the root of the repository, with `/`: `src/runtime/runner.ts`. */
  readonly path: string
  readonly text: string
}

/** An import of a file from another one or from a package. */
export interface Import {
  readonly from: string
  /** `src/…` of the imported file, with `.ts` for `.tsx` too; undefined for a package. */
  readonly file: string | undefined
  readonly typeOnly: boolean
}

/** All TypeScript files under a folder. */
export function readTree(root: string, folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }))
    .sort((a, b) => a.path.localeCompare(b.path))
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?([^'"]*?\s+from\s+)?['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** The text without comments, so that examples in them do not count. */
export const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')

/** The imports and re-exports of a file. */
export function importsOf({ path, text }: SourceFile): Import[] {
  const code = withoutComments(text)
  const found: Import[] = []
  for (const [, type, clause = '', from = ''] of code.matchAll(STATEMENT)) {
    found.push({ from, file: resolve(path, from), typeOnly: type !== undefined || onlyTypes(clause) })
  }
  for (const [, from = ''] of code.matchAll(DYNAMIC)) found.push({ from, file: resolve(path, from), typeOnly: false })
  return found
}

/** `{ type A, type B } from` imports no value. */
function onlyTypes(clause: string): boolean {
  const names = /\{([^}]*)\}/.exec(clause)?.[1]
  if (names === undefined) return false
  const items = names.split(',').map((name) => name.trim())
  return items.filter((name) => name !== '').every((name) => name.startsWith('type '))
}

function resolve(path: string, from: string): string | undefined {
  if (!from.startsWith('.')) return undefined
  return normalize(join(dirname(path), from))
    .replaceAll('\\', '/')
    .replace(/\.js$/, '.ts')
}
