import { printPath } from '../../action/context.js'
import { delayAfter, isWorthIt, type RetryPolicy } from '../../action/retry.js'
import { ActionError, ContractError, InputError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { defined } from '../../internal/defined.js'
import { causeOf, isInstance, messageOf, toError } from '../../internal/guards.js'
import type { RetryNote } from '../../persistence/wait-note.js'
import { isOfStore } from '../../store-errors.js'
import type { Application, Run } from '../application.js'
import { timingOf, writeNote } from '../durability.js'
import { emit, reportFault } from '../emit.js'
import type { EventSource } from '../event-source.js'
import type { AppSystem } from '../system.js'
import { type Attempts, attemptsOf } from './attempts.js'

// Owns: whether a failed action, branch or reduce is tried again, and the delay before.
// Does not own: the attempt itself (attempt-loop.ts, run/loop.ts, map/reducer-actor.ts).
// T1  Retry, then fallback, then `onError`, then the run fails.
// T2  During the delay no permit is held, and a cancel ends it in the same tick. Where a function of `retry` cancels, or
//     an answer comes after the cancel, there is no delay.
// T3  Cancels, broken contracts, invalid inputs and lost stores are neither retried nor given to a fallback: a further
//     attempt cannot mend them.
// T4  Before a delay the store holds which attempt begins, and when: a crash in between neither repeats the delay nor
//     forgets the attempt.

/** The number of the present attempt, and the maximum number of attempts. */
export function attemptAt(
  { app, attempts }: Run,
  ofAction: number,
): { readonly attempt: number; readonly attempts: number } {
  const { failed = 0, before = 0, branch = 1 } = attempts ?? {}
  const left = (retryOfBranch(app)?.attempts ?? 1) - branch + 1
  return { attempt: failed + 1, attempts: before + ofAction * left }
}

function retryOfBranch({ parent }: Application): RetryPolicy | undefined {
  return parent?.map?.timing(parent.key)?.task.policy.retry
}

/** True for an error that no further attempt can mend (T3), also when it is a cause. */
export function isBeyondRetry(error: unknown): boolean {
  const seen = new Set<unknown>()
  for (let one = error; one !== undefined && !seen.has(one); one = causeOf(one)) {
    if (isInstance(one, ContractError) || isInstance(one, InputError) || isOfStore(one)) return true
    seen.add(one)
  }
  return false
}

/** The value that the action threw. */
export function thrownIn(error: unknown): unknown {
  return isInstance(error, ActionError) ? error.cause : error
}

/** Both errors of a failure whose fallback failed. A fallback that rethrows its error has declined. */
export function withFallbackError(error: unknown, second: unknown): unknown {
  if (second === error) return error
  const message = `${messageOf(error)} (and its fallback failed: ${messageOf(second)})`
  return new AggregateError([error, second], message, { cause: error })
}

/** The facts of a run that its retries need. */
interface RetriedRun {
  readonly app: EventSource & { readonly system: Pick<AppSystem, 'random' | 'passed'> }
  readonly cancellation: object | undefined
}

/** A failed attempt. */
interface Failure {
  /** The name of the failed action, branch or reduce in messages. */
  readonly subject: string
  readonly retry: RetryPolicy | undefined
  /** The thrown value. */
  readonly error: unknown
  /** The number of the attempt. */
  readonly attempt: number
  /** When the first attempt began, on the monotonic clock. */
  readonly begun: number
}

/**
 * The delay before the next attempt, milliseconds; undefined where there is none.
 * @throws {ContractError} when a function of `retry` returns an invalid value
 */
export function delayOf(run: RetriedRun, { subject, retry, error, attempt, begun }: Failure): number | undefined {
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

/** The next attempt. */
interface Again {
  readonly level: 'action' | 'branch' | 'reduce'
  readonly source: string
  /** The number of the next attempt. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
}

/** A note of a retry, to store before its delay. @param at when the next attempt starts, epoch milliseconds */
type NoteRetry = (at: number) => RetryNote

/**
 * Waits until the next attempt is due. The store holds that moment before (T4).
 * @returns false when a cancel ended the wait, or came before it
 */
export async function waitForAttempt(run: Run, again: Again, note?: NoteRetry): Promise<boolean> {
  const { app } = run
  if (run.cancellation !== undefined) return false // T2
  const at = app.system.clock.now() + again.delayMs
  const noted =
    note && writeNote(app, 'A retry', (journal) => journal.note('retry', { ...note(at), delayMs: again.delayMs }))
  const over = delay(run, { at, action: again.source }, again.delayMs)
  emit(app, { type: 'retry', ...again, at })
  await over
  await noted
  return run.cancellation === undefined
}

/** Waits for the rest of a delay that an interrupted run had begun; not at all where it is over. */
export async function waitForRest(run: Run, { at = 0, delayMs = Infinity, action = '' }: RetryNote): Promise<void> {
  const now = run.app.system.clock.now()
  const leftMs = Math.min(at - now, delayMs) // a clock that was set back makes it no longer
  if (leftMs <= 0) return
  run.app.journal?.status.delays()
  await delay(run, { at: now + leftMs, action }, leftMs)
}

/** While it lasts the run counts as waiting; a delay without length is none. */
async function delay(run: Run, due: NonNullable<Attempts['due']>, ms: number): Promise<void> {
  const { system } = run.app
  const { clock, attendance } = system
  const over = attemptsOf(run).wait(clock, system.passed() + ms, ms > 0 ? due : undefined, attendance)
  if (ms > 0) run.waitState.update()
  await over
  if (ms > 0) run.waitState.update()
  if (run.cancellation === undefined) run.app.journal?.status.goesOn()
  system.lookAtWall()
}

/** The note of a retry: of an action, or of its branch. */
export function retryNote(run: Run, action: string, level: 'action' | 'branch'): NoteRetry {
  const { branch, failed, before } = attemptsOf(run)
  const { startedAt, deadlineAt } = timingOf(run.app)
  const times = defined({ startedAt, deadlineAt })
  if (level === 'action') return (at) => ({ attempts: branch, tries: failed, before, action, at, ...times })
  return (at) => ({ attempts: branch + 1, tries: failed + 1, action, at, ...times })
}

/**
 * Retries a failed branch.
 * @returns its error when it is not retried, a promise of it where that is decided elsewhere; otherwise a promise: true
 * when it continues, false when it was cancelled
 */
export function retryBranch(run: Run, node: PlanNode, error: Error): Promise<boolean | Error> | Error {
  const { app } = run
  const { parent } = app
  const branch = parent?.map?.timing(parent.key)
  const retry = branch?.task.policy.retry
  if (branch === undefined || retry === undefined) return error
  const attempts = attemptsOf(run)
  const failed = attempts.branch
  const subject = `Branch "${printPath(app.path)}"`
  const failure = { subject, retry, error: thrownIn(error), attempt: failed, begun: branch.begun }
  const again = (delayMs: number | undefined): Promise<boolean> | Error =>
    delayMs === undefined ? error : waitForBranch(run, { source: node.name, attempt: failed + 1, delayMs, error })
  try {
    if (branch.delayAfter === undefined) return again(delayOf(run, failure))
    if (isBeyondRetry(failure.error)) return error
    return branch.delayAfter(failure.error, failed).then<boolean | Error, Error>(again, toError)
  } catch (fault) {
    return toError(fault)
  }
}

async function waitForBranch(run: Run, again: Omit<Again, 'level'>): Promise<boolean> {
  const note = retryNote(run, again.source, 'branch')
  if (!(await waitForAttempt(run, { level: 'branch', ...again }, note))) return false
  attemptsOf(run).retryBranch()
  return true
}

/** @returns a function that resolves when a failed reduce may be called again, and rejects with its error when not */
export function reduceAgain(run: Run, { name, subject }: PlanNode, retry: RetryPolicy | undefined) {
  const begun = run.app.system.passed()
  return async (error: unknown, failed: number): Promise<void> => {
    const delayMs = delayOf(run, { subject, retry, error, attempt: failed, begun })
    if (delayMs === undefined) throw error
    const again = { level: 'reduce', source: name, attempt: failed + 1, delayMs, error } as const
    if (!(await waitForAttempt(run, again))) throw error
  }
}
