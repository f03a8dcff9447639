import { hashId } from '../internal/ids.js'
import type { LiveApp } from './tree.js'

/** The id of a branch: a hash of where it hangs. The epoch grows with each rewind. */
export function branchId({ appId, journal }: LiveApp, name: string, visit: number, key: string): string {
  return hashId([appId, journal?.below ?? 0, name, visit, key])
}
