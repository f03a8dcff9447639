import type { Inputs } from '../../action/inputs.js'
import { NO_POLICY } from '../../action/retry.js'
import type { Edge, PlanNode } from '../../graph/plan.js'
import { chooseEdge } from '../../graph/transition.js'
import { viewOf } from '../../graph/view-of.js'
import { msSince } from '../../internal/clock.js'
import { isThenable } from '../../internal/guards.js'
import type { Fatal, InterceptedStep, Outcome } from '../../lifecycle/interceptor.js'
import { isFanOut } from '../../parallel/fan-out.js'
import type { Permits } from '../../parallel/limit.js'
import { checkUpdate, overlay } from '../../state/contract.js'
import { isolateState, publicState, type State } from '../../state/freeze.js'
import { applySchema, changedKeys } from '../../state/schema.js'
import { assertReads } from '../../state/view.js'
import { PersistenceError } from '../../store-errors.js'
import { Carrier } from '../actor/carrier.js'
import { AppSnapshot } from '../actor/snapshot.js'
import type { Application, Run } from '../application.js'
import { endSubApps } from '../cancel/sub-apps.js'
import type { Checkpoint } from '../checkpoint.js'
import { committing } from '../durability.js'
import { emit, isObserved } from '../emit.js'
import { runMap } from '../map/map-actor.js'
import { untilRead } from '../run/backpressure.js'
import { ifStill } from '../run/if-still.js'
import type { RunRequest } from '../run/request.js'
import {
  type Attempt,
  attemptNumber,
  attributesOf,
  closeAttempt,
  endAttempt,
  isRunBody,
  startAttempt,
  thrownBy,
  wrap,
} from './attempt.js'
import { performGuarded } from './attempt-loop.js'
import { parsedInputs, rawInputs } from './inputs.js'
import { InterceptorCall } from './interceptor-call.js'
import { Permit } from './permit.js'

// Owns: one step, from its reads to its commit (design: point of commit).
// Does not own: the loop around it (run/loop.ts), further attempts (attempt-loop.ts), one attempt
// (attempt.ts).
// C1  action returned → contract checked → transition chosen → (saved) → memory replaced → after-interceptors → `step.end`.
// C2  An error before the commit leaves the checkpoint unchanged.
// C3  A cancel before the contract check drops the update; a later one takes effect after the commit.
// C4  Nothing follows from abandoned code, however it ends. A step that was being saved by then is in memory too.

/**
 * The first half of a step: from its reads to the return value of the action.
 * @returns the update, or a promise of it
 * @throws an error that the action throws synchronously
 */
export function performStep(run: Run, node: PlanNode): unknown {
  const { semaphore } = run.app
  return semaphore === undefined || !isRunBody(node.parts.body)
    ? begin(run, node)
    : beginWithPermit(run, node, semaphore)
}

async function beginWithPermit(run: Run, node: PlanNode, semaphore: Permits): Promise<unknown> {
  run.permit ??= new Permit(semaphore)
  const entered = await run.permit.enter()
  if (!entered || run.cancellation !== undefined || !run.running) return undefined // cancelled while it waited
  return begin(run, node)
}

function begin(run: Run, node: PlanNode): unknown {
  const { app } = run
  const { interceptors, standIn } = app.system
  app.started()
  if (standIn !== undefined) standIn.begin(run)
  const step = startAttempt(run, node)
  const { parts, subject } = node
  if (run.cancellation !== undefined) return undefined // by a listener of `step.start`
  assertReads(subject, parts.reads, app.checkpoint.state)
  const raw = rawInputs(run, node)
  const inputs = parsedInputs(app, node, raw)
  if (interceptors.length === 0) return execute(run, step, inputs, raw)
  const waits = new InterceptorCall(run).before('Step', noteInfo(run, step, inputs))
  if (waits === undefined) return execute(run, step, inputs, raw)
  return ifStill(run, waits, () => (run.cancellation === undefined ? execute(run, step, inputs, raw) : undefined))
}

type Settled = Error | undefined | Promise<Error | undefined>

/**
 * The second half of a step: from the return value of the action to the commit.
 * @returns undefined when it committed or was cancelled, otherwise the error of the run; a promise where it waits
 * @throws an error for an invalid update, or the error of a condition
 */
export function finishStep(run: Run, node: PlanNode, update: unknown): Settled {
  closeAttempt(run)
  if (run.subApps !== undefined) return ifStill(run, endSubApps(run), () => checkAndCommit(run, node, update)) // C4
  return checkAndCommit(run, node, update)
}

