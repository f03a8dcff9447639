import type { PlanNode } from '../graph/plan.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { macrotask } from '../internal/platform.js'
import type { Pending } from '../lifecycle/pending.js'
import type { Application } from '../runtime/application.js'
import { isSuspended } from '../runtime/map/branch-handle.js'
import { allDue, allPending } from '../runtime/message/pending.js'
import { type Backpressure, type CommittedStep, createRequest, type RunRequest } from '../runtime/run/request.js'
import { type Leak, NO_LEAKS, type RunResult } from '../runtime/run/result.js'
import { runApplication, throughMaker } from '../runtime/sub-app.js'
import { publicState, type State } from '../state/freeze.js'

// Owns: one run of an application from start to end, and its current caller: `run` or a variant of it.
// Does not own: the loop of the run (runtime/run/loop.ts).
// G1  One caller at a time. A run that only waits for a person may be left without a caller, and continues when it is
//     answered.
// G2  A later caller gets the outcome, also when the run ended without a caller; a failure is then no unhandled
//     rejection.
// G3  The caller's signal has one listener while it is joined, and none afterwards.
// G4  A run that answers that it waits still waits when its store has that; otherwise it goes on.

/** Whether a run returns when everything left waits for messages from outside, or for times. */
export type WhenWaiting = 'stay' | 'return'

/** The result of joining: the end of the run, or that it waits. */
export type Joined =
  | RunResult
  | {
      readonly status: 'waiting'
      readonly pending: readonly Pending[]
      readonly nextAt?: number
      readonly action: string
      readonly next: string | undefined
      readonly state: State
      readonly sequenceId: number
      readonly leaked: readonly Leak[]
    }

type StoredTree = NonNullable<Application['system']['store']>['tree'] | undefined

export class ActiveRun {
  readonly request: RunRequest
  readonly ended: Promise<RunResult>
  /** The last committed step, where the run may be left without a caller. */
  last: CommittedStep | undefined
  joined = false
  readonly #app: Application
  readonly #end: Deferred<RunResult> = createDeferred()
  #begun = false
  #backpressure: Backpressure = {}

  /** @param backpressure pace of the run; where it may be left without a caller, that of its current caller */
  constructor(app: Application, request: RunRequest, backpressure: Backpressure, whenWaiting: WhenWaiting) {
    this.#app = app
    const own = whenWaiting === 'stay' ? backpressure : this.#changing()
    this.request = createRequest(request.inputs, { ...request, ...own })
    this.#backpressure = backpressure
    this.ended = this.#end.promise
  }

  /** Starts synchronously: user code that the first part calls finds this run in progress. */
  #begin(): void {
    const app = this.#app
    this.#begun = true
    if (app.parent === undefined) app.system.beginRun()
    this.#end.resolve(runApplication(app, this.request))
  }

  #changing(): Backpressure {
    const own = this.#app.path.length
    return {
      onStep: (step, at) => {
        if (at.path.length === own) this.last = step
        else if (this.#backpressure.deep !== true) return undefined
        return this.#backpressure.onStep?.(step, at)
      },
      waitForReader: () => this.#backpressure.waitForReader?.(),
      deep: true, // a later caller may ask for steps below
    }
  }

  /** Waits until the run ends or, with `'return'`, until everything left waits for a person or a time (G1). */
  async join(backpressure: Backpressure, whenWaiting: WhenWaiting, signal: AbortSignal | undefined): Promise<Joined> {
    const app = this.#app
    const onAbort = (): void => void app.cancel(signal?.reason, 'signal', 'signal')
    this.joined = true
    this.#backpressure = backpressure
    if (!this.#begun) this.#begin()
    signal?.addEventListener('abort', onAbort, { once: true }) // G3
    if (signal?.aborted === true) onAbort() // aborted by the first step, before its first await
    const root = app.parent === undefined ? app.system : undefined
    const watch = root && app.journal?.scope.settings.watch
    const tree = root?.store?.tree
    watch?.hold(whenWaiting === 'stay')
    root?.attendance.hold(true)
    tree?.attend(true)
    try {
      return await throughMaker(app, () => (whenWaiting === 'stay' ? this.ended : this.#endedOrWaiting(tree)))
    } finally {
      tree?.attend(false)
      this.joined = false
      watch?.hold(false)
      root?.attendance.hold(false)
      this.#backpressure = {}
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** @param tree what the store is told of it; undefined below a root, and without a store */
  async #endedOrWaiting(tree: StoredTree): Promise<Joined> {
    const { run } = this.#app
    if (run === undefined) return this.ended
    const waits = run.waitState
    let changes = 0
    const waiting = new Promise<Joined>((resolve) => {
      const look = (): void => {
        changes += 1
        const seen = changes
        const isSame = (): boolean => changes === seen && !run.cancellation && !this.#isDue
        tree?.attend(true)
        if (!isSuspended(waits.level)) return
        // After everything that is ready has run: an action may wait, and do something else a moment later.
        macrotask(async () => {
          if (!isSame()) return
          tree?.attend(false)
          await tree?.flush(true)
          if (isSame()) resolve(this.#waiting()) // G4
        })
      }
      waits.changed = look
      look()
    })
    try {
      return await Promise.race([this.ended, waiting])
    } finally {
      waits.changed = undefined
      changes += 1 // what is still to be looked at would be of another run
    }
  }

  /** Whether a time has come, as it may have at once after a resume: its timer is about to change the level. */
  get #isDue(): boolean {
    return (allDue(this.#app)[0]?.at ?? Infinity) <= this.#app.system.clock.now()
  }

  #waiting(): Joined {
    const { sequenceId, next, position = '' } = this.#app.checkpoint
    const state = publicState(this.#app.checkpoint.state)
    const pending = allPending(this.#app)
    const nextAt = allDue(this.#app)[0]?.at
    return {
      status: 'waiting',
      pending,
      ...(nextAt !== undefined && { nextAt }),
      action: next ?? position,
      next,
      state,
      sequenceId,
      leaked: this.#app.run?.leaked ?? NO_LEAKS,
    }
  }

  /** The first of the given options that differs from those of the run. */
  differs(given: RunRequest, names: readonly string[]): string | undefined {
    const { inputs, haltAfter, haltBefore, maxSteps } = this.request
    const same: Readonly<Record<string, boolean>> = {
      inputs: Object.keys(given.inputs).every((name) => Object.is(given.inputs[name], inputs[name])),
      haltAfter: sameNodes(given.haltAfter, haltAfter),
      haltBefore: sameNodes(given.haltBefore, haltBefore),
      maxSteps: given.maxSteps === maxSteps,
    }
    return names.find((name) => same[name] === false)
  }
}

const sameNodes = (a: ReadonlySet<PlanNode>, b: ReadonlySet<PlanNode>): boolean =>
  a.size === b.size && [...a].every((node) => b.has(node))
