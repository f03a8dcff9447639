import type { Clock } from '../../internal/clock.js'
import { createDeferred } from '../../internal/deferred.js'
import type { StoredRecord } from '../../persistence/replay.js'
import { Alarm } from '../cancel/alarm.js'

// Owns: the count of attempts of one run, and the wait before the next one.

/** What one run of an application has tried more than once. Made when the first attempt fails. */
export class Attempts {
  /** How many attempts at the present step have failed. */
  failed = 0
  /** Those of them before the branch last went on. */
  before = 0
  /** Which attempt of the branch this is. */
  branch = 1
  /** The step that a fallback recovers, until it has committed. */
  recovering: number | undefined
  /** Whether the fallback of the branch gave its state. */
  branchRecovered = false
  /** Whether the fallback of an action recovered a step. */
  #stepRecovered = false
  #release: (() => void) | undefined

  /** True while it waits for the next attempt. */
  get waiting(): boolean {
    return this.#release !== undefined
  }

  /** Whether a fallback made a success of something that failed. */
  get recovered(): boolean {
    return this.branchRecovered || this.#stepRecovered || this.recovering !== undefined
  }

  /** What of it holds when the application goes on at its last commit. */
  get past(): Pick<StoredRecord, 'attempts' | 'tries' | 'recovered'> {
    return { attempts: this.branch, tries: this.before, recovered: this.#stepRecovered }
  }

  /** The application goes on where it is stored. */
  resume({ attempts, tries, recovered }: Pick<StoredRecord, 'attempts' | 'tries' | 'recovered'>): void {
    this.branch = attempts
    this.failed = this.before = tries
    this.#stepRecovered = recovered
  }

  /** The branch goes on at its failed step. */
  goOn(): void {
    this.branch += 1
    this.failed += 1
    this.before = this.failed
  }

  /** The step has committed. */
  committed(): void {
    this.failed = 0
    this.before = 0
    if (this.recovering !== undefined) this.#stepRecovered = true
    this.recovering = undefined
  }

  /** Resolves at a point in time, on the clock that never goes back, or when the wait is ended. */
  wait(clock: Clock, at: number): Promise<void> {
    const { promise, resolve } = createDeferred<void>()
    const alarm = new Alarm(clock, at, () => this.release())
    this.#release = () => {
      this.#release = undefined
      alarm.clear()
      resolve()
    }
    return promise
  }

  /** Ends the wait (T2). */
  release(): void {
    this.#release?.()
  }
}
