import type { Inputs } from '../action/inputs.js'
import { isolateState } from '../state/freeze.js'

interface BranchFacts<Key extends string> {
  /** Name of the branch: the key of a record, else the `key` of its entry, else its position. */
  readonly key: Key
  /** The position in declaration order, from 0. */
  readonly index: number
  /** The id of the branch's application: a hash of its parent, map, visit and key. */
  readonly appId: string
  /** The inputs of the branch: from the parent, its entry and `bind`. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** Number of starts and retries of the branch. Attempts by the `retry` of its actions are not counted. */
  readonly attempts: number
  /** Epoch milliseconds; undefined when it never started. */
  readonly startedAt: number | undefined
  /** Epoch milliseconds. */
  readonly endedAt: number
}

/** A branch that ran to its end. */
export interface DoneBranch<out State, out Key extends string = string> extends BranchFacts<Key> {
  readonly status: 'done'
  /** The final state. */
  readonly state: Readonly<State>
  /** True when a fallback turned a failure into a success: the branch's own, or that of one of its actions. */
  readonly recovered: boolean
}

/** The state of a branch with unknown types. */
type AnyState = Readonly<Record<string, unknown>>

/** The facts of a branch that is not done. */
interface PartialBranch<State, Key extends string> extends BranchFacts<Key> {
  /**
   * The last committed state; before any commit, the initial state. Never the state of a done branch: any key may be
   * unset.
   */
  readonly state: Readonly<Partial<State>>
}

/** A branch that failed. */
export interface FailedBranch<out State = AnyState, out Key extends string = string> extends PartialBranch<State, Key> {
  readonly status: 'failed'
  /**
   * An {@link ActionError} with the thrown value as `cause`, the {@link TimeoutError} of the branch, or another error
   * that failed it.
   */
  readonly error: Error
}

/** A branch that was cancelled. `state` holds its progress. */
export interface CancelledBranch<out State = AnyState, out Key extends string = string>
  extends PartialBranch<State, Key> {
  readonly status: 'cancelled'
  /** The given reason; else a {@link CancelledError}. */
  readonly reason: unknown
  /** Source of the cancel: a sibling's key, `watch`, `app`, `settle` (the policy of the map), `parent` … */
  readonly by: string
}

/** A settled branch: narrow on `status`. */
export type SettledBranch<State, Key extends string = string> =
  | DoneBranch<State, Key>
  | FailedBranch<State, Key>
  | CancelledBranch<State, Key>

/** Any result, as the engine holds it. */
export type AnyResult = SettledBranch<AnyState>

/** The end of a branch. */
export type BranchResult =
  | { readonly status: 'done'; readonly state: AnyState; readonly recovered: boolean }
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'cancelled'; readonly reason: unknown; readonly by: string }

/** Computes the ids of branches: hashes of their positions in the tree. */
export interface BranchIds {
  of(key: string): string
}

/** The facts of a branch before it settles. */
export interface BranchRecord {
  readonly key: string
  readonly index: number
  readonly inputs: Inputs
  readonly attempts: number
  readonly startedAt: number | undefined
  /** The last committed state, or the initial one. */
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
  readonly status: BranchResult['status']
  readonly state: AnyState
  declare readonly recovered?: boolean
  declare readonly error?: Error
  declare readonly reason?: unknown
  declare readonly by?: string
  readonly #ids: BranchIds

  constructor(record: BranchRecord, endedAt: number, ending: BranchResult) {
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

  /** Hashed lazily: a map of 100 000 branches computes only the ids that are read. */
  get appId(): string {
    return this.#ids.of(this.key)
  }

  toJSON(): object {
    return { ...this, appId: this.appId }
  }

  /** Returns a copy with another state. */
  static over(result: Result, state: AnyState): Result {
    const ending = { ...result, state } as BranchResult
    return new Result({ ...result, state, ids: result.#ids }, result.endedAt, ending)
  }
}

/** A result as its readers see it: a union by status. */
const sealed = (result: Result): AnyResult => Object.freeze(result) as unknown as AnyResult

/** A result for a reader: mutable values in its state are private copies. */
export function ownResult(result: AnyResult): AnyResult {
  const state = isolateState(result.state)
  if (state === result.state) return result
  return sealed(Result.over(result as unknown as Result, state))
}

/** Makes the result of a settled branch. */
export function createResult(record: BranchRecord, endedAt: number, ending: BranchResult): AnyResult {
  return sealed(new Result(record, endedAt, ending))
}
