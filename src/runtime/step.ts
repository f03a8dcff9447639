import type { ActionArgs, ActionBody, RunBody } from '../action/action.js'
import type { ActionContext } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { PlanNode } from '../graph/plan.js'
import { isThenable } from '../internal/guards.js'
import type { State } from '../state/freeze.js'
import { createActionContext } from './action-context.js'
import { Alarm } from './alarm.js'
import { announce } from './announce.js'
import type { Cancellation } from './cancellation.js'
import type { LiveApp, LiveMap, LiveStep } from './tree.js'
import { untilRoom } from './until-room.js'

// Owns: one attempt at one action: its signal, its context, the pulling of its generator.
// Does not own: what becomes of the update.
// S1  The signal and the context are made when first touched.
// S2  After `close` the context does nothing.
// S3  A generator that is not exhausted is returned, and that is awaited.

/** One execution of one action. It is what `run` is called with. */
export class Step implements LiveStep, ActionArgs<State, Inputs> {
  readonly state: State
  readonly inputs: Inputs
  readonly sequenceId: number
  readonly #app: LiveApp
  readonly #node: PlanNode
  #controller: AbortController | undefined
  #context: ActionContext | undefined
  #cancellation: Cancellation | undefined
  #open = true
  /** The map that this step stands at, if it does. */
  map: LiveMap | undefined
  /** Which attempt at the step this is. */
  readonly attempt: number
  /** Rings when its time is over, or the time to end after that. */
  alarm: Alarm | undefined

  constructor(app: LiveApp, node: PlanNode, state: State, inputs: Inputs) {
    this.#app = app
    this.#node = node
    this.state = state
    this.inputs = inputs
    this.sequenceId = app.standing.sequenceId + 1
    this.attempt = app.attempts === undefined ? 1 : app.attempts.failed + 1
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#cancellation !== undefined) this.#controller.abort(this.#cancellation.reason)
    }
    return this.#controller.signal
  }

  get context(): ActionContext {
    this.#context ??= createActionContext(this.#app, this)
    return this.#context
  }

  get open(): boolean {
    return this.#open
  }

  /** What the action reads, for code that runs beside or after it. */
  fresh(): State {
    return this.#node.view(this.#app.standing.state)
  }

  get node(): PlanNode {
    return this.#node
  }

  /** Fires the signal. Further cancels say nothing. */
  cancel(cancellation: Cancellation): void {
    if (this.#cancellation !== undefined) return
    this.#cancellation = cancellation
    this.alarm?.clear()
    this.#limitGrace(cancellation.at)
    this.#controller?.abort(cancellation.reason)
    this.#app.release?.()
    this.#app.permit?.cancel() // what ends needs none
  }

  /** Code that was given a time of its own to end is given up after it. */
  #limitGrace(since: number): void {
    const { body } = this.#node.parts
    const graceMs = isRunBody(body) ? body.policy.graceMs : undefined
    if (graceMs === undefined) return
    this.alarm = new Alarm(this.#app.hub.clock, since + graceMs, () => this.#app.abandon())
  }

  close(): void {
    this.#open = false
    this.alarm?.clear()
    this.#app.waits?.drop(this)
  }

  /** Runs plain code. The answer is what it returned, or a promise of it. */
  perform(body: RunBody): unknown {
    const returned = body.run(this as ActionArgs<State, Inputs> as ActionArgs<never, never>)
    if (typeof returned !== 'object' || returned === null || isThenable(returned)) return returned
    return isGenerator(returned) ? this.#drain(returned) : returned
  }

  async #drain(generator: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
    for (;;) {
      const { done, value } = await generator.next()
      if (done === true) return value
      if (this.#cancellation !== undefined) break
      if (this.#app.hears('chunk')) announce(this.#app, { type: 'chunk', source: this.#node.name, chunk: value })
      const room = this.#app.order?.room?.()
      if (room !== undefined) await untilRoom(this.#app, room)
      if (this.#cancellation !== undefined) break
    }
    await generator.return(undefined) // S3
    return undefined
  }
}

function isGenerator(value: object): value is AsyncGenerator<unknown, unknown, void> {
  return Symbol.asyncIterator in value && 'next' in value && typeof value.next === 'function'
}

export function isRunBody(body: ActionBody): body is RunBody {
  return body.kind === 'run'
}
