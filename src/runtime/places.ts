import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { LiveApp, LiveStep } from './tree.js'

// Owns: the places under the `concurrency` of one map, for branches that have waited for a message and go on.
// Does not own: the start of branches (map-runner.ts), who waits (waits.ts), permits of a shared limit (permit.ts).
// P1  A branch that waits for a message from outside counts for nothing: others begin meanwhile.
// P2  A branch that has waited takes a place before it goes on, first come first served, and before a new one begins.
// P3  A branch that waits for a sibling holds its place against new branches, but not against one that goes on: the
//     message that it waits for may come from there.

/** Branches that want a place, in the order in which their waits ended. */
export class Places {
  readonly #window: number
  /** How many run: they live, wait for nothing, and are not among those that want a place. */
  readonly #running: () => number
  readonly #wanting = new Map<LiveApp, Deferred<void>>()

  constructor(window: number, running: () => number) {
    this.#window = window
    this.#running = running
  }

  get wanting(): number {
    return this.#wanting.size
  }

  /** The wait of a branch has ended. It counts as running by now. */
  want(app: LiveApp): void {
    if (app.cancellation === undefined && this.#running() > this.#window) this.#wanting.set(app, createDeferred())
  }

  /** It waits again, or has settled. */
  leave(app: LiveApp): void {
    this.#wanting.get(app)?.resolve()
    this.#wanting.delete(app)
  }

  /** Gives places to whoever wants one. */
  grant(): void {
    for (const app of this.#wanting.keys()) {
      if (this.#running() >= this.#window) return
      this.leave(app)
    }
  }

  /** Undefined where a branch has its place, else a promise of it. */
  turnOf(app: LiveApp): Promise<void> | undefined {
    return this.#wanting.get(app)?.promise
  }
}

/** Waits until every map above has a place for an application whose wait has ended. A cancel ends that at once. */
export async function untilPlaced(app: LiveApp, { signal }: LiveStep): Promise<void> {
  for (let at = app; at.parent !== undefined; at = at.parent.app) {
    const turn = at.parent.map?.siblings.turnOf(at)
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
