import type { Loss, SubmittedTask, TaskData, TaskOwner } from '../executor/driver.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { PoolWorker, WorkerTask } from './pool-worker.js'

// Owns: one task of a pool: whether it has a slot, and texts that came before it had a worker.

/** A pool, as its tasks use it. */
export interface TaskPool {
  /** A slot, or a place in the queue, is free. */
  freed(): void
  kill(worker: PoolWorker<PoolTask>, why: string, by: PoolTask): void
  retire(worker: PoolWorker<PoolTask>): void
}

export class PoolTask implements SubmittedTask, WorkerTask {
  readonly key: string
  readonly data: TaskData
  readonly alone: boolean
  status: WorkerTask['status'] = 'queued'
  held = true
  worker: PoolWorker<PoolTask> | undefined
  readonly #owner: TaskOwner
  readonly #pool: TaskPool
  #early: (readonly [text: string, bytes: readonly ArrayBuffer[] | undefined])[] = []
  #released = false
  #slot: Deferred<void> | undefined

  constructor(key: string, data: TaskData, alone: boolean, owner: TaskOwner, pool: TaskPool) {
    this.key = key
    this.data = data
    this.alone = alone
    this.#owner = owner
    this.#pool = pool
  }

  /** It gets a worker, and a slot of it. */
  place(worker: PoolWorker<PoolTask>): void {
    this.status = 'running'
    this.worker = worker
    worker.take(this)
    for (const early of this.#early) worker.put(['text', this.key, ...early])
  }

  /** Its worker has begun. */
  begun(): void {
    this.#early = []
  }

  /** Its worker never began: it has none again. @returns whether it needs another one */
  displace(): boolean {
    this.worker = undefined
    this.status = this.#released ? 'over' : 'queued'
    return !this.#released
  }

  /** It is running again. */
  admit(): void {
    this.status = 'running'
    this.#slot?.resolve()
    this.#slot = undefined
  }

  receive(text: string, bytes?: readonly ArrayBuffer[]): void {
    if (!this.#released) this.#owner.receive(text, bytes)
  }

  /** Its owner hears of its loss a turn later, because it may be within a call of its owner. */
  lose(loss: Loss): void {
    this.status = 'over'
    if (!this.#released) queueMicrotask(() => this.#owner.lost(loss))
  }

  send(text: string, bytes?: readonly ArrayBuffer[]): void {
    if (this.status === 'over' || this.#released) return
    if (this.worker === undefined || this.worker.status === 'starting') this.#early.push([text, bytes])
    this.worker?.put(['text', this.key, text, bytes])
  }

  withdraw(): void {
    if (this.status !== 'queued') return
    this.lose({ why: 'It was cancelled before it began.', again: false })
    this.#pool.freed()
  }

  pause(): void {
    if (this.status === 'running') {
      this.status = 'paused'
      this.worker?.leave(this)
      this.#pool.freed()
    } else if (this.status === 'resuming') {
      this.worker?.resuming.delete(this)
      this.admit() // what it has begun goes on without a slot, until it waits again
      this.status = 'paused'
    }
  }

  resume(): Promise<void> | undefined {
    const { worker } = this
    if (worker === undefined || this.status !== 'paused') return this.#slot?.promise
    this.status = 'resuming'
    this.#slot = createDeferred()
    const { promise } = this.#slot
    worker.resuming.add(this)
    this.#pool.freed()
    return this.#slot === undefined ? undefined : promise
  }

  hold(held: boolean): void {
    if (this.held === held) return
    this.held = held
    if (this.status !== 'over') this.worker?.holds(held)
  }

  kill(why: string): void {
    if (this.status === 'queued') this.lose({ why })
    else if (this.worker !== undefined && this.status !== 'over') this.#pool.kill(this.worker, why, this)
  }

  retire(): void {
    if (this.worker !== undefined) this.#pool.retire(this.worker)
  }

  release(): void {
    this.#released = true
    if (this.status === 'queued') {
      this.status = 'over'
      this.#pool.freed()
    } else if (this.status !== 'over') this.worker?.stopSoon(this)
  }
}
