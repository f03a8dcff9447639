import { observe } from '../internal/guards.js'
import type { AnyEvent, EventType, Subscription } from './events.js'

/** A reader of events. */
export type Listener = (event: AnyEvent) => void

/** The listeners of one application tree. */
export class Listeners {
  readonly #byType = new Map<EventType | '*', Set<Listener>>()
  #count = 0
  /** Called when a listener was added or removed. */
  changed: (() => void) | undefined

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** True when there is a listener for events of a type. */
  isObserved(type: EventType): boolean {
    if (this.#count === 0) return false
    return (this.#byType.get(type)?.size ?? 0) > 0 || (this.#byType.get('*')?.size ?? 0) > 0
  }

  add(type: EventType | '*', listener: Listener): Subscription {
    const own = (event: AnyEvent): void => listener(event)
    const set = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, set.add(own))
    this.#count += 1
    this.changed?.()
    return {
      unsubscribe: () => {
        if (!set.delete(own)) return
        this.#count -= 1
        this.changed?.()
      },
    }
  }

  /** Passes an event to each listener. A throw or a rejection goes to `fault` and does not stop the other listeners. */
  dispatch(event: AnyEvent, fault: (error: unknown) => void): void {
    this.#notify(this.#byType.get(event.type), event, fault)
    this.#notify(this.#byType.get('*'), event, fault)
  }

  #notify(listeners: ReadonlySet<Listener> | undefined, event: AnyEvent, fault: (error: unknown) => void): void {
    if (listeners === undefined) return
    for (const listener of listeners) observe(listener, event, fault)
  }
}
