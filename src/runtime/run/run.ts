import type { Received } from '../../action/message.js'
import { MaxStepsError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { isThenable, toError } from '../../internal/guards.js'
import { sliceOver, TURN } from '../../internal/slice.js'
import type { InterceptedStep } from '../../lifecycle/interceptor.js'
import { belowCancellation, type Cancellation } from '../cancel/cancellation.js'
import { leakCode } from '../cancel/leak.js'
import { openJournal } from '../durability.js'
import { announce } from '../emit.js'
import { lateStep } from '../step/attempt-border.js'
import type { Attempts } from '../step/attempts.js'
import type { Permit } from '../step/permit.js'
import { retryBranch } from '../step/retry.js'
import { commitStep, failStep, performStep } from '../step/step.js'
import { abandonSubApps } from '../sub-app.js'
import type { LiveApp, LiveAttempt, LiveInterceptorCall, LiveRun, LiveWaitState } from '../tree.js'
import { ifStill } from './if-still.js'
import { endsAt, type Leak, NO_LEAKS, type RunRequest, type RunResult } from './request.js'
import { cancelledRun, endedRun, failedRun } from './result.js'

// Owns: one run of an application: the loop over its steps, when it ends, what a cancel reaches.
// Does not own: how one step is taken (step.ts), branches (map-runner.ts), what outlives the run (application.ts).
// R1  After each wait the run may have ended, because its code was given up: then nothing more follows from it.
// R2  A run ends exactly once: by its loop, or from outside when its code is given up.
// R3  A cancel fires every signal below in the same tick; the first one counts.
// R4  A run ends only when what it started has ended, or was given up as leaked.
// R5  A loop that throws where nothing may has failed its run with that.

export class Run implements LiveRun {
  readonly app: LiveApp
  readonly request: RunRequest
  phase: LiveRun['phase'] = 'made'
  cancellation: Cancellation | undefined
  leaked: readonly Leak[] = NO_LEAKS
  attempt: LiveAttempt | undefined
  permit: Permit | undefined
  release: (() => void) | undefined
  attempts: Attempts | undefined
  stepInfo: InterceptedStep | undefined
  taken: Received[] | undefined
  waits: LiveWaitState | undefined
  subApps: Map<string, LiveApp> | undefined
  interceptorCalls: Set<LiveInterceptorCall> | undefined
  readonly #ended: (end: RunResult) => void
  #over: (() => void)[] | undefined

  constructor(app: LiveApp, request: RunRequest, ended: (end: RunResult) => void) {
    this.app = app
    this.request = request
    this.#ended = ended
  }

  get running(): boolean {
    return this.phase === 'running'
  }

  get step(): LiveAttempt | undefined {
    return this.attempt?.open === true ? this.attempt : undefined
  }

  go(): void {
    this.phase = 'running'
    this.app.mail?.reopen()
    this.#loop().then(undefined, (fault: unknown) => this.#die(fault)) // R5
  }

  async #loop(): Promise<void> {
    const { app, request } = this
    request.begun?.()
    const above = app.parent?.app.run?.cancellation
    if (above !== undefined) this.cancel(belowCancellation(above))
    const refusal = request.before && (await request.before())
    if (refusal && this.running && !this.cancellation) return this.#finish(failedRun(app, refusal))
    if (app.journal !== undefined && this.running) {
      const ended = await openJournal(this, app.journal)
      if (ended !== undefined && this.running) return this.#finish(ended)
    }
    for (let steps = 0; ; steps++) {
      const turn = sliceOver()
      if (turn !== undefined) await turn
      if (!this.running) return // R1
      if (this.cancellation !== undefined) return this.#finish(cancelledRun(this, this.cancellation))
      const node = this.#next()
      if (node === undefined) return this.#finish(endedRun(this, 'finished'))
      if (steps >= request.maxSteps) return this.#finish(failedRun(app, new MaxStepsError(request.maxSteps, node.name)))
      let lost: Error | undefined
      try {
        const work = performStep(this, node)
        const update = isThenable(work) ? await work : work
        if (update === work) await TURN
        if (!this.running) return lateStep(app, node, update)
        const committed = commitStep(this, node, update)
        lost = isThenable(committed) ? await committed : committed
      } catch (thrown) {
        if (!this.running) return lateStep(app, node, thrown)
        lost = await failStep(this, node, thrown)
      }
      if (!this.running) return
      if (this.cancellation !== undefined) return this.#finish(cancelledRun(this, this.cancellation))
      if (lost !== undefined) {
        const again = retryBranch(this, node, lost)
        if (again instanceof Error) return this.#finish(failedRun(app, again))
        await again
        continue
      }
      const status = endsAt(app.plan, request, node, app.checkpoint.next)
      if (status !== undefined) return this.#finish(endedRun(this, status))
    }
  }

  #die(fault: unknown): void {
    if (!this.running) return this.app.system.logger.error('A run that was given up has failed.', fault)
    this.#drop()
    this.#finish(failedRun(this.app, toError(fault)))
  }

  #next(): PlanNode | undefined {
    const { plan, checkpoint } = this.app
    return checkpoint.next === undefined ? undefined : plan.graph.nodes.get(checkpoint.next)
  }

  /** Nothing more is expected of the code of the present attempt; what holds a permit for it takes none again. */
  #drop(): void {
    this.attempt?.close()
    this.permit?.retire()
    this.permit = this.attempt = undefined
  }

  /** Ends the run, once (R2). */
  #finish(end: RunResult): void {
    if (!this.running) return
    this.phase = 'ended'
    this.app.mail?.close()
    for (const tell of this.#over?.splice(0) ?? []) tell()
    this.#ended(end)
  }

  cancel(cancellation: Cancellation): void {
    if (this.cancellation !== undefined || (!this.running && !this.interceptorCalls?.size)) return
    this.cancellation = cancellation
    for (const one of this.interceptorCalls ?? []) one.cancelled()
    if (!this.running) return // only interceptors are still asked
    const { app } = this
    if (cancellation.cause !== 'store' && app.hears('cancel'))
      announce(app, { type: 'cancel', reason: cancellation.reason, by: cancellation.by, cause: cancellation.cause })
    this.permit?.cancel()
    this.release?.()
    this.attempts?.release()
    const { step } = this
    step?.cancel(cancellation)
    for (const below of this.subApps?.values() ?? []) below.run?.cancel(belowCancellation(cancellation))
    step?.map?.cancelAll()
  }

  abandon(): void {
    const { step, cancellation } = this
    for (const one of this.interceptorCalls ?? []) one.giveUp()
    if (!this.running || cancellation === undefined) return
    if (step?.map !== undefined) return step.map.abandon()
    if (this.interceptorCalls?.size) return // what follows ends by itself
    if (this.subApps === undefined) return this.#giveUp(cancellation)
    void ifStill(this, abandonSubApps(this), () => this.#giveUp(cancellation))
  }

  #giveUp(cancellation: Cancellation): void {
    const { attempt } = this
    const codeRuns = attempt?.open === true
    attempt?.close()
    // Between its action and its commit no code runs: its store is waited for.
    if (attempt !== undefined && (codeRuns || this.app.system.outage?.waiting !== true)) leakCode(this, attempt.node)
    this.#drop()
    this.#finish(cancelledRun(this, cancellation))
  }

  takeLeaks(leaks: readonly Leak[]): void {
    if (leaks.length > 0) this.leaked = [...this.leaked, ...leaks]
  }

  over(): Promise<void> {
    if (!this.running) return Promise.resolve()
    const over: (() => void)[] = this.#over ?? []
    this.#over = over
    return new Promise((resolve) => void over.push(resolve))
  }

  stop(cancellation: Cancellation): void {
    if (!this.running) return
    this.cancel(cancellation)
    const { step } = this
    step?.map?.stop()
    for (const below of this.subApps?.values() ?? []) below.run?.stop(cancellation)
    step?.close()
    this.permit?.retire()
    this.#finish(cancelledRun(this, this.cancellation ?? cancellation))
  }
}
