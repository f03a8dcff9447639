import type { ExecutorAbilities, ExecutorDriver, Loss, SubmittedTask, TaskData, TaskOwner } from '../executor/driver.js'
import { type Clock, monotonicNow } from '../internal/clock.js'
import { messageOf } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { macrotask } from '../internal/platform.js'
import type { Logger } from '../lifecycle/logger.js'
import type { EngineDriver, Job, JobStatus } from './engine-driver.js'
import { ALL_WORKERS, type Hello, noticeText, readItem, readLoss, readNotice } from './items.js'
import { type LinkEnd, Mail } from './mail.js'
import { nestedBegan, nestedEnded } from './nesting.js'
import { keyOf, OwnedTask, type Taker, type TaskHome } from './owned-task.js'
import { RootChannels } from './root-channels.js'

// Owns: the tasks of one executor over an engine of jobs: which worker is granted which, and what the engine has of them.
// Does not own: one task (owned-task.ts), packets (mail.ts), the engine.
// D1  A job is an invitation. A worker that has taken it asks, and one at a time is granted it.
// D2  What a worker sends for a grant that it has lost has no effect.
// D3  The engine is the truth: jobs that it does not have are added again, and a task whose job it has lost is lost.
// D4  A worker that asks again for a taking that it has lost is not heard: texts may come twice, and late.
// D5  A worker that asks for a task that is over is answered, so that its slot is free.
// D6  An executor that has submitted nothing asks nothing of the engine, also not when it closes.
// D7  The owner of a resumed run asks at once for the workers that have its jobs: they were taken for an earlier owner.

/** How often jobs are looked up, milliseconds. */
const SWEEP_MS = 500
/** The most jobs that are looked up at a time. */
const SWEPT = 1_000
/** How often in a row the engine has to say what was not expected: texts that explain it may be under way. */
const DOUBTS = 2
/** How long a worker has to end a task that is killed, milliseconds. */
const KILL_MS = 1_000
/** How long a task that was lost is expected to be submitted again, milliseconds. */
const AGAIN_MS = 2_000

export interface JobDriverOptions {
  readonly sweepMs?: number | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** A task that was lost: who asks for it meanwhile, and who had it. */
interface LostTask {
  readonly at: number
  readonly past: Set<string>
  asking: Taker | undefined
}

const CLOSED: Loss = { why: 'The executor was closed.', again: false }

export class JobDriver implements ExecutorDriver, TaskHome {
  readonly name: string
  readonly can: ExecutorAbilities = { closures: false, loads: false, preempt: true, attach: true }
  readonly #engine: EngineDriver
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #sweepMs: number
  readonly #mail: Mail
  readonly #roots: RootChannels
  readonly #tasks = new Map<string, OwnedTask>()
  readonly #granted = new Map<number, OwnedTask>()
  readonly #lost = new Map<string, LostTask>()
  #toAdd: OwnedTask[] = []
  #opened: Promise<void> | undefined
  #timer: unknown
  #grants = 0
  #cursor = 0
  #isAway = false
  #isClosed = false

  constructor(engine: EngineDriver, { sweepMs = SWEEP_MS, clock, logger }: JobDriverOptions) {
    this.name = engine.name
    this.#engine = engine
    this.#clock = clock
    this.#logger = logger
    this.#sweepMs = sweepMs
    const session = createId()
    let links = 0
    this.#mail = new Mail(
      { channel: `o/${session}`, driver: engine, clock, linkId: () => `${session}.${links++}` },
      { received: (end, item) => this.#received(end, item), broken: (end) => this.#broken(end), text: () => {} },
    )
    this.#roots = new RootChannels(engine, (text) => this.#noticed(text))
  }

  #now(): number {
    return monotonicNow(this.#clock)
  }

