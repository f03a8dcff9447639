import type { Path } from '../../action/context.js'
import { branchIdOf } from '../../parallel/branch-id.js'

/** The place of an application below another one. */
interface Below {
  readonly app: {
    readonly appId: string
    readonly path: Path
    readonly journal: { readonly epoch: number } | undefined
  }
  readonly map: { idOf(key: string): string | undefined } | undefined
  readonly name: string
  readonly visit: number
  readonly key: string
}

/** The id of an application below another one. */
export function branchId({ app: { appId, journal }, map, name, visit, key }: Below): string {
  return map?.idOf(key) ?? branchIdOf(appId, journal?.epoch ?? 0, name, visit, key)
}

/** The path of an application below another one. */
export function pathAt({ app, name, visit, key }: Below): Path {
  return Object.freeze([...app.path, Object.freeze({ map: name, visit, key })])
}
