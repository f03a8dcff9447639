import type { ExecutorDriver, Loss, SubmittedTask, TaskData, TaskOwner } from '../executor/driver.js'
import { createDeferred } from '../internal/deferred.js'
import { messageOf } from '../internal/guards.js'
import type { PoolSettings } from './pool-options.js'
import { PoolTask, type TaskPool } from './pool-task.js'
import { PoolWorker, type WorkerPool } from './pool-worker.js'
import { TaskQueue } from './task-queue.js'
import type { Transport, WorkerEnd } from './transport.js'

// Owns: the workers of one executor, and which task runs in which.
// Does not own: threads and processes (adapters), the meaning of texts (remote).
// L1  At most `concurrency` tasks have a slot, and at most `tasksPerWorker` in one worker. A task that waits has none.
// L2  Tasks begin in the order in which they were submitted. Those that go on come before those that begin.
// L3  All tasks of a worker that ends are lost. Their owners have them delivered again.
// L4  After a worker has died by itself, each of its tasks runs alone at its next delivery, so that the one that kills
//     its workers takes no others with it.
// L5  Workers that cannot begin are started three times, not for ever.
//
// Why no pool of npm: each branch has a signal, and piscina (5.3) and tinypool (2.2) run a task that has one alone in its
// worker, and cancel it by terminating that worker. 64 branches that wait 50 ms, with signals, in 2 workers: this pool's
// protocol 63 ms in threads and 65 ms in processes, piscina 1 648 ms, tinypool 1 647 ms, workerpool (10) 1 644 ms. Cancel
// of one running branch: 2.4 ms with its cleanup and its neighbours unharmed; there, the worker is killed. None delivers
// the tasks of a dead worker again. What would be left of such a library is the start of a worker.

/** How often in a row a worker may fail to begin. */
const START_FAILURES = 3
const MOST_SUSPECTS = 10_000

export class Pool implements ExecutorDriver, TaskPool, WorkerPool<PoolTask> {
  readonly name: string
  readonly can = { closures: false, loads: true, preempt: true, attach: false, bytes: true }
  readonly #transport: Transport
  readonly #settings: PoolSettings
  readonly #workers = new Set<PoolWorker<PoolTask>>()
  readonly #queue = new TaskQueue()
  /** Ids of tasks that were in a worker when it died by itself (L4). */
  readonly #suspects = new Set<string>()
  readonly #closed = createDeferred<void>()
  #isClosed = false
  #tasks = 0
  #started = 0
  #failures = 0
  #placing = false

  constructor(transport: Transport, settings: PoolSettings) {
    this.name = transport.name
    this.#transport = transport
    this.#settings = settings
  }

