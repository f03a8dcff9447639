import type { RunBody } from '../action/action.js'
import type { Executor } from '../action/executor.js'
import { type Clock, monotonicNow, safeClock, systemClock } from '../internal/clock.js'
import { observe } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { clockLooks } from '../internal/slice.js'
import type { AnyEvent, CancelCause, EventType } from '../lifecycle/events.js'
import type { Interceptor } from '../lifecycle/interceptor.js'
import { Listeners } from '../lifecycle/listeners.js'
import { consoleLogger, type Logger, type SafeLogger, safeLogger } from '../lifecycle/logger.js'
import type { Outage } from '../persistence/outage.js'
import type { TreeStatus } from '../persistence/tree-status.js'
import type { TrackedRun, Tracker } from '../tracking/tracker.js'
import { Attendance } from './cancel/deadline.js'
import { endBelow, record } from './emit.js'
import type { Carried, EventSource, EventSystem } from './event-source.js'
import { defaultPlace } from './map/branch-maker.js'
import type { Attempts } from './step/attempts.js'
import type { ReportedAttempt } from './step/report.js'

// Owns: the shared state of a tree of applications, and the delivery of its events.
// Does not own: the applications.
// H1  `seq` counts every event of a run, observed or not, without gaps.
// H2  An event is delivered as soon as it happens, before any buffer. Events that a listener causes come after it, so
//     every listener gets events in the order of `seq`.
// H3  An error thrown by a listener, a logger, a clock or a source of chance never reaches the run.

export interface SystemSettings {
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
  readonly interceptors?: readonly Interceptor[] | undefined
  readonly graceMs?: number | undefined
  readonly random?: (() => number) | undefined
  /** A further receiver of events: those of an embedded actor leave by it. */
  readonly emit?: ((event: AnyEvent) => void) | undefined
}

const harmlessConsole = safeLogger(consoleLogger)
const loggerOf = ({ logger }: SystemSettings): SafeLogger => (logger ? safeLogger(logger) : harmlessConsole)

/** Reports a throwing setting once; the platform's own replaces it. */
const replaced = (setting: string, logger: Logger): ((error: unknown) => void) => {
  let reported = false
  return (error) => {
    if (!reported) logger.error(`${setting} threw; the platform's is used instead.`, error)
    reported = true
  }
}

/** The clock of an application; it never throws. */
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
/** A difference between wall clock and monotonic clock above this is a jump, milliseconds. */
const JUMP_MS = 1000
const NO_INTERCEPTORS: readonly Interceptor[] = []

/** An event that waits for those before it. */
type Delivery = readonly [event: AnyEvent, source: EventSource, tracker: Tracker | undefined]

/** A run as its tracker got it, and the trackers of maps that were told of it. */
interface ToldRun {
  readonly run: TrackedRun
  below: Set<Tracker> | undefined
}

/** The root application, as a lost store cancels it. */
interface RootApp {
  cancel(reason: unknown, cause: CancelCause, by: string): unknown
}

/** A run at the begin of a step. */
interface BeginningStep {
  readonly app: EventSource & {
    readonly checkpoint: { readonly sequenceId: number }
    cancel(reason: unknown, cause: CancelCause, by: string): unknown
  }
  attempts: Attempts | undefined
}

/** Gives the results of actions, whose code is not called. */
export interface StandIn {
  /** A step begins. Its failed attempts may be set. */
  begin(run: BeginningStep): void
  /** The code that is called in place of that of an action. */
  bodyOf(app: EventSource, attempt: ReportedAttempt & { readonly signal: AbortSignal }, body: RunBody): RunBody
}

/** The shared state of a tree of applications. */
export class AppSystem {
  readonly listeners = new Listeners()
  readonly attendance = new Attendance()
  readonly clock: Clock
  readonly logger: SafeLogger
  readonly interceptors: readonly Interceptor[]
  readonly graceMs: number
  /** How often the branch that it belongs to was handed to a worker. */
  readonly delivery: number = 1
  /** Where its branches run that nothing chooses a place for; undefined for this process. */
  readonly defaultExecutor = defaultPlace.executor
  /** The executors that its maps may use; undefined where they may use any. */
  executors: ReadonlySet<Executor> | undefined = undefined
  /** In a worker: the texts that came with its branch. */
  readonly carried: Carried | undefined = undefined
  /** In a worker: asks the owner for the texts of an attempt. */
  carryStep: EventSystem['carryStep']
  /** A random number from 0 to 1, for the jitter of delays. */
  readonly random: () => number
  /** The store of the root, if it has one: how often the root was resumed. */
  store:
    | { readonly incarnation: number; readonly tree: Pick<TreeStatus, 'leak' | 'waits' | 'attend' | 'flush'> }
    | undefined
  /** Waits for unavailable stores of the tree; undefined without a store. */
  outage: Outage | undefined
  /** Takes the place of the code of actions, which is not called: a recorded run that is replayed. */
  standIn: StandIn | undefined
  /** The root of the tree. */
  root: RootApp | undefined
  /** The run under way; undefined without a tracker. */
  tracked: ToldRun | undefined
  readonly #emit: ((event: AnyEvent) => void) | undefined
  #runId: string | undefined
  #seq = 0
  #delivering = false
  #looks = -1
  #recent = 0
  /** How far the wall clock was last ahead of the monotonic one, milliseconds. */
  #ahead: number | undefined
  readonly #later: Delivery[] = []

  constructor(settings: SystemSettings = {}) {
    this.logger = loggerOf(settings)
    this.clock = clockOf(settings, this.logger)
    this.interceptors = settings.interceptors ?? NO_INTERCEPTORS
    this.graceMs = settings.graceMs ?? DEFAULT_GRACE_MS
    this.random = chanceOf(settings, this.logger)
    this.#emit = settings.emit
  }

  /** Milliseconds on the monotonic clock. */
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

  /** Warns once of each jump of the wall clock. */
  lookAtWall(): void {
    const ahead = this.clock.now() - this.passed()
    const by = Math.round(ahead - (this.#ahead ?? ahead))
    this.#ahead = ahead
    if (Math.abs(by) < JUMP_MS) return
    const how = by < 0 ? `back by ${-by} ms` : `forward by ${by} ms, or the machine slept`
    this.logger.warn(
      `The wall clock was set ${how}. Time limits and waits are not changed by it, except those until a moment; times that events and stores carry follow it.`,
    )
  }

  /** Whether a listener gets events of a type. */
  isObserved(type: EventType): boolean {
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

  /** Counts an event that is not observed (H1). */
  skip(count = 1): void {
    this.#seq += count
  }

  nextSeq(): number {
    return this.#seq++
  }

  /** Delivers an event (H2). @param tracker gets it before the listeners */
  dispatch(event: AnyEvent, source: EventSource, tracker: Tracker | undefined): void {
    if (this.#delivering) return void this.#later.push([event, source, tracker])
    this.#delivering = true
    try {
      this.#deliver(event, source, tracker)
      while (this.#later.length > 0) this.#deliver(...(this.#later.shift() as Delivery))
    } finally {
      this.#delivering = false
    }
  }

  #deliver(event: AnyEvent, source: EventSource, tracker: Tracker | undefined): void {
    if (tracker !== undefined) record(source, tracker, event)
    if (event.type === 'run.end' && source.parent === undefined) endBelow(source, this.tracked?.below, event)
    if (this.#emit === undefined && this.listeners.isEmpty) return
    const fault = (error: unknown): void => this.logger.error(`A listener of "${event.type}" threw.`, error)
    if (this.#emit !== undefined) observe(this.#emit, event, fault)
    this.listeners.dispatch(event, fault)
  }
}
