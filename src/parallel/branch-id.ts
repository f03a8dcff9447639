import { hashId } from '../internal/ids.js'

/** The id of a branch, live or stored: a hash of its place. The epoch increases with each rewind. */
export const branchIdOf = (parentId: string, epoch: number, map: string, visit: number, key: string): string =>
  hashId([parentId, epoch, map, visit, key])
