import { existsSync, readFileSync } from 'node:fs'
import type { LoadHook, ResolveHook } from 'node:module'
import { fileURLToPath } from 'node:url'

// Owns: how Node imports TypeScript of the tests and examples beside a built `src/`. `.js` in an import may be the
// TypeScript beside it. A module keeps its URL; one that was built is taken instead of its source.

/** What has been built. */
export interface Built {
  /** URLs of built modules, by the name of their package or the URL of their source. */
  readonly modules: Readonly<Record<string, string>>
  /** The URL of the repository. */
  readonly root: string
  /** The URL of the folder of the built modules. */
  readonly folder: string
  /** The URL of the folder with JavaScript of the TypeScript that was there, by its path in the repository. */
  readonly texts: string
}

const TYPESCRIPT = /\.[cm]?ts$/
let built: Built = { modules: {}, root: '', folder: '', texts: '' }

export const initialize = (data: Built): void => {
  built = data
}

export const resolve: ResolveHook = (specifier, context, next) => {
  const { parentURL } = context
  const named = built.modules[specifier]
  if (named !== undefined) return found(named)
  const isPath = /^(\.{1,2}\/|file:)/.test(specifier)
  if (!isPath || parentURL?.includes('/node_modules/')) return next(specifier, context)
  const { href } = new URL(specifier, parentURL)
  if (href.startsWith(built.folder)) return found(href)
  const source = sourceOf(href)
  if (source === undefined) return next(specifier, context)
  const whole = built.modules[source]
  // A second copy of the engine would not see the graphs of the first.
  if (whole === undefined && source.startsWith(`${built.root}src/`))
    throw new TypeError(`${source} is not built. Add it to ALSO in test/support/built/setup.ts.`)
  return found(whole ?? source)
}

const found = (url: string): ReturnType<ResolveHook> => ({ url, format: 'module', shortCircuit: true })

/** The TypeScript that a URL names. */
function sourceOf(url: string): string | undefined {
  if (url.includes('/node_modules/')) return undefined
  const source = url.replace(/\.([cm]?)js(\?.*)?$/, '.$1ts$2')
  return TYPESCRIPT.test(new URL(source).pathname) && existsSync(new URL(source)) ? source : undefined
}

export const load: LoadHook = async (url, context, next) => {
  const { protocol, pathname, href } = new URL(url)
  if (protocol !== 'file:' || !TYPESCRIPT.test(pathname)) return next(url, context)
  return { format: 'module', source: textOf(href) ?? (await transformed(url)), shortCircuit: true }
}

function textOf(url: string): string | undefined {
  if (!url.startsWith(built.root)) return undefined
  const text = new URL(url.slice(built.root.length).replace(/\.ts(\?.*)?$/, '.js'), built.texts)
  return existsSync(text) ? readFileSync(text, 'utf8') : undefined
}

/** The JavaScript of a module that a test has written. A service of esbuild would hold this process open. */
async function transformed(url: string): Promise<string> {
  const { transformSync } = await import('esbuild')
  return transformSync(readFileSync(fileURLToPath(url), 'utf8'), { loader: 'ts', target: 'node20' }).code
}
