import type { MessageSchemas } from '../action/message-schemas.js'
import { type Due, waitId } from '../lifecycle/pending.js'

// Owns: the stored form of waits, retry delays and time limits: all that goes on by itself, or by a message.
// N1  Every time is absolute, in epoch milliseconds. A resume does not start it anew.

/** One open wait of a step. */
export interface OpenWaitNote {
  /** `<appId>.<sequenceId>.<n>`; the same after a resume. */
  readonly id: string
  /** Its number among the waits of the step, from 0. */
  readonly n: number
  /** The action that waits. */
  readonly action: string
  /** `outside`: for a message from outside. `time`: a sleep. */
  readonly from: 'outside' | 'time'
  /** The kinds of message that it takes; none for a sleep. */
  readonly kinds: readonly string[]
  readonly ask?: unknown
  readonly schemas?: MessageSchemas
  /** Since when, epoch milliseconds. */
  readonly since: number
  /** When it ends by itself, epoch milliseconds. */
  readonly until?: number
}

/** The first and the last of some waits, by their numbers. */
export type WaitRange = readonly [first: number, last: number]

/** The application waits for messages from outside, or for times. */
export interface WaitingNote extends Partial<StartedNote> {
  /** Its open waits, in the order of their numbers. */
  readonly waits: readonly OpenWaitNote[]
  /** Earlier waits of the attempt whose time is over: after a resume they end at once. */
  readonly passed?: readonly WaitRange[]
}

/** A branch has begun, and has a time limit. */
export interface StartedNote {
  /** Number of the attempt of the branch; of a branch that is retried, of the attempt that begins. */
  readonly attempts: number
  /** When it first began, epoch milliseconds. */
  readonly startedAt?: number
  /** When its time limit ends, epoch milliseconds. */
  readonly deadlineAt?: number
}

/** A failed step or branch is tried again. */
export interface RetryNote extends StartedNote {
  /** Number of failed attempts at the step. */
  readonly tries: number
  /** Those of them before the branch was last retried. Default: all. */
  readonly before?: number
  /** The action of the step. */
  readonly action?: string
  /** When the next attempt starts, epoch milliseconds. */
  readonly at?: number
  /** The whole delay before it, in milliseconds. */
  readonly delayMs?: number
}

/** The form of a waiting note before it held a list: one wait, without its times. */
interface OldWaitingNote extends StartedNote {
  readonly action: string
  readonly kinds: readonly string[]
}

/** The place and the time of a note. */
interface NotePlace {
  readonly appId: string
  /** The number of the step under way. */
  readonly sequenceId: number
  /** When it was written, epoch milliseconds. */
  readonly at: number
}

/** Reads a waiting note, also of the older form. */
export function readWaiting(note: WaitingNote | OldWaitingNote, { appId, sequenceId, at }: NotePlace): WaitingNote {
  if ('waits' in note) return note
  const { action, kinds, ...timing } = note
  return { waits: [{ id: waitId(appId, sequenceId, 0), n: 0, action, from: 'outside', kinds, since: at }], ...timing }
}

/** What an application waits for, as its notes hold it. */
export interface DueFacts {
  readonly waiting: WaitingNote | undefined
  readonly retry: RetryNote | undefined
  /** The end of the time limit of a branch, epoch milliseconds. */
  readonly deadlineAt: number | undefined
}

/**
 * The times at which a stored application goes on by itself: ends of sleeps and waits, of the delay before an attempt,
 * and of the time limit of a branch. Those that have passed are due at the next resume.
 * @param record a record of `persister.load`
 * @example
 * ```ts
 * const stored = await memoryPersister().load({ appId: 'job' })
 * const times = stored === undefined ? [] : [...dueOf(stored)].map(({ at }) => at)
 * ```
 */
export function* dueOf(record: DueFacts): Generator<Pick<Due, 'kind' | 'at' | 'action'>> {
  const { waiting, retry, deadlineAt } = record
  for (const { from, until: at, action } of waiting?.waits ?? [])
    if (at !== undefined) yield { kind: from === 'time' ? 'sleep' : 'wait', at, action }
  if (retry?.at !== undefined) yield { kind: 'retry', at: retry.at, ...(retry.action && { action: retry.action }) }
  if (deadlineAt !== undefined) yield { kind: 'timeout', at: deadlineAt }
}
