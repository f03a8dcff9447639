import type { Path } from '../action/context.js'
import type { Plan } from '../graph/plan.js'
import { toError } from '../internal/guards.js'
import type { BranchResult } from '../parallel/results.js'
import type { BranchTask } from '../parallel/task.js'
import type { PendingCall } from '../runtime/application.js'
import { type Cancellation, timeoutOf } from '../runtime/cancel/cancellation.js'
import { emit } from '../runtime/emit.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchSetup, BranchSystem } from '../runtime/map/branch-maker.js'
import { cancelledBy } from '../runtime/map/outcome.js'
import type { Leak } from '../runtime/run/result.js'
import { type InterceptedRun, InterceptorCall } from '../runtime/step/interceptor-call.js'
import type { CheckpointData } from './frames.js'

/** A branch, as far as its owner's run of it needs it. */
interface OwnedBranch {
  readonly status: 'made' | 'running' | 'ended'
  readonly checkpoint: CheckpointData
  leaked: readonly Leak[]
}

type OwnersApp = InterceptedRun['app'] & { readonly system: BranchSystem }

/** The run of a branch that lives elsewhere, as its owner has it: its cancel, and interceptors that are asked here. */
export class OwnerRun implements InterceptedRun {
  readonly app: OwnersApp
  readonly attempt = undefined
  cancellation: Cancellation | undefined
  interceptorCalls: Set<PendingCall> | undefined
  readonly #branch: OwnedBranch
  #controller: AbortController | undefined

  constructor(origin: EventSource, setup: BranchSetup, branch: OwnedBranch) {
    this.#branch = branch
    this.app = new OwnerApp(origin, setup, branch, this)
  }

  get phase(): OwnedBranch['status'] {
    return this.#branch.status
  }

  get running(): boolean {
    return this.phase === 'running'
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** The first cancel counts. */
  cancel(cancellation: Cancellation): void {
    if (this.cancellation !== undefined) return
    this.cancellation = cancellation
    for (const call of this.interceptorCalls ?? []) call.cancelled()
    const { reason, by, cause } = cancellation
    if (this.running && cause !== 'store') emit(this.app, { type: 'cancel', reason, by, cause })
    this.#controller?.abort(reason)
  }

  /** Asks the interceptors. @returns the result of a branch that may not begin */
  async refusal({ key, index }: Pick<BranchTask, 'key' | 'index'>, map: string): Promise<BranchResult | undefined> {
    try {
      await new InterceptorCall(this).before('Branch', { map, key, index, path: this.app.path })
    } catch (error) {
      if (this.cancellation === undefined) return { status: 'failed', error: toError(error) }
    }
    return this.cancellation && cancelledBy(this.cancellation)
  }

  /** The result of the branch: a cancel, or the end of its time, counts before the given one. */
  resultOf(given: BranchResult): BranchResult {
    const { cancellation } = this
    if (cancellation === undefined) return given
    if (cancellation.cause === 'store') return { status: 'failed', error: toError(cancellation.reason) }
    const late = timeoutOf(cancellation)
    return late === undefined ? cancelledBy(cancellation) : { status: 'failed', error: late }
  }

  takeLeaks(leaks: readonly Leak[]): void {
    this.#branch.leaked = [...this.#branch.leaked, ...leaks]
  }
}

/** The application of such a run: its facts are those of its branch. */
class OwnerApp implements OwnersApp {
  readonly plan: Plan
  readonly system: BranchSystem
  readonly #origin: EventSource
  readonly #branch: OwnedBranch
  readonly run: OwnerRun

  constructor(origin: EventSource, { plan, system }: BranchSetup, branch: OwnedBranch, run: OwnerRun) {
    this.plan = plan
    this.system = system
    this.#origin = origin
    this.#branch = branch
    this.run = run
  }

  get tracker(): EventSource['tracker'] {
    return this.#origin.tracker
  }
  get watched(): boolean {
    return this.#origin.watched
  }
  get parent(): EventSource['parent'] {
    return this.#origin.parent
  }
  get root(): EventSource {
    return this.#origin.root
  }
  get appId(): string {
    return this.#origin.appId
  }
  get path(): Path {
    return this.#origin.path
  }
  get checkpoint(): CheckpointData {
    return this.#branch.checkpoint
  }
}