function checkAndCommit(run: Run, node: PlanNode, update: unknown): Settled {
  const { app } = run
  if (run.cancellation !== undefined) return lose(run, node, undefined) // C3
  const { rules } = app.plan.graph
  const { writes } = node.parts
  const checked = checkUpdate(node.subject, writes, update, rules.freeze)
  const before = app.checkpoint.state
  const laid = overlay(before, checked)
  const state =
    rules.schema === undefined ? laid : applySchema(rules, node.subject, laid, changedKeys(before, laid, writes))
  const written = state === laid ? checked : pick(state, writes)
  const edge = node.edges.length === 0 ? undefined : chooseEdge(node, node.edges, state)
  return commit(run, node, { update: written, state, edge })
}

/** The step failed, in the action or in a check before the commit. */
export async function failStep(run: Run, node: PlanNode, thrown: unknown): Promise<Error | undefined> {
  closeAttempt(run)
  if (run.attempts !== undefined) run.attempts.recovering = undefined // the update of a fallback was refused
  if (run.subApps !== undefined) await endSubApps(run)
  if (!run.running) return undefined // C4
  const { cancellation } = run
  if (cancellation === undefined) return recover(run, node, thrown)
  return cancellation.cause === 'store' ? recover(run, node, cancellation.reason) : lose(run, node, thrown)
}

/** An update after its schema. */
const pick = (state: State, keys: readonly string[]): State =>
  Object.freeze(Object.fromEntries(keys.map((key) => [key, state[key]])))

/** The return value of the action, or a promise of it. */
function execute(run: Run, step: Attempt, inputs: Inputs, raw: Inputs): unknown {
  const { node } = step
  const { body } = node.parts
  step.enter(viewOf(node, run.app.checkpoint.state), inputs)
  if (isFanOut(body)) {
    const carried = step.untilCarried()
    if (carried === undefined) return runMap(run, step, body, raw)
    return carried.then((runs) => (runs ? runMap(run, step, body, raw) : undefined))
  }
  if (!isRunBody(body)) return undefined
  const { standIn } = run.app.system
  if (standIn !== undefined) return step.perform(standIn.bodyOf(run.app, step, body))
  return body.policy === NO_POLICY ? step.perform(body) : performGuarded(run, step, body)
}

/** The parts of a commit. */
interface Commit {
  readonly update: State
  readonly state: State
  readonly edge: Edge | undefined
  /** The error that an error transition handles. */
  readonly error?: Error
}

/**
 * The point of commit: everything is checked, the transition is chosen, and memory is unchanged. The save is awaited
 * here, before memory is replaced.
 */
function commit(run: Run, node: PlanNode, made: Commit): Settled {
  const { app } = run
  const { checkpoint, journal } = app
  const { state, edge } = made
  const sequenceId = checkpoint.sequenceId + 1
  const next = new AppSnapshot(app, { state, position: node.name, next: edge?.to.name, sequenceId })
  const saved = journal?.step(committing(run, node, next, ranOf(run, made)))
  // A saved step is in memory too, even where its run was abandoned meanwhile (C4).
  if (saved !== undefined)
    return saved.then(() => (run.running ? apply(run, node, next, made) : setCheckpoint(run, node, next)))
  return apply(run, node, next, made)
}

/** How the step ran, for readers of the store. */
function ranOf(run: Run, { edge, error }: Commit) {
  const { system } = run.app
  const { attempt = attemptNumber(run), startedAt = system.passed() } = run.attempt ?? {}
  const durationMs = msSince(system.clock, startedAt)
  return { durationMs, attempt, condition: edge?.name, onError: error !== undefined }
}

function setCheckpoint(run: Run, node: PlanNode, checkpoint: Checkpoint): undefined {
  const { app } = run
  if (run.attempts?.branchRecovered === true) return // abandoned during its save: the state of the fallback is its end
  app.checkpoint = checkpoint
  run.taken = app.onces = app.kept = undefined
  app.countVisits(node.index)
}

