import type { RunBody } from '../action/action.js'
import { TimeoutError } from '../errors.js'
import type { PlanNode } from '../graph/plan.js'
import { createDeferred } from '../internal/deferred.js'
import { isThenable } from '../internal/guards.js'
import { checkUpdate } from '../state/contract.js'
import { Alarm } from './alarm.js'
import { createCancellation, TIMEOUT } from './cancellation.js'
import { endSubApps } from './child-app.js'
import { leakCode } from './leak.js'
import { attemptsOf, isBeyondRetry, isTriedAgain, waitForAttempt, withFallbackError } from './retrying.js'
import { Slot } from './slot.js'
import { Step } from './step.js'
import { closeStep, endStep, lateStep, startAttempt, wrap } from './step-border.js'
import type { LiveApp } from './tree.js'

// Owns: the attempts at one step of an action that has a retry, a time limit or a fallback.
// Does not own: whether and when something is tried again (retrying.ts), the commit (take-step.ts).
// G1  Each attempt has a fresh signal and context; the step and its number stay the same.
// G2  What an attempt made has ended, or was given up, before the next one begins.
// G3  An attempt whose time is over has failed, whatever comes of it later.

/** Runs code until an attempt succeeds, none is left, or a cancel ends it. Answers the update. */
export async function performGuarded(app: LiveApp, node: PlanNode, first: Step, body: RunBody): Promise<unknown> {
  const { epoch } = app
  const { retry, timeoutMs } = body.policy
  let step = first
  for (let attempt = 1; ; attempt++) {
    try {
      return await (timeoutMs === undefined ? step.perform(body) : performInTime(app, step, body, timeoutMs))
    } catch (error) {
      if (app.epoch !== epoch) throw error
      closeStep(app)
      if (app.subApps !== undefined) await endSubApps(app) // G2
      if (app.epoch !== epoch || app.cancellation !== undefined) throw error
      if (!isTriedAgain(app, node.name, retry, error, attempt)) return rescue(app, node, step, body, error)
      if (!(await pause(app, node, error, { retry, attempt }))) return undefined
      if (app.epoch !== epoch || app.cancellation !== undefined) return undefined // in the tick in which it was due
      step = new Step(app, node, first.state, first.inputs)
      app.step = step
    }
  }
}

type Failed = { readonly retry: NonNullable<RunBody['policy']['retry']>; readonly attempt: number }

/** From the end of one attempt to the start of the next. False when a cancel ended it. */
async function pause(app: LiveApp, node: PlanNode, thrown: unknown, { retry, attempt }: Failed): Promise<boolean> {
  const { epoch } = app
  const error = wrap(app, node, thrown)
  endStep(app, node, 'failed', error)
  const attempts = attemptsOf(app)
  attempts.failed += 1
  const next = attempts.failed + 1
  const again = { level: 'action', source: node.name, retry, failed: attempt, attempt: next, error } as const
  if (!(await waitForAttempt(app, again))) return false
  if (app.gate !== undefined) {
    app.slot ??= new Slot(app.gate)
    if (!(await app.slot.enter())) return false
  }
  if (app.epoch !== epoch || app.cancellation !== undefined) return false
  startAttempt(app, node)
  return true
}

/** The update that the fallback gives, checked as any. */
function rescue(app: LiveApp, node: PlanNode, { state, inputs }: Step, body: RunBody, error: unknown): unknown {
  const { fallback } = body.policy
  if (fallback === undefined || isBeyondRetry(error)) throw error
  try {
    const update = fallback({ error, state, inputs })
    const checked = checkUpdate(
      `The fallback of ${node.subject}`,
      node.parts.writes,
      update,
      app.plan.graph.rules.freeze,
    )
    attemptsOf(app).recovering = app.standing.sequenceId + 1
    return checked
  } catch (second) {
    throw withFallbackError(error, second)
  }
}

/** One attempt under a time limit. Code that ignores its signal is given up after the grace period. */
async function performInTime(app: LiveApp, step: Step, body: RunBody, timeoutMs: number): Promise<unknown> {
  const { clock, graceMs } = app.hub
  const gaveUp = createDeferred<never>()
  let late: TimeoutError | undefined
  let work: unknown
  const begun = clock.now()
  step.alarm = new Alarm(clock, begun + timeoutMs, () => {
    late = new TimeoutError(step.node.subject, timeoutMs)
    const now = clock.now()
    const cancellation = createCancellation('parent', TIMEOUT, now, late)
    step.cancel(cancellation)
    for (const below of app.subApps?.values() ?? []) below.cancel(cancellation)
    step.alarm = new Alarm(clock, now + graceMs, () => {
      giveUp(app, step, now)
      const tell = (value: unknown): void => lateStep(app, step.node, value)
      void Promise.resolve(work).then(tell, tell)
      gaveUp.reject(late)
    })
  })
  try {
    work = step.perform(body)
    if (!isThenable(work)) return work
    const update = await Promise.race([work, gaveUp.promise])
    if (late !== undefined) throw late // G3
    return update
  } catch (error) {
    throw late ?? error
  } finally {
    step.alarm?.clear()
  }
}

/** Nothing more is waited for; whatever holds a slot for the code takes none again. */
function giveUp(app: LiveApp, step: Step, since: number): void {
  for (const below of app.subApps?.values() ?? []) below.abandon()
  step.close()
  leakCode(app, step.node, since)
  app.slot?.retire()
  app.slot = undefined
}
