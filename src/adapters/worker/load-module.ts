import { register } from 'node:module'
import { messageOf } from '../../internal/guards.js'
import { TSX_APIS, tsxApi } from './tsx.js'

// Owns: how the module of a user is imported: JavaScript as it is, TypeScript by Node itself or by `tsx`.
// L1  TypeScript with `export` is an ES module, also in a package without "type": "module". As CommonJS it would get a
//     copy of this package of its own, whose graphs are unknown here.

const TYPESCRIPT = /\.[cm]?tsx?$/

/**
 * Imports a module.
 * @throws {TypeError} for a module that cannot be loaded, with the error as its cause
 */
export async function loadModule(url: string): Promise<object> {
  try {
    await prepareTypeScript(url)
    return (await import(url)) as object
  } catch (error) {
    throw new TypeError(`The worker cannot load the module ${url}. ${messageOf(error)}`, { cause: error })
  }
}

let prepared: Promise<void> | undefined

/**
 * Makes this thread import a module, if that is TypeScript: Node from 22.18 on runs it; else `tsx` of the module does.
 * @throws {TypeError} where neither can
 */
export function prepareTypeScript(url: string): Promise<void> {
  const { typescript } = process.features as { readonly typescript?: unknown }
  if (!TYPESCRIPT.test(new URL(url).pathname)) return Promise.resolve()
  if (typescript || process.env['TEASEL_SOURCE'] !== undefined || isUnderTsx()) return Promise.resolve()
  prepared ??= registerTsx(url)
  return prepared
}

/** A process that was started by `tsx` has it already; a thread of it has not. */
const isUnderTsx = (): boolean =>
  process.send !== undefined && process.execArgv.some((one) => /[\\/]tsx[\\/]/.test(one))

/** A hook that resolves before those of `tsx`. L1 */
const AS_MODULES = `data:text/javascript,${encodeURIComponent(`export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  const url = found.url.replace(/(%3F|\\?)tsx-.*$/i, '')
  return found.format === 'commonjs' && /\\.tsx?$/.test(url) ? { ...found, url, format: 'module' } : found
}`)}`

async function registerTsx(url: string): Promise<void> {
  try {
    for (const api of TSX_APIS) {
      const tsx = (await import(tsxApi(api, url))) as { register(): unknown }
      tsx.register()
    }
    register(AS_MODULES)
  } catch (error) {
    throw new TypeError(
      `Node ${process.versions.node} does not run TypeScript, and \`tsx\` cannot be loaded. Add tsx to the dependencies, run Node 22.18 or later, or build the module to JavaScript.`,
      { cause: error },
    )
  }
}
