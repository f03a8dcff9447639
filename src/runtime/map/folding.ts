import type { Inputs } from '../../action/inputs.js'
import { AsyncQueue } from '../../internal/async-queue.js'
import { isThenable } from '../../internal/guards.js'
import { type Fold, initialOf } from '../../parallel/fold.js'
import { type AnyResult, ownResult } from '../../parallel/results.js'
import type { State } from '../../state/freeze.js'

// Owns: the three ways to fold the results of one map: all at the end, each as it settles, or by concurrent code.
// Does not own: when a map has enough (map-state.ts), its actor (reducer-actor.ts).
// F1  One call of user code at a time. Results that settle meanwhile are queued, and branches continue.
// F2  A done result is dropped once `reduceEach` or `reduceLive` has it, so a long map does not fill the memory.
// F3  After a cancel nothing is called any more, and a running call is awaited.

/** The callbacks of a map for its folding code. */
export interface FoldCallbacks {
  /** The code threw; branches may still run. */
  readonly failed: (error: unknown) => void
  /** The code needs no more results. */
  readonly satisfied: () => void
  /** The code is idle for the moment. */
  readonly idle: () => void
}

/** The parts of a fold. */
export interface FoldSetup extends FoldCallbacks {
  readonly fold: Fold
  /** The state that the map reads, with private copies of mutable values at each call. */
  readonly state: () => State
  readonly inputs: Inputs
  /** The signal of the step. */
  readonly signal: () => AbortSignal
  /** Calls the user's code in the scope of the step. */
  readonly within: <T>(code: () => T) => T
}

/** The fold of one map. */
export interface Folding {
  /** True while the user's code runs, and waits for no branch. */
  readonly busy: boolean
  /** Whether `end` can be called again after a failure. */
  readonly repeats: boolean
  /** The map begins. */
  begin(): void
  take(result: AnyResult): void
  /** All branches have settled. Resolves with the update. */
  end(): Promise<unknown>
  /** The map fails. Resolves when a running call has ended (F3). */
  cancel(reason: unknown): Promise<unknown> | undefined
}

/** The arguments that all kinds of user code share. */
class FoldArgs {
  readonly state: State
  readonly inputs: Inputs
  readonly #signal: () => AbortSignal

  constructor({ state, inputs }: FoldSetup, signal: () => AbortSignal) {
    this.state = state()
    this.inputs = inputs
    this.#signal = signal
  }

  get signal(): AbortSignal {
    return this.#signal()
  }
}

class AllArgs extends FoldArgs {
  readonly results: readonly AnyResult[]
  #branches: Record<string, AnyResult> | undefined

  constructor(setup: FoldSetup, results: readonly AnyResult[]) {
    super(setup, setup.signal)
    this.results = results.map(ownResult)
  }

  get branches(): Readonly<Record<string, AnyResult>> {
    if (this.#branches === undefined) {
      this.#branches = Object.create(null) as Record<string, AnyResult>
      for (const result of this.results) this.#branches[result.key] = result
      Object.freeze(this.#branches)
    }
    return this.#branches
  }
}

class FoldAll implements Folding {
  readonly busy = false
  readonly repeats = true
  readonly #setup: FoldSetup
  readonly #reduce: (args: object) => unknown
  readonly #results: AnyResult[] = []

  constructor(setup: FoldSetup, reduce: (args: object) => unknown) {
    this.#setup = setup
    this.#reduce = reduce
  }

  begin(): void {}

  take(result: AnyResult): void {
    this.#results.push(result)
  }