/** Replaces memory, and calls after-interceptors. */
function apply(run: Run, node: PlanNode, next: Checkpoint, made: Commit): Settled {
  setCheckpoint(run, node, next)
  run.app.self.send(new Carrier('teasel.step', next))
  if (run.stepInfo === undefined) return publish(run, node, made)
  const { error } = made
  const state = publicState(next.state)
  const fatal = afterStep(run, error === undefined ? { status: 'done', state } : { status: 'failed', error })
  const go = (found: Fatal | undefined): Settled =>
    found === undefined ? publish(run, node, made) : refused(run, node, found.error)
  return fatal instanceof Promise ? ifStill(run, fatal, go) : go(fatal) // C4
}

/** An after-interceptor with `onFault: 'fail'` threw: the commit stays, and the run fails. */
function refused(run: Run, node: PlanNode, error: unknown): Error {
  endAttempt(run, node, 'failed', error, run.app.checkpoint.sequenceId)
  return wrap(run, node, error)
}

function publish(run: Run, node: PlanNode, { update, edge, error }: Commit): Settled {
  const { app, request } = run
  const { sequenceId } = app.checkpoint
  if (edge !== undefined) {
    if (isObserved(app, 'transition')) {
      const fields = { to: edge.to.name, condition: edge.name, onError: error !== undefined } as const
      emit(app, { type: 'transition', source: node.name, ...fields }, sequenceId)
    } else app.system.skip()
  }
  if (error !== undefined) endAttempt(run, node, 'failed', error, sequenceId)
  else if (isObserved(app, 'step.end')) {
    const { attempt = attemptNumber(run), startedAt = app.system.passed() } = run.attempt ?? {}
    const durationMs = msSince(app.system.clock, startedAt)
    const recovered = run.attempts?.recovering === sequenceId
    const held = { update: isolateState(update), state: publicState(app.checkpoint.state) }
    const fields = { status: 'done', ...held, attempt, recovered, durationMs, ...attributesOf(run) } as const
    emit(app, { type: 'step.end', source: node.name, ...fields }, sequenceId)
  } else app.system.skip()
  run.attempt = undefined
  run.attempts?.committed()
  const { onStep, waitForReader } = request
  const read = error === undefined && onStep !== undefined ? reportStep(app, node, onStep, update) : undefined
  const ready = read ?? waitForReader?.()
  return ready === undefined ? undefined : untilRead(run, ready)
}

function reportStep(
  app: Application,
  node: PlanNode,
  onStep: NonNullable<RunRequest['onStep']>,
  update: State,
): ReturnType<typeof onStep> {
  const { state, sequenceId } = app.checkpoint
  return onStep({ action: node.name, update: isolateState(update), state: publicState(state), sequenceId }, app)
}

const NO_UPDATE: State = Object.freeze({})

/** An action failed: an error transition continues from the state before it, otherwise the run fails. */
function recover(run: Run, node: PlanNode, thrown: unknown): Settled {
  const error = wrap(run, node, thrown)
  const { app } = run
  const { state } = app.checkpoint
  try {
    // An unavailable store cannot take an error transition either.
    const edges = run.cancellation !== undefined || PersistenceError.is(thrown) ? [] : node.errorEdges
    const edge = edges.length === 0 ? undefined : chooseEdge(node, edges, state, thrownBy(thrown))
    if (edge !== undefined) return commit(run, node, { update: NO_UPDATE, state, edge, error })
  } catch (second) {
    app.system.logger.error(`An error transition of "${node.name}" failed as well.`, second)
  }
  endAttempt(run, node, 'failed', error)
  return wait(afterStep(run, { status: 'failed', error }), error)
}

/** The step was cancelled: its update is dropped. */
function lose(run: Run, node: PlanNode, error: unknown): Settled {
  if (run.attempt !== undefined) endAttempt(run, node, 'cancelled', error) // otherwise no attempt is under way
  return wait(afterStep(run, { status: 'cancelled', reason: run.cancellation?.reason }), undefined)
}

/** Returns a value once another one has resolved. */
function wait<T>(first: unknown, value: T): T | Promise<T> {
  return isThenable(first) ? Promise.resolve(first).then(() => value) : value
}

function noteInfo(run: Run, { node, sequenceId }: Attempt, inputs: Inputs): InterceptedStep {
  const { checkpoint, appId, path } = run.app
  run.stepInfo = { appId, path, state: publicState(checkpoint.state), action: node.name, sequenceId, inputs }
  return run.stepInfo
}

function afterStep(run: Run, outcome: Outcome): ReturnType<InterceptorCall['after']> {
  const { stepInfo } = run
  run.stepInfo = undefined
  return stepInfo && new InterceptorCall(run).after('Step', stepInfo, outcome)
}
