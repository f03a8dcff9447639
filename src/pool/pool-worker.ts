import type { CodeRef, TaskData } from '../executor/driver.js'
import { messageOf } from '../internal/guards.js'
import { macrotask } from '../internal/platform.js'
import { type DownItem, Outbox, upItems } from './packets.js'
import type { PoolSettings } from './pool-options.js'
import type { Transport, WorkerEnd, WorkerHandle } from './transport.js'
import { WorkerOutput } from './worker-output.js'

// Owns: the owner's end of one worker: its tasks, its slots, its end.
// P1  A worker holds this process open while a task of it goes on by itself, as one that runs or sleeps does. An idle one,
//     or one whose tasks wait for messages only, does not.
// P2  A worker that is to retire takes no more tasks, and ends after the others.

/** How long a worker has to end by itself, milliseconds. */
const EXIT_MS = 2_000

/** A task, as its worker uses it. */
export interface WorkerTask {
  readonly key: string
  readonly data: TaskData
  /** Whether it shares its worker with no other. */
  readonly alone: boolean
  /**
   * `queued`: it has no worker. `running`: it has a slot of its worker. `paused`: it has none, because it waits for
   * something. `resuming`: it waits for a slot. `over`: it has ended, or its worker has.
   */
  status: 'queued' | 'running' | 'paused' | 'resuming' | 'over'
  /** Whether it goes on by itself. */
  readonly held: boolean
  /** Its worker has begun. */
  begun(): void
  /** It is running again. */
  admit(): void
  receive(text: string, bytes?: readonly ArrayBuffer[]): void
}

/** A pool, as its workers use it. */
export interface WorkerPool<Task extends WorkerTask> {
  ready(worker: PoolWorker<Task>): void
  /** A task has left the worker. */
  left(worker: PoolWorker<Task>): void
  ended(worker: PoolWorker<Task>, end: WorkerEnd): void
}

export class PoolWorker<Task extends WorkerTask> {
  readonly id: number
  readonly output: WorkerOutput
  readonly tasks = new Map<string, Task>()
  /** Tasks that wait for a slot, in order. */
  readonly resuming = new Set<Task>()
  status: 'starting' | 'ready' | 'retiring' | 'ending' = 'starting'
  /** The number of slots in use. */
  active = 0
  /** Why it was ended, and for which task. */
  killed: { readonly why: string; readonly by: Task } | undefined
  readonly #pool: WorkerPool<Task>
  readonly #handle: WorkerHandle
  readonly #outbox: Outbox<DownItem>
  readonly #idleMs: number
  readonly #codes = new Map<CodeRef, number>()
  #stops = new Set<Task>()
  #begun = false
  #alone: Task | undefined
  /** The number of tasks that go on by themselves. */
  #holding = 0
  #held = true
  #idle: ReturnType<typeof setTimeout> | undefined

