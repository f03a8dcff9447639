import { type Inputs, NO_INPUTS } from '../../action/inputs.js'
import type { Delivery, Received } from '../../action/message.js'
import { toError } from '../../internal/guards.js'
import type { CancelCause } from '../../lifecycle/events.js'
import type { Due, Pending } from '../../lifecycle/pending.js'
import type { BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import type { AppJournal } from '../../persistence/app-journal.js'
import type { State } from '../../state/freeze.js'
import { Carrier } from '../actor/carrier.js'
import { type Application, Run, type RunOwner } from '../application.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { Deadline } from '../cancel/deadline.js'
import { recordEnd } from '../durability.js'
import { descend } from '../message/path-lookup.js'
import { dueIn, pendingIn } from '../message/pending.js'
import type { RunRequest } from '../run/request.js'
import type { Leak, RunResult } from '../run/result.js'
import { attemptsOf } from '../step/attempts.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import { endByFallback } from './branch-fallback.js'
import type { BranchHandle, BranchHost, BranchProgress, Found, ReportedProgress, WaitsFor } from './branch-handle.js'
import { progressOf } from './kept-branches.js'
import { cancelledBy, resultOf } from './outcome.js'

// Owns: a branch that runs in this process: its application, its one run, and the result of that.
// Does not own: when it starts and its time limits (map-runner.ts, branch-starter.ts).

/** The facts that all branches of a map share. */
export interface InProcessSetup {
  readonly host: BranchHost
  /** The name of the map. */
  readonly name: string
  readonly requestOf: (inputs: Inputs) => RunRequest
  readonly loop: Run['loop']
  /** The unstored progress of a branch. */
  readonly progressOf: (key: string) => BranchProgress | undefined
}

/**
 * The handle of a branch in this process. It clears its references when it settles: V8 keeps deleted `Map` entries
 * alive until a full collection (at 100 000 branches a fifth of the cost).
 */
export class InProcessBranch implements BranchHandle, RunOwner {
  readonly task: BranchTask
  readonly origin: Application
  queuedAt: number | undefined
  startedAt: number | undefined
  begun = 0
  deadline: Deadline | undefined
  deadlineAt: number | undefined
  result: BranchResult | undefined
  readonly #setup: InProcessSetup
  #stopped = false

  constructor(task: BranchTask, app: Application, setup: InProcessSetup) {
    this.task = task
    this.origin = app
    this.#setup = setup
  }

  get inputs(): Inputs {
    const { bound, inputs } = this.origin
    return bound === NO_INPUTS ? inputs : Object.freeze({ ...inputs, ...bound })
  }
  get status(): BranchHandle['status'] {
    return this.origin.run?.phase ?? 'made'
  }
  get attempts(): number {
    return this.origin.run?.attempts?.branch ?? 1
  }
  get state(): State {
    return this.origin.checkpoint.state
  }
  get leaked(): readonly Leak[] {
    return this.origin.run?.leaked ?? []
  }
  get cancelledAt(): number | undefined {
    return this.origin.run?.cancellation?.at
  }
  get cancelCause(): CancelCause | undefined {
    return this.origin.run?.cancellation?.cause
  }
  get waitsFor(): WaitsFor {
    return this.origin.run?.waits?.level ?? 'nothing'
  }
  get mayWithdraw(): boolean {
    return this.origin.run?.waits?.mayWithdraw === true
  }
  get isRetrying(): boolean {
    return this.origin.run?.attempts?.waiting === true
  }
  get reported(): ReportedProgress | undefined {
    const { attempt } = this.origin.run ?? {}
    const progress = attempt?.report?.progress
    return attempt && progress && { action: attempt.node.name, progress }
  }
  get journal(): AppJournal | undefined {
    return this.origin.journal
  }
  get inside(): Application {
    return this.origin
  }

  progress(): BranchProgress {
    return progressOf(this.origin, this.startedAt)
  }

  pending(): Iterable<Pending> {
    return pendingIn(this.origin)
  }

  due(): Iterable<Due> {
    return dueIn(this.origin)
  }

  find(parts: readonly string[]): Found {
    return descend(this.origin, parts)
  }

  adopt(messages: readonly Received[]): void {
    this.origin.mailbox.putBack(messages)
  }

  start(): void {
    const app = this.origin
    const { requestOf, loop } = this.#setup
    const run: Run = new Run(app, requestOf(app.inputs), loop, this)
    const progress = this.#setup.progressOf(this.task.key)
    if (progress !== undefined) attemptsOf(run).resume(progress)
    if (app.system.interceptors.length === 0) this.#go(run)
    else void this.#callInterceptors(run)
  }

  /** Starts the branch unless an interceptor refuses it, which fails it. */
  async #callInterceptors(run: Run): Promise<void> {
    const { key, index } = this.task
    const { host, name } = this.#setup
    try {
      await new InterceptorCall(run).before('Branch', { map: name, key, index, path: run.app.path })
    } catch (error) {
      if (run.cancellation === undefined) return host.refused(key, { status: 'failed', error: toError(error) })
    }
    if (this.#stopped) return
    if (run.cancellation === undefined) this.#go(run)
    else host.refused(key, cancelledBy(run.cancellation))
  }

  #go(run: Run): void {
    run.app.self.start()
    run.start()
  }

  ended(run: Run, given: RunResult): void {
    const { fallback } = this.task.policy
    const result = fallback === undefined ? given : endByFallback(run, fallback, given)
    const recorded = recordEnd(run, result)
    if (recorded instanceof Promise) void recorded.then(() => this.#settle(run, result))
    else this.#settle(run, result)
  }

  #settle(run: Run, result: RunResult): void {
    this.result = result.status === 'failed' ? { status: 'failed', error: result.error } : resultOf(run)
    run.app.self.send(new Carrier('teasel.end', result))
  }

  cancel(cancellation: Cancellation): boolean {
    const { run } = this.origin
    if (run === undefined || (run.phase === 'made' && !run.interceptorCalls?.size)) return false
    run.cancel(cancellation)
    return true
  }

  abandon(): void {
    this.origin.run?.abandon()
  }

  stop(cancellation: Cancellation): void {
    this.#stopped = true
    this.origin.run?.stop(cancellation)
  }

  send(message: Received): Delivery {
    const app = this.origin
    return app.run?.cancellation === undefined ? app.deliver(message) : 'dropped'
  }

  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    this.origin.run?.waits?.releaseSiblings(error)
  }

  dispose(): void {
    this.#stopped = true
    clear(this)
  }
}

function clear(branch: { task: unknown; origin: unknown; result: unknown }): void {
  branch.task = branch.origin = branch.result = undefined
}
