import { type AnyEvent, type Path, printPath, type Subscription } from 'teasel'

interface Observed {
  on(type: never, listener: (event: never) => void): Subscription
}

/**
 * Resolves once an event of a type has been emitted at each of the places; by default, at any place.
 * A place is a path, `map/a`, or an action at a path, `map/a:two`. Earlier events do not count, so call it before the
 * run starts.
 */
export function emitted<T extends AnyEvent['type']>(app: Observed, type: T, ...places: readonly string[]) {
  type Event = Extract<AnyEvent, { readonly type: T }>
  const missing = new Set(places)
  return new Promise<Event>((resolve) => {
    const subscription = app.on(type as never, (event: Event & { readonly path: Path; readonly source?: string }) => {
      const path = printPath(event.path)
      missing.delete(path)
      missing.delete(`${path}:${event.source}`)
      if (missing.size > 0) return
      subscription.unsubscribe()
      resolve(event)
    })
  })
}
