import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// Owns: the files of the user's `tsx`, as ES modules: its CommonJS ones cannot register hooks.

/** Both interfaces of `tsx` that register its hooks. */
export const TSX_APIS = ['cjs', 'esm'] as const

/**
 * The URL of the interface that registers hooks.
 * @param from the URL of a module that has `tsx` among its packages
 * @throws where it has not
 */
export function tsxApi(api: (typeof TSX_APIS)[number], from: string): string {
  const file = createRequire(from).resolve('tsx/package.json')
  return new URL(`./dist/${api}/api/index.mjs`, pathToFileURL(file)).href
}
