import type { AnyResult } from '../../parallel/results.js'
import type { SettlePolicy } from '../../parallel/settle.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { BranchHandle } from './branch-handle.js'
import { initialMapState, type MapEffect, type MapEvent, type MapState, mapTransition } from './map-state.js'

/** The rest of a result that was folded: its status. */
type Folded = Pick<AnyResult, 'status'>
const FOLDED = {
  done: Object.freeze({ status: 'done' }),
  failed: Object.freeze({ status: 'failed' }),
  cancelled: Object.freeze({ status: 'cancelled' }),
} as const

/** Live and settled branches of one map, and the state of its decisions. */
export class BranchTable {
  readonly live = new Map<string, BranchHandle>()
  readonly settled = new Map<string, AnyResult | Folded>()
  /** Keys of branches that were cancelled one by one and have not ended. */
  readonly ending = new Set<string>()
  /** Replaced as a whole by {@link BranchTable.apply}. */
  state: MapState
  readonly #keepsDone: boolean
  readonly #keepsLost: boolean

  /** @param done whether results of done branches are kept @param lost whether those of others are, for an error */
  constructor(policy: SettlePolicy, done: boolean, lost: boolean) {
    this.state = initialMapState(policy)
    this.#keepsDone = done
    this.#keepsLost = done || lost
  }

  /** Changes the state by an event. @returns the effects, for the actor to perform */
  apply(event: MapEvent): readonly MapEffect[] {
    const [state, effects] = mapTransition(this.state, event)
    this.state = state
    return effects
  }

  add(branch: BranchHandle): void {
    this.live.set(branch.task.key, branch)
    this.apply({ type: 'started' })
  }

  has(key: string): boolean {
    return this.live.has(key) || this.settled.has(key)
  }

  /** The live branches; one that settles before its turn is left out. */
  each(): IterableIterator<BranchHandle> {
    return this.live.values()
  }

  settle(result: AnyResult): void {
    const lived = this.live.delete(result.key)
    this.ending.delete(result.key)
    const keeps = result.status === 'done' ? this.#keepsDone : this.#keepsLost
    this.settled.set(result.key, keeps ? result : FOLDED[result.status])
    this.apply({ type: 'settled', status: result.status, lived })
  }

  /** The kept results, in declaration order. */
  results(): AnyResult[] {
    return [...this.settled.values()].filter((one): one is AnyResult => 'key' in one).sort((a, b) => a.index - b.index)
  }

  /** Stops every live branch, and forgets it. */
  stopAll(cancellation: Cancellation): void {
    for (const branch of [...this.live.values()]) {
      branch.deadline?.clear()
      branch.stop(cancellation)
    }
    this.live.clear()
  }
}
