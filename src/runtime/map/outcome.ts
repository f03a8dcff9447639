import { ParallelError } from '../../errors.js'
import { messageOf } from '../../internal/guards.js'
import { list } from '../../internal/nearest.js'
import type { FanOut, TaskSource } from '../../parallel/fan-out.js'
import { openSource } from '../../parallel/open-source.js'
import type { BranchResult } from '../../parallel/results.js'
import { policyName } from '../../parallel/settle.js'
import { type Cancellation, createCancellation, timeoutOf } from '../cancel/cancellation.js'
import type { LiveAttempt, LiveMap, LiveRun } from '../tree.js'
import type { BranchTable } from './branch-table.js'
import type { Why } from './map-state.js'

/** Opens the source of a map for one step. Its signal is its own: it fires when the map wants no more. */
export function mapSource(fanOut: FanOut, step: LiveAttempt, signal: () => AbortSignal): TaskSource {
  const { node, state, inputs } = step
  return openSource(fanOut, {
    subject: node.subject,
    state,
    inputs,
    get signal() {
      return signal()
    },
  })
}

/** Why a map cannot settle as its policy asks. Of a sub-graph: what its graph failed with. */
function hopelessMap(name: string, { policy, single }: FanOut, table: BranchTable): Error {
  const results = table.results()
  const lost = results.filter((result) => result.status === 'failed')
  const first = lost[0]?.error
  if (single && first !== undefined) return first
  const total = table.state.total ?? results.length
  const scarce = typeof policy === 'object' && total < policy.atLeast
  const told = lost.length > 0 ? lost : scarce ? [] : results.filter((result) => result.status === 'cancelled')
  const counted =
    told.length === 0
      ? `there ${['is no branch', 'is only 1 branch'][total] ?? `are only ${total} branches`}`
      : `${told.length} of ${total} branches ${lost.length > 0 ? 'failed' : 'were cancelled'}`
  const named =
    told.length === 0 ? '' : `: ${list(told.slice(0, 3).map((result) => result.key))}${told.length > 3 ? ' …' : ''}`
  const said = first === undefined ? '' : ` First: ${messageOf(first)}`
  return new ParallelError(name, `cannot settle as ${policyName(policy)}: ${counted}${named}.${said}`, results, first)
}

/** How branches that still run are cancelled when their map closes. */
export function closingCancellation({ app, cancellation }: LiveRun, { kind }: Why): Cancellation {
  const now = app.system.passed()
  if (kind === 'satisfied') return createCancellation('settled', 'settle', now)
  if (kind === 'cancelled') return createCancellation('parent', 'parent', now, cancellation?.reason)
  if (kind === 'stopped') return createCancellation('stop', 'parent', now, cancellation?.reason)
  return createCancellation('sibling-failed', 'sibling', now)
}

/** How a branch ended that has run. One whose time was over has failed, unless its fallback gave its state. */
export function endingOf({ app, cancellation, attempts }: LiveRun): BranchResult {
  if (cancellation === undefined || attempts?.branchRecovered === true)
    return { status: 'done', state: app.checkpoint.state, recovered: attempts?.recovered === true }
  const error = timeoutOf(cancellation)
  return error === undefined ? lostBy(cancellation) : { status: 'failed', error }
}

/** What fails a map that is not satisfied. */
export function faultOf(
  map: LiveMap & { readonly table: BranchTable },
  fanOut: FanOut,
  closing: Why | undefined,
): unknown {
  if (closing?.kind === 'fault') return closing.error
  return closing?.kind === 'hopeless'
    ? hopelessMap(map.step.node.name, fanOut, map.table)
    : map.run.cancellation?.reason
}

/** How a branch ended that was cancelled before it ran. */
export const lostBy = ({ reason, by }: Cancellation): BranchResult => ({ status: 'cancelled', reason, by })
