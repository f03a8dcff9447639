import type { AnyEvent } from '../lifecycle/events.js'
import type { Tracker } from '../tracking/tracker.js'

/**
 * A tracker that keeps every event in memory. One recorder may serve several applications, including a resumed one.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add } })
 * const tracker = new EventRecorder()
 * await createApplication(graph, { appId: 'counter', entrypoint: 'add', state: { n: 0 }, tracker }).run()
 * tracker.of('counter').map(({ type }) => type) // ['run.start', 'step.start', 'step.end', 'run.end']
 * ```
 *
 */
export class EventRecorder implements Tracker {
  readonly name = 'recorder'
  readonly #byApp = new Map<string, AnyEvent[]>()

  /** The ids of the recorded applications, in order of their first event. */
  get appIds(): readonly string[] {
    return [...this.#byApp.keys()]
  }

  /** The events of one application, in order, without those of applications below it. */
  of(appId: string): readonly AnyEvent[] {
    return [...(this.#byApp.get(appId) ?? [])]
  }

  track(event: AnyEvent): void {
    const events = this.#byApp.get(event.appId)
    if (events === undefined) this.#byApp.set(event.appId, [event])
    else events.push(event)
  }
}
