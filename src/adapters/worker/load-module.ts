import { messageOf } from '../../internal/guards.js'
import { TSX_APIS, tsxApi } from './tsx.js'

// Owns: how a worker imports the module of a registry: JavaScript as it is, TypeScript by Node itself or by `tsx`.

const TYPESCRIPT = /\.[cm]?tsx?$/

/**
 * Imports a module.
 * @throws {TypeError} for a module that cannot be loaded, with the error as its cause
 */
export async function loadModule(url: string): Promise<object> {
  try {
    if (TYPESCRIPT.test(new URL(url).pathname)) await prepareTypeScript(url)
    return (await import(url)) as object
  } catch (error) {
    throw new TypeError(`The worker cannot load the module ${url}. ${messageOf(error)}`, { cause: error })
  }
}

let prepared: Promise<void> | undefined

/** Node from 22.18 on runs it; else `tsx` of the module does. */
function prepareTypeScript(url: string): Promise<void> {
  const { typescript } = process.features as { readonly typescript?: unknown }
  if (typescript || process.env['TEASEL_SOURCE'] !== undefined || isUnderTsx()) return Promise.resolve()
  prepared ??= registerTsx(url)
  return prepared
}

/** A process that was started by `tsx` has it already; a thread of it has not. */
const isUnderTsx = (): boolean =>
  process.send !== undefined && process.execArgv.some((one) => /[\\/]tsx[\\/]/.test(one))

async function registerTsx(url: string): Promise<void> {
  try {
    for (const api of TSX_APIS) {
      const { register } = (await import(tsxApi(api, url))) as { register(): unknown }
      register()
    }
  } catch (error) {
    throw new TypeError(
      `Node ${process.versions.node} does not run TypeScript, and \`tsx\` cannot be loaded. Add tsx to the dependencies, run Node 22.18 or later, or build the module to JavaScript.`,
      { cause: error },
    )
  }
}
