import {
  conclude,
  type Fatal,
  type HookArgs,
  type InterceptorCaller,
  intercept,
  type Outcome,
  type Side,
} from '../../lifecycle/interceptor.js'
import { Alarm } from '../cancel/alarm.js'
import { leakCode } from '../cancel/leak.js'
import { reportFault } from '../emit.js'
import type { LiveInterceptorCall, LiveRun } from '../tree.js'

// Owns: how long the answers of interceptors are waited for: without end, and for the grace period after a cancel.
// Does not own: what follows from an answer.
// I1  After they were given up no further one is asked, and what they answer late changes nothing.

/** The interceptors that are asked at one border of a run, a step or a branch. */
export class InterceptorCall implements InterceptorCaller, LiveInterceptorCall {
  awaited = ''
  over = false
  readonly #run: LiveRun
  /** Where the run was when they were asked. */
  readonly #phase: LiveRun['phase']
  #stop: (() => void) | undefined
  #alarm: Alarm | undefined

  constructor(run: LiveRun) {
    this.#run = run
    this.#phase = run.phase
  }

  before<K extends Side>(side: K, told: HookArgs<K>): Promise<void> | undefined {
    const waits = intercept(side, this.#run.app.system.interceptors, told, this)
    return waits && this.#inTime(waits)
  }

  after<K extends Side>(side: K, told: HookArgs<K>, outcome: Outcome): Fatal | undefined | Promise<Fatal | undefined> {
    const fatal = conclude(side, this.#run.app.system.interceptors, told, outcome, this)
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
      this.#alarm?.clear()
    }
  }

  cancelled(): void {
    const { cancellation, app } = this.#run
    const { clock, graceMs } = app.system
    if (cancellation !== undefined) this.#alarm ??= new Alarm(clock, cancellation.at + graceMs, () => this.giveUp())
  }

  giveUp(): void {
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
