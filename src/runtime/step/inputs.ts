import { type Inputs, NO_INPUTS, parseInputs } from '../../action/inputs.js'
import type { PlanNode } from '../../graph/plan.js'
import { isolate } from '../../state/freeze.js'
import type { Application, Run } from '../application.js'
import type { Checkpoint } from '../checkpoint.js'

// Owns: the inputs of one attempt.
// Does not own: the inputs of branches (map/branch-inputs.ts).

/** The part of a run that its inputs depend on. */
interface InputsOfRun {
  readonly app: Pick<Application, 'bound'> & { readonly checkpoint: Pick<Checkpoint, 'state'> }
  readonly request: Pick<Run['request'], 'inputs'>
}

/** The inputs of a run, overridden by those bound over the graph, over the action, and to the state. */
export function rawInputs({ app, request }: InputsOfRun, node: PlanNode): Inputs {
  const { inputs: given } = request
  const { bound, fromState } = node.parts
  if (!node.bindsInputs) return app.bound === NO_INPUTS ? given : { ...given, ...app.bound }
  const read = Object.entries(fromState).map(([name, key]) => [name, isolate(app.checkpoint.state[key])] as const)
  return { ...given, ...app.bound, ...bound, ...Object.fromEntries(read) }
}

/**
 * The inputs that an action declares.
 * @throws {MissingInputError | InputError} for missing or invalid inputs
 */
export function parsedInputs(app: Pick<Application, 'where'>, node: PlanNode, raw: Inputs): Inputs {
  if (!node.takesInputs) return NO_INPUTS
  return parseInputs(node.subject, node.parts.spec, raw, () => app.where(node))
}

/** The inputs that an action declares, before their schemas. @returns undefined if it declares none */
export function givenInputs(run: InputsOfRun, node: PlanNode): Inputs | undefined {
  if (!node.takesInputs) return undefined
  const raw = rawInputs(run, node)
  const names = Object.keys(node.parts.spec).filter((name) => Object.hasOwn(raw, name))
  return Object.fromEntries(names.map((name) => [name, raw[name]]))
}

/** The inputs of a further attempt: those of the first one, except inputs bound to the state. */
export function inputsAgain(run: Run, node: PlanNode, first: Inputs): Inputs {
  return Object.keys(node.parts.fromState).length === 0 ? first : parsedInputs(run.app, node, rawInputs(run, node))
}
