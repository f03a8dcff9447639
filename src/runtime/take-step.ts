import { NO_INPUTS, parseInputs, type Inputs } from '../action/inputs.js'
import { ActionError, ContractError, InputError, ParallelError } from '../errors.js'
import { isThenable } from '../internal/guards.js'
import type { Edge, PlanNode } from '../graph/plan.js'
import { chooseEdge } from '../graph/transition.js'
import { conclude, intercept, type InterceptedStep, type Outcome } from '../lifecycle/interceptor.js'
import { isFanOut } from '../parallel/fan-out.js'
import { checkUpdate, overlay } from '../state/contract.js'
import type { State } from '../state/freeze.js'
import { applySchema } from '../state/schema.js'
import { demandReads } from '../state/view.js'
import { announce } from './announce.js'
import { runMap } from './run-map.js'
import type { RunOrder } from './order.js'
import type { Runner } from './runner.js'
import { Slot } from './slot.js'
import { isRunBody, Step } from './step.js'

// Owns: one step, from its reads to its commit (design: point of commit).
// Does not own: the loop around it.
// C1  action returned → contract checked → transition chosen → memory replaced → after-interceptors → `step.end`.
// C2  A fault before the commit leaves the standing as it was.
// C3  A cancel seen before the contract check loses the update; one seen later takes effect after the commit.

/**
 * Takes one step.
 * @returns undefined when it committed or was cancelled, else the error of the run
 */
export async function takeStep(runner: Runner, node: PlanNode, order: RunOrder): Promise<Error | undefined> {
  const { hub } = runner
  const started = hub.clock.now()
  if (runner.heard) runner.emit({ type: 'step.start', source: node.name, attempt: 1 })
  const told = hub.interceptors.length === 0 ? undefined : tellStep(runner, node, order)
  try {
    if (told !== undefined) await intercept('Step', hub.interceptors, told)
    const returned = execute(runner, node, order)
    const update = isThenable(returned) ? await returned : returned
    closeStep(runner)
    if (runner.cancellation !== undefined) return await lose(runner, node, told, started, undefined) // C3
    const checked = checkUpdate(node.subject, node.parts.writes, update, runner.plan.graph.rules.freeze)
    const state = nextState(runner, node, checked)
    const edge = chooseEdge(node, node.edges, state)
    return await commit(runner, node, order, { update: checked, state, edge, started, told, error: undefined })
  } catch (thrown) {
    closeStep(runner)
    if (runner.cancellation !== undefined) return await lose(runner, node, told, started, thrown)
    return await recover(runner, node, order, told, started, thrown)
  }
}

function nextState(runner: Runner, node: PlanNode, update: State): State {
  const { schema } = runner.plan.graph.rules
  const state = overlay(runner.standing.state, update)
  return schema === undefined ? state : applySchema(schema, node.subject, state, node.parts.writes)
}

/** What the action returned, or a promise of it. */
function execute(runner: Runner, node: PlanNode, order: RunOrder): unknown {
  const { parts } = node
  const { state } = runner.standing
  demandReads(node.subject, parts.reads, state)
  const raw = rawInputs(runner, node, order.inputs)
  const inputs = node.takesInputs ? parseInputs(node.name, parts.spec, raw, () => runner.where(node)) : NO_INPUTS
  const step = new Step(runner, node, node.view(state), inputs)
  runner.step = step
  if (isFanOut(parts.body)) return runMap(runner, step, parts.body, raw)
  if (!isRunBody(parts.body)) return undefined
  if (runner.gate === undefined) return step.perform(parts.body)
  return performInSlot(runner, step, runner.gate)
}

async function performInSlot(runner: Runner, step: Step, gate: NonNullable<Runner['gate']>): Promise<unknown> {
  const slot = (runner.slot ??= new Slot(gate))
  const { body } = step.node.parts
  if (!(await slot.enter()) || !isRunBody(body)) return undefined
  try {
    return await step.perform(body)
  } finally {
    if (step.open) slot.leave()
  }
}

/** What was given to a run, under what was bound over the graph, over the action, and to the state. */
function rawInputs(runner: Runner, node: PlanNode, given: Inputs): Inputs {
  const { bound, fromState } = node.parts
  if (!node.bindsInputs) return runner.bound === NO_INPUTS ? given : { ...given, ...runner.bound }
  const raw: Record<string, unknown> = { ...given, ...runner.bound, ...bound }
  for (const [name, key] of Object.entries(fromState)) raw[name] = runner.standing.state[key]
  return raw
}

