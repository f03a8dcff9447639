import type { Path } from '../action/context.js'
import type { LiveApp } from './tree.js'

/** One action that waits for a message from outside. Answer it with `app.send(message, { path })`. */
export interface PendingMessage {
  /** The address of the application that waits; empty for the root. */
  readonly path: Path
  /** The action that waits. */
  readonly action: string
  /** The kinds of message that it takes. */
  readonly kinds: readonly string[]
  /** The id of the application that waits. */
  readonly appId: string
  /** The number of the step that waits, in its own application. */
  readonly sequenceId: number
  /** Since when, epoch milliseconds. */
  readonly since: number
}

/** Who waits for a message from outside, in an application and below it, in the order of branches. */
export function* pendingIn(app: LiveApp): Generator<PendingMessage, void, void> {
  for (const { from, kinds, since, step } of app.waits?.open ?? []) {
    if (from !== 'outside') continue
    const { path, appId, standing } = app
    yield { path, action: step.node.name, kinds, appId, sequenceId: standing.sequenceId + 1, since }
  }
  for (const branch of app.step?.map?.table.live.values() ?? []) yield* pendingIn(branch.app)
  for (const below of app.subApps?.values() ?? []) yield* pendingIn(below)
}
