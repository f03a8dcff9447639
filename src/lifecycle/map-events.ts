import type { AnyResult } from '../parallel/results.js'
import type { ActionFacts } from './event-facts.js'

/** A map action begins, its source opened and no branch started. */
export interface MapStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.start'
  /** How many branches there are, undefined while a generator makes them. */
  readonly total: number | undefined
  /** When it has enough, as text: `'all'`, `{ atLeast: 2 }`. */
  readonly policy: string
}
/** Every branch of a map has ended. Its results are not reduced yet. */
export interface MapEnd<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.end'
  /** How many branches are done. */
  readonly done: number
  /** How many failed. */
  readonly failed: number
  /** How many were cancelled, those that never started among them. */
  readonly cancelled: number
}
/** A branch waits for its turn. Its own address is `path`. */
export interface BranchQueued<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.queued'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
}
/** A branch runs its first step. */
export interface BranchStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.start'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
}
/**
 * A branch has settled, finally: whatever comes of it later is ignored. When a map is resumed, it comes again for each
 * branch whose end is stored.
 */
export interface BranchSettled<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.settled'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
  readonly status: 'done' | 'failed' | 'cancelled'
  /** What `reduce` gets of it. */
  readonly result: AnyResult
  /** How long it took from its first step on, milliseconds; 0 when it never started. */
  readonly durationMs: number
}
/** Code that went on beyond `graceMs` after a cancel. Its permit is closed; what it returns later is ignored. */
export interface BranchLeaked<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.leaked'
  /** How long ago it was cancelled, milliseconds. */
  readonly sinceMs: number
  /** Where the action had ended or not begun: the interceptor that did not answer: its name, and which of its functions. */
  readonly interceptor?: string
}
/** The results of a map are handed to its `reduce`. */
export interface ReduceEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'reduce'
  /** How many results there are. */
  readonly results: number
}
