import { hashId } from '../internal/ids.js'
import type { LiveApp } from './tree.js'

/** The id of a branch: a hash of where it hangs. The epoch grows with each rewind; there is none yet. */
export function branchId(app: LiveApp, name: string, visit: number, key: string): string {
  return hashId([app.appId, 0, name, visit, key])
}
