import { hashId } from '../internal/ids.js'

/** The id of a branch: a hash of where it hangs, alive or stored. The epoch grows with each rewind. */
export const branchIdOf = (parentId: string, epoch: number, map: string, visit: number, key: string): string =>
  hashId([parentId, epoch, map, visit, key])
