import { type Inputs, NO_INPUTS, parseInputs } from '../action/inputs.js'
import { ActionError, ContractError, InputError, ParallelError } from '../errors.js'
import type { Edge, PlanNode } from '../graph/plan.js'
import { chooseEdge } from '../graph/transition.js'
import { isThenable } from '../internal/guards.js'
import { conclude, type InterceptedStep, intercept, type Outcome } from '../lifecycle/interceptor.js'
import { isFanOut } from '../parallel/fan-out.js'
import { checkUpdate, overlay } from '../state/contract.js'
import type { State } from '../state/freeze.js'
import { applySchema } from '../state/schema.js'
import { demandReads } from '../state/view.js'
import { announce, reportFault } from './announce.js'
import { endSubApps } from './child-app.js'
import type { RunOrder } from './order.js'
import { runMap } from './run-map.js'
import { Slot } from './slot.js'
import { isRunBody, Step } from './step.js'
import type { LiveApp } from './tree.js'

// Owns: one step, from its reads to its commit (design: point of commit).
// Does not own: the loop around it.
// C1  action returned → contract checked → transition chosen → memory replaced → after-interceptors → `step.end`.
// C2  A fault before the commit leaves the standing as it was.
// C3  A cancel seen before the contract check loses the update; one seen later takes effect after the commit.
// C4  Code that was given up says nothing any more, however it ends.

/** One step while it is taken. */
interface Taken {
  readonly app: LiveApp
  readonly node: PlanNode
  readonly order: RunOrder
  readonly epoch: number
  /** Epoch milliseconds. */
  readonly started: number
  /** What interceptors are told, if there are any. */
  told: InterceptedStep | undefined
}

/**
 * Takes one step.
 * @returns undefined when it committed or was cancelled, else the error of the run
 */
export async function takeStep(app: LiveApp, node: PlanNode, order: RunOrder): Promise<Error | undefined> {
  if (app.gate !== undefined && isRunBody(node.parts.body)) {
    app.slot ??= new Slot(app.gate)
    if (!(await app.slot.enter())) return undefined // cancelled while it waited
  }
  const taken: Taken = { app, node, order, epoch: app.epoch, started: app.hub.clock.now(), told: undefined }
  app.begun()
  if (app.heard) announce(app, { type: 'step.start', source: node.name, attempt: 1 })
  try {
    if (app.hub.interceptors.length > 0) await intercept('Step', app.hub.interceptors, tell(taken))
    const returned = app.cancellation === undefined ? execute(taken) : undefined
    const update = isThenable(returned) ? await returned : returned
    if (app.epoch !== taken.epoch) return late(taken, update) // C4
    closeStep(app)
    if (app.subApps !== undefined) await endSubApps(app)
    if (app.cancellation !== undefined) return await lose(taken, undefined) // C3
    const checked = checkUpdate(node.subject, node.parts.writes, update, app.plan.graph.rules.freeze)
    const state = nextState(app, node, checked)
    return await commit(taken, { update: checked, state, edge: chooseEdge(node, node.edges, state), error: undefined })
  } catch (thrown) {
    if (app.epoch !== taken.epoch) return late(taken, thrown)
    closeStep(app)
    if (app.subApps !== undefined) await endSubApps(app)
    return app.cancellation === undefined ? await recover(taken, thrown) : await lose(taken, thrown)
  }
}

function nextState(app: LiveApp, node: PlanNode, update: State): State {
  const { schema } = app.plan.graph.rules
  const state = overlay(app.standing.state, update)
  return schema === undefined ? state : applySchema(schema, node.subject, state, node.parts.writes)
}

/** What the action returned, or a promise of it. */
function execute({ app, node, order }: Taken): unknown {
  const { parts } = node
  const { state } = app.standing
  demandReads(node.subject, parts.reads, state)
  const raw = rawInputs(app, node, order.inputs)
  const inputs = node.takesInputs ? parseInputs(node.subject, parts.spec, raw, () => app.where(node)) : NO_INPUTS
  const step = new Step(app, node, node.view(state), inputs)
  app.step = step
  if (isFanOut(parts.body)) return runMap(app, step, parts.body, raw)
  return isRunBody(parts.body) ? step.perform(parts.body) : undefined
}

/** What was given to a run, under what was bound over the graph, over the action, and to the state. */
function rawInputs(app: LiveApp, node: PlanNode, given: Inputs): Inputs {
  const { bound, fromState } = node.parts
  if (!node.bindsInputs) return app.bound === NO_INPUTS ? given : { ...given, ...app.bound }
  const raw: Record<string, unknown> = { ...given, ...app.bound, ...bound }
  for (const [name, key] of Object.entries(fromState)) raw[name] = app.standing.state[key]
  return raw
}

