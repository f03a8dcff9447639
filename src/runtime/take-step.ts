import type { Inputs } from '../action/inputs.js'
import { NO_POLICY } from '../action/retry.js'
import type { Edge, PlanNode } from '../graph/plan.js'
import { chooseEdge } from '../graph/transition.js'
import { msSince } from '../internal/clock.js'
import { isThenable } from '../internal/guards.js'
import type { Fatal, InterceptedStep, Outcome } from '../lifecycle/interceptor.js'
import { isFanOut } from '../parallel/fan-out.js'
import type { Semaphore } from '../parallel/limit.js'
import { PersistenceError } from '../persistence/errors.js'
import { checkUpdate, overlay } from '../state/contract.js'
import { isolateState, publicState, type State } from '../state/freeze.js'
import { applySchema, changedKeys } from '../state/schema.js'
import { assertReads } from '../state/view.js'
import { announce } from './announce.js'
import { Asking } from './asking.js'
import { Carrier } from './carrier.js'
import { endSubApps } from './child-app.js'
import { performGuarded } from './guarded-step.js'
import { committing } from './keeping.js'
import type { RunOrder } from './order.js'
import { Permit } from './permit.js'
import { runMap } from './run-map.js'
import { AppSnapshot } from './snapshot.js'
import type { Standing } from './standing.js'
import { isRunBody, Step } from './step.js'
import { attemptNumber, closeStep, endStep, startAttempt, thrownBy, wrap } from './step-border.js'
import { parsedInputs, rawInputs } from './step-inputs.js'
import type { LiveApp } from './tree.js'
import { untilRoom } from './until-room.js'

// Owns: one step, from its reads to its commit (design: point of commit).
// Does not own: the loop around it, further attempts (guarded-step.ts), how an attempt begins and ends (step-border.ts).
// C1  action returned → contract checked → transition chosen → (saved) → memory replaced → after-interceptors → `step.end`.
// C2  A fault before the commit leaves the standing as it was.
// C3  A cancel seen before the contract check loses the update; one seen later takes effect after the commit.
// C4  Code that was given up says nothing any more, however it ends.

/**
 * The first half of a step: from its reads to what the action returned.
 * @returns the update, or a promise of it
 * @throws what the action throws at once
 */
export function performStep(app: LiveApp, node: PlanNode, order: RunOrder): unknown {
  return app.semaphore === undefined || !isRunBody(node.parts.body)
    ? begin(app, node, order)
    : beginWithPermit(app, node, order, app.semaphore)
}

async function beginWithPermit(app: LiveApp, node: PlanNode, order: RunOrder, semaphore: Semaphore): Promise<unknown> {
  app.permit ??= new Permit(semaphore)
  const { epoch } = app
  const entered = await app.permit.enter()
  if (!entered || app.cancellation !== undefined || app.epoch !== epoch) return undefined // cancelled while it waited
  return begin(app, node, order)
}

function begin(app: LiveApp, node: PlanNode, order: RunOrder): unknown {
  const { interceptors } = app.hub
  app.begun()
  startAttempt(app, node)
  const { parts, subject } = node
  if (app.cancellation !== undefined) return undefined // by who was told that it begins
  assertReads(subject, parts.reads, app.standing.state)
  const raw = rawInputs(app, node, order)
  const inputs = parsedInputs(app, node, raw)
  if (interceptors.length === 0) return execute(app, node, order, inputs, raw)
  const waits = new Asking(app).before('Step', tell(app, node, inputs))
  if (waits === undefined) return execute(app, node, order, inputs, raw)
  const { epoch } = app
  return waits.then(() =>
    app.cancellation === undefined && app.epoch === epoch ? execute(app, node, order, inputs, raw) : undefined,
  )
}

type Settled = Error | undefined | Promise<Error | undefined>

/**
 * The second half: from what the action returned to the commit.
 * @returns undefined when it committed or was cancelled, else the error of the run; a promise where one has to wait
 * @throws what is wrong with the update or with a transition
 */
