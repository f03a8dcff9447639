import * as teasel from 'teasel'
import type { Persister } from 'teasel/persistence'
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { quiet } from '../../support/quiet-logger.js'
import { Builder, type Engine } from './build.js'
import type { S } from './code.js'
import { drained } from './engine-time.js'
import { check } from './laws/check.js'
import { doMove, type Reach, sendFromOutside } from './moving.js'
import { Observed } from './observed.js'
import type { Move, Plan } from './plan.js'
import { Reading } from './reading.js'
import { interceptor } from './saving.js'
import { checkStored, persistence, type Where } from './stored.js'
import type { Entry } from './trace.js'
import { type Pause, World } from './world.js'

/** A breach of a law by a schedule. */
export interface Violation {
  readonly law: string
  readonly what: string
  readonly turn: number
}

/** The result of one schedule. */
export interface Report {
  readonly plan: Plan
  readonly entries: readonly Entry[]
  readonly violations: readonly Violation[]
  /** Counts of notable events. */
  readonly notes: ReadonlyMap<string, number>
  /** The state of the application in the end, as JSON. */
  readonly state: string
}

const MOST_TURNS = 5000

/** Runs one schedule to its end: at each turn everything ready runs, then one possible event happens. */
export async function runSchedule(plan: Plan, engine: Engine = teasel, where: Where = 'by chance'): Promise<Report> {
  const schedule = new Schedule(plan, engine, where)
  const release = ownRejections((reason) => schedule.world.broken('no rejection is left unhandled', String(reason)))
  schedule.world.time.install()
  try {
    await schedule.run()
  } finally {
    schedule.world.time.restore()
    release()
  }
  return schedule.report()
}

/** Unhandled rejections count as the schedule's own while it runs. */
function ownRejections(tell: (reason: unknown) => void): () => void {
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', tell)
  return () => {
    process.removeListener('unhandledRejection', tell)
    for (const other of others) process.on('unhandledRejection', other)
  }
}

class Schedule {
  readonly world: World
  readonly #plan: Plan
  readonly #where: Where
  readonly #reach: Reach
  readonly #started = new Set<AnyActorRef>()
  readonly #callers: AbortController[] = []
  #reading: Reading
  #moves: Move[]
  #readings: Reading[] = []
  #persister: Persister | undefined

  constructor(plan: Plan, engine: Engine, where: Where) {
    this.#plan = plan
    this.#where = where
    this.#moves = [...plan.moves]
    const world = new World(plan)
    this.world = world
    const observed = new Observed(world)
    const cancel = (path: string | undefined, reason: string): void =>
      void app.cancel({ ...(path === undefined ? {} : { path }), reason })
    const builder = new Builder(engine, world, plan.limits, observed.pathOf, cancel)
    const graph = builder.graph(plan.root, plan.concurrency === undefined ? undefined : 'limit of all')
    const stored = persistence(plan, where)
    if ('persister' in stored) this.#persister = stored.persister
    const options = {
      entrypoint: plan.root.steps[0]?.name,
      state: { n: 0, lap: 0 },
      appId: 'app',
      ...stored,
      ...(plan.concurrency === undefined ? {} : { concurrency: plan.concurrency }),
      interceptors: plan.interceptions.map((one) => interceptor(world, observed, one)),
      logger: quiet,
      clock: world.clock,
      graceMs: plan.graceMs,
      random: () => 0.5,
      inspect: (event: InspectionEvent) => {
        if (event.type === '@xstate.event' && event.event.type === 'xstate.init')
          this.#started.add(event.actorRef as AnyActorRef)
      },
    }
    const app = engine.createApplication(graph, options as never) as unknown as teasel.Application<
      S,
      Record<string, never>
    >
    app.on('*', (event) => observed.hear(event as teasel.AnyEvent))
    this.#reach = {
      ...{ world, observed, site: builder.site, app, caller: new AbortController(), actors: this.#started },
      parked: () => this.#reading.parked,
    }
    this.#reading = this.#next()
  }

