import type { AnyResult } from '../parallel/results.js'
import type { ActionFacts } from './event-facts.js'

/** A map action starts: its source is open, and no branch has started. */
export interface MapStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.start'
  /** Number of branches; undefined for a generator. */
  readonly total: number | undefined
  /** Its settle policy as text: `'all'`, `{ atLeast: 2 }`. */
  readonly policy: string
  /** The number of the visit of the map, from 1. */
  readonly visit: number
  readonly kind: 'states' | 'actions' | 'product' | 'tasks' | 'subgraph'
  /** Maximum number of branches at once; absent without a limit. */
  readonly concurrency?: number
  /** Maximum number of actions at once in all maps that share its limit; absent where it shares none, or elsewhere. */
  readonly limit?: number
}
/** Every branch of a map has ended. Its results are not reduced yet. */
export interface MapResult<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.end'
  /** Number of done branches. */
  readonly done: number
  /** Number of failed branches. */
  readonly failed: number
  /** Number of cancelled branches, including those that never started. */
  readonly cancelled: number
}
/** A branch is queued. `path` is the path of the branch. */
export interface BranchQueued<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.queued'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
}
/** The worker of a branch. */
export interface WorkerPlace {
  /** Another one for each process and thread. */
  readonly id: string
  /** The name of the executor. */
  readonly executor?: string
  /** The name of its machine. */
  readonly host?: string
  readonly pid?: number
  /** The number of its thread in that process; absent for the main thread. */
  readonly thread?: number
}
/** A branch starts its first step. */
export interface BranchStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.start'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
  /** Where it runs, with the name of the executor; absent in the process of its parent. */
  readonly worker?: WorkerPlace
}
/**
 * A branch has settled. Final: later results are ignored. When a map is resumed, it is emitted again for each branch
 * with a stored end.
 */
export interface BranchSettled<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.settled'
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
  readonly status: 'done' | 'failed' | 'cancelled'
  /** Its result, as passed to `reduce`. */
  readonly result: AnyResult
  /** Duration from its first step, in milliseconds; 0 when it never started. */
  readonly durationMs: number
}
/** Code still runs `graceMs` after its cancel, and is abandoned. It loses its permit, and its result is ignored. */
export interface BranchLeaked<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.leaked'
  /** Time since the cancel, in milliseconds. */
  readonly sinceMs: number
  /** The pending interceptor, when the action had ended or not started: its name, and which of its functions. */
  readonly interceptor?: string
}
/** The results of a map are passed to its `reduce`. */
export interface ReduceEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'reduce'
  /** Number of results. */
  readonly results: number
}
