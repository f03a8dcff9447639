import { ActionError, ContractError, InputError, ParallelError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
import { msSince } from '../../internal/clock.js'
import { isInstance } from '../../internal/guards.js'
import { isOfStore, SerializationError } from '../../store-errors.js'
import type { Application, Run } from '../application.js'
import { emit, isObserved } from '../emit.js'
import { putBack } from '../message/inbox.js'
import { Attempt, isRunBody } from './attempt.js'
import { attemptAt } from './retry.js'

// Owns: the borders of an attempt at a step: its time, its events, its context, its permit, its error.
// Does not own: the part between (step.ts, attempt-loop.ts).

/** An attempt begins. */
export function startAttempt(run: Run, node: PlanNode): Attempt {
  const { app } = run
  if (run.taken !== undefined) putBack(run)
  const step = new Attempt(run, node)
  run.attempt = step
  if (isObserved(app, 'step.start')) emit(app, { type: 'step.start', source: node.name, attempt: step.attempt })
  else app.system.skip()
  return step
}

/** Ends the context of an attempt, and frees its permit. */
export function closeAttempt(run: Run): void {
  run.step?.close()
  run.permit?.release()
}

/** An attempt has ended without a commit. */
export function endAttempt(
  run: Run,
  node: PlanNode,
  status: 'failed' | 'cancelled',
  error: unknown,
  sequenceId?: number,
): void {
  const { app } = run
  const { attempt = attemptNumber(run), startedAt = app.system.passed() } = run.attempt ?? {}
  run.attempt = undefined
  const durationMs = msSince(app.system.clock, startedAt)
  emit(app, { type: 'step.end', source: node.name, status, error, attempt, durationMs }, sequenceId)
}

/** The number of the present attempt; the first is 1. */
export function attemptNumber({ attempts }: Run): number {
  return attempts === undefined ? 1 : attempts.failed + 1
}

/** Logs the end of abandoned code; nothing follows from it. */
export function logLateStep(app: Application, node: PlanNode, value: unknown): void {
  app.system.logger.debug(`${node.subject} ended after it was given up. Its outcome is ignored.`, value)
}

/** Errors that carry their location already. */
const located = new WeakSet<object>()

/** The thrown value, without the error that locates it. */
export const thrownBy = (error: unknown): unknown =>
  located.has(error as object) ? (error as ActionError).cause : error // reads nothing of the thrown value

/**
 * The error of a run: the thrown value with its location.
 * @param prefix text of the message before that of the thrown value
 */
export function wrap(run: Run, node: PlanNode, thrown: unknown, prefix?: string): Error {
  if (located.has(thrown as object)) return thrown as ActionError
  const where = run.app.where(node)
  if (isInstance(thrown, ContractError)) return thrown.locate(where)
  if (isInstance(thrown, InputError) && thrown.at !== undefined) return thrown
  if (isInstance(thrown, SerializationError)) return thrown.locate(node.subject, where)
  if (isInstance(thrown, ParallelError) || isOfStore(thrown)) return thrown
  const { body } = node.parts
  const ofAction = (isRunBody(body) ? body.policy.retry?.attempts : undefined) ?? 1
  const error = new ActionError(node.subject, { ...where, ...attemptAt(run, ofAction) }, thrown, prefix)
  if (prefix !== undefined) located.add(error)
  return error
}
