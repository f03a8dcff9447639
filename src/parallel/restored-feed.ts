import { isThenable } from '../internal/guards.js'
import { BEGIN_MS, inSlices, type Pieces, sliceOver } from '../internal/slice.js'
import type { BranchTask } from './task.js'

// Owns: the branches of a map whose step runs again: restoring settled ones, continuing the others.
// Does not own: storing their results (a store, or memory), running branches.
// K1  Earlier results settle before any branch starts, in their original order.
// K2  A settled branch is never handed out again.

/** The tasks of one map, one at a time. */
export interface Feed {
  readonly length: number | undefined
  readonly pulling: boolean
  /** True until it is known which branches had settled before. */
  readonly restoring?: boolean
  next(): BranchTask | 'later' | 'end'
  take(key: string): BranchTask | undefined
  holds(key: string): boolean
  queued(): Iterable<string>
  rest(): Iterable<BranchTask>
  close(): Promise<void> | undefined
}

/** The earlier result of a branch. */
export interface Outcome {
  /** Its position in the order of settling. */
  readonly order: number
  /** Settles the branch again with this result. */
  settle(): void
}

/** The earlier results of a map whose step runs again. */
export interface EarlierResults {
  /** Number of tasks that are compared before any branch starts. */
  readonly upTo: number
  /** Compares those tasks with the earlier ones, all together. */
  compare(tasks: readonly BranchTask[]): Pieces<void>
  /** The earlier result of a task's branch; undefined when the branch starts or continues. */
  outcomeOf(task: BranchTask): Outcome | undefined
  /** True when there is an earlier record for the key. */
  has(key: string): boolean
  /** Called when every earlier result has settled again. */
  settled(): void
  /** Called when restoring is complete, before the first task is handed out. */
  restored(): void
  /** Called when the feed has more tasks. */
  wake(): void
  /** True when the map starts no more branches. */
  closed(): boolean
  /** True when the map was cancelled as a whole: its source gives no more, though it may not have closed. */
  isCancelled(): boolean
}

/** The tasks of a source that runs again. */
export class RestoredFeed implements Feed {
  readonly #feed: Feed
  readonly #before: EarlierResults
  /** Tasks that start or continue, and the iterator over them. */
  readonly #ready = new Map<string, BranchTask>()
  readonly #nextReady = this.#ready.values()
  /** Pulled tasks, from the first one that is not compared yet. */
  #held: BranchTask[] = []
  #seen = 0
  readonly #heldKeys = new Set<string>()
  /** Results that are to settle, last one first. */
  #settling: Outcome[] = []
  #phase: 'pulling' | 'restoring' | 'open' = 'pulling'
  #fault: { readonly error: unknown } | undefined

  constructor(feed: Feed, before: EarlierResults) {
    this.#feed = feed
    this.#before = before
  }

  get length(): number | undefined {
    return this.#feed.length
  }

  get pulling(): boolean {
    return this.restoring || this.#feed.pulling
  }

  get restoring(): boolean {
    return this.#phase !== 'open'
  }

  next(): BranchTask | 'later' | 'end' {
    if (this.#fault !== undefined) throw this.#fault.error
    if (this.#phase === 'pulling') this.#pull()
    if (this.#phase !== 'open' || this.#before.closed() || this.#before.isCancelled()) return 'later'
    const ready: BranchTask | undefined = this.#nextReady.next().value
    if (ready !== undefined) this.#ready.delete(ready.key)
    return ready ?? this.#feed.next()
  }

  /** Pulls, in slices, as many tasks as there were before, and then restores their results. */
  #pull(): void {
    const { upTo, wake } = this.#before
    while (this.#held.length < upTo) {
      const turn = sliceOver(BEGIN_MS)
      if (turn !== undefined) return void turn.then(wake)
      const task = this.#feed.next()
      if (task === 'later') return
      if (task === 'end') break
      this.#held.push(task)
      this.#heldKeys.add(task.key)
    }
    this.#phase = 'restoring'
    const restored = inSlices(this.#restore())
    if (!isThenable(restored)) return this.#open()
    const fault = (error: unknown): void => {
      this.#fault = { error }
    }
    void restored
      .then(() => this.#open())
      .catch(fault)
      .then(wake)
  }

  #open(): void {
    this.#phase = 'open'
    this.#before.restored()
  }

  /** Settles the restored results, and keeps the other tasks to start. */
  *#restore(): Pieces<void> {
    yield* this.#before.compare(this.#held)
    for (; this.#seen < this.#held.length; this.#seen++) {
      yield
      if (this.#before.closed()) return
      const task = this.#held[this.#seen] as BranchTask
      const outcome = this.#before.outcomeOf(task)
      if (outcome === undefined) this.#ready.set(task.key, task)
      else this.#settling.push(outcome)
    }
    this.#held = []
    this.#seen = 0
    this.#heldKeys.clear()
    this.#settling.sort((a, b) => b.order - a.order)
    while (this.#settleOne()) yield // K1, K2
    this.#before.settled()
  }

  #settleOne(): boolean {
    const next = this.#settling.pop()
    next?.settle()
    return next !== undefined
  }

  take(key: string): BranchTask | undefined {
    if (this.restoring) return undefined // it may have settled
    const ready = this.#ready.get(key)
    this.#ready.delete(key)
    return ready ?? this.#feed.take(key)
  }

  holds(key: string): boolean {
    return (
      this.#heldKeys.has(key) ||
      this.#ready.has(key) ||
      this.#feed.holds(key) ||
      (this.restoring && this.#before.has(key))
    )
  }

  *queued(): Generator<string, void, void> {
    for (let i = this.#seen; i < this.#held.length; i++) yield (this.#held[i] as BranchTask).key
    yield* this.#ready.keys()
    yield* this.#feed.queued()
  }

  *rest(): Generator<BranchTask, void, void> {
    while (this.#settleOne());
    yield* this.#held.splice(this.#seen)
    for (const [key, task] of this.#ready) {
      this.#ready.delete(key)
      yield task
    }
    yield* this.#feed.rest()
  }

  close(): Promise<void> | undefined {
    return this.#feed.close()
  }
}
