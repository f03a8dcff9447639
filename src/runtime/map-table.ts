import type { AnyActorRef } from 'xstate'
import type { BranchTask } from '../parallel/task.js'
import type { AnyResult } from '../parallel/results.js'
import type { Runner } from './runner.js'

/** One branch of a map while it lives. */
export interface LiveBranch {
  readonly task: BranchTask
  readonly runner: Runner
  readonly actor: AnyActorRef
  readonly startedAt: number
  readonly timer: unknown
}

/** What is known of the branches of one map: who lives, who has settled and how. */
export class MapTable {
  readonly live = new Map<string, LiveBranch>()
  readonly settled = new Map<string, AnyResult>()
  total: number | undefined
  done = 0
  failed = 0
  cancelled = 0

  has(key: string): boolean {
    return this.live.has(key) || this.settled.has(key)
  }

  settle(result: AnyResult): void {
    this.live.delete(result.key)
    this.settled.set(result.key, result)
    this[result.status] += 1
  }

  /** The results in declaration order. */
  results(): AnyResult[] {
    return [...this.settled.values()].sort((a, b) => a.index - b.index)
  }
}
