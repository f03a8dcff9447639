import { type Inputs, parseInputs } from '../action/inputs.js'
import { ContractError, MissingInputError } from '../errors.js'
import type { PlanNode } from '../graph/plan.js'
import { viewOf } from '../graph/view-of.js'
import { isInstance } from '../internal/guards.js'
import { isFanOut } from '../parallel/fan-out.js'
import { rawInputs } from '../runtime/step/inputs.js'
import { assertReads } from '../state/view.js'
import { checkMap } from './check-map.js'
import { type CheckedApp, type RunCheck, recordedMap, takeTurn, whereIn } from './checked-app.js'
import type { Findings } from './problem.js'

// Owns: the part of the next step that precedes the code of its action: its reads, its inputs, the branches of a map.
// Does not own: fitting the record (check-run.ts), the branches (check-map.ts).

/**
 * Checks the next step of an application.
 * @throws {PersistenceError} when a store is unavailable
 */
export async function checkStep(check: RunCheck, app: CheckedApp, findings: Findings): Promise<void> {
  await takeTurn(check)
  const node = app.next === undefined ? undefined : app.plan.graph.nodes.get(app.next)
  const { map } = app
  if (map !== undefined && (node === undefined || recordedMap(app, node) === undefined))
    findings.notUsed([...app.path, { map: map.map, visit: map.visit, key: '' }])
  if (node === undefined) return
  const at = { path: app.path, action: node.name }
  const { parts, subject } = node
  const reads = findings.attempt('reads', at, () =>
    located(app, node, () => assertReads(subject, parts.reads, app.state)),
  )
  const raw = rawInputs({ app: { bound: app.bound, checkpoint: app }, request: app }, node)
  const inputs = parsedInputs(check, app, node, raw, findings)
  const { body } = parts
  if (!isFanOut(body)) return
  if (reads === undefined || inputs === undefined || !app.fits) {
    if (reads === undefined || !app.fits)
      findings.cannotTell(at, node.name, 'Its branches are not checked, because its state does not fit.')
    return
  }
  const view = viewOf(node, app.state)
  await checkMap(check, { app, node, fanOut: body, view, inputs: inputs.value, raw }, checkStep, findings)
}

/** The inputs of an action; undefined where they do not fit, or are not known. */
function parsedInputs(
  check: RunCheck,
  app: CheckedApp,
  node: PlanNode,
  raw: Inputs,
  findings: Findings,
): { readonly value: Inputs } | undefined {
  const at = { path: app.path, action: node.name }
  try {
    return { value: parseInputs(node.subject, node.parts.spec, raw, () => whereIn(app, node)) }
  } catch (error) {
    if (!check.knowsInputs && isInstance(error, MissingInputError)) {
      const names = error.missing.map((name) => `"${name}"`).join(', ')
      findings.cannotTell(at, node.name, `It needs the input ${names} of a run. Give inputs to the check.`)
    } else findings.add('inputs', 'step', at, error)
    return undefined
  }
}

/** Adds the place to an error of a contract. */
function located<T>(app: CheckedApp, node: PlanNode, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw isInstance(error, ContractError) ? error.locate(whereIn(app, node)) : error
  }
}
