import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { LiveAttempt, LiveRun } from '../tree.js'

// Owns: the places under the `concurrency` of one map, for branches that have waited for a message and go on.
// Does not own: the start of branches (map-runner.ts), who waits (wait-state.ts), permits of a shared limit (permit.ts).
// P1  A branch that waits for a message from outside counts for nothing: others begin meanwhile.
// P2  A branch that has waited takes a place before it goes on, first come first served, and before a new one begins.
// P3  A branch that waits for a sibling holds its place against new branches, but not against one that goes on: the
//     message that it waits for may come from there.

/** Branches that want a place, in the order in which their waits ended. */
export class ResumeQueue {
  readonly #window: number
  /** How many run: they live, wait for nothing, and are not among those that want a place. */
  readonly #running: () => number
  readonly #wanting = new Map<string, Deferred<void>>()

  constructor(window: number, running: () => number) {
    this.#window = window
    this.#running = running
  }

  get wanting(): number {
    return this.#wanting.size
  }

  /** The wait of a branch has ended. It counts as running by now. */
  want(key: string): void {
    if (this.#running() > this.#window) this.#wanting.set(key, createDeferred())
  }

  /** It waits again, or has settled. */
  leave(key: string): void {
    this.#wanting.get(key)?.resolve()
    this.#wanting.delete(key)
  }

  /** Gives places to whoever wants one. */
  grant(): void {
    for (const key of this.#wanting.keys()) {
      if (this.#running() >= this.#window) return
      this.leave(key)
    }
  }

  /** Undefined where a branch has its place, else a promise of it. */
  turnOf(key: string): Promise<void> | undefined {
    return this.#wanting.get(key)?.promise
  }
}

/** WaitState until every map above has a place for a run whose wait has ended. A cancel ends that at once. */
export async function untilAdmitted(run: LiveRun, { signal }: LiveAttempt): Promise<void> {
  for (let { parent } = run.app; parent !== undefined; parent = parent.app.parent) {
    const turn = parent.map?.turnOf(parent.key)
    if (turn === undefined || signal.aborted) continue
    await new Promise<void>((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', go)
        resolve()
      }
      signal.addEventListener('abort', go, { once: true })
      void turn.then(go)
    })
  }
}