  async end(): Promise<unknown> {
    if (!Object.isFrozen(this.#results)) Object.freeze(this.#results.sort(byIndex))
    const args = new AllArgs(this.#setup, this.#results)
    return this.#setup.within(() => this.#reduce(args))
  }

  cancel(): undefined {}
}

const byIndex = (a: AnyResult, b: AnyResult): number => a.index - b.index

/** The base of both folds that run beside the branches: a signal that fires when the map fails. */
abstract class Beside {
  readonly #signal = new AbortController()
  protected readonly setup: FoldSetup
  /** The running call. Never rejects. */
  protected running: Promise<void> | undefined
  protected fault: { readonly error: unknown } | undefined

  constructor(setup: FoldSetup) {
    this.setup = setup
  }

  protected get signal(): AbortSignal {
    return this.#signal.signal
  }

  protected fail(error: unknown): void {
    this.fault = { error }
    this.setup.failed(error)
  }

  cancel(reason: unknown): Promise<unknown> | undefined {
    this.#signal.abort(reason)
    return this.running
  }
}

class FoldEach extends Beside implements Folding {
  readonly repeats = false // a failed fold is half done
  readonly #fold: Extract<Fold, { readonly kind: 'each' }>
  readonly #args: FoldArgs
  /** Queued results, in order of settling or by position. */
  readonly #queue: (AnyResult | undefined)[] = []
  /** The position of the next one. */
  #at = 0
  #begun = false
  #ending = false
  #acc: unknown

  constructor(setup: FoldSetup, fold: Extract<Fold, { readonly kind: 'each' }>) {
    super(setup)
    this.#fold = fold
    this.#args = new FoldArgs(setup, () => this.signal)
  }

  get busy(): boolean {
    return this.running !== undefined
  }

  /** Calls `initial` even if there is no branch. */
  begin(): void {
    this.running = this.#drain()
  }

  take(result: AnyResult): void {
    const place = this.#fold.declared ? result.index : this.#queue.length
    this.#queue[place] = result
    if (place === this.#at) this.running ??= this.#drain()
  }

  #next(): AnyResult | undefined {
    if (this.signal.aborted || this.fault !== undefined) return undefined
    while (this.#ending && this.#at < this.#queue.length && this.#queue[this.#at] === undefined) this.#at += 1
    const result = this.#queue[this.#at]
    if (result !== undefined) this.#queue[this.#at++] = undefined // F2
    return result
  }

  async #drain(): Promise<void> {
    await undefined // finish settling the branch before folding its result
    const { state, inputs, signal } = { ...this.#args, signal: this.signal }
    const { within } = this.setup
    try {
      if (!this.#begun) this.#acc = within(() => initialOf(this.#fold, this.#args))
      this.#begun = true
      for (let result = this.#next(); result !== undefined; result = this.#next()) {
        const args = { acc: this.#acc, result: ownResult(result), state, inputs, signal }
        const acc = within(() => this.#fold.reduceEach(args))
        this.#acc = isThenable(acc) ? await acc : acc
      }
    } catch (error) {
      this.fail(error)
    }
    this.running = undefined
    this.setup.idle()
  }

  async end(): Promise<unknown> {
    this.#ending = true
    await this.running
    if (this.#at < this.#queue.length) {
      this.running = this.#drain()
      await this.running
    }
    if (this.fault !== undefined) throw this.fault.error
    this.signal.throwIfAborted()
    return this.#acc
  }
}

class FoldLive extends Beside implements Folding {
  readonly repeats = false
  readonly #reduce: (args: object) => unknown
  readonly #results = new AsyncQueue<AnyResult>(Number.POSITIVE_INFINITY)
  /** The number of loops that wait for a result. */
  #readers = 0
  #ended = false
  #update: unknown

  constructor(setup: FoldSetup, reduce: (args: object) => unknown) {
    super(setup)
    this.#reduce = reduce
  }

  get busy(): boolean {
    return this.running !== undefined && this.#readers === 0
  }

  begin(): void {
    this.running = this.#run()
  }

  async #run(): Promise<void> {
    await undefined
    const { inputs } = this.setup
    const state = this.setup.state()
    const branches = { asCompleted: () => this.#asCompleted() }
    try {
      const args = { state, inputs, branches, signal: this.signal }
      if (!this.signal.aborted) this.#update = await this.setup.within(() => this.#reduce(args))
    } catch (error) {
      this.fail(error)
    }
    this.running = undefined
    this.#close()
    if (!this.#ended && this.fault === undefined && !this.signal.aborted) this.setup.satisfied()
    this.setup.idle()
  }

  take(result: AnyResult): void {
    if (this.running === undefined) return // the code has returned
    if (this.#readers > 0) this.#readers -= 1
    this.#results.push(result)
  }

  /** Ends the results. */
  #close(): void {
    this.#readers = 0
    this.#results.close()
  }

  async *#asCompleted(): AsyncGenerator<AnyResult, void, void> {
    for (;;) {
      const taken = this.#results.take()
      if (isThenable(taken)) {
        this.#readers += 1
        this.setup.idle()
      }
      const result = await taken
      this.signal.throwIfAborted()
      if (result === undefined) return
      yield ownResult(result)
    }
  }

  async end(): Promise<unknown> {
    this.#ended = true
    this.#close()
    await this.running
    if (this.fault !== undefined) throw this.fault.error
    return this.#update
  }

  override cancel(reason: unknown): Promise<unknown> | undefined {
    const ended = super.cancel(reason)
    this.#close()
    return ended
  }
}

export function createFolding(setup: FoldSetup): Folding {
  const { fold } = setup
  if (fold.kind === 'all') return new FoldAll(setup, fold.reduce)
  return fold.kind === 'each' ? new FoldEach(setup, fold) : new FoldLive(setup, fold.reduceLive)
}