  submit(data: TaskData, owner: TaskOwner): SubmittedTask {
    const alone = this.#suspects.delete(data.id) && data.delivery > 1
    const task = new PoolTask(String(this.#tasks++), data, alone, owner, this)
    const refusal = this.#transport.refusal()
    if (this.#isClosed) task.lose(CLOSED)
    else if (refusal !== undefined) task.lose({ why: refusal, again: false })
    else {
      this.#queue.push(task)
      this.freed()
    }
    return task
  }

  /** Places tasks while there is room. */
  freed(): void {
    if (this.#placing) return
    this.#placing = true
    while (this.#active < this.#settings.concurrency && (this.#admitOne() || this.#placeOne()));
    this.#placing = false
  }

  get #active(): number {
    let active = 0
    for (const worker of this.#workers) active += worker.active
    return active
  }

  /** A task that waited goes on (L2). */
  #admitOne(): boolean {
    const worker = this.#leastLoaded((one) => one.resuming.size > 0 && one.active < this.#settings.tasksPerWorker)
    worker?.admit()
    return worker !== undefined
  }

  #placeOne(): boolean {
    const task = this.#queue.first()
    if (task === undefined) return false
    const worker = this.#workerFor(task)
    if (worker === undefined) return false
    this.#queue.shift()
    task.place(worker)
    return true
  }

  #workerFor({ alone }: PoolTask): PoolWorker<PoolTask> | undefined {
    const { tasksPerWorker, workers } = this.#settings
    const most = alone ? 1 : tasksPerWorker
    const best = this.#leastLoaded((one) => one.isOpen && !one.isTaken && one.active < most)
    const open = [...this.#workers].filter((one) => one.isOpen).length
    return best?.active === 0 || open >= workers ? best : (this.#start() ?? best)
  }

  #leastLoaded(fits: (worker: PoolWorker<PoolTask>) => boolean): PoolWorker<PoolTask> | undefined {
    let best: PoolWorker<PoolTask> | undefined
    for (const one of this.#workers) if (fits(one) && (best === undefined || one.active < best.active)) best = one
    return best
  }

  #start(): PoolWorker<PoolTask> | undefined {
    if (this.#failures >= START_FAILURES) return undefined
    try {
      const worker = new PoolWorker<PoolTask>(this.#started + 1, this.#transport, this.#settings, this)
      this.#started += 1
      this.#workers.add(worker)
      return worker
    } catch (error) {
      this.#failures = START_FAILURES
      this.#cannotStart({ why: `The ${this.#transport.noun} cannot be started. ${messageOf(error)}` })
      return undefined
    }
  }

  ready(): void {
    this.#failures = 0
  }

  left(): void {
    this.freed()
  }

  kill(worker: PoolWorker<PoolTask>, why: string, by: PoolTask): void {
    if (worker.hasBegun) worker.kill(why, by)
    else {
      worker.drop(by)
      by.lose({ why })
    }
    this.freed()
  }

  retire(worker: PoolWorker<PoolTask>): void {
    worker.retire()
    this.freed()
  }

  ended(worker: PoolWorker<PoolTask>, end: WorkerEnd): void {
    this.#workers.delete(worker)
    const tasks = [...worker.tasks.values()]
    if (this.#isClosed) for (const task of tasks) task.lose(CLOSED)
    else if (worker.hasBegun) this.#lose(worker, tasks, end)
    else this.#neverBegan(worker, tasks, end)
    if (this.#isClosed && this.#workers.size === 0) this.#closed.resolve()
    this.freed()
  }

  /** L3 */
  #lose({ killed, output }: PoolWorker<PoolTask>, tasks: readonly PoolTask[], end: WorkerEnd): void {
    this.#failures = 0
    const loss: Loss = { ...end, output: output.last }
    for (const task of tasks) {
      if (killed === undefined) this.#suspect(task, loss)
      else if (killed.by === task) task.lose({ ...loss, why: killed.why })
      else task.lose({ ...loss, why: `${killed.why} Its ${this.#transport.noun} was ended.`, blameless: true })
    }
  }

  /** L4 */
  #suspect(task: PoolTask, loss: Loss): void {
    if (this.#suspects.size >= MOST_SUSPECTS) this.#suspects.clear()
    this.#suspects.add(task.data.id)
    task.lose(loss)
  }

  /** Nothing of its tasks has run, so they go to another worker. */
  #neverBegan({ output }: PoolWorker<PoolTask>, tasks: readonly PoolTask[], end: WorkerEnd): void {
    this.#queue.putBack(tasks.filter((task) => task.displace()))
    this.#failures += 1
    const why = `The ${this.#transport.noun} ended before it could take a branch. ${end.why}`
    if (this.#failures >= START_FAILURES) this.#cannotStart({ ...end, why, output: output.last }) // L5
  }

  /** Fails what waits, unless other workers are there for it. */
  #cannotStart(loss: Loss): void {
    if (this.#workers.size > 0) return
    this.#failures = 0
    for (const task of this.#queue.takeAll()) task.lose({ ...loss, again: false })
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      for (const task of this.#queue.takeAll()) task.lose(CLOSED)
      for (const worker of this.#workers) worker.close()
      if (this.#workers.size === 0) this.#closed.resolve()
    }
    await this.#closed.promise
  }
}

const CLOSED: Loss = { why: 'The executor was closed.', again: false }
