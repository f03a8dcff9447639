import { printPath } from '../../action/context.js'
import { delayAfter, isWorthIt, type RetryPolicy } from '../../action/retry.js'
import { ActionError, ContractError, InputError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { causeOf, isInstance, messageOf, toError } from '../../internal/guards.js'
import { isOfStore } from '../../store-errors.js'
import type { Application, Run } from '../application.js'
import { writeNote } from '../durability.js'
import { emit, reportFault } from '../emit.js'
import { attemptsOf } from './attempts.js'

// Owns: how often something was tried, whether it is tried again, and the wait before.
// Does not own: the attempt itself (attempt-loop.ts, run.ts, reducer-actor.ts).
// T1  Retry, then fallback, then `onError`, then the run fails.
// T2  Whoever waits for its next attempt holds no permit, and a cancel ends the wait in the same tick.
// T3  Cancels, broken contracts and unfit inputs are neither tried again nor turned into success.
// T4  A deadline is a point in time. A timer that fires early changes nothing.

/** Which attempt at its step a run is at, and of how many at most. */
export function attemptAt(
  { app, attempts }: Run,
  ofAction: number,
): { readonly attempt: number; readonly attempts: number } {
  const { failed = 0, before = 0, branch = 1 } = attempts ?? {}
  const left = (retryOfBranch(app)?.attempts ?? 1) - branch + 1
  return { attempt: failed + 1, attempts: before + ofAction * left }
}

function retryOfBranch({ parent }: Application): RetryPolicy | undefined {
  return parent?.map?.timing(parent.key)?.task.retry
}

/** True for what no further attempt can mend (T3), also when it happened deeper down. */
export function isBeyondRetry(error: unknown): boolean {
  const seen = new Set<unknown>()
  for (let one = error; one !== undefined && !seen.has(one); one = causeOf(one)) {
    if (isInstance(one, ContractError) || isInstance(one, InputError) || isOfStore(one)) return true
    seen.add(one)
  }
  return false
}

/** What the action itself threw. */
export function thrownIn(error: unknown): unknown {
  return isInstance(error, ActionError) ? error.cause : error
}

/** Both errors of a failure whose fallback failed. One that throws what it was given has declined. */
export function withFallbackError(error: unknown, second: unknown): unknown {
  if (second === error) return error
  const message = `${messageOf(error)} (and its fallback failed: ${messageOf(second)})`
  return new AggregateError([error, second], message, { cause: error })
}

/** What failed, and may be tried again. */
interface Failure {
  /** What failed, as messages name it. */
  readonly subject: string
  readonly retry: RetryPolicy | undefined
  /** What was thrown. */
  readonly error: unknown
  /** The attempt that failed. */
  readonly attempt: number
  /** When the first attempt began, on the clock that never goes back. */
  readonly begun: number
}

/**
 * How long what failed waits for its next attempt, in milliseconds; undefined where there is none.
 * @throws {ContractError} when a function of `retry` answers what it cannot
 */
export function delayOf(run: Run, { subject, retry, error, attempt, begun }: Failure): number | undefined {
  const { app } = run
  if (retry === undefined || attempt >= retry.attempts || isBeyondRetry(error)) return undefined
  try {
    if (!isWorthIt(retry, subject, error, attempt) || run.cancellation !== undefined) return undefined
    const ms = delayAfter(retry, subject, error, attempt, app.system.random)
    return app.system.passed() - begun + ms < retry.maxMs ? ms : undefined
  } catch (fault) {
    if (fault instanceof ContractError && fault.fault.kind === 'retry') throw fault
    reportFault(app, `retry of ${subject}`, fault)
    return undefined
  }
}

/** What is tried again. */
interface Again {
  readonly level: 'action' | 'branch' | 'reduce'
  readonly source: string
  /** The number of the next attempt. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
}

/** Waits until the next attempt is due. False when a cancel ended the wait. */
export async function waitForAttempt(run: Run, again: Again): Promise<boolean> {
  const { app } = run
  const { clock } = app.system
  const due = attemptsOf(run).wait(clock, app.system.passed() + again.delayMs)
  emit(app, { type: 'retry', ...again, at: clock.now() + again.delayMs })
  await due
  app.system.lookAtWall()
  return run.cancellation === undefined
}

/** A branch failed. A promise when it goes on at its failed step, resolved when it does or was cancelled; else the error. */
export function retryBranch(run: Run, node: PlanNode, error: Error): Promise<boolean> | Error {
  const { app } = run
  const { parent } = app
  const branch = parent?.map?.timing(parent.key)
  const retry = branch?.task.retry
  if (branch === undefined || retry === undefined) return error
  const attempts = attemptsOf(run)
  const failed = attempts.branch
  const subject = `Branch "${printPath(app.path)}"`
  const failure = { subject, retry, error: thrownIn(error), attempt: failed, begun: branch.begun }
  let delayMs: number | undefined
  try {
    delayMs = delayOf(run, failure)
  } catch (fault) {
    return toError(fault)
  }
  if (delayMs === undefined) return error
  const due = waitForAttempt(run, { level: 'branch', source: node.name, attempt: failed + 1, delayMs, error })
  return due.then(async (goes) => {
    if (!goes) return false
    attempts.retryBranch()
    await writeNote(app, 'Which attempt of a branch begins', (journal) =>
      journal.note('retry', { attempts: attempts.branch, tries: attempts.failed }),
    )
    return true
  })
}

/** Asked when a reduce has failed: resolves when it is called again, over the same results; rejects with the error if not. */
export function reduceAgain(run: Run, { name, subject }: PlanNode, retry: RetryPolicy | undefined) {
  const begun = run.app.system.passed()
  return async (error: unknown, failed: number): Promise<void> => {
    const delayMs = delayOf(run, { subject, retry, error, attempt: failed, begun })
    if (delayMs === undefined) throw error
    const again = { level: 'reduce', source: name, attempt: failed + 1, delayMs, error } as const
    if (!(await waitForAttempt(run, again))) throw error
  }
}
