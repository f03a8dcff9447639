import type { AnyEvent, EventType, Subscription } from './events.js'

/** Who reads events. */
export type Listener = (event: AnyEvent) => void

/** The listeners of one application tree. */
export class Listeners {
  readonly #byType = new Map<EventType | '*', Set<Listener>>()
  #count = 0

  /** True when nobody listens. */
  get idle(): boolean {
    return this.#count === 0
  }

  add(type: EventType | '*', listener: Listener): Subscription {
    const own = (event: AnyEvent): void => listener(event)
    const set = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, set.add(own))
    this.#count += 1
    return {
      unsubscribe: () => {
        if (set.delete(own)) this.#count -= 1
      },
    }
  }

  /** Hands an event to each listener; one that throws is told to `fault` and does not keep it from the others. */
  dispatch(event: AnyEvent, fault: (error: unknown) => void): void {
    for (const type of [event.type, '*'] as const) {
      for (const listener of this.#byType.get(type) ?? []) {
        try {
          listener(event)
        } catch (error) {
          fault(error)
        }
      }
    }
  }
}
