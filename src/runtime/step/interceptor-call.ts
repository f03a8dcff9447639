import {
  conclude,
  type Fatal,
  type HookArgs,
  type InterceptorCaller,
  intercept,
  type Outcome,
  type Side,
} from '../../lifecycle/interceptor.js'
import type { PendingCall, Run } from '../application.js'
import { Deadline } from '../cancel/deadline.js'
import { type LeakingRun, leakCode } from '../cancel/leak.js'
import { reportFault } from '../emit.js'
import type { AppSystem } from '../system.js'

// Owns: waiting for interceptors; after a cancel, at most the grace period.
// Does not own: the effect of an answer.
// I1  After an abandon no further interceptor is called, and a late answer has no effect.

/** The run that interceptors are called for. */
export interface InterceptedRun extends LeakingRun, Pick<Run, 'phase' | 'running' | 'interceptorCalls'> {
  readonly app: LeakingRun['app'] & { readonly system: Pick<AppSystem, 'interceptors' | 'graceMs'> }
}

/** The interceptors called before or after a run, a step or a branch. */
export class InterceptorCall implements InterceptorCaller, PendingCall {
  awaited = ''
  over = false
  readonly #run: InterceptedRun
  /** The phase of the run when they were called. */
  readonly #phase: Run['phase']
  #stop: (() => void) | undefined
  #deadline: Deadline | undefined

  constructor(run: InterceptedRun) {
    this.#run = run
    this.#phase = run.phase
  }

  before<K extends Side>(side: K, info: HookArgs<K>): Promise<void> | undefined {
    const waits = intercept(side, this.#run.app.system.interceptors, info, this)
    return waits && this.#inTime(waits)
  }

  after<K extends Side>(side: K, info: HookArgs<K>, outcome: Outcome): Fatal | undefined | Promise<Fatal | undefined> {
    const fatal = conclude(side, this.#run.app.system.interceptors, info, outcome, this)
    return fatal instanceof Promise ? this.#inTime(fatal) : fatal
  }

  async #inTime<T>(answer: Promise<T>): Promise<T | undefined> {
    const run = this.#run
    const stopped = new Promise<undefined>((resolve) => {
      this.#stop = () => resolve(undefined)
    })
    run.interceptorCalls ??= new Set()
    run.interceptorCalls.add(this)
    this.cancelled()
    try {
      return await Promise.race([answer, stopped])
    } finally {
      run.interceptorCalls.delete(this)
      this.#deadline?.clear()
    }
  }

  cancelled(): void {
    const { cancellation, app } = this.#run
    const { clock, graceMs } = app.system
    if (cancellation !== undefined)
      this.#deadline ??= new Deadline(clock, cancellation.at + graceMs, () => this.abandon())
  }

  abandon(): void {
    if (this.over) return
    this.over = true
    leakCode(this.#run, undefined, undefined, this.awaited)
    this.#stop?.()
  }

  fault(where: string, error: unknown): void {
    const { app, phase } = this.#run
    reportFault(app, where, error, !this.over && app.run === this.#run && phase === this.#phase)
  }
}