  /** @throws where it cannot be started */
  constructor(id: number, transport: Transport, settings: PoolSettings, pool: WorkerPool<Task>) {
    this.id = id
    this.output = new WorkerOutput(id, transport, settings)
    this.#pool = pool
    this.#idleMs = settings.idleMs
    this.#handle = transport.start({
      received: (packet) => this.#received(packet),
      wrote: (stream, text) => this.output.wrote(stream, text),
      ended: (end) => this.#ended(end),
    })
    // Tasks of a worker that never begins go to another one.
    this.#outbox = new Outbox((packet) => this.#handle.post(packet, this.#begun))
  }

  /** Whether it has begun to work. */
  get hasBegun(): boolean {
    return this.#begun
  }

  /** Whether it takes tasks. */
  get isOpen(): boolean {
    return this.status === 'starting' || this.status === 'ready'
  }

  /** Whether no other task may join the one that runs. */
  get isTaken(): boolean {
    return this.#alone !== undefined
  }

  put(item: DownItem): void {
    if (this.status !== 'ending') this.#outbox.put(item)
  }

  take(task: Task): void {
    clearTimeout(this.#idle)
    this.tasks.set(task.key, task)
    this.output.branch = this.tasks.size === 1 ? task.data.path : undefined
    if (task.alone) this.#alone = task
    this.put(['run', task.key, this.#numberOf(task.data.code), task.data])
    this.active += 1
    if (task.held) this.#holding += 1
    this.#hold()
  }

  /** The number of a piece of code, which crosses once. */
  #numberOf(code: CodeRef): number {
    const known = this.#codes.get(code)
    if (known !== undefined) return known
    const number = this.#codes.size
    this.#codes.set(code, number)
    this.put(['code', number, code])
    return number
  }

  /** A task of it gives its slot back. */
  leave(task: Task): void {
    this.active -= 1
    if (this.#alone === task) this.#alone = undefined
  }

  /** A task of it goes on by itself from now on, or does not. */
  holds(held: boolean): void {
    this.#holding += held ? 1 : -1
    this.#hold()
  }

  /** The task at the head of those that wait for a slot gets one. */
  admit(): void {
    for (const task of this.resuming) {
      this.resuming.delete(task)
      this.active += 1
      return task.admit()
    }
  }

  /** Its owner has no more use for a task: it is stopped, unless it ends in this turn. */
  stopSoon(task: Task): void {
    this.#stops.add(task)
    if (this.#stops.size > 1) return
    macrotask(() => {
      const stops = this.#stops
      this.#stops = new Set()
      for (const { key } of stops) if (this.tasks.has(key)) this.put(['stop', key])
    })
  }

  #received(packet: unknown): void {
    let items: ReturnType<typeof upItems>
    try {
      items = upItems(packet)
    } catch (error) {
      const [by] = this.tasks.values()
      return by === undefined ? this.terminate() : this.kill(`It sent what cannot be followed: ${messageOf(error)}`, by)
    }
    for (const item of items) {
      if (item[0] === 'text') this.tasks.get(item[1])?.receive(item[2], item[3])
      else if (item[0] === 'end') this.#end(item[1])
      else if (item[0] === 'out') this.output.wrote(item[1], item[2])
      else this.#ready()
    }
  }

  #ready(): void {
    this.#begun = true
    if (this.status === 'starting') this.status = 'ready'
    for (const task of this.tasks.values()) task.begun()
    this.#pool.ready(this)
  }

  #end(key: string): void {
    const task = this.tasks.get(key)
    if (task === undefined) return
    this.#remove(task)
    this.#pool.left(this)
  }

  /** Stops a task at once. */
  drop(task: Task): void {
    this.put(['stop', task.key])
    this.#remove(task)
  }

  #remove(task: Task): void {
    this.tasks.delete(task.key)
    this.resuming.delete(task)
    if (task.status === 'running') this.leave(task)
    if (task.held) this.#holding -= 1
    this.#hold()
    task.status = 'over'
    if (this.tasks.size === 0) this.#rest()
  }

  #rest(): void {
    if (this.status === 'retiring') return this.exit()
    if (!this.isOpen || this.#idleMs === Number.POSITIVE_INFINITY) return
    this.#idle = setTimeout(() => this.exit(), this.#idleMs)
    unref(this.#idle)
  }

  /** Lets it end by itself, because it has no task. */
  exit(): void {
    if (this.status === 'ending') return
    clearTimeout(this.#idle)
    this.put(['exit'])
    this.status = 'ending'
    this.#outbox.flush()
    unref(setTimeout(() => this.#handle.terminate(), EXIT_MS))
  }

  retire(): void {
    if (!this.isOpen) return
    this.status = 'retiring'
    if (this.tasks.size === 0) this.exit() // P2
  }

  kill(why: string, by: Task): void {
    this.killed ??= { why, by }
    this.terminate()
  }

  terminate(): void {
    clearTimeout(this.#idle)
    this.status = 'ending'
    this.#handle.terminate()
  }

  /** Ends it, and holds this process open until it has ended. */
  close(): void {
    if (this.tasks.size === 0) this.exit()
    else this.terminate()
    this.#held = true
    this.#handle.hold(true)
  }

  #hold(): void {
    const held = this.#holding > 0 // P1
    if (this.status === 'ending' || held === this.#held) return
    this.#held = held
    this.#handle.hold(held)
  }

  #ended(end: WorkerEnd): void {
    clearTimeout(this.#idle)
    this.output.end()
    this.#pool.ended(this, end)
  }
}

/** Where the platform has timers that hold no process open. */
function unref(timer: unknown): void {
  ;(timer as { unref?(): void }).unref?.()
}
