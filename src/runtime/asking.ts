import {
  conclude,
  type Fatal,
  type HookArgs,
  type InterceptorCaller,
  intercept,
  type Outcome,
  type Side,
} from '../lifecycle/interceptor.js'
import { Alarm } from './alarm.js'
import { reportFault } from './announce.js'
import { leakCode } from './leak.js'
import type { LiveApp, LiveAsking } from './tree.js'

// Owns: how long the answers of interceptors are waited for: without end, and for the grace period after a cancel.
// Does not own: what follows from an answer.
// I1  After they were given up no further one is asked, and what they answer late changes nothing.

/** The interceptors that are asked at one border of a run, a step or a branch. */
export class Asking implements InterceptorCaller, LiveAsking {
  awaited = ''
  over = false
  readonly #app: LiveApp
  readonly #epoch: number
  #stop: (() => void) | undefined
  #alarm: Alarm | undefined

  constructor(app: LiveApp) {
    this.#app = app
    this.#epoch = app.epoch
  }

  before<K extends Side>(side: K, told: HookArgs<K>): Promise<void> | undefined {
    const waits = intercept(side, this.#app.hub.interceptors, told, this)
    return waits && this.#inTime(waits)
  }

  after<K extends Side>(side: K, told: HookArgs<K>, outcome: Outcome): Fatal | undefined | Promise<Fatal | undefined> {
    const fatal = conclude(side, this.#app.hub.interceptors, told, outcome, this)
    return fatal instanceof Promise ? this.#inTime(fatal) : fatal
  }

  async #inTime<T>(answer: Promise<T>): Promise<T | undefined> {
    const app = this.#app
    const stopped = new Promise<undefined>((resolve) => {
      this.#stop = () => resolve(undefined)
    })
    app.asked ??= new Set()
    app.asked.add(this)
    this.cancelled()
    try {
      return await Promise.race([answer, stopped])
    } finally {
      app.asked.delete(this)
      this.#alarm?.clear()
    }
  }

  cancelled(): void {
    const { cancellation, hub } = this.#app
    if (cancellation !== undefined)
      this.#alarm ??= new Alarm(hub.clock, cancellation.at + hub.graceMs, () => this.giveUp())
  }

  giveUp(): void {
    if (this.over) return
    this.over = true
    leakCode(this.#app, undefined, undefined, this.awaited)
    this.#stop?.()
  }

  fault(where: string, error: unknown): void {
    reportFault(this.#app, where, error, this.over ? -1 : this.#epoch)
  }
}
