import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type OwnRedis, ownRedis, redisKeys } from '../support/redis.js'
import { ROOT } from '../tools/vitest-report.js'
import type { Draw } from './draw.js'
import { END } from './ends.js'
import { LOCK_MS, PREFIX, type QueuePlace } from './job-queue.js'
import { temporaryOf } from './life.js'
import type { Line } from './store.js'

// The workers of one run, whose branches are jobs of BullMQ, and the server of the jobs. They are killed, stopped and
// started again while the application lives, and outlive its lives.

const WORKERS = 2
/** The most disturbances of one life. */
const MOST = 2
/** How long a worker that was stopped may go on before it has heard that it was replaced. */
const HEARD_MS = 2_000
/** How long the server is away, at most. */
const AWAY_MS = 3_000
/** How long jobs may take to end after their run: a worker asks an owner that is no more for 15 seconds. */
const PATIENCE_MS = 30_000
/** How long a worker may take to close. */
const CLOSE_MS = 10_000

/** The server of all jobs, which is killed now and then. */
export class JobServer {
  readonly url: string
  readonly #own: OwnRedis
  #changing = Promise.resolve()
  #isChanging = false
  kills = 0

  private constructor(own: OwnRedis) {
    this.#own = own
    this.url = own.url
  }

  /** @returns undefined where `redis-server` is not installed */
  static async start(): Promise<JobServer | undefined> {
    const own = await ownRedis()
    return own && new JobServer(own)
  }

  /** Kills it, and starts it again with what it has kept. Does nothing while it is away. */
  kill(awayMs: number): void {
    if (this.#isChanging) return
    this.#isChanging = true
    this.kills += 1
    this.#changing = this.#restart(awayMs).finally(() => {
      this.#isChanging = false
    })
  }

  async #restart(awayMs: number): Promise<void> {
    await this.#own.kill()
    await pause(awayMs)
    await this.#own.start()
  }

  /** What is left of the queue of a run: jobs, locks, lists and texts. BullMQ keeps what describes a queue. */
  async left(queue: string): Promise<readonly string[]> {
    await this.#changing
    const begin = `${PREFIX}:${queue}:`
    const keys = (await redisKeys(this.url, begin)).map((key) => key.slice(begin.length))
    return keys.filter((key) => !/^(stalled-check|marker|events|id|meta)$/.test(key))
  }

  async stop(): Promise<void> {
    await this.#changing
    await this.#own.stop()
  }
}

/** What a fleet is made of. */
export interface FleetSettings {
  readonly server: JobServer
  /** The bundle of the application; that of the workers is beside it. */
  readonly worker: string
  readonly name: string
  readonly log: string
  readonly draw: Draw
  readonly random: () => number
}

/** A time in which a process that was stopped may write lines: from its stop on. Epoch ms. */
interface Stop {
  readonly pid: number
  readonly from: number
  to: number
}

/** Workers of all runs. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export class Fleet {
  readonly place: QueuePlace
  readonly #settings: FleetSettings
  readonly #workers = new Set<ChildProcess>()
  readonly #stops: Stop[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #faults: string[] = []
  #isEnding = false
  /** Workers that it has killed. */
  kills = 0

  private constructor(settings: FleetSettings) {
    this.#settings = settings
    this.place = `${settings.server.url}#${settings.name}`
  }

  /** Starts the workers of a run. Resolves when they take jobs. */
  static async start(settings: FleetSettings): Promise<Fleet> {
    const fleet = new Fleet(settings)
    await Promise.all(Array.from({ length: WORKERS }, () => fleet.#spawn()))
    return fleet
  }

  /** Number of stops of workers. */
  get stops(): number {
    return this.#stops.length
  }

  async #spawn(): Promise<void> {
    const { worker, log, draw, random } = this.#settings
    const env = {
      ...process.env,
      CHAOS_LOG: log,
      CHAOS_FLEET: log,
      CHAOS_DEATHS: `${log}.deaths`,
      CHAOS_DRAW: JSON.stringify(draw),
      CHAOS_SEED: String(Math.floor(random() * 1e9)),
      CHAOS_PLACE: 'bullmq',
      CHAOS_QUEUE: this.place,
      TMPDIR: temporaryOf(log),
    }
    const child = spawn(process.execPath, [join(dirname(worker), 'job-worker.mjs')], { cwd: ROOT, env })
    this.#workers.add(child)
    alive.add(child)
    let error = ''
    child.stderr.on('data', (data: Buffer) => {
      error += data.toString()
    })
    let isReady = false
    const ready = once(child.stdout, 'data').then(() => {
      isReady = true
    })
    const ended = once(child, 'exit').then(([code, signal]) => {
      this.#workers.delete(child)
      alive.delete(child)
      const isFine =
        signal === 'SIGKILL' ||
        code === END.away ||
        (this.#isEnding && (isReady ? code === END.done : signal === 'SIGTERM'))
      if (!isFine || error !== '') this.#faults.push(`worker ${child.pid} that ended with ${code ?? signal}: ${error}`)
      if (!this.#isEnding) void this.#spawn()
    })
    await Promise.race([ready, ended])
  }

  /** Draws what happens to workers and server during a life. */
  disturb(): void {
    const { random } = this.#settings
    const times = Math.floor(random() * (MOST + 1))
    for (let i = 0; i < times; i++) this.#later(random() * 1_500, () => this.#disturbNow())
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }

  #disturbNow(): void {
    const { random, server } = this.#settings
    const which = random()
    if (which < 0.2) return server.kill(random() * AWAY_MS)
    const child = [...this.#workers][Math.floor(random() * this.#workers.size)]
    if (child?.pid === undefined) return
    if (which < 0.65) {
      if (child.kill('SIGKILL')) this.kills += 1
    } else this.#stop(child, child.pid, LOCK_MS * (1.5 + random()))
  }

  /** Stops a worker for longer than its locks: another one gets its jobs meanwhile. */
  #stop(child: ChildProcess, pid: number, ms: number): void {
    if (this.#stops.some((stop) => stop.pid === pid && stop.to === Number.POSITIVE_INFINITY)) return
    if (!child.kill('SIGSTOP')) return
    const stop: Stop = { pid, from: Date.now(), to: Number.POSITIVE_INFINITY }
    this.#stops.push(stop)
    this.#later(ms, () => {
      stop.to = Date.now() + HEARD_MS
      child.kill('SIGCONT')
    })
  }

  /** Whether a line is of a worker that was stopped, and may not have heard yet that it was replaced. */
  readonly excuses = ({ pid, at }: Line): boolean =>
    this.#stops.some((stop) => stop.pid === pid && at >= stop.from && at <= stop.to)

  /** Ends the workers, after the jobs have ended. @returns what is left: jobs, keys, processes, and faults of workers */
  async end(): Promise<readonly string[]> {
    const { server, name } = this.#settings
    const until = performance.now() + PATIENCE_MS
    // The fleet of another run may kill the server meanwhile.
    const look = () => server.left(name).catch((error: unknown) => [String(error)])
    let left = await look()
    while (left.length > 0 && performance.now() < until) {
      await pause(200)
      left = await look()
    }
    this.#isEnding = true
    for (const timer of this.#timers) clearTimeout(timer)
    const all = [...this.#workers].map(async (child) => {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      child.kill('SIGCONT')
      const late = pause(CLOSE_MS, 'late' as const, { ref: false })
      if ((await Promise.race([ended, late])) !== 'late') return []
      child.kill('SIGKILL')
      return [`process ${child.pid}`]
    })
    const processes = (await Promise.all(all)).flat()
    return [...left.map((key) => `key ${key}`), ...processes, ...this.#faults]
  }
}