export function commitStep(app: LiveApp, node: PlanNode, order: RunOrder, update: unknown): Settled {
  closeStep(app)
  const { epoch } = app
  if (app.subApps !== undefined)
    return endSubApps(app).then(() => (app.epoch === epoch ? settle(app, node, order, update) : undefined)) // C4
  return settle(app, node, order, update)
}

function settle(app: LiveApp, node: PlanNode, order: RunOrder, update: unknown): Settled {
  if (app.cancellation !== undefined) return lose(app, node, undefined) // C3
  const { rules } = app.plan.graph
  const { writes } = node.parts
  const checked = checkUpdate(node.subject, writes, update, rules.freeze)
  const before = app.standing.state
  const laid = overlay(before, checked)
  const state =
    rules.schema === undefined ? laid : applySchema(rules, node.subject, laid, changedKeys(before, laid, writes))
  const written = state === laid ? checked : pick(state, writes)
  const edge = node.edges.length === 0 ? undefined : chooseEdge(node, node.edges, state)
  return commit(app, node, order, written, state, edge, undefined)
}

/** The step failed: in the action, or at a check before the commit. */
export async function failStep(
  app: LiveApp,
  node: PlanNode,
  order: RunOrder,
  thrown: unknown,
): Promise<Error | undefined> {
  const { epoch } = app
  closeStep(app)
  if (app.attempts !== undefined) app.attempts.recovering = undefined // what a fallback gave was refused
  if (app.subApps !== undefined) await endSubApps(app)
  if (app.epoch !== epoch) return undefined // C4
  const { cancellation } = app
  if (cancellation === undefined) return recover(app, node, order, thrown)
  return cancellation.cause === 'store' ? recover(app, node, order, cancellation.reason) : lose(app, node, thrown)
}

/** An update as the schema has made it. */
const pick = (state: State, keys: readonly string[]): State =>
  Object.freeze(Object.fromEntries(keys.map((key) => [key, state[key]])))

/** What the action returned, or a promise of it. */
function execute(app: LiveApp, node: PlanNode, order: RunOrder, inputs: Inputs, raw: Inputs): unknown {
  const { body } = node.parts
  const step = new Step(app, node, node.view(app.standing.state), inputs)
  app.step = step
  if (isFanOut(body)) return runMap(app, step, body, raw)
  if (!isRunBody(body)) return undefined
  return body.policy === NO_POLICY ? step.perform(body) : performGuarded(app, node, order, step, body)
}

/**
 * The point of commit: everything is checked and the transition chosen, and nothing of it is in memory yet. Whatever has
 * to be saved before the memory is replaced is awaited here.
 * @param error what an error transition answers
 */
function commit(
  app: LiveApp,
  node: PlanNode,
  order: RunOrder,
  update: State,
  state: State,
  edge: Edge | undefined,
  error: Error | undefined,
): Settled {
  const { standing, journal, epoch } = app
  const { sequenceId } = standing
  const next = new AppSnapshot(app, { state, position: node.name, next: edge?.to.name, sequenceId: sequenceId + 1 })
  if (journal !== undefined) {
    const saved = journal.step(committing(app, node, order, next))
    // What is saved is in memory too, also where the code was given up meanwhile (C4).
    const go = (): Settled =>
      app.epoch === epoch ? replace(app, node, order, update, next, edge, error) : place(app, node, next)
    if (saved !== undefined) return saved.then(go)
  }
  return replace(app, node, order, update, next, edge, error)
}

function place(app: LiveApp, node: PlanNode, standing: Standing): undefined {
  app.standing = standing
  app.taken = app.onces = undefined
  app.visits[node.index] = (app.visits[node.index] ?? 0) + 1
}

/** The memory is replaced, and whoever listens is told. */
function replace(
  app: LiveApp,
  node: PlanNode,
  order: RunOrder,
  update: State,
  next: Standing,
  edge: Edge | undefined,
  error: Error | undefined,
): Settled {
  place(app, node, next)
  app.self.send(new Carrier('teasel.step', next))
  if (app.told === undefined) return announceCommit(app, node, order, update, edge, error)
  const state = publicState(next.state)
  const fatal = afterStep(app, error === undefined ? { status: 'done', state } : { status: 'failed', error })
  const { epoch } = app
  const go = (found: Fatal | undefined): Settled => {
    if (app.epoch !== epoch) return undefined // C4
    return found === undefined ? announceCommit(app, node, order, update, edge, error) : refused(app, node, found.error)
  }
  return fatal instanceof Promise ? fatal.then(go) : go(fatal)
}

