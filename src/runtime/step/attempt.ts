import type { ActionArgs, ActionBody, RunBody } from '../../action/action.js'
import type { ActionContext } from '../../action/context.js'
import { type Inputs, NO_INPUTS } from '../../action/inputs.js'
import type { Attributes } from '../../action/report.js'
import { NO_POLICY } from '../../action/retry.js'
import { ActionError, ContractError, InputError, ParallelError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { viewOf } from '../../graph/view-of.js'
import { msSince } from '../../internal/clock.js'
import { isInstance, isThenable } from '../../internal/guards.js'
import type { State } from '../../state/freeze.js'
import { isOfStore, SerializationError } from '../../store-errors.js'
import type { Application, Run } from '../application.js'
import type { Cancellation } from '../cancel/cancellation.js'
import { Deadline } from '../cancel/deadline.js'
import { emit, isObserved } from '../emit.js'
import type { Carried, EventSource } from '../event-source.js'
import type { RunningMap } from '../map/branch-handle.js'
import type { MapAttempt } from '../map/map-visit.js'
import { putBack } from '../message/inbox.js'
import { untilRead } from '../run/backpressure.js'
import { carriedStep, inScope, isScoped } from './code-scope.js'
import { createActionContext } from './context.js'
import { givenInputs } from './inputs.js'
import type { StepReport } from './report.js'
import { attemptAt } from './retry.js'

// Owns: one attempt at one action, from its `step.start` to its `step.end`: its signal, its context, its generator,
// its permit, its error.
// Does not own: the update (step.ts).
// S1  The signal and the context are made on first use: most actions read neither.
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
  #carried: Carried | undefined
  /** The map at which the step stands. */
  map: RunningMap | undefined
  /** The number of the attempt at the step. */
  readonly attempt: number
  waitCount = 0
  report: StepReport | undefined
  /** Its time limit, or the grace period after it. */
  deadline: Deadline | undefined

  constructor(run: Run, node: PlanNode) {
    const { app, attempts } = run
    this.#run = run
    this.#node = node
    this.sequenceId = app.checkpoint.sequenceId + 1
    this.attempt = attempts === undefined ? 1 : attempts.failed + 1
    this.startedAt = Math.round(isTimed(app, node) ? app.system.passed() : app.system.recently())
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
    this.report?.close()
    this.deadline?.clear()
    this.#run.waits?.endOf(this)
  }

  /** In a worker, until the texts of this attempt have come. @returns whether its code is still to run */
  untilCarried(): Promise<boolean> | undefined {
    const { system } = this.#run.app
    return carriedStep(this.#run.app, this)?.then((texts) => {
      this.#carried = { ...system.carried, ...texts }
      return this.#open && this.#cancellation === undefined && this.#run.running
    })
  }

  /** Runs the code. @returns its return value, or a promise of that */
  perform(body: RunBody): unknown {
    const carried = this.untilCarried()
    return carried === undefined
      ? this.#perform(body)
      : carried.then((runs) => (runs ? this.#perform(body) : undefined))
  }

  #perform(body: RunBody): unknown {
    const args = this as ActionArgs<State, Inputs> as ActionArgs<never, never>
    const returned = isScoped(this.#run.app) ? this.within(() => body.run(args)) : body.run(args)
    if (typeof returned !== 'object' || returned === null || isThenable(returned)) return returned
    return isGenerator(returned) ? this.#drain(returned) : returned
  }

  within<T>(code: () => T, span?: string): T {
    const { app } = this.#run
    return isScoped(app) ? inScope(app, this.context, code, span, this.#carried ?? app.system.carried) : code()
  }

  async #drain(generator: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
    const { app, request } = this.#run
    for (;;) {
      const { done, value } = await this.within(() => generator.next())
      if (done === true) return value
      if (this.#cancellation !== undefined) break
      emit(app, { type: 'chunk', source: this.#node.name, chunk: value })
      const ready = request.waitForReader?.()
      if (ready !== undefined) await untilRead(this.#run, ready)
      if (this.#cancellation !== undefined) break
    }
    await this.within(() => generator.return(undefined)) // S3
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

/** An attempt begins. */
export function startAttempt(run: Run, node: PlanNode): Attempt {
  const { app } = run
  if (run.taken !== undefined) putBack(run)
  const step = new Attempt(run, node)
  run.attempt = step
  if (isObserved(app, 'step.start')) {
    const inputs = givenInputs(run, node)
    emit(app, { type: 'step.start', source: node.name, attempt: step.attempt, ...(inputs && { inputs }) })
  } else app.system.skip()
  return step
}

/** Ends the context of an attempt, and frees its permit. */
export function closeAttempt(run: Run): void {
  run.step?.close()
  run.permit?.release()
}

/** An attempt has ended without a commit. */
export function endAttempt(
  run: Run,
  node: PlanNode,
  status: 'failed' | 'cancelled',
  error: unknown,
  sequenceId?: number,
): void {
  const { app } = run
  const { attempt = attemptNumber(run), startedAt = app.system.passed() } = run.attempt ?? {}
  const attributes = attributesOf(run)
  run.attempt = undefined
  const durationMs = msSince(app.system.clock, startedAt)
  const fields = { status, error, attempt, durationMs, ...attributes } as const
  emit(app, { type: 'step.end', source: node.name, ...fields }, sequenceId)
}

/** The facts that the present attempt has reported, for its `step.end`. */
export function attributesOf({ attempt }: Pick<Run, 'attempt'>): { readonly attributes?: Attributes } | undefined {
  const attributes = attempt?.report?.attributes
  return attributes && { attributes }
}

/** The number of the present attempt; the first is 1. */
export function attemptNumber({ attempts }: Run): number {
  return attempts === undefined ? 1 : attempts.failed + 1
}

/** Logs the end of abandoned code; nothing follows from it. */
export function logLateStep(app: Application, node: PlanNode, value: unknown): void {
  app.system.logger.debug(`${node.subject} ended after it was given up. Its outcome is ignored.`, value)
}

/** Errors that carry their location already. */
const located = new WeakSet<object>()

/** The thrown value, without the error that locates it. */
export const thrownBy = (error: unknown): unknown =>
  located.has(error as object) ? (error as ActionError).cause : error // reads nothing of the thrown value

/**
 * The error of a run: the thrown value with its location.
 * @param prefix text of the message before that of the thrown value
 */
export function wrap(run: Run, node: PlanNode, thrown: unknown, prefix?: string): Error {
  if (located.has(thrown as object)) return thrown as ActionError
  const where = run.app.where(node)
  if (isInstance(thrown, ContractError)) return thrown.locate(where)
  if (isInstance(thrown, InputError) && thrown.at !== undefined) return thrown
  if (isInstance(thrown, SerializationError)) return thrown.locate(node.subject, where)
  if (isInstance(thrown, ParallelError) || isOfStore(thrown)) return thrown
  const { body } = node.parts
  const ofAction = (isRunBody(body) ? body.policy.retry?.attempts : undefined) ?? 1
  const error = new ActionError(node.subject, { ...where, ...attemptAt(run, ofAction) }, thrown, prefix)
  if (prefix !== undefined) located.add(error)
  return error
}
