import { printPath } from '../action/context.js'
import { WorkerLostError } from '../errors.js'
import type { Loss } from '../executor/driver.js'
import { toError } from '../internal/guards.js'
import type { BranchResult } from '../parallel/results.js'
import type { Cancellation } from '../runtime/cancel/cancellation.js'
import type { EventSource } from '../runtime/event-source.js'
import { cancelledBy } from '../runtime/map/outcome.js'
import type { State } from '../state/freeze.js'
import type { FoundBranch } from './remote-durability.js'

// Owns: what follows when the worker of a branch is lost: a further delivery, or the end of the branch.
// Does not own: its deliveries (submission.ts), its progress in the store (remote-durability.ts).
// O1  A lost branch is delivered again from its last commit. After the last delivery it fails with a WorkerLostError; one
//     that was cancelled is cancelled.

/** A branch whose worker is lost. */
interface LostBranch {
  readonly status: 'made' | 'running' | 'ended'
  readonly origin: EventSource
  readonly state: State
  readonly cancellation: Cancellation | undefined
  /** Undefined where it is not stored. */
  readonly store: { find(): Promise<FoundBranch> } | undefined
  /** Hands it to its executor, at its last commit. */
  deliver(): void
  settle(result: BranchResult): void
}

/** @param losses how many deliveries were lost that count @param most after so many it fails */
export function failOver(branch: LostBranch, loss: Loss, losses: number, most: number): void {
  const { cancellation, origin, store } = branch
  if (cancellation !== undefined) return branch.settle(cancelledBy(cancellation))
  const name = `Branch "${printPath(origin.path)}"`
  if (loss.again === false || losses >= most)
    return branch.settle({ status: 'failed', error: new WorkerLostError(name, loss, losses) })
  origin.system.logger.warn(`${name}: its worker was lost, and it goes on elsewhere. ${loss.why}`)
  if (store === undefined) branch.deliver()
  else void deliverStored(branch, store.find())
}

/** Delivers it from where it is in the store, or ends it if it has ended there. */
async function deliverStored(branch: LostBranch, finding: Promise<FoundBranch>): Promise<void> {
  const found = await finding.catch(toError)
  if (branch.status !== 'running') return
  const { cancellation, state } = branch
  if (cancellation !== undefined) return branch.settle(cancelledBy(cancellation))
  if (found instanceof Error) return branch.settle({ status: 'failed', error: found })
  if (found.ended === undefined) return branch.deliver()
  branch.settle({ status: 'done', state, recovered: found.ended.recovered })
}
