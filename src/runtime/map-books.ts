import type { AnyResult } from '../parallel/results.js'
import type { LiveBranch, MapTable } from './tree.js'

/** The books of one map: who lives, who has settled and how. */
export class MapBooks implements MapTable {
  readonly live = new Map<string, LiveBranch>()
  readonly settled = new Map<string, AnyResult>()
  total: number | undefined
  done = 0
  failed = 0
  cancelled = 0

  has(key: string): boolean {
    return this.live.has(key) || this.settled.has(key)
  }

  /** The branches that live now; one that settles before its turn is left out. */
  each(): IterableIterator<LiveBranch> {
    return this.live.values()
  }

  settle(result: AnyResult): void {
    this.live.delete(result.key)
    this.settled.set(result.key, result)
    this[result.status] += 1
  }

  /** True when every branch that there will ever be has settled. */
  get complete(): boolean {
    return this.total !== undefined && this.done + this.failed + this.cancelled === this.total
  }

  /** The results in declaration order. */
  results(): AnyResult[] {
    return [...this.settled.values()].sort((a, b) => a.index - b.index)
  }
}
