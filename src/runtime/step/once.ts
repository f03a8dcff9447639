import { copyData } from '../../state/copy-data.js'
import type { Application, CurrentAttempt } from '../application.js'
import type { LiveEffect } from '../map/branch-handle.js'

// Owns: the effects that a step does once: in memory, and as notes to that step.
// O1  The value of an effect is known from its end on, stored or not. Its step does not do the effect again.
// O2  A note is stored only while a run stands at the step of the effect.
// O3  Each caller gets a private copy of data, so a failed attempt cannot change the value of the next one.

/** Implements `context.once`. */
export function doOnce<T>(app: Application, step: CurrentAttempt, key: string, fn: () => T | Promise<T>): Promise<T> {
  if (typeof key !== 'string' || typeof fn !== 'function')
    return Promise.reject(new TypeError("context.once takes a name and a function: once('charge', () => …)."))
  if (!step.open) return tooLate(app, step, `once("${key}")`)
  app.onces ??= new Map()
  const known = app.onces.get(key)
  if (known !== undefined) return known.give() as Promise<T>
  const effect = new Effect(app, app.onces, key)
  app.onces.set(key, effect)
  effect.begin(fn)
  return effect.give() as Promise<T>
}

/** Refuses a call of code whose attempt has ended. The rejection counts as handled. */
export function tooLate(app: Application, { node, sequenceId, attempt }: CurrentAttempt, what: string): Promise<never> {
  const refused = Promise.reject(
    new TypeError(
      `context.${what}: attempt ${attempt} at step ${sequenceId} (${node.subject}) has ended, so nothing is done. Await in an action whatever uses its context, and stop at its signal.`,
    ),
  )
  refused.catch((error: unknown) => app.system.logger.debug('Code that was given up went on.', error))
  return refused
}

class Effect implements LiveEffect {
  /** Undefined where nothing is stored, so that kept progress holds no application in memory. */
  readonly #app: Application | undefined
  readonly #onces: Map<string, LiveEffect>
  readonly #key: string
  #value: Promise<unknown> | undefined
  #noted = false
  #noting: Promise<void> | undefined

  constructor(app: Application, onces: Map<string, LiveEffect>, key: string) {
    this.#app = app.journal && app
    this.#onces = onces
    this.#key = key
  }

  /** A failed effect is forgotten. */
  begin(fn: () => unknown): void {
    const done = this.#app?.journal?.done(this.#key)
    this.#noted = done !== undefined
    this.#value = done === undefined ? (async () => fn())() : Promise.resolve(done.value)
    this.#value.catch(() => this.#onces.delete(this.#key))
  }

  async give(): Promise<unknown> {
    const value = await this.#value
    if (!this.#noted) await this.#note(value)
    return copyData(value) // O3
  }

  /** Repeated by the next caller where it fails (O1). */
  #note(value: unknown): Promise<void> | undefined {
    if (this.#app?.running !== true || this.#app.onces !== this.#onces) return undefined // O2
    this.#noting ??= this.#write(value).finally(() => {
      this.#noting = undefined
    })
    return this.#noting
  }

  async #write(value: unknown): Promise<void> {
    const journal = this.#app?.journal
    if (journal?.done(this.#key) === undefined) await journal?.note('once', { key: this.#key, value })
    this.#noted = true
  }
}
