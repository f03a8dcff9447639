import type { Path } from '../action/context.js'
import type { AnyEvent, EventType } from '../lifecycle/events.js'
import type { Tracker } from '../tracking/tracker.js'
import type { AppSystem } from './system.js'

/** Where events come from: an application, or a branch that is not made, or runs elsewhere. */
export interface EventSource {
  readonly system: AppSystem
  readonly appId: string
  readonly path: Path
  /** Records what happens here. */
  readonly tracker: Tracker | undefined
  /** True when some map above looks at what happens here. */
  readonly watched: boolean
  /** Where it stands: events about an action carry the number of the next step. */
  readonly checkpoint: { readonly sequenceId: number }
  /** What hears of its events as well, level by level. */
  readonly parent: EventParent | undefined
  /** The run that its events belong to. */
  readonly run: { readonly running: boolean } | undefined
  /** Whether someone would hear an event of a type. Counts the event where nobody does. */
  hears(type: EventType): boolean
}

/** The level above a source of events. */
export interface EventParent {
  readonly app: EventSource
  readonly key: string
  readonly map: { tell(event: AnyEvent, key: string, own: boolean): void } | undefined
}