  submit(data: TaskData, owner: TaskOwner): SubmittedTask {
    const lost = this.#lost.get(data.id)
    this.#lost.delete(data.id)
    const task = new OwnedTask(data, owner, this, lost?.past ?? new Set())
    const before = this.#tasks.get(data.id)
    if (this.#isClosed) task.lose(CLOSED)
    else if (before !== undefined) task.lose({ why: `The task "${data.id}" runs already.`, again: false })
    else this.#enter(task, lost?.asking)
    return task
  }

  #enter(task: OwnedTask, asking: Taker | undefined): void {
    this.#tasks.set(task.id, task)
    this.#roots.enter(rootOf(task))
    nestedBegan(rootOf(task))
    this.#arm()
    if (asking !== undefined) {
      task.job = 'added'
      this.#grant(task, asking)
      return
    }
    task.job = 'adding'
    if (this.#toAdd.push(task) === 1) macrotask(() => void this.#add())
  }

  /** Adds the jobs of a turn. */
  async #add(): Promise<void> {
    const all = this.#toAdd
    this.#toAdd = []
    const tasks = all.filter(({ status }) => status !== 'over')
    try {
      await this.#open()
      await Promise.all([...new Set(tasks.map(rootOf))].map((root) => this.#roots.ready(root)))
      const wanted = tasks.filter(({ status }) => status === 'queued')
      if (wanted.length > 0) await this.#engine.enqueue(wanted.map((one) => this.#jobOf(one)))
      for (const one of tasks) one.job = 'added'
      for (const one of wanted) if (one.status === 'over') this.#remove(one)
      await this.#askSoon(wanted.filter(({ data: { incarnation = 0 } }) => incarnation > 0))
      this.#isAway = false
    } catch (error) {
      for (const one of tasks) one.job = 'none' // the next sweep adds it
      this.#away(error)
    }
  }

  /** Listens to its own channel, once. */
  async #open(): Promise<void> {
    const opened = this.#opened ?? this.#mail.open()
    this.#opened = opened
    try {
      await opened
    } catch (error) {
      this.#opened = undefined
      throw error
    }
  }

  #jobOf({ id, data: { code, path, root } }: OwnedTask): Job {
    const { registry, name, action, fingerprint } = code
    const refs = { root: root ?? id, owner: this.#mail.channel, path, code: { registry, name, action, fingerprint } }
    return { id, data: JSON.stringify({ kind: 'branch', ...refs }) }
  }

  /** Logs the first failure of a row. */
  #away(error: unknown): void {
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#logger.warn(`${this.name} cannot be reached; branches wait, and it is tried again. ${messageOf(error)}`)
  }

  unused(task: OwnedTask): void {
    this.#leave(task)
    if (task.job === 'added') this.#remove(task)
  }

  /** Removes a job that nobody needs. One that a worker has is ended when it asks. */
  #remove({ id }: OwnedTask): void {
    if (!this.#tasks.has(id)) void this.#engine.remove(id).catch(() => {})
  }

  released(task: OwnedTask): void {
    task.end?.put(`release\t${task.grant}\t`)
    this.#leave(task)
  }

