import type { PathSegment } from '../action/context.js'
import { hashId } from '../internal/ids.js'
import type { Parent } from './tree.js'

/** The id of a branch: a hash of where it hangs. The epoch grows with each rewind. */
export function branchId({ app: { appId, journal }, map, name, visit, key }: Parent): string {
  return map?.kept?.idOf(key) ?? hashId([appId, journal?.below ?? 0, name, visit, key])
}

/** The last segment of the path of what hangs there: one object for all that is below it. */
export function segmentOf({ name, visit, key }: Parent): PathSegment {
  return Object.freeze({ map: name, visit, key })
}
