import type { AnyResult } from '../../parallel/results.js'
import type { SettlePolicy } from '../../parallel/settle.js'
import type { MapTable } from '../tree.js'
import type { BranchHandle } from './branch-handle.js'
import { initialMapState, type MapEffect, type MapEvent, type MapState, mapTransition } from './map-state.js'

/** What is kept of a branch whose result is folded one by one: that it has settled, and how. */
type Stub = Pick<AnyResult, 'status'>
const FOLDED = {
  done: Object.freeze({ status: 'done' }),
  failed: Object.freeze({ status: 'failed' }),
  cancelled: Object.freeze({ status: 'cancelled' }),
} as const

/** The books of one map: who lives, who has settled and how. */
export class BranchTable implements MapTable {
  readonly live = new Map<string, BranchHandle>()
  readonly settled = new Map<string, AnyResult | Stub>()
  readonly ending = new Set<string>()
  /** What the decisions of the map depend on. Replaced as a whole by {@link BranchTable.apply}. */
  state: MapState
  readonly #keepsDone: boolean
  readonly #keepsLost: boolean

  /** @param done whether results of done branches are kept @param lost whether those of others are, for an error */
  constructor(policy: SettlePolicy, done: boolean, lost: boolean) {
    this.state = initialMapState(policy)
    this.#keepsDone = done
    this.#keepsLost = done || lost
  }

  /** Changes the state by an event. @returns what follows from it, for the actor to do */
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

  /** The branches that live now; one that settles before its turn is left out. */
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

  /** The results in declaration order, as far as they are kept. */
  results(): AnyResult[] {
    return [...this.settled.values()].filter((one): one is AnyResult => 'key' in one).sort((a, b) => a.index - b.index)
  }
}