/** The context dies with the step, and its slot is free. */
function closeStep(app: LiveApp): void {
  app.step?.close()
  app.step = undefined
  app.slot?.leave()
}

/** The code of a step that was given up has ended after all. */
function late({ app, node }: Taken, value: unknown): undefined {
  app.hub.logger.debug(`Action "${node.name}" ended after it was given up. Its outcome is ignored.`, value)
}

interface Commit {
  readonly update: State
  readonly state: State
  readonly edge: Edge | undefined
  /** What an error transition answers. */
  readonly error: Error | undefined
}

async function commit(taken: Taken, { state, edge, update, error }: Commit): Promise<Error | undefined> {
  const { app, node, order } = taken
  const sequenceId = app.standing.sequenceId + 1
  app.standing = { state, position: node.name, next: edge?.to.name, sequenceId }
  app.visits[node.index] = (app.visits[node.index] ?? 0) + 1
  app.self.send({ type: 'teasel.step', epoch: app.epoch, standing: app.standing })
  if (taken.told !== undefined) {
    const fatal = await afterStep(taken, error === undefined ? { status: 'done', state } : { status: 'failed', error })
    if (fatal !== undefined) {
      endStep(taken, 'failed', fatal.error, sequenceId)
      return wrap(app, node, fatal.error)
    }
  }
  if (edge !== undefined && app.heard) {
    announce(
      app,
      { type: 'transition', source: node.name, to: edge.to.name, condition: edge.name, onError: error !== undefined },
      sequenceId,
    )
  }
  if (error !== undefined) endStep(taken, 'failed', error, sequenceId)
  else {
    if (app.heard) {
      const durationMs = app.hub.clock.now() - taken.started
      announce(app, { type: 'step.end', source: node.name, status: 'done', update, state, durationMs }, sequenceId)
    }
    if (order.pace !== undefined) await order.pace({ action: node.name, update, state, sequenceId })
  }
  return undefined
}

const NO_UPDATE: State = Object.freeze({})

/** An action failed: an error transition goes on from the state before it, else the run fails. */
async function recover(taken: Taken, thrown: unknown): Promise<Error | undefined> {
  const { app, node } = taken
  const error = wrap(app, node, thrown)
  const { state } = app.standing
  try {
    const edge = node.errorEdges.length === 0 ? undefined : chooseEdge(node, node.errorEdges, state, thrown)
    if (edge !== undefined) return await commit(taken, { update: NO_UPDATE, state, edge, error })
  } catch (second) {
    app.hub.logger.error(`An error transition of "${node.name}" failed as well.`, second)
  }
  endStep(taken, 'failed', error)
  if (taken.told !== undefined) await afterStep(taken, { status: 'failed', error })
  return error
}

/** A cancelled step: nothing of it is kept. */
async function lose(taken: Taken, error: unknown): Promise<undefined> {
  endStep(taken, 'cancelled', error)
  if (taken.told !== undefined) await afterStep(taken, { status: 'cancelled', reason: taken.app.cancellation?.reason })
}

function endStep(
  { app, node, started }: Taken,
  status: 'failed' | 'cancelled',
  error: unknown,
  sequenceId?: number,
): void {
  if (!app.heard) return
  announce(
    app,
    { type: 'step.end', source: node.name, status, error, durationMs: app.hub.clock.now() - started },
    sequenceId,
  )
}

function tell(taken: Taken): InterceptedStep {
  const { app, node, order } = taken
  const { standing, appId, path } = app
  const inputs = rawInputs(app, node, order.inputs)
  taken.told = { appId, path, state: standing.state, action: node.name, sequenceId: standing.sequenceId + 1, inputs }
  return taken.told
}

function afterStep({ app, told }: Taken, outcome: Outcome): ReturnType<typeof conclude> {
  if (told === undefined) return Promise.resolve(undefined)
  return conclude('Step', app.hub.interceptors, told, outcome, (where, error) => reportFault(app, where, error))
}

/** The error of a run: what was thrown, told where. */
function wrap(app: LiveApp, node: PlanNode, thrown: unknown): Error {
  const where = app.where(node)
  if (thrown instanceof ContractError) return thrown.locate(where)
  if (thrown instanceof InputError && thrown.at !== undefined) return thrown
  if (thrown instanceof ParallelError) return thrown
  return new ActionError(node.subject, { ...where, attempt: 1 }, thrown)
}
