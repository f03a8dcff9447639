import { engineTime } from '../../../src/internal/platform.js'
import type { Random } from './random.js'

// The engine yields to macrotasks when its slice of the thread is over. A schedule owns that time too: it replaces
// the engine's time and `setImmediate`, so that neither a slow machine nor a collection shows in a trace.

const realImmediate = globalThis.setImmediate
const real = { ...engineTime }

/** Lets every microtask run, and the reports of Node between macrotasks. */
export const drained = (): Promise<void> => new Promise((resolve) => void realImmediate(resolve))

/** Macrotasks and the slice clock of the engine, while a schedule runs. */
export class EngineTime {
  readonly #random: Random
  readonly #busy: boolean
  #now = 0
  #queue: (() => void)[] = []

  /** @param busy whether engine time passes, so that slices end after steps that the seed chooses */
  constructor(random: Random, busy: boolean) {
    this.#random = random
    this.#busy = busy
  }

  install(): void {
    engineTime.now = () => {
      if (this.#busy) this.#now += this.#random.int(0, 6)
      return this.#now
    }
    engineTime.immediate = (fn) => void this.#queue.push(fn)
    globalThis.setImmediate = engineTime.immediate as typeof setImmediate
  }

  restore(): void {
    Object.assign(engineTime, real)
    globalThis.setImmediate = realImmediate
  }

  get waiting(): boolean {
    return this.#queue.length > 0
  }

  /** Runs the pending macrotasks. */
  run(): void {
    for (const fn of this.#queue.splice(0)) fn()
  }
}
