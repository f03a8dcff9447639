import { type Clock, monotonicNow, safeClock, systemClock } from '../internal/clock.js'
import { observe } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { clockLooks } from '../internal/slice.js'
import type { AnyEvent, EventType } from '../lifecycle/events.js'
import type { Interceptor } from '../lifecycle/interceptor.js'
import { Listeners } from '../lifecycle/listeners.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import type { Outage } from '../persistence/outage.js'
import { Attendance } from './cancel/alarm.js'

// Owns: what a whole tree of applications shares, and the one function that dispatches events.
// Does not own: any application of the tree.
// H1  `seq` counts every event of a run, heard or not, without gaps.
// H2  An event is dispatched in the moment it becomes true, before any buffer; what a listener makes happen comes after
//     the event that it was told of, so that every listener hears events in the order of `seq`.
// H3  Nothing that a listener, a logger, a clock or a source of chance throws reaches the run.

export interface SystemSettings {
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
  readonly interceptors?: readonly Interceptor[] | undefined
  readonly graceMs?: number | undefined
  readonly random?: (() => number) | undefined
  /** Where events go beside the listeners: out of an embedded actor. */
  readonly emit?: ((event: AnyEvent) => void) | undefined
}

const harmlessConsole = safeLogger(consoleLogger)
const loggerOf = ({ logger }: SystemSettings): Logger => (logger ? safeLogger(logger) : harmlessConsole)

/** Where something that is asked throws: told once, and the platform is asked instead. */
const replaced = (what: string, logger: Logger): ((error: unknown) => void) => {
  let told = false
  return (error) => {
    if (!told) logger.error(`${what} threw; the platform's is asked instead.`, error)
    told = true
  }
}

/** The clock of an application, which always answers. */
export function clockOf(settings: SystemSettings, logger = loggerOf(settings)): Clock {
  const { clock = systemClock } = settings
  return clock === systemClock ? clock : safeClock(clock, replaced('clock', logger))
}

function chanceOf({ random }: SystemSettings, logger: Logger): () => number {
  if (random === undefined) return Math.random
  const fault = replaced('random', logger)
  return () => {
    try {
      return random()
    } catch (error) {
      fault(error)
      return Math.random()
    }
  }
}

const DEFAULT_GRACE_MS = 5000
/** What a wall clock that is only adjusted does not leave the other one by. */
const JUMP_MS = 1000
const NO_INTERCEPTORS: readonly Interceptor[] = []

/** What a whole tree of applications shares. */
export class AppSystem {
  readonly listeners = new Listeners()
  readonly attendance = new Attendance()
  readonly clock: Clock
  readonly logger: Logger
  readonly interceptors: readonly Interceptor[]
  readonly graceMs: number
  /** Chance, from 0 to 1: for the jitter of waits. */
  readonly random: () => number
  /** How often the root was opened in its store, where it has one. */
  books: { readonly incarnation: number } | undefined
  /** The waits for the stores of the tree, where it has one. */
  outage: Outage | undefined
  readonly #emit: ((event: AnyEvent) => void) | undefined
  #runId: string | undefined
  #seq = 0
  #telling = false
  #looks = -1
  #recent = 0
  /** How far the wall clock was ahead of the other one when it was last looked at. */
  #ahead: number | undefined
  readonly #later: (readonly [AnyEvent, (() => void) | undefined])[] = []

  constructor(settings: SystemSettings = {}) {
    this.logger = loggerOf(settings)
    this.clock = clockOf(settings, this.logger)
    this.interceptors = settings.interceptors ?? NO_INTERCEPTORS
    this.graceMs = settings.graceMs ?? DEFAULT_GRACE_MS
    this.random = chanceOf(settings, this.logger)
    this.#emit = settings.emit
  }

  /** Milliseconds on the clock that never goes back. */
  passed(): number {
    return monotonicNow(this.clock)
  }

  /** The same, read at most a few steps ago: reading the clock of the platform costs a tenth of a step. */
  recently(): number {
    if (this.clock !== systemClock) return this.passed()
    const looks = clockLooks()
    if (looks !== this.#looks) this.#recent = this.passed()
    this.#looks = looks
    return this.#recent
  }

  /** Tells once of each time that the wall clock has left the other one. */
  lookAtWall(): void {
    const ahead = this.clock.now() - this.passed()
    const by = Math.round(ahead - (this.#ahead ?? ahead))
    this.#ahead = ahead
    if (Math.abs(by) < JUMP_MS) return
    const how = by < 0 ? `back by ${-by} ms` : `forward by ${by} ms, or the machine slept`
    this.logger.warn(
      `The wall clock was set ${how}. Time limits and waits are not changed by it; times that events and stores carry follow it.`,
    )
  }

  /** Whether someone would hear an event of a type. */
  hears(type: EventType): boolean {
    return this.#emit !== undefined || this.listeners.isObserved(type)
  }

  get runId(): string {
    this.#runId ??= createId()
    return this.#runId
  }

  /** A new run of the root application: a new id, counted from 0. */
  beginRun(): void {
    this.#runId = undefined
    this.#seq = 0
    this.outage?.begin()
  }

  /** Counts an event that nobody hears (H1). */
  skip(): void {
    this.#seq += 1
  }

  nextSeq(): number {
    return this.#seq++
  }

  /** @param record hands it to a tracker; called when it is the event's turn, before the listeners */
  dispatch(event: AnyEvent, record: (() => void) | undefined): void {
    if (this.#telling) return void this.#later.push([event, record])
    this.#telling = true
    try {
      this.#tell(event, record)
      for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) this.#tell(...next)
    } finally {
      this.#telling = false
    }
  }

  #tell(event: AnyEvent, record: (() => void) | undefined): void {
    record?.()
    const fault = (error: unknown): void => this.logger.error(`A listener of "${event.type}" threw.`, error)
    if (this.#emit !== undefined) observe(this.#emit, event, fault)
    this.listeners.dispatch(event, fault)
  }
}
