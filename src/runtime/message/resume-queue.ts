import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { CurrentAttempt } from '../application.js'
import type { Parent } from '../parent.js'

// Owns: the queue of branches of one map whose wait has ended and that continue within its `concurrency`.
// Does not own: starting branches (map/map-runner.ts), waits (wait-state.ts), permits of a shared limit
// (step/permit.ts).
// P1  A branch that waits for a message from outside does not count against `concurrency`: others start meanwhile.
// P2  A branch that has waited is admitted before it continues: first come, first served, before any new branch starts.
// P3  A branch that waits for a sibling counts against new branches, but not against a continuing one: the message that
//     it waits for may come from there.

/** Branches that continue, in the order in which their waits ended. */
export class ResumeQueue {
  readonly #window: number
  /** Counts running branches: live, waiting for nothing, not queued here. */
  readonly #running: () => number
  readonly #queued = new Map<string, Deferred<void>>()

  constructor(window: number, running: () => number) {
    this.#window = window
    this.#running = running
  }

  get size(): number {
    return this.#queued.size
  }

  /** The wait of a branch has ended; it counts as running by now. */
  add(key: string): void {
    if (this.#running() > this.#window) this.#queued.set(key, createDeferred())
  }

  /** Removes a branch that waits again, or has settled. */
  remove(key: string): void {
    this.#queued.get(key)?.resolve()
    this.#queued.delete(key)
  }

  /** Admits queued branches while there is room. */
  admit(): void {
    for (const key of this.#queued.keys()) {
      if (this.#running() >= this.#window) return
      this.remove(key)
    }
  }

  /** A promise until a branch is admitted; undefined when it is. */
  turnOf(key: string): Promise<void> | undefined {
    return this.#queued.get(key)?.promise
  }
}

/** Waits until every map above admits an application whose wait has ended, or until its attempt is cancelled. */
export async function untilAdmitted(
  app: { readonly parent: Parent | undefined },
  attempt: Pick<CurrentAttempt, 'cancellation' | 'signal'>,
): Promise<void> {
  for (let { parent } = app; parent !== undefined; parent = parent.app.parent) {
    const turn = parent.map?.turnOf(parent.key)
    if (turn === undefined || attempt.cancellation !== undefined) continue
    const { signal } = attempt
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
