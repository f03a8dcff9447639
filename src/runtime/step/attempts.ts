import type { Clock } from '../../internal/clock.js'
import { createDeferred } from '../../internal/deferred.js'
import type { StoredRecord } from '../../persistence/replay.js'
import { type Attendance, Deadline } from '../cancel/deadline.js'

// Owns: the number of attempts of one run, and the delay before the next one.

/** The attempts of a run; made when the first one fails. */
export class Attempts {
  /** Failed attempts at the present step. */
  failed = 0
  /** Those of them before the branch was last retried. */
  before = 0
  /** The number of the attempt of the branch. */
  branch = 1
  /** The step that a fallback recovers, until it has committed. */
  recovering: number | undefined
  /** Whether the fallback of the branch gave its state. */
  branchRecovered = false
  /** Whether the fallback of an action recovered a step. */
  #stepRecovered = false
  /** The delay before the next attempt: the action, and the end, epoch milliseconds. Undefined without one. */
  due: { readonly at: number; readonly action: string } | undefined
  #release: (() => void) | undefined

  /** True during the delay before an attempt. */
  get waiting(): boolean {
    return this.#release !== undefined
  }

  /** Whether a fallback turned a failure into a success. */
  get recovered(): boolean {
    return this.branchRecovered || this.#stepRecovered || this.recovering !== undefined
  }

  /** The part of it that holds when the application continues at its last commit. */
  get past(): Pick<StoredRecord, 'attempts' | 'tries' | 'recovered'> {
    return { attempts: this.branch, tries: this.before, recovered: this.#stepRecovered }
  }

  /** The application continues at its checkpoint. @param before failed attempts before the branch was last retried */
  resume({ attempts, tries, recovered }: Attempts['past'], before = tries): void {
    this.branch = attempts
    this.failed = tries
    this.before = before
    this.#stepRecovered = recovered
  }

  /** The number of the next attempt of the action by its own `retry`; the first is 1. */
  get ofAction(): number {
    return this.failed - this.before + 1
  }

  /** The branch continues at its failed step. */
  retryBranch(): void {
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

  /**
   * Resolves at a point in time on the monotonic clock, or when the delay is ended.
   * @param due the delay; undefined for one without length
   */
  wait(clock: Clock, at: number, due: Attempts['due'], attendance: Attendance): Promise<void> {
    const { promise, resolve } = createDeferred<void>()
    const deadline = new Deadline(clock, at, () => this.release(), attendance)
    this.due = due
    this.#release = () => {
      this.#release = this.due = undefined
      deadline.clear()
      resolve()
    }
    return promise
  }

  /** Ends the delay. */
  release(): void {
    this.#release?.()
  }
}

/** The attempts of a run, made on first use. */
export function attemptsOf(run: { attempts: Attempts | undefined }): Attempts {
  run.attempts ??= new Attempts()
  return run.attempts
}
