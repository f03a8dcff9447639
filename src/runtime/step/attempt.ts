import type { ActionArgs, ActionBody, RunBody } from '../../action/action.js'
import type { ActionContext } from '../../action/context.js'
import { type Inputs, NO_INPUTS } from '../../action/inputs.js'
import { NO_POLICY } from '../../action/retry.js'
import type { PlanNode } from '../../graph/plan.js'
import { viewOf } from '../../graph/view-of.js'
import { isThenable } from '../../internal/guards.js'
import type { State } from '../../state/freeze.js'
import type { Run } from '../application.js'
import type { Cancellation } from '../cancel/cancellation.js'
import { Deadline } from '../cancel/deadline.js'
import { emit, isObserved } from '../emit.js'
import type { EventSource } from '../event-source.js'
import type { RunningMap } from '../map/branch-handle.js'
import type { MapAttempt } from '../map/map-visit.js'
import { untilRead } from '../run/backpressure.js'
import { createActionContext } from './context.js'

// Owns: one attempt at one action, from its `step.start` to its `step.end`: its signal, its context, its generator.
// Does not own: the update (step.ts).
// S1  The signal and the context are made on first use.
// S2  The context works from `enter` to `close`. Calls that code makes later have no effect.
// S3  A generator that is left early is returned, and that is awaited.

const NOTHING: State = Object.freeze({})

/** One execution of one action, and the argument of its `run`. */
export class Attempt implements MapAttempt, ActionArgs<State, Inputs> {
  state: State = NOTHING
  inputs: Inputs = NO_INPUTS
  readonly sequenceId: number
  readonly startedAt: number
  readonly #run: Run
  readonly #node: PlanNode
  #controller: AbortController | undefined
  #context: ActionContext | undefined
  #cancellation: Cancellation | undefined
  #open = false
  /** The map at which the step stands. */
  map: RunningMap | undefined
  /** The number of the attempt at the step. */
  readonly attempt: number
  /** Its time limit, or the grace period after it. */
  deadline: Deadline | undefined

  constructor(run: Run, node: PlanNode) {
    const { app, attempts } = run
    this.#run = run
    this.#node = node
    this.sequenceId = app.checkpoint.sequenceId + 1
    this.attempt = attempts === undefined ? 1 : attempts.failed + 1
    this.startedAt = isTimed(app, node) ? app.system.passed() : app.system.recently()
  }

  /** Its code starts. */
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

  get cancellation(): Cancellation | undefined {
    return this.#cancellation
  }

  get open(): boolean {
    return this.#open
  }

  /** The state that the action reads, for code that runs beside or after it. */
  fresh(): State {
    return viewOf(this.#node, this.#run.app.checkpoint.state)
  }

  get node(): PlanNode {
    return this.#node
  }

  /** Fires the signal. Further cancels have no effect. */
  cancel(cancellation: Cancellation): void {
    if (this.#cancellation !== undefined) return
    this.#cancellation = cancellation
    this.deadline?.clear()
    this.#limitGrace(cancellation.at)
    this.#controller?.abort(cancellation.reason)
    this.#run.waits?.endOf(this, cancellation)
    this.#run.release?.()
    this.#run.permit?.cancel() // a cancelled attempt no longer needs a permit
  }

  /** Abandons code with a grace period of its own after it. */
  #limitGrace(since: number): void {
    const { body } = this.#node.parts
    const graceMs = isRunBody(body) ? body.policy.graceMs : undefined
    if (graceMs === undefined) return
    this.deadline = new Deadline(this.#run.app.system.clock, since + graceMs, () => this.#run.abandon())
  }

  close(): void {
    this.#open = false
    this.deadline?.clear()
    this.#run.waits?.endOf(this)
  }

  /** Runs the code. @returns its return value, or a promise of that */
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
      emit(app, { type: 'chunk', source: this.#node.name, chunk: value })
      const ready = request.waitForReader?.()
      if (ready !== undefined) await untilRead(this.#run, ready)
      if (this.#cancellation !== undefined) break
    }
    await generator.return(undefined) // S3
    return undefined
  }
}

/** Whether an attempt starts at an exact time. A listener added while it runs may get the time of an earlier step. */
function isTimed(app: EventSource, { parts: { body } }: PlanNode): boolean {
  return isObserved(app, 'step.end') || (isRunBody(body) && body.policy !== NO_POLICY)
}

function isGenerator(value: object): value is AsyncGenerator<unknown, unknown, void> {
  return Symbol.asyncIterator in value && 'next' in value && typeof value.next === 'function'
}

export function isRunBody(body: ActionBody): body is RunBody {
  return body.kind === 'run'
}
