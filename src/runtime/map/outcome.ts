import { ParallelError } from '../../errors.js'
import { messageOf } from '../../internal/guards.js'
import { list } from '../../internal/nearest.js'
import type { FanOut } from '../../parallel/fan-out.js'
import type { BranchResult } from '../../parallel/results.js'
import { policyName } from '../../parallel/settle.js'
import type { Run } from '../application.js'
import { type Cancellation, createCancellation, timeoutOf } from '../cancel/cancellation.js'
import type { BranchTable } from './branch-table.js'
import type { Why } from './map-state.js'
import type { MapVisit } from './map-visit.js'

/** The error of a map that cannot settle by its policy. For a sub-graph, the error of its graph. */
function hopelessMap(name: string, { policy, single }: FanOut, table: BranchTable): Error {
  const results = table.results()
  const failed = results.filter((result) => result.status === 'failed')
  const first = failed[0]?.error
  if (single && first !== undefined) return first
  const total = table.state.total ?? results.length
  const scarce = typeof policy === 'object' && total < policy.atLeast
  const lost = failed.length > 0 ? failed : scarce ? [] : results.filter((result) => result.status === 'cancelled')
  const made = `there ${['is no branch', 'is only 1 branch'][total] ?? `are only ${total} branches`}`
  const counted =
    lost.length === 0
      ? `${made}${policy === 'all' ? ', and the map was cancelled' : ''}`
      : `${lost.length} of ${total} branches ${failed.length > 0 ? 'failed' : 'were cancelled'}`
  const named =
    lost.length === 0 ? '' : `: ${list(lost.slice(0, 3).map((result) => result.key))}${lost.length > 3 ? ' …' : ''}`
  const cause = first === undefined ? '' : ` First: ${messageOf(first)}`
  return new ParallelError(name, `cannot settle as ${policyName(policy)}: ${counted}${named}.${cause}`, results, first)
}

/** The cancellation of branches that still run when their map closes. */
export function closingCancellation({ app, cancellation }: Run, { kind }: Why): Cancellation {
  const now = app.system.passed()
  if (kind === 'satisfied') return createCancellation('settled', 'settle', now)
  if (kind === 'cancelled') return createCancellation('parent', 'parent', now, cancellation?.reason)
  if (kind === 'stopped') return createCancellation('stop', 'parent', now, cancellation?.reason)
  return createCancellation('sibling-failed', 'sibling', now)
}

/** The result of a branch that has run. One that timed out has failed, unless its fallback gave its state. */
export function resultOf({ app, cancellation, attempts }: Run): BranchResult {
  if (cancellation === undefined || attempts?.branchRecovered === true)
    return { status: 'done', state: app.checkpoint.state, recovered: attempts?.recovered === true }
  const error = timeoutOf(cancellation)
  return error === undefined ? cancelledBy(cancellation) : { status: 'failed', error }
}

/** The error of a map that is not satisfied. */
export function errorOfMap({ step, table, run }: MapVisit, fanOut: FanOut, why: Why | undefined): unknown {
  if (why?.kind === 'fault') return why.error
  return why?.kind === 'hopeless' ? hopelessMap(step.node.name, fanOut, table) : run.cancellation?.reason
}

/** The result of a branch that was cancelled before it ran. */
export const cancelledBy = ({ reason, by }: Cancellation): BranchResult => ({ status: 'cancelled', reason, by })
