import type { Inputs } from '../action/inputs.js'
import { ownState } from '../state/freeze.js'

interface BranchFacts<Key extends string> {
  /** Its name: of a record the key, else what its entry says, else its position. */
  readonly key: Key
  /** The position in declaration order, from 0. */
  readonly index: number
  /** The id of the branch's application: a hash of its parent, the map, the visit and the key. */
  readonly appId: string
  /** What the branch was given: by the parent, by its entry, by `bind`. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** How often it began or went on at a failed step. Attempts by the `retry` of its actions are not counted. */
  readonly attempts: number
  /** Epoch milliseconds; undefined when it never started. */
  readonly startedAt: number | undefined
  /** Epoch milliseconds. */
  readonly endedAt: number
}

/** A branch that ran to its end. */
export interface DoneBranch<out State, out Key extends string = string> extends BranchFacts<Key> {
  readonly status: 'done'
  /** The state in which it ended. */
  readonly state: Readonly<State>
  /** True when a fallback made a success of a failure: the branch's own, or the one of an action in it. */
  readonly recovered: boolean
}

/** The state of a branch whose types are not known. */
type AnyState = Readonly<Record<string, unknown>>

/** What a branch leaves that did not get done. */
interface PartialBranch<State, Key extends string> extends BranchFacts<Key> {
  /**
   * The state that it committed last; where it committed nothing, the one that it began with, or would have begun with.
   * Never the state of a done branch: any key may be unset.
   */
  readonly state: Readonly<Partial<State>>
}

/** A branch whose action failed. */
export interface FailedBranch<out State = AnyState, out Key extends string = string> extends PartialBranch<State, Key> {
  readonly status: 'failed'
  /**
   * An {@link ActionError} with what was thrown as `cause`, the {@link TimeoutError} of the branch, or what else failed
   * it.
   */
  readonly error: Error
}

/** A branch that was cancelled. What it had done until then is in `state`. */
export interface CancelledBranch<out State = AnyState, out Key extends string = string>
  extends PartialBranch<State, Key> {
  readonly status: 'cancelled'
  /** As it was given; else a {@link CancelledError}. */
  readonly reason: unknown
  /** Who cancelled it: a sibling's key, `watch`, `app`, `settle` (the map had enough), `parent` … */
  readonly by: string
}

/** A branch that has settled, however: narrow on `status`. */
export type SettledBranch<State, Key extends string = string> =
  | DoneBranch<State, Key>
  | FailedBranch<State, Key>
  | CancelledBranch<State, Key>

/** Any result, as the engine holds it. */
export type AnyResult = SettledBranch<AnyState>

/** How a branch ended. */
export type Ending =
  | { readonly status: 'done'; readonly state: AnyState; readonly recovered: boolean }
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'cancelled'; readonly reason: unknown; readonly by: string }

/** Makes the ids of branches: hashes of where they hang. */
export interface BranchIds {
  of(key: string): string
}

/** What is known of a branch before it settles. */
export interface BranchRecord {
  readonly key: string
  readonly index: number
  readonly inputs: Inputs
  readonly attempts: number
  readonly startedAt: number | undefined
  /** What it had committed last, or began with. */
  readonly state: AnyState
  /** The ids of all branches of the map. */
  readonly ids: BranchIds
}

class Result {
  readonly key: string
  readonly index: number
  readonly inputs: Inputs
  readonly attempts: number
  readonly startedAt: number | undefined
  readonly endedAt: number
  readonly status: Ending['status']
  readonly state: AnyState
  declare readonly recovered?: boolean
  declare readonly error?: Error
  declare readonly reason?: unknown
  declare readonly by?: string
  readonly #ids: BranchIds

  constructor(record: BranchRecord, endedAt: number, ending: Ending) {
    this.key = record.key
    this.index = record.index
    this.inputs = record.inputs
    this.attempts = record.attempts
    this.startedAt = record.startedAt
    this.endedAt = endedAt
    this.#ids = record.ids
    this.status = ending.status
    this.state = ending.status === 'done' ? ending.state : record.state
    if (ending.status === 'done') {
      this.recovered = ending.recovered
    } else if (ending.status === 'failed') this.error = ending.error
    else {
      this.reason = ending.reason
      this.by = ending.by
    }
  }

  /** Hashed when asked for: a map of 100 000 branches makes no id that nobody reads. */
  get appId(): string {
    return this.#ids.of(this.key)
  }

  toJSON(): object {
    return { ...this, appId: this.appId }
  }

  /** The same, with another state. */
  static over(result: Result, state: AnyState): Result {
    const ending = { ...result, state } as unknown as Ending
    return new Result({ ...result, state, ids: result.#ids }, result.endedAt, ending)
  }
}

/** A result as a reader may have it: what can be changed in its state is the reader's own. */
export function ownResult(result: AnyResult): AnyResult {
  const state = ownState(result.state)
  if (state === result.state) return result
  return Object.freeze(Result.over(result as unknown as Result, state)) as unknown as AnyResult
}

/** Makes the result of a settled branch. */
export function createResult(record: BranchRecord, endedAt: number, ending: Ending): AnyResult {
  return Object.freeze(new Result(record, endedAt, ending)) as unknown as AnyResult
}