/** The context dies with the step, and so does what the action left running in applications of its own. */
function closeStep(runner: Runner): void {
  runner.step?.close()
  runner.step = undefined
  for (const app of runner.subApps ?? []) app.dispose()
  runner.subApps = undefined
}

interface Commit {
  readonly update: State
  readonly state: State
  readonly edge: Edge | undefined
  readonly started: number
  readonly told: InterceptedStep | undefined
  /** What an error transition answers. */
  readonly error: { readonly thrown: Error } | undefined
}

async function commit(runner: Runner, node: PlanNode, order: RunOrder, made: Commit): Promise<Error | undefined> {
  const sequenceId = runner.standing.sequenceId + 1
  const { state, edge, update, error, told } = made
  runner.standing = { state, position: node.name, next: edge?.to.name, sequenceId }
  runner.visits[node.index] = (runner.visits[node.index] ?? 0) + 1
  runner.self.send({ type: 'teasel.step', epoch: runner.epoch, standing: runner.standing })
  if (told !== undefined) {
    const fatal = await afterStep(runner, told, error === undefined ? { status: 'done', state } : { status: 'failed', error: error.thrown })
    if (fatal !== undefined) return wrap(runner, node, fatal.error)
  }
  if (edge !== undefined && runner.heard) {
    announce(runner, { type: 'transition', source: node.name, to: edge.to.name, condition: edge.name, onError: error !== undefined }, sequenceId)
  }
  if (runner.heard) {
    const durationMs = runner.hub.clock.now() - made.started
    const end = error === undefined
      ? { type: 'step.end', source: node.name, status: 'done', update, state, durationMs } as const
      : { type: 'step.end', source: node.name, status: 'failed', error: error.thrown, durationMs } as const
    announce(runner, end, sequenceId)
  }
  if (error === undefined && order.pace !== undefined) await order.pace({ action: node.name, update, state, sequenceId })
  return undefined
}

const NO_UPDATE: State = Object.freeze({})

/** An action failed: an error transition goes on from the state before it, else the run fails. */
async function recover(runner: Runner, node: PlanNode, order: RunOrder, told: InterceptedStep | undefined, started: number, thrown: unknown): Promise<Error | undefined> {
  const error = wrap(runner, node, thrown)
  const { state } = runner.standing
  try {
    const edge = node.errorEdges.length === 0 ? undefined : chooseEdge(node, node.errorEdges, state, thrown)
    if (edge !== undefined) return await commit(runner, node, order, { update: NO_UPDATE, state, edge, started, told, error: { thrown: error } })
  } catch (second) {
    runner.hub.logger.error(`An error transition of "${node.name}" failed as well.`, second)
  }
  endStep(runner, node, 'failed', error, started)
  if (told !== undefined) await afterStep(runner, told, { status: 'failed', error })
  return error
}

/** A cancelled step: nothing of it is kept. */
async function lose(runner: Runner, node: PlanNode, told: InterceptedStep | undefined, started: number, error: unknown): Promise<undefined> {
  endStep(runner, node, 'cancelled', error, started)
  if (told !== undefined) await afterStep(runner, told, { status: 'cancelled', reason: runner.cancellation?.reason })
  return undefined
}

function endStep(runner: Runner, node: PlanNode, status: 'failed' | 'cancelled', error: unknown, started: number): void {
  if (!runner.heard) return
  runner.emit({ type: 'step.end', source: node.name, status, error, durationMs: runner.hub.clock.now() - started })
}

function tellStep(runner: Runner, node: PlanNode, order: RunOrder): InterceptedStep {
  const { standing, appId, path } = runner
  return {
    appId,
    path,
    state: standing.state,
    action: node.name,
    sequenceId: standing.sequenceId + 1,
    inputs: rawInputs(runner, node, order.inputs),
  }
}

function afterStep(runner: Runner, told: InterceptedStep, outcome: Outcome): ReturnType<typeof conclude> {
  return conclude('Step', runner.hub.interceptors, told, outcome, (where, error) => reportFault(runner, where, error))
}

/** Tells of something that threw beside the run. */
export function reportFault(runner: Runner, where: string, error: unknown): void {
  runner.hub.logger.error(`${where} threw.`, error)
  if (runner.heard) runner.emit({ type: 'fault', where, error })
}

/** The error of a run: what was thrown, told where. */
function wrap(runner: Runner, node: PlanNode, thrown: unknown): Error {
  const where = runner.where(node)
  if (thrown instanceof ContractError) return thrown.locate(where)
  if (thrown instanceof InputError && thrown.at !== undefined) return thrown
  if (thrown instanceof ParallelError) return thrown
  return new ActionError({ ...where, attempt: 1 }, thrown)
}
