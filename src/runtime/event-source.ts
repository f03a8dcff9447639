import type { Path } from '../action/context.js'
import type { Clock } from '../internal/clock.js'
import type { AnyEvent, EventType } from '../lifecycle/events.js'
import type { SafeLogger } from '../lifecycle/logger.js'
import type { CarriedStep, Tracker } from '../tracking/tracker.js'

/** Texts that the tracker of an owner gave to a worker. */
export type Carried = Readonly<Record<string, string>>

/** The part of a tree of applications that its events pass through. */
export interface EventSystem {
  readonly runId: string
  readonly store: { readonly incarnation: number; readonly tree?: { leak(): void } } | undefined
  readonly clock: Clock
  /** In a worker: the texts that came with its branch, for scopes of code. */
  readonly carried: Carried | undefined
  /** In a worker: asks the owner for the texts of an attempt. Undefined where it has none. */
  readonly carryStep: ((step: CarriedStep) => Promise<Carried | undefined>) | undefined
  readonly logger: SafeLogger
  isObserved(type: EventType): boolean
  /** Counts events that are not observed. @param count default 1 */
  skip(count?: number): void
  nextSeq(): number
  /** Delivers an event. @param tracker gets it before the listeners */
  dispatch(event: AnyEvent, source: EventSource, tracker: Tracker | undefined): void
}

/** The origin of events: an application, or a branch that has not started or runs elsewhere. */
export interface EventSource {
  readonly system: EventSystem
  readonly appId: string
  readonly path: Path
  /** Records its events. */
  readonly tracker: Tracker | undefined
  /** True when a map above has a `watch`. */
  readonly watched: boolean
  /** Events about an action carry the number of the next step. */
  readonly checkpoint: { readonly sequenceId: number }
  /** The levels above; each map there with a `watch` gets its events. */
  readonly parent: EventParent | undefined
  /** The root of the tree; itself for a root. */
  readonly root: EventSource
  /** The run that its events belong to. */
  readonly run: { readonly running: boolean } | undefined
}

/** The level above a source of events. */
export interface EventParent {
  readonly app: EventSource
  readonly key: string
  readonly map: { notify(event: AnyEvent, key: string, own: boolean): void } | undefined
}
