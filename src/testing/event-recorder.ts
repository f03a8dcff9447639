import type { AnyEvent } from '../lifecycle/events.js'
import type { Tracker } from '../tracking/tracker.js'

/**
 * A tracker that keeps every event in memory. It can be given to several applications, also to one that is resumed.
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
 */
export class EventRecorder implements Tracker {
  readonly name = 'recorder'
  readonly #byApp = new Map<string, AnyEvent[]>()

  /** The applications that events came of, in the order of the first. */
  get appIds(): readonly string[] {
    return [...this.#byApp.keys()]
  }

  /** The events of one application, in the order they came; none of those below it. */
  of(appId: string): readonly AnyEvent[] {
    return [...(this.#byApp.get(appId) ?? [])]
  }

  track(event: AnyEvent): void {
    const events = this.#byApp.get(event.appId)
    if (events === undefined) this.#byApp.set(event.appId, [event])
    else events.push(event)
  }
}
