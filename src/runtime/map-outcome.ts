import { NO_INPUTS } from '../action/inputs.js'
import { ParallelError } from '../errors.js'
import { list } from '../internal/nearest.js'
import type { FanOut, TaskSource } from '../parallel/fan-out.js'
import { type AnyResult, createResult, type Ending } from '../parallel/results.js'
import { policyName } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import { branchIdentity } from './identity.js'
import type { MapBooks } from './map-books.js'
import type { LiveApp, LiveStep, Parent } from './tree.js'

/** Opens the source of a map for one step. Its signal is its own: it fires when the map wants no more. */
export function mapSource(fanOut: FanOut, step: LiveStep, signal: () => AbortSignal): TaskSource {
  const { node, state, inputs } = step
  return fanOut.open({
    subject: node.subject,
    state,
    inputs,
    get signal() {
      return signal()
    },
  })
}

/** The result of a settled branch; `app` is undefined for one that never was made. */
export function settledResult(
  task: BranchTask,
  app: LiveApp | undefined,
  parent: Parent,
  startedAt: number | undefined,
  endedAt: number,
  ending: Ending,
): AnyResult {
  const inputs =
    app === undefined
      ? task.inputs
      : app.bound === NO_INPUTS
        ? app.inputs
        : Object.freeze({ ...app.inputs, ...app.bound })
  const { key, index } = task
  const attempts = startedAt === undefined ? 0 : 1
  return createResult(
    { key, index, inputs, attempts, startedAt, identity: () => branchIdentity(parent) },
    endedAt,
    ending,
  )
}

/** Why a map cannot settle as its policy asks. Of a sub-graph: what its graph failed with. */
export function hopelessMap(name: string, { policy, single }: FanOut, books: MapBooks): Error {
  const results = books.results()
  const lost = results.filter((result) => result.status === 'failed')
  const first = lost[0]?.error
  if (single && first !== undefined) return first
  const told = lost.length > 0 ? lost : results.filter((result) => result.status === 'cancelled')
  const counted = `${told.length} of ${books.total ?? results.length} branches ${lost.length > 0 ? 'failed' : 'were cancelled'}`
  const named =
    told.length === 0 ? '' : `: ${list(told.slice(0, 3).map((result) => result.key))}${told.length > 3 ? ' …' : ''}`
  const said = first === undefined ? '' : ` First: ${first.message}`
  return new ParallelError(name, `cannot settle as ${policyName(policy)}: ${counted}${named}.${said}`, results, first)
}
