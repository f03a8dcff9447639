import { type Inputs, NO_INPUTS } from '../../action/inputs.js'
import type { Delivery, Received } from '../../action/message.js'
import { toError } from '../../internal/guards.js'
import type { CancelCause } from '../../lifecycle/events.js'
import type { BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import type { Journal } from '../../persistence/journal.js'
import type { State } from '../../state/freeze.js'
import { Carrier } from '../actor/carrier.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import type { Alarm } from '../cancel/alarm.js'
import type { Cancellation } from '../cancel/cancellation.js'
import { recordEnd } from '../durability.js'
import type { Mailbox } from '../message/mailbox.js'
import { descend } from '../message/path-lookup.js'
import type { PendingMessage } from '../message/pending.js'
import { mayWithdraw, pendingIn } from '../message/wait-state.js'
import type { Leak, RunRequest, RunResult } from '../run/request.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import { attemptsOf } from '../step/retry.js'
import type { LiveApp, LiveRun } from '../tree.js'
import { endByFallback } from './branch-fallback.js'
import type { BranchHandle, BranchHost, BranchProgress, Found, WaitsFor } from './branch-handle.js'
import { placeOf } from './held-branches.js'
import { endingOf, lostBy } from './outcome.js'

// Owns: a branch that runs in this process: its application, the run that it is, and how that becomes a result.
// Does not own: when it starts and when it has had its time (map-runner.ts, branch-starter.ts).

/** What all branches of a map share. */
export interface BranchSetup {
  readonly host: BranchHost
  /** The name of the map. */
  readonly name: string
  readonly orderOf: (inputs: Inputs) => RunRequest
  /** Where a branch goes on, where it is not stored. */
  readonly placeOf: (key: string) => BranchProgress | undefined
}

/**
 * The handle of a branch in this process. When it settles it clears its references: a `Map` keeps deleted entries in its
 * former tables until a full collection, and with them whatever hangs on them (at 100 000 branches a fifth of the cost).
 */
export class InProcessBranch implements BranchHandle {
  readonly task: BranchTask
  readonly origin: LiveApp
  startedAt: number | undefined
  begun = 0
  alarm: Alarm | undefined
  result: BranchResult | undefined
  #actor: AnyActorRef | undefined
  readonly #setup: BranchSetup
  #stopped = false

  constructor(task: BranchTask, app: LiveApp, actor: AnyActorRef, setup: BranchSetup) {
    this.task = task
    this.origin = app
    this.#actor = actor
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
    return mayWithdraw(this.origin.run)
  }
  get isRetrying(): boolean {
    return this.origin.run?.attempts?.waiting === true
  }
  get journal(): Journal | undefined {
    return this.origin.journal
  }

  place(): BranchProgress {
    return placeOf(this.origin, this.startedAt)
  }

  pending(): Iterable<PendingMessage> {
    return pendingIn(this.origin)
  }

  find(parts: readonly string[]): Found {
    return descend(this.origin, parts)
  }

  adopt(mailbox: Mailbox): void {
    this.origin.mailbox = mailbox
  }

  start(): void {
    const app = this.origin
    const run: LiveRun = app.open(this.#setup.orderOf(app.inputs), (end) => this.#ended(run, end))
    const place = this.#setup.placeOf(this.task.key)
    if (place !== undefined) attemptsOf(run).resume(place)
    if (app.system.interceptors.length === 0) this.#go(run)
    else void this.#ask(run)
  }

  /** Starts the branch once the interceptors let it; one that refuses fails it. */
  async #ask(run: LiveRun): Promise<void> {
    const { key, index } = this.task
    const { host, name } = this.#setup
    try {
      await new InterceptorCall(run).before('Branch', { map: name, key, index, path: run.app.path })
    } catch (error) {
      if (run.cancellation === undefined) return host.refused(key, { status: 'failed', error: toError(error) })
    }
    if (this.#stopped) return
    if (run.cancellation === undefined) this.#go(run)
    else host.refused(key, lostBy(run.cancellation))
  }

  #go(run: LiveRun): void {
    this.#actor?.start()
    run.go()
  }

  #ended(run: LiveRun, given: RunResult): void {
    const { fallback } = this.task
    const end = fallback === undefined ? given : endByFallback(run, fallback, given)
    const kept = recordEnd(run, end)
    if (kept instanceof Promise) void kept.then(() => this.#tell(run, end))
    else this.#tell(run, end)
  }

  #tell(run: LiveRun, end: RunResult): void {
    this.result = end.status === 'failed' ? { status: 'failed', error: end.error } : endingOf(run)
    this.#actor?.send(new Carrier('teasel.end', end))
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
    return app.run?.cancellation === undefined ? app.mailbox.push(message) : 'dropped'
  }

  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    this.origin.run?.waits?.releaseSiblings(error)
  }

  release(): void {
    this.#stopped = true
    this.#actor = undefined
    letGo(this)
  }
}

function letGo(branch: { task: unknown; origin: unknown; result: unknown }): void {
  branch.task = branch.origin = branch.result = undefined
}
