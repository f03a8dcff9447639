import type { Path } from '../../action/context.js'
import { branchIdOf } from '../../persistence/branch-id.js'
import type { LiveMap, Parent } from '../tree.js'

/** Where a branch of a map hangs. */
export function parentOf(map: LiveMap, key: string): Parent {
  const { app, step, visit } = map
  return { app, map, name: step.node.name, visit, key }
}

/** The id of what hangs there. */
export function branchId({ app: { appId, journal }, map, name, visit, key }: Parent): string {
  return map?.idOf(key) ?? branchIdOf(appId, journal?.epoch ?? 0, name, visit, key)
}

/** The path of what hangs there. */
export function pathAt({ app, name, visit, key }: Parent): Path {
  return Object.freeze([...app.path, Object.freeze({ map: name, visit, key })])
}
