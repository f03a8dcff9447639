import type { Parent } from './tree.js'

/** What the id of a branch is a hash of. Its epoch grows with each rewind; there is none yet. */
export function branchIdentity({ app, name, visit, key }: Parent): readonly unknown[] {
  return [app.appId, 0, name, visit, key]
}
