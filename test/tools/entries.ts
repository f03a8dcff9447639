import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A public entry point: what a user imports, and the file of `src/` that it is built from. */
export interface Entry {
  /** `teasel`, `teasel/visualize`. */
  readonly name: string
  /** `src/index.ts`, `src/visualize/index.ts`. */
  readonly source: string
}

/**
 * The entry points in `exports` of package.json. This is the only list of them: tsup builds each `index.ts`,
 * `dist/` mirrors `src/`, and vitest takes its aliases from here.
 */
export function publicEntries(root: string): Entry[] {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly name: string
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  }
  return Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string'
      ? []
      : [{ name: subpath.replace('.', name), source: target.default.replace('./dist/', 'src/').replace('.js', '.ts') }],
  )
}
