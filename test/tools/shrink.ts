import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type MinifyOptions, minify } from 'terser'
import { smallerDeclarations } from './declarations.js'
import { inPackingOrder } from './packing-order.js'
import { ROOT } from './vitest-report.js'

// Makes what tsup has built smaller. Functions and classes keep their names, for stack traces and logs; the files that
// entry points share get short names, and so do the exports of those files.

const DIST = join(ROOT, 'dist')
const KEPT = { keep_fnames: true, keep_classnames: true }
const OPTIONS: MinifyOptions = {
  module: true,
  ecma: 2020,
  compress: { ...KEPT, passes: 2, sequences: false },
  mangle: KEPT,
  // Node prints the line of an uncaught error.
  format: { comments: false, max_line_len: 1000 },
}

const SHARED = /^chunk-[A-Z0-9]+\.js$/
const IMPORTED = /^(import|export) \{([^}]*)\} from (['"])([^'"]*)\3;$/gm
const EXPORTED = /^export \{([^}]*)\}(?= from |;$)/gm
const LAST = /^export \{([^}]*)\};$/gm
const UNNAMED = /^import (['"])(?:\.\.?\/)+chunk-[A-Z0-9]+\.js\1;\n/gm
const NUMBERED = /^c\d+\.js$/
const PATH = /"((?:\.\.?\/)+)(c\d+\.js)"/g
const CLASS = /^((?:var|let|const) (\w+) = class)(?= extends| \{)/gm

/** The names of a list of imports or exports: `a as b, c`. */
const pairsOf = (list: string): (readonly [from: string, to: string])[] =>
  list.split(',').flatMap((one): [string, string][] => {
    const [from = '', to = from] = one.trim().split(/\s+as\s+/)
    return from === '' ? [] : [[from, to]]
  })

const listOf = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([from, to]) => (from === to ? from : `${from} as ${to}`)).join(', ')

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** `a` to `Z`, then `aa`. No name of two letters that the language reserves follows `e` or lower. */
function shortName(i: number): string {
  const first = Math.floor(i / LETTERS.length)
  return `${first === 0 ? '' : LETTERS.charAt(LETTERS.length - first)}${LETTERS.charAt(i % LETTERS.length)}`
}

/** For each shared file, its new name, and the new names of its exports. */
function shortNames(files: ReadonlyMap<string, string>) {
  const shared = [...files].filter(([file]) => SHARED.test(file))
  return new Map(
    shared.map(([file, code], i) => {
      const names = [...code.matchAll(EXPORTED)].flatMap(([, list = '']) => pairsOf(list).map(([, name]) => name))
      return [file, { file: `c${i}.js`, exports: new Map(names.map((name, n) => [name, shortName(n)])) }] as const
    }),
  )
}

type Names = ReturnType<typeof shortNames>

function renamed(file: string, code: string, names: Names): string {
  const own = names.get(file)?.exports
  const short = (of: ReadonlyMap<string, string> | undefined, name: string): string => {
    const found = of?.get(name)
    if (found === undefined) throw new TypeError(`dist/${file}: nothing exports ${name}.`)
    return found
  }
  return code
    .replace(UNNAMED, '')
    .replace(IMPORTED, (all, word: string, list: string, _, from: string) => {
      const target = names.get(basename(from))
      if (target === undefined) return all
      const isOwn = word === 'export' && own !== undefined
      const pairs = pairsOf(list).map(
        ([name, to]) => [short(target.exports, name), isOwn ? short(own, to) : to] as const,
      )
      return `${word} { ${listOf(pairs)} } from "${from.replace(basename(from), target.file)}";`
    })
    .replace(LAST, (all, list: string) =>
      own === undefined
        ? all
        : `export { ${listOf(pairsOf(list).map(([local, name]) => [local, short(own, name)]))} };`,
    )
    .replace(CLASS, '$1 $2')
}

const paths = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'))
const files = new Map(paths.map((path) => [path, readFileSync(join(DIST, path), 'utf8')]))
const names = shortNames(files)
const made = new Map<string, string>()
for (const [file, code] of files) {
  const text = renamed(file, code, names)
  if (/chunk-[A-Z0-9]{8}\.js/.test(text)) throw new TypeError(`dist/${file} has another form than this script expects.`)
  made.set(names.get(file)?.file ?? file, (await minify(text, OPTIONS)).code ?? '')
}

// npm packs files by name.
const shared = inPackingOrder(new Map([...made].filter(([file]) => NUMBERED.test(file))))
const places = new Map(shared.map((file, i) => [file, `c${String(i).padStart(3, '0')}.js`]))
const placed = (file: string): string => places.get(file) ?? file

for (const file of names.keys()) rmSync(join(DIST, file))
for (const [file, code] of made) {
  const text = code.replace(PATH, (_, folders: string, name: string) => `"${folders}${placed(name)}"`)
  writeFileSync(join(DIST, placed(file)), text)
}

const declared = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.d.ts'))
const declarations = smallerDeclarations(
  new Map(declared.map((path) => [path, readFileSync(join(DIST, path), 'utf8')])),
)
for (const path of declared) rmSync(join(DIST, path))
for (const [path, text] of declarations) writeFileSync(join(DIST, path), text)