  killing(task: OwnedTask, why: string): void {
    this.#clock.setTimeout(() => {
      if (task.status === 'granted') this.#lose(task, { why })
    }, KILL_MS)
  }

  #leave(task: OwnedTask): void {
    if (this.#tasks.get(task.id) === task) this.#tasks.delete(task.id)
    this.#roots.leave(rootOf(task), this.#now())
    nestedEnded(rootOf(task))
    if (task.end === undefined) return
    this.#granted.delete(task.grant)
    task.end.link.live -= 1
    task.end = undefined
  }

  /** D2 @param asking who asks for it meanwhile */
  #lose(task: OwnedTask, loss: Loss, asking?: Taker): void {
    task.end?.put(`release\t${task.grant}\t`)
    this.#leave(task)
    this.#lost.set(task.id, { at: this.#now(), past: task.past, asking: asking ?? task.asking })
    task.lose(loss)
  }

  #grant(task: OwnedTask, taker: Taker): void {
    const end = this.#mail.to(taker.worker)
    end.link.live += 1
    this.#grants += 1
    this.#granted.set(this.#grants, task)
    task.bind(taker, end, this.#grants)
  }

  #noticed(text: string): void {
    const notice = readNotice(text)
    if (notice?.type !== 'hello' || this.#isClosed) return
    for (const one of notice.jobs) this.#hello({ ...one, worker: notice.from })
  }

  /** D1 */
  #hello({ id, worker, take, owner }: Hello): void {
    const taker = { worker, take }
    const task = this.#tasks.get(id)
    const lost = this.#lost.get(id)
    const past = task?.past ?? lost?.past
    if (past?.has(keyOf(taker))) return // D4
    if (lost !== undefined) lost.asking = taker
    else if (task?.status === 'queued') this.#grant(task, taker)
    else if (task?.status === 'granted') this.#again(task, taker)
    else if (owner === this.#mail.channel) this.#mail.publish(worker, noticeText({ type: 'gone', id, take })) // D5
  }

  /** The engine has given the job of a task to another worker, or to the same one once more. */
  #again(task: OwnedTask, taker: Taker): void {
    if (taker.worker === task.taker?.worker) {
      task.asking = taker
      return
    }
    this.#lose(task, { why: 'Its worker was lost: the engine gave its job to another one.' }, taker)
  }

  #received(end: LinkEnd, line: string): void {
    const { word, grant, rest } = readItem(line)
    const task = this.#granted.get(grant)
    if (task === undefined || task.end !== end) return // D2
    if (word === 'text') task.receive(rest)
    else if (word === 'resumed') task.resumed()
    else if (word === 'lost') this.#lose(task, readLoss(rest))
  }

  #broken(end: LinkEnd): void {
    for (const task of [...this.#granted.values()])
      if (task.end === end) this.#lose(task, { why: 'The link to its worker is broken.', blameless: true })
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = this.#clock.setTimeout(() => void this.#sweep(), this.#sweepMs)
  }

  /** D3 */
  async #sweep(): Promise<void> {
    const now = this.#now()
    for (const [id, { at }] of this.#lost) if (now - at >= AGAIN_MS) this.#lost.delete(id)
    this.#roots.sweep(now)
    for (const task of this.#tasks.values()) if (task.job === 'none' && task.status === 'queued') this.#addAgain(task)
    const tasks = this.#nextTasks()
    const versions = tasks.map(({ version }) => version)
    try {
      const found = await this.#engine.lookup(tasks.map(({ id }) => id))
      const unknown: OwnedTask[] = []
      for (const [i, task] of tasks.entries())
        if (task.version === versions[i] && task.status !== 'over' && this.#judge(task, found.get(task.id)))
          unknown.push(task)
      this.#ask(unknown)
    } catch (error) {
      this.#away(error)
    }
    this.#timer = undefined
    if (this.#tasks.size > 0 || this.#lost.size > 0 || this.#roots.size > 0) this.#arm()
  }

  /** The tasks whose turn it is. */
  #nextTasks(): OwnedTask[] {
    const all = [...this.#tasks.values()].filter(({ job }) => job === 'added')
    if (all.length <= SWEPT) return all
    const from = this.#cursor % all.length
    this.#cursor = from + SWEPT
    return [...all.slice(from, from + SWEPT), ...all.slice(0, Math.max(0, from + SWEPT - all.length))]
  }

  #addAgain(task: OwnedTask): void {
    task.job = 'adding'
    if (this.#toAdd.push(task) === 1) macrotask(() => void this.#add())
  }

  /** Compares a task with what the engine has. @returns whether its worker has to be found */
  #judge(task: OwnedTask, found: JobStatus | undefined): boolean {
    const { status } = task
    if (status === 'queued' && found === undefined) {
      this.#addAgain(task)
      return false
    }
    const isExpected = status === 'granted' ? found === 'active' : found === 'queued'
    task.doubts = isExpected ? 0 : task.doubts + 1
    if (task.doubts < DOUBTS) return false
    if (status === 'queued') return true
    this.#lose(task, { why: 'Its worker was lost: the engine has taken its job away.' })
    return false
  }

  /** D7 */
  async #askSoon(tasks: readonly OwnedTask[]): Promise<void> {
    if (tasks.length === 0) return
    try {
      const found = await this.#engine.lookup(tasks.map(({ id }) => id))
      this.#ask(tasks.filter(({ id, status }) => status === 'queued' && found.get(id) === 'active'))
    } catch {
      // The sweep asks.
    }
  }

  /** Asks for the workers of jobs that were taken for an owner that is no more. */
  #ask(tasks: readonly OwnedTask[]): void {
    const byRoot = new Map<string, string[]>()
    for (const task of tasks) byRoot.set(rootOf(task), [...(byRoot.get(rootOf(task)) ?? []), task.id])
    for (const [root, ids] of byRoot) this.#mail.publish(ALL_WORKERS, noticeText({ type: 'who', ids, root }))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#clock.clearTimeout(this.#timer)
    const removed: Promise<unknown>[] = []
    for (const task of [...this.#tasks.values()]) {
      if (task.status === 'queued') removed.push(this.#engine.remove(task.id).catch(() => {}))
      this.#lose(task, CLOSED)
    }
    await Promise.all(removed)
    if (this.#opened !== undefined)
      this.#mail.publish(ALL_WORKERS, noticeText({ type: 'bye', owner: this.#mail.channel })) // D6
    await this.#mail.close()
    await this.#roots.close()
    await this.#engine.close()
  }
}

const rootOf = ({ id, data: { root } }: OwnedTask): string => root ?? id
