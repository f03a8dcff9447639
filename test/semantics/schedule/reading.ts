import type { Application, RunOptions } from 'teasel'
import type { S } from './code.js'
import type { Reader } from './plan.js'
import type { Outcome } from './trace.js'
import type { World } from './world.js'

type App = Application<S, Record<string, never>>
type Loop = AsyncGenerator<unknown, unknown, void>

/** A caller that runs an application once and reads it, at the pace of the scheduler. */
export class Reading {
  readonly #world: World
  readonly #app: App
  readonly #reader: Reader
  readonly #options: { readonly signal: AbortSignal }
  #loop: Loop | undefined
  /** True while it waits for the next event or step. */
  #asking = false
  #read = 0
  #parked = false
  outcome: Outcome | undefined
  /** Events read from a stream so far. */
  readonly got: unknown[] = []

  constructor(world: World, app: App, reader: Reader, signal: AbortSignal) {
    this.#world = world
    this.#app = app
    this.#reader = reader
    this.#options = { signal }
  }

  /** Begins. A stream begins with its first read. */
  begin(): void {
    const options = this.#options as RunOptions<never, never, never> & { readonly signal: AbortSignal }
    switch (this.#reader.kind) {
      case 'run':
        return this.#settle(this.#app.run(options as never))
      case 'return':
        return this.#settle(this.#app.run({ ...options, whenWaiting: 'return' } as never))
      case 'steps':
        return this.#settle(this.#steps())
      case 'stream':
        this.#loop = this.#app.stream(options as never) as Loop
        return
      case 'iterate':
        this.#loop = this.#app.iterate(options as never) as unknown as Loop
    }
  }

  async #steps(): Promise<unknown> {
    while ((await this.#app.step(this.#options as never)) !== undefined) {
      if (this.#app.next === undefined) break
    }
    return { status: 'finished' }
  }

  /** True when the run has returned as waiting. */
  get parked(): boolean {
    return this.#parked
  }

  get ready(): boolean {
    if (this.#parked) return true
    return this.#loop !== undefined && !this.#asking && this.outcome === undefined
  }

  /** Reads once, or leaves, or joins a run that returned as waiting. */
  read(): void {
    if (this.#parked) {
      this.#parked = false
      return this.begin()
    }
    const loop = this.#loop
    if (loop === undefined) return
    this.#asking = true
    const { leaves } = this.#reader as { readonly leaves?: number | undefined }
    if (leaves !== undefined && this.#read >= leaves) {
      this.#settle(loop.return(undefined).then(() => ({ status: 'left' })))
      return
    }
    this.#read += 1
    loop.next().then(
      ({ done, value }) => {
        this.#asking = false
        if (done === true) this.#settle(Promise.resolve(value))
        else this.got.push(value)
      },
      (error: unknown) => this.#settle(Promise.reject(error)),
    )
  }

  #settle(end: Promise<unknown>): void {
    end.then(
      (value) => this.#ended(value as Outcome),
      (error: unknown) => this.#ended({ status: 'rejected', error }),
    )
  }

  #ended({ status, error, by, leaked }: Outcome): void {
    if (status === 'waiting') {
      this.#world.note('run that comes back to wait')
      this.#parked = true
      return
    }
    const outcome: Outcome = {
      status,
      ...(error === undefined ? {} : { error }),
      ...(by === undefined ? {} : { by }),
      ...(leaked === undefined ? {} : { leaked }),
    }
    this.outcome = outcome
    this.#world.trace.add({ kind: 'outcome', outcome })
  }
}