  report(): Report {
    return {
      plan: this.#plan,
      entries: this.world.trace.entries,
      violations: check(this.#plan, this.world.trace.entries),
      notes: this.world.notes,
      state: JSON.stringify(this.#reach.app.state),
    }
  }

  async run(): Promise<void> {
    await this.#runOnce()
    if (this.#plan.again && this.#reading.outcome !== undefined) {
      this.#reading = this.#next()
      await this.#runOnce()
    }
    await this.#end()
    if (this.#persister !== undefined) await this.#whileTimePasses(checkStored(this.world, this.#persister))
  }

  /** The store is read in slices, too. */
  async #whileTimePasses(work: Promise<void>): Promise<void> {
    let over = false
    const ended = work.finally(() => {
      over = true
    })
    while (!over || this.world.time.waiting) {
      this.world.time.run()
      await drained()
    }
    await ended
  }

  #next(): Reading {
    const caller = new AbortController()
    this.#callers.push(caller)
    Object.assign(this.#reach, { caller })
    const reading = new Reading(this.world, this.#reach.app, this.#plan.reader, caller.signal)
    this.#readings.push(reading)
    return reading
  }

  async #runOnce(): Promise<void> {
    const { world } = this
    this.#turn(`begins: ${this.#plan.reader.kind}`)
    this.#reading.begin()
    await world.settled()
    while (this.#reading.outcome === undefined) {
      if (world.trace.turn > MOST_TURNS) return world.broken('a run ends', `not within ${MOST_TURNS} turns`)
      if (!this.#step()) return world.broken('a run ends', 'nothing can happen any more, and it has not ended')
      await world.settled()
      this.#checkLimits()
    }
  }

  #turn(label: string): void {
    this.world.trace.turn += 1
    this.world.trace.add({ kind: 'turn', label })
  }

  /** One event happens. False when none is possible. */
  #step(): boolean {
    const { world } = this
    const { pace } = this.#plan
    if (world.time.waiting && world.random.chance(0.7)) {
      world.time.run()
      return true
    }
    const open = world.pauses.size + (this.#reading.ready ? 1 : 0)
    const moves = this.#moves.filter(
      ({ from }) => from <= world.trace.turn || (open === 0 && world.clock.next === undefined),
    )
    const kind = world.random.weighted(
      [
        ['pause', world.pauses.size * pace.pause],
        ['timer', world.clock.next === undefined ? 0 : Math.max(pace.timer, open === 0 ? 1 : 0)],
        ['read', this.#reading.ready ? pace.read : 0],
        ['answer', this.#reading.parked ? 1 : 0],
        ['move', moves.length * pace.move],
      ].filter(([, weight]) => weight !== 0) as [string, number][],
    )
    if (kind === 'pause') this.#endPause()
    else if (kind === 'timer') this.#fire()
    else if (kind === 'read') this.#read()
    else if (kind === 'move') this.#move(world.random.pick(moves))
    else if (kind === 'answer') return this.#answer() || this.#reading.ready
    else if (world.time.waiting) world.time.run()
    else return this.#answer()
    return true
  }

  /** When two runs of one schedule are compared, the next event is drawn by its name, not by its order. */
  #pauses(): readonly Pause[] {
    const pauses = [...this.world.pauses]
    return this.#where === 'by chance' ? pauses : pauses.sort((a, b) => (a.label < b.label ? -1 : 1))
  }

  #endPause(): void {
    const pause = this.world.random.pick(this.#pauses())
    this.#turn(`ends the pause of ${pause?.label}`)
    pause?.end()
  }

  #fire(): void {
    this.#turn(`moves the clock by ${this.world.clock.next} ms`)
    this.world.clock.fire()
  }

  #read(): void {
    this.#turn('reads')
    this.#reading.read()
  }

  #move(move: Move | undefined): void {
    if (move === undefined) return
    this.#moves = this.#moves.filter((other) => other !== move)
    this.#turn('')
    const { entries } = this.world.trace
    const at = entries.length - 1
    const label = doMove(this.#reach, move)
    Object.assign(entries[at] ?? {}, { label })
  }

  /** The only possible event is an answer from outside, to code that waits for one. */
  #answer(): boolean {
    const waiting = [...this.world.running].filter((life) => life.phase === 'receives')
    const life = this.world.random.pick(waiting)
    if (life === undefined) return false
    this.#turn('')
    const { entries } = this.world.trace
    const at = entries.length - 1
    const label = sendFromOutside(this.#reach, life.path === '' ? undefined : life.path)
    Object.assign(entries[at] ?? {}, { label })
    return true
  }

  /** No more than `max` leaves run under a limit; one that waits for a message or an application holds no permit. */
  #checkLimits(): void {
    const held = new Map<string, number>()
    for (const { of, phase, leaked, slotless, limit, apps } of this.world.running) {
      if (
        of !== 'leaf' ||
        leaked ||
        slotless ||
        apps > 0 ||
        limit === undefined ||
        (phase !== 'runs' && phase !== 'yields')
      )
        continue
      held.set(limit, (held.get(limit) ?? 0) + 1)
    }
    for (const [limit, count] of held) {
      const max =
        limit === 'limit of all' ? this.#plan.concurrency : this.#plan.limits[Number(limit.slice('limit '.length))]
      if (max !== undefined && count > max)
        this.world.broken('limits are never exceeded', `${count} run under ${limit}, ${max} may`)
    }
  }

  /** The run is over: late code ends, the application is disposed of, and nothing is left. */
  async #end(): Promise<void> {
    const { world } = this
    const left = [...this.#started].slice(1).filter((actor) => actor.getSnapshot().status === 'active')
    if (left.length > 0) world.broken('no actor outlives its run', left.map(({ id }) => id).join())
    if (world.engineTimers > 0) world.broken('no timer outlives its run', `${world.engineTimers} are set`)
    await this.#drain()
    this.#turn('disposes of the application')
    let disposed = false
    this.#reach.app[Symbol.asyncDispose]().then(
      () => (disposed = true),
      (error: unknown) => world.broken('an application is disposed of', String(error)),
    )
    await world.settled()
    await this.#drain()
    if (!disposed) world.broken('an application is disposed of', 'it never is')
    if ([...this.#started].some((actor) => actor.getSnapshot().status === 'active'))
      world.broken('no actor outlives its application', '')
    this.#checkListeners()
  }

  /** Every remaining event happens. */
  async #drain(): Promise<void> {
    const { world } = this
    while (world.pauses.size > 0 || world.clock.next !== undefined || world.time.waiting) {
      if (world.pauses.size > 0) this.#endPause()
      else if (world.clock.next !== undefined) this.#fire()
      world.time.run()
      await world.settled()
    }
  }

  #checkListeners(): void {
    const signals = [...this.#callers.map(({ signal }) => signal), ...this.world.lives.map(({ signal }) => signal)]
    const heard = signals.filter((signal) => signal !== undefined && getListeners(signal) > 0)
    if (heard.length > 0) this.world.broken('no listener is left on a signal', `${heard.length} signals have some`)
  }
}

const events = process.getBuiltinModule('node:events')
const getListeners = (signal: AbortSignal): number => events.getEventListeners(signal, 'abort').length
