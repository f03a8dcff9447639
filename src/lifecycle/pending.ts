import type { Path } from '../action/context.js'
import type { MessageSchemas } from '../action/message-schemas.js'

/**
 * One open question: an action waits for a message from outside. Answer it with `app.send(message, { path })`, or from
 * another process with `sendStored`.
 */
export interface Pending {
  /** The `appId` of the root application. */
  readonly runId: string
  /** The partition that stores the application; null without a partition or a persister. */
  readonly partitionKey: string | null
  /** The id of the application that waits. */
  readonly appId: string
  /** The address of the application that waits; empty for the root. */
  readonly path: Path
  /** The action that waits, by its name in its own graph. */
  readonly action: string
  /** The number of the step that waits, in its own application. */
  readonly sequenceId: number
  /** `<appId>.<sequenceId>.<n-th wait of the step, from 0>`; the same after a resume. */
  readonly id: string
  /** The kinds of message that it takes. */
  readonly kinds: readonly string[]
  /** The `ask` of the wait: what the user wants to show with the question. */
  readonly ask?: unknown
  /** JSON Schemas of the kinds whose schema gives one, by the name of the kind. */
  readonly schemas?: MessageSchemas
  /** Since when, epoch milliseconds; the first time, also after a resume. */
  readonly since: number
  /** When the wait ends without a message, epoch milliseconds. */
  readonly until?: number
  /** Whether a fitting message is stored that the action has not taken yet. Always false of a live wait. */
  readonly answered: boolean
}

/** A time at which something goes on by itself. */
export interface Due {
  /**
   * `sleep`: a `context.sleep` ends. `wait`: a wait for a message ends without one. `retry`: the next attempt starts.
   * `timeout`: the time limit of a branch ends.
   */
  readonly kind: 'sleep' | 'wait' | 'retry' | 'timeout'
  /** Epoch milliseconds. */
  readonly at: number
  /** The id of the application. */
  readonly appId: string
  /** The address of the application; empty for the root. */
  readonly path: Path
  /** The action that waits or is tried again; absent for a `timeout`. */
  readonly action?: string
  /** The number of the step under way, in its own application. */
  readonly sequenceId: number
}

/** The id of a wait: the same each time the step runs. @param n its number among the waits of the step, from 0 */
export const waitId = (appId: string, sequenceId: number, n: number): string => `${appId}.${sequenceId}.${n}`
