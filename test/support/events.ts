import { type AnyEvent, type Path, printPath, type Subscription } from 'teasel'

interface Observed {
  on(type: never, listener: (event: never) => void): Subscription
}

/**
 * Resolves once an event of a type has been emitted at each of the paths; by default, at any path.
 * Earlier events do not count, so call it before the run starts.
 */
export function emitted<T extends AnyEvent['type']>(app: Observed, type: T, ...paths: readonly string[]) {
  type Event = Extract<AnyEvent, { readonly type: T }>
  const missing = new Set(paths)
  return new Promise<Event>((resolve) => {
    const subscription = app.on(type as never, (event: Event & { readonly path: Path }) => {
      missing.delete(printPath(event.path))
      if (missing.size > 0) return
      subscription.unsubscribe()
      resolve(event)
    })
  })
}
