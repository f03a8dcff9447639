import type { Path } from '../../action/context.js'

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
