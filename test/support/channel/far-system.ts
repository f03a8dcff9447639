import type { AnyEvent, EventType } from '../../../src/lifecycle/events.js'
import { AppSystem, type SystemSettings } from '../../../src/runtime/system.js'
import type { Tracker } from '../../../src/tracking/tracker.js'

/** Observed in any case: they change facts that the owner holds, or count against its credit. */
const NEEDED: ReadonlySet<EventType> = new Set<EventType>(['wait', 'wake', 'retry', 'chunk'])

/** The system of a far branch: its events go to the owner, which numbers them. */
export class FarSystem extends AppSystem {
  /** The branches of a far branch run in its process. */
  override readonly makeBranch = undefined
  /** The types that the owner observes. */
  hears: ReadonlySet<EventType> = new Set()
  readonly #runId: string
  readonly #emitted: (event: AnyEvent, tracker: Tracker | undefined) => void
  #skipped = 0

  /** @param emitted called with each event */
  constructor(settings: SystemSettings, runId: string, emitted: (event: AnyEvent, tracker?: Tracker) => void) {
    super(settings)
    this.#runId = runId
    this.#emitted = emitted
  }

  override get runId(): string {
    return this.#runId
  }

  override isObserved(type: EventType): boolean {
    return this.hears.has(type) || NEEDED.has(type) || super.isObserved(type)
  }

  override skip(): void {
    this.#skipped += 1
  }

  /** The number of events that nobody observed since the last call. */
  takeSkipped(): number {
    const skipped = this.#skipped
    this.#skipped = 0
    return skipped
  }

  override dispatch(event: AnyEvent, _record: (() => void) | undefined, tracker?: Tracker): void {
    this.#emitted(event, tracker)
    super.dispatch(event, undefined) // readers of applications that its actions make
  }
}
