import type { Path } from '../action/context.js'
import type { EventSource } from '../runtime/event-source.js'
import { branchId, pathAt } from '../runtime/map/branch-identity.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'

/** A branch that runs elsewhere, as the source of its events. */
interface Shown {
  readonly status: 'made' | 'running' | 'ended'
  readonly checkpoint: { readonly sequenceId: number }
}

/** The source of the events of a branch that runs elsewhere. */
export function sourceOf({ parent, system }: BranchSetup, branch: Shown): EventSource {
  const { app, map } = parent
  let appId: string | undefined
  let path: Path | undefined
  return {
    system,
    tracker: map.tracker,
    watched: map.watches || app.watched,
    parent,
    root: app.root,
    get appId() {
      appId ??= branchId(parent)
      return appId
    },
    get path() {
      path ??= pathAt(parent)
      return path
    },
    get checkpoint() {
      return branch.checkpoint
    },
    get run() {
      return { running: branch.status === 'running' }
    },
  }
}
