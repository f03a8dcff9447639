import { list, suggest } from '../internal/nearest.js'
import { type AnyEvent, OBSERVABLE_TYPES, type ObservableType, type Subscription } from '../lifecycle/events.js'
import type { Listener } from '../lifecycle/listeners.js'
import type { Application } from '../runtime/application.js'

// Owns: selecting the events of an application for a reader, and listening for no others.
// Does not own: the buffer of unread events.

/** Selects events: those that match every given option. Default: all. */
export interface EventFilter<Type, At> {
  /** Event types. Events of other types are not even created, unless another listener needs them. */
  readonly include?: readonly Type[]
  /** Actions of the application: events about them, and about everything in branches below them. */
  readonly actions?: readonly At[]
  /** Branch keys, at any depth: events of these branches and of everything below them. */
  readonly keys?: readonly string[]
  /** Maximum number of levels below the application: 0 for its own events only. Default: no limit. */
  readonly depth?: number
}

/** A filter without its types. */
export type LooseFilter = EventFilter<string, string>
/** Options of `events`, without their types. */
export interface LooseEvents extends LooseFilter {
  readonly buffer?: number
  readonly signal?: AbortSignal
}

export const FILTER_OPTIONS = 'include actions keys depth'

/** Starts listening for the selected events. */
export type Tap = (listener: Listener) => Subscription

/**
 * Validates a filter, and prepares to listen to an application and everything below it.
 * @throws {TypeError} for unknown names, and for filters that no event can pass
 */
export function tapOf(app: Application, method: string, filter: LooseFilter): Tap {
  const { include, depth } = filter
  const { listeners } = app.system
  checkFilter(method, filter, app.plan.graph.nodes.keys())
  const wants = wanted(app, filter)
  const types = include === undefined ? (['*'] as const) : [...new Set(include as readonly ObservableType[])]
  const own = app.path.length
  const all = own === 0 && depth === undefined && filter.actions === undefined && filter.keys === undefined
  return (listener) => {
    const heard: Listener = all
      ? listener
      : (event) => wants(event) && listener(own === 0 ? event : seenFrom(event, own))
    const subscriptions = types.map((type) => listeners.add(type, heard))
    return {
      unsubscribe() {
        for (const subscription of subscriptions) subscription.unsubscribe()
      },
    }
  }
}

function wanted(
  { path }: Application,
  { actions, keys, depth = Number.POSITIVE_INFINITY }: LooseFilter,
): (event: AnyEvent) => boolean {
  const own = path.length
  const last = path[own - 1]
  const names = actions && new Set(actions)
  const branches = keys && new Set(keys)
  return (event) =>
    event.path[own - 1] === last && // in the application or below: all applications below share one segment object
    event.path.length - own <= depth &&
    (names === undefined || ('source' in event && names.has(actionFrom(event, own)))) &&
    (branches === undefined || event.path.some(({ key }, i) => i >= own && branches.has(key)))
}

/** The action, in an application `own` levels deep, that an event of it or below it belongs to. */
const actionFrom = (event: Extract<AnyEvent, { readonly source: string }>, own: number): string =>
  event.path[own]?.map ?? event.source

/** Sets `action` to the action of the reader's application: an application made by an action has other names. */
function seenFrom(event: AnyEvent, own: number): AnyEvent {
  return 'source' in event ? { ...event, action: actionFrom(event, own) } : event
}

function checkFilter(method: string, { include, actions, keys, depth }: LooseFilter, names: Iterable<string>): void {
  checkNames(method, 'include', include, Object.keys(OBSERVABLE_TYPES), 'event types', 'type of event')
  checkNames(method, 'actions', actions, [...names], 'actions', 'action')
  checkNames(method, 'keys', keys)
  if (depth !== undefined) checkDepth(method, depth)
  if (keys !== undefined && depth === 0)
    throw new TypeError(
      `${method}: no event has both a branch key and depth 0. Leave out keys, or give a depth of at least 1.`,
    )
  if (actions !== undefined && include?.every((type) => !OBSERVABLE_TYPES[type as ObservableType]) === true)
    throw new TypeError(
      `${method}: ${list(include)} never have an action, so no event matches both include and actions. Leave one out.`,
    )
}

function checkNames(
  method: string,
  option: string,
  given: unknown,
  known?: readonly string[],
  kind = '',
  one = '',
): void {
  if (given === undefined) return
  if (!Array.isArray(given) || given.length === 0)
    throw new TypeError(`${method}: ${option} takes a list with at least one name. Leave it out for all.`)
  const unknown = known && given.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new TypeError(`${method}: there is no ${one} "${unknown}". ${suggest(String(unknown), known ?? [], kind)}`)
}

/** @throws {RangeError} when `depth` is not a whole number from 0 */
export function checkDepth(method: string, depth: number): void {
  if (!(Number.isInteger(depth) && depth >= 0))
    throw new RangeError(`${method}: depth is ${String(depth)}; it takes a whole number, 0 or more.`)
}
