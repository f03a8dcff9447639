import { delayAfter, type RetryPolicy } from '../action/retry.js'
import { ActionError, ContractError, InputError } from '../errors.js'
import { causeOf, isA, messageOf } from '../internal/guards.js'
import { isOfStore } from '../persistence/errors.js'
import { announce, reportFault } from './announce.js'
import { Attempts } from './attempts.js'
import { noteDown } from './noting.js'
import type { LiveApp } from './tree.js'

// Owns: how often something was tried, whether it is tried again, and the wait before.
// Does not own: the attempt itself (guarded-step.ts, runner.ts, reducer-logic.ts).
// T1  Retry, then fallback, then `onError`, then the run fails.
// T2  Whoever waits for its next attempt holds no slot, and a cancel ends the wait in the same tick.
// T3  Cancels, broken contracts and unfit inputs are neither tried again nor turned into success.
// T4  A deadline is a point in time. A timer that fires early changes nothing.

/** What an application has tried, from the first failure on. */
export function attemptsOf(app: LiveApp): Attempts {
  app.attempts ??= new Attempts()
  return app.attempts
}

/** Which attempt at its step an application is at, and of how many at most. */
export function attemptAt(app: LiveApp, ofAction: number): { readonly attempt: number; readonly attempts: number } {
  const { failed = 0, before = 0, branch = 1 } = app.attempts ?? {}
  const left = (retryOfBranch(app)?.attempts ?? 1) - branch + 1
  return { attempt: failed + 1, attempts: before + ofAction * left }
}

function retryOfBranch({ parent }: LiveApp): RetryPolicy | undefined {
  return parent?.map?.table.live.get(parent.key)?.task.retry
}

/** True for what no further attempt can mend (T3), also when it happened deeper down. */
export function isBeyondRetry(error: unknown): boolean {
  const seen = new Set<unknown>()
  for (let one = error; one !== undefined && !seen.has(one); one = causeOf(one)) {
    if (isA(one, ContractError) || isA(one, InputError) || isOfStore(one)) return true
    seen.add(one)
  }
  return false
}

/** What the action itself threw. */
export function thrownIn(error: unknown): unknown {
  return isA(error, ActionError) ? error.cause : error
}

/** Both errors of a failure whose fallback failed. One that throws what it was given has declined. */
export function withFallbackError(error: unknown, second: unknown): unknown {
  if (second === error) return error
  const message = `${messageOf(error)} (and its fallback failed: ${messageOf(second)})`
  return new AggregateError([error, second], message, { cause: error })
}

/** Whether what failed is tried again. `attempt` is the one that failed. */
export function isTriedAgain(
  app: LiveApp,
  source: string,
  retry: RetryPolicy | undefined,
  error: unknown,
  attempt: number,
): retry is RetryPolicy {
  if (retry === undefined || attempt >= retry.attempts || isBeyondRetry(error)) return false
  try {
    return (retry.when === undefined || retry.when({ error, attempt }) === true) && app.cancellation === undefined
  } catch (fault) {
    reportFault(app, `retry.when of "${source}"`, fault)
    return false
  }
}

/** What is tried again. */
interface Again {
  readonly level: 'action' | 'branch' | 'reduce'
  readonly source: string
  readonly retry: RetryPolicy
  /** How many attempts have failed. */
  readonly failed: number
  /** The number of the next one. */
  readonly attempt: number
  readonly error: unknown
}

/** Waits until the next attempt is due. False when a cancel ended the wait. */
export async function waitForAttempt(app: LiveApp, again: Again): Promise<boolean> {
  const { level, source, attempt, error } = again
  const { clock, random } = app.hub
  const delayMs = delayAfter(again.retry, again.failed, random)
  const at = clock.now() + delayMs
  const due = attemptsOf(app).wait(clock, at)
  if (app.hears('retry')) announce(app, { type: 'retry', level, source, attempt, error, delayMs, at })
  await due
  return app.cancellation === undefined
}

/** A branch failed. A promise when it goes on at its failed step, resolved when it does or was cancelled. */
export function retryBranch(app: LiveApp, source: string, error: Error): Promise<boolean> | undefined {
  const retry = retryOfBranch(app)
  if (retry === undefined) return undefined
  const attempts = attemptsOf(app)
  const failed = attempts.branch
  if (!isTriedAgain(app, source, retry, thrownIn(error), failed)) return undefined
  const due = waitForAttempt(app, { level: 'branch', source, retry, failed, attempt: failed + 1, error })
  return due.then(async (goes) => {
    if (!goes) return false
    attempts.goOn()
    await noteDown(app, 'Which attempt of a branch begins', (journal) =>
      journal.note('retry', { attempts: attempts.branch, tries: attempts.failed }),
    )
    return true
  })
}

/** Asked when a reduce has failed: whether it is called again, over the same results, once that is due. */
export function reduceAgain(app: LiveApp, source: string, retry: RetryPolicy | undefined) {
  return async (error: unknown, failed: number): Promise<boolean> =>
    isTriedAgain(app, source, retry, error, failed) &&
    waitForAttempt(app, { level: 'reduce', source, retry, failed, attempt: failed + 1, error })
}
