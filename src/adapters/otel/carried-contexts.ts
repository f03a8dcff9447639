import { context as active, type Context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import type { TrackedRun } from '../../tracking/tracker.js'

// Owns: contexts as the texts that cross to other processes, by the propagator of the program.

type Texts = Readonly<Record<string, string>>

/** A context as texts. */
export function textsOf(context: Context): Texts {
  const carrier: Record<string, string> = {}
  propagation.inject(context, carrier)
  return carrier
}

/** The active context as texts; undefined where there is nothing to carry. */
export function activeTexts(): Texts | undefined {
  const texts = textsOf(active.active())
  return Object.keys(texts).length > 0 ? texts : undefined
}

/** The contexts in which runs were started, until they begin here. */
export class StartContexts {
  readonly #byRun = new Map<string, Context>()

  add({ eventsOf, carried }: TrackedRun): void {
    if (carried !== undefined) this.#byRun.set(eventsOf, propagation.extract(ROOT_CONTEXT, carried))
  }

  /** The context of a run, once. */
  take(runId: string): Context | undefined {
    const found = this.#byRun.get(runId)
    this.#byRun.delete(runId)
    return found
  }
}
