import type { RunBody } from '../../action/action.js'
import { TimeoutError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { createDeferred } from '../../internal/deferred.js'
import { isThenable } from '../../internal/guards.js'
import { checkUpdate } from '../../state/contract.js'
import type { Application, Run } from '../application.js'
import { createCancellation, TIMEOUT } from '../cancel/cancellation.js'
import { Deadline } from '../cancel/deadline.js'
import { leakCode } from '../cancel/leak.js'
import { eachSubRun, endSubApps } from '../cancel/sub-apps.js'
import { type Attempt, closeAttempt, endAttempt, logLateStep, startAttempt, wrap } from './attempt.js'
import { attemptsOf } from './attempts.js'
import { inputsAgain } from './inputs.js'
import { Permit } from './permit.js'
import { delayOf, isBeyondRetry, retryNote, waitForAttempt, withFallbackError } from './retry.js'

// Owns: the attempts at one step of an action that has a retry, a time limit or a fallback.
// Does not own: whether and when an attempt is repeated (retry.ts), the commit (step.ts).
// G1  Each attempt has a fresh signal and context; the step and its number stay the same.
// G2  Applications that an attempt made have ended, or were abandoned, before the next attempt begins.
// G3  An attempt past its time limit has failed, whatever its code does later.

/** Runs code until an attempt succeeds, none is left, or a cancel ends it. @returns the update */
export async function performGuarded(run: Run, first: Attempt, body: RunBody): Promise<unknown> {
  const { node, startedAt: begun } = first
  const { retry } = body.policy
  let step = first
  for (let attempt = run.attempts?.ofAction ?? 1; ; attempt++) {
    try {
      const limit = limitOf(run.app, node, body, begun)
      return await (limit === undefined ? step.perform(body) : performInTime(run, step, body, limit))
    } catch (error) {
      if (!run.running) throw error
      closeAttempt(run)
      if (run.subApps !== undefined) await endSubApps(run) // G2
      if (!goesOn(run)) throw error
      const delayMs = delayOf(run, { subject: node.subject, retry, error, attempt, begun })
      if (delayMs === undefined) return rescue(run, step, body, error)
      const next = await pause(run, node, error, delayMs)
      if (next === undefined || !goesOn(run)) return undefined // perhaps cancelled in the tick in which it was due
      step = next
      step.enter(first.fresh(), inputsAgain(run, node, first.inputs))
    }
  }
}

/** True for a run that was neither abandoned nor cancelled. */
const goesOn = (run: Run): boolean => run.running && run.cancellation === undefined

/** A time limit: its name in an error, its length and the rest of it, milliseconds. */
interface Limit {
  readonly what: string
  readonly ms: number
  readonly leftMs: number
}

/** The time limit of an attempt, or the rest of the time of all attempts. */
function limitOf(app: Application, { subject }: PlanNode, { policy }: RunBody, begun: number): Limit | undefined {
  const { timeoutMs = Infinity, retry } = policy
  const maxMs = retry?.maxMs ?? Infinity
  const leftMs = maxMs === Infinity ? Infinity : maxMs - (app.system.passed() - begun)
  if (leftMs < timeoutMs) return { what: `${subject}, all attempts together,`, ms: maxMs, leftMs }
  return timeoutMs === Infinity ? undefined : { what: subject, ms: timeoutMs, leftMs: timeoutMs }
}

/** Waits from the end of one attempt to the start of the next. @returns undefined when a cancel ended the wait */
async function pause(run: Run, node: PlanNode, thrown: unknown, delayMs: number): Promise<Attempt | undefined> {
  const { semaphore } = run.app
  const error = wrap(run, node, thrown)
  endAttempt(run, node, 'failed', error)
  const attempts = attemptsOf(run)
  attempts.failed += 1
  const again = { level: 'action', source: node.name, attempt: attempts.failed + 1, delayMs, error } as const
  if (!(await waitForAttempt(run, again, retryNote(run, node.name, 'action')))) return undefined
  if (semaphore !== undefined) {
    run.permit ??= new Permit(semaphore)
    if (!(await run.permit.enter())) return undefined
  }
  return goesOn(run) ? startAttempt(run, node) : undefined
}

/** The checked update of the fallback. */
function rescue(run: Run, step: Attempt, body: RunBody, error: unknown): unknown {
  const { fallback } = body.policy
  if (fallback === undefined || isBeyondRetry(error)) throw error
  const { subject, parts } = step.node
  try {
    const update = fallback({ error, state: step.fresh(), inputs: step.inputs })
    const { freeze } = run.app.plan.graph.rules
    const checked = checkUpdate(`The fallback of ${subject}`, parts.writes, update, freeze)
    attemptsOf(run).recovering = run.app.checkpoint.sequenceId + 1
    return checked
  } catch (second) {
    throw withFallbackError(error, second)
  }
}

/** One attempt with a time limit. Code that ignores its signal is abandoned after the grace period. */
async function performInTime(run: Run, step: Attempt, body: RunBody, limit: Limit): Promise<unknown> {
  const { app } = run
  const { clock } = app.system
  const graceMs = body.policy.graceMs ?? app.system.graceMs
  const abandoned = createDeferred<never>()
  let late: TimeoutError | undefined
  let work: unknown
  const begun = app.system.passed()
  const timeOut = (): void => {
    late = new TimeoutError(limit.what, limit.ms)
    const now = app.system.passed()
    app.system.lookAtWall()
    const cancellation = createCancellation('parent', TIMEOUT, now, late)
    step.cancel(cancellation)
    eachSubRun(run, (below) => below.cancel(cancellation))
    step.deadline?.clear()
    step.deadline = new Deadline(clock, now + graceMs, () => {
      abandonCode(run, step, now)
      const log = (value: unknown): void => logLateStep(app, step.node, value)
      void Promise.resolve(work).then(log, log)
      abandoned.reject(late)
    })
  }
  step.deadline = new Deadline(clock, begun + limit.leftMs, timeOut, app.system.attendance)
  try {
    work = step.perform(body)
    if (!isThenable(work)) return work
    const update = await Promise.race([work, abandoned.promise])
    if (late !== undefined) throw late // G3
    return update
  } catch (error) {
    throw late ?? error
  } finally {
    step.deadline?.clear()
  }
}

/** Abandons the code of an attempt; it takes no permit again. */
function abandonCode(run: Run, step: Attempt, since: number): void {
  eachSubRun(run, (below) => below.abandon())
  step.close()
  leakCode(run, step.node, since)
  run.permit?.dispose()
  run.permit = undefined
}