/** An after-interceptor with `onFault: 'fail'` threw: what was committed stays, and the run fails. */
function refused(app: LiveApp, node: PlanNode, error: unknown): Error {
  endStep(app, node, 'failed', error, app.standing.sequenceId)
  return wrap(app, node, error)
}

function announceCommit(
  app: LiveApp,
  node: PlanNode,
  order: RunOrder,
  update: State,
  edge: Edge | undefined,
  error: Error | undefined,
): Settled {
  const { sequenceId } = app.standing
  if (edge !== undefined && app.hears('transition')) {
    const fields = { to: edge.to.name, condition: edge.name, onError: error !== undefined } as const
    announce(app, { type: 'transition', source: node.name, ...fields }, sequenceId)
  }
  if (error !== undefined) endStep(app, node, 'failed', error, sequenceId)
  else if (app.hears('step.end')) {
    const durationMs = msSince(app.hub.clock, app.startedAt)
    const recovered = app.attempts?.recovering === sequenceId
    const held = { update: isolateState(update), state: publicState(app.standing.state) }
    const fields = { status: 'done', ...held, attempt: attemptNumber(app), recovered, durationMs } as const
    announce(app, { type: 'step.end', source: node.name, ...fields }, sequenceId)
  }
  app.at = undefined
  app.attempts?.committed()
  const paced = error === undefined && order.pace !== undefined ? pace(app, node, order.pace, update) : undefined
  const room = paced ?? order.room?.()
  return room === undefined ? undefined : untilRoom(app, room)
}

function pace(app: LiveApp, node: PlanNode, ask: NonNullable<RunOrder['pace']>, update: State): ReturnType<typeof ask> {
  const { state, sequenceId } = app.standing
  return ask({ action: node.name, update: isolateState(update), state: publicState(state), sequenceId }, app)
}

const NO_UPDATE: State = Object.freeze({})

/** An action failed: an error transition goes on from the state before it, else the run fails. */
function recover(app: LiveApp, node: PlanNode, order: RunOrder, thrown: unknown): Settled {
  const error = wrap(app, node, thrown)
  const { state } = app.standing
  try {
    // A store that is away takes no error transition either.
    const edges = app.cancellation !== undefined || PersistenceError.is(thrown) ? [] : node.errorEdges
    const edge = edges.length === 0 ? undefined : chooseEdge(node, edges, state, thrownBy(thrown))
    if (edge !== undefined) return commit(app, node, order, NO_UPDATE, state, edge, error)
  } catch (second) {
    app.hub.logger.error(`An error transition of "${node.name}" failed as well.`, second)
  }
  endStep(app, node, 'failed', error)
  return wait(afterStep(app, { status: 'failed', error }), error)
}

/** A cancelled step: nothing of it is kept. */
function lose(app: LiveApp, node: PlanNode, error: unknown): Settled {
  if (app.at !== undefined) endStep(app, node, 'cancelled', error) // else no attempt was under way
  return wait(afterStep(app, { status: 'cancelled', reason: app.cancellation?.reason }), undefined)
}

/** The value, once what must be waited for has ended. */
function wait<T>(first: unknown, value: T): T | Promise<T> {
  return isThenable(first) ? Promise.resolve(first).then(() => value) : value
}

function tell(app: LiveApp, node: PlanNode, inputs: Inputs): InterceptedStep {
  const { standing, appId, path } = app
  const state = publicState(standing.state)
  app.told = { appId, path, state, action: node.name, sequenceId: standing.sequenceId + 1, inputs }
  return app.told
}

function afterStep(app: LiveApp, outcome: Outcome): ReturnType<Asking['after']> {
  const { told } = app
  app.told = undefined
  return told && new Asking(app).after('Step', told, outcome)
}
