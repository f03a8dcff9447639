import { isThenable } from '../internal/guards.js'
import { BEGIN_MS, inSlices, type Pieces, sliceOver } from '../internal/slice.js'
import type { BranchTask } from './task.js'

// Owns: what becomes of the branches of a map when its step is tried again: which have settled, and which go on.
// Does not own: where that is held (a store, or the memory of the process), the running of branches.
// K1  What had settled is settled before anything starts, in the order in which it settled.
// K2  A branch that has settled is never handed out again.

/** The tasks of one map, one at a time. */
export interface Feed {
  readonly length: number | undefined
  readonly pulling: boolean
  /** True while it is not certain which branches have settled before. */
  readonly restoring?: boolean
  next(): BranchTask | 'later' | 'end'
  take(key: string): BranchTask | undefined
  holds(key: string): boolean
  queued(): Iterable<string>
  rest(): Iterable<BranchTask>
  close(): Promise<void> | undefined
}

/** How a branch had settled. */
export interface Outcome {
  /** Its place in the order of settling. */
  readonly order: number
  /** Settles it again. */
  settle(): void
}

/** What is held of the branches of a map whose step is tried again. */
export interface Before {
  /** How many tasks of the source are looked at before anything starts. */
  readonly upTo: number
  /** Looks at those tasks, all together. */
  compare(tasks: readonly BranchTask[]): Pieces<void>
  /** How the branch of a task had settled; undefined where it is to start, or to go on. */
  outcomeOf(task: BranchTask): Outcome | undefined
  /** Whether something is held of a key. */
  has(key: string): boolean
  /** All that had settled has settled again. */
  settled(): void
  /** Nothing is uncertain any more: called before the first task is handed out. */
  restored(): void
  /** Goes on: the feed has more. */
  wake(): void
  /** Whether the map starts nothing more. */
  closed(): boolean
}

/** The tasks of a source that runs again. */
export class RestoredFeed implements Feed {
  readonly #feed: Feed
  readonly #before: Before
  /** Tasks that are to start or to go on, and the way through them. */
  readonly #ready = new Map<string, BranchTask>()
  readonly #nextReady = this.#ready.values()
  /** Tasks that were pulled, from the first one that is not looked at yet. */
  #held: BranchTask[] = []
  #seen = 0
  readonly #heldKeys = new Set<string>()
  /** Outcomes that are to be settled, the last one first. */
  #settling: Outcome[] = []
  #phase: 'pulling' | 'restoring' | 'open' = 'pulling'
  #fault: { readonly error: unknown } | undefined

  constructor(feed: Feed, before: Before) {
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
    if (this.#phase !== 'open' || this.#before.closed()) return 'later'
    const ready: BranchTask | undefined = this.#nextReady.next().value
    if (ready !== undefined) this.#ready.delete(ready.key)
    return ready ?? this.#feed.next()
  }

  /** Pulls in slices what there was before, and then makes of it what is held. */
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

  /** Settles what had settled, and keeps the rest to start. */
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
