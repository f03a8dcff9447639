import type { ActionArgs, ActionBody, RunBody } from '../../action/action.js'
import type { ActionContext } from '../../action/context.js'
import { type Inputs, NO_INPUTS } from '../../action/inputs.js'
import { NO_POLICY } from '../../action/retry.js'
import type { PlanNode } from '../../graph/plan.js'
import { viewOf } from '../../graph/view-of.js'
import { isThenable } from '../../internal/guards.js'
import type { State } from '../../state/freeze.js'
import { Alarm } from '../cancel/alarm.js'
import type { Cancellation } from '../cancel/cancellation.js'
import { announce } from '../emit.js'
import { untilRoom } from '../run/backpressure.js'
import type { LiveApp, LiveAttempt, LiveMap, LiveRun } from '../tree.js'
import { createActionContext } from './context.js'

// Owns: one attempt at one action, from its `step.start` to its `step.end`: its signal, its context, its generator.
// Does not own: what becomes of the update.
// S1  The signal and the context are made when first touched.
// S2  The context works while the code runs, from `enter` to `close`: what code does later touches nothing.
// S3  A generator that is not exhausted is returned, and that is awaited.

const NOTHING: State = Object.freeze({})

/** One execution of one action. It is what `run` is called with. */
export class Attempt implements LiveAttempt, ActionArgs<State, Inputs> {
  state: State = NOTHING
  inputs: Inputs = NO_INPUTS
  readonly sequenceId: number
  readonly startedAt: number
  readonly #run: LiveRun
  readonly #node: PlanNode
  #controller: AbortController | undefined
  #context: ActionContext | undefined
  #cancellation: Cancellation | undefined
  #open = false
  /** The map that this step stands at, if it does. */
  map: LiveMap | undefined
  /** Which attempt at the step this is. */
  readonly attempt: number
  /** Rings when its time is over, or the time to end after that. */
  alarm: Alarm | undefined

  constructor(run: LiveRun, node: PlanNode) {
    const { app, attempts } = run
    this.#run = run
    this.#node = node
    this.sequenceId = app.checkpoint.sequenceId + 1
    this.attempt = attempts === undefined ? 1 : attempts.failed + 1
    this.startedAt = isTimed(app, node) ? app.system.passed() : app.system.recently()
  }

  /** Its code begins. */
  enter(state: State, inputs: Inputs): void {
    this.state = state
    this.inputs = inputs
    this.#open = true
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#cancellation !== undefined) this.#controller.abort(this.#cancellation.reason)
    }
    return this.#controller.signal
  }

  get context(): ActionContext {
    this.#context ??= createActionContext(this.#run, this)
    return this.#context
  }

  get open(): boolean {
    return this.#open
  }

  /** What the action reads, for code that runs beside or after it. */
  fresh(): State {
    return viewOf(this.#node, this.#run.app.checkpoint.state)
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
    this.#run.release?.()
    this.#run.permit?.cancel() // what ends needs none
  }

  /** Code that was given a time of its own to end is given up after it. */
  #limitGrace(since: number): void {
    const { body } = this.#node.parts
    const graceMs = isRunBody(body) ? body.policy.graceMs : undefined
    if (graceMs === undefined) return
    this.alarm = new Alarm(this.#run.app.system.clock, since + graceMs, () => this.#run.abandon())
  }

  close(): void {
    this.#open = false
    this.alarm?.clear()
    this.#run.waits?.drop(this)
  }

  /** Runs plain code. The answer is what it returned, or a promise of it. */
  perform(body: RunBody): unknown {
    const returned = body.run(this as ActionArgs<State, Inputs> as ActionArgs<never, never>)
    if (typeof returned !== 'object' || returned === null || isThenable(returned)) return returned
    return isGenerator(returned) ? this.#drain(returned) : returned
  }

  async #drain(generator: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
    const { app, request } = this.#run
    for (;;) {
      const { done, value } = await generator.next()
      if (done === true) return value
      if (this.#cancellation !== undefined) break
      if (app.hears('chunk')) announce(app, { type: 'chunk', source: this.#node.name, chunk: value })
      const room = request.room?.()
      if (room !== undefined) await untilRoom(this.#run, room)
      if (this.#cancellation !== undefined) break
    }
    await generator.return(undefined) // S3
    return undefined
  }
}

/** Whether the start of an attempt is read exactly. A listener that is added while it runs may see a few steps more. */
function isTimed({ watched, tracker, system }: LiveApp, { parts: { body } }: PlanNode): boolean {
  return watched || tracker !== undefined || system.hears('step.end') || (isRunBody(body) && body.policy !== NO_POLICY)
}

function isGenerator(value: object): value is AsyncGenerator<unknown, unknown, void> {
  return Symbol.asyncIterator in value && 'next' in value && typeof value.next === 'function'
}

export function isRunBody(body: ActionBody): body is RunBody {
  return body.kind === 'run'
}
