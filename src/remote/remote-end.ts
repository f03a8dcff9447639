import type { BranchResult } from '../parallel/results.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { StoredTiming } from '../persistence/committing.js'
import type { Awaitable } from '../persistence/driver.js'
import type { Cancellation } from '../runtime/cancel/cancellation.js'
import { visitsOf, writeEnd } from '../runtime/durability.js'
import type { EventSource } from '../runtime/event-source.js'
import { callFallback } from '../runtime/map/branch-fallback.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import { isBeyondRetry } from '../runtime/step/retry.js'
import type { CheckpointData } from './frames.js'

// Owns: the end of a branch that runs elsewhere: its fallback, and what is stored of it. Both are the owner's.

/** A branch that ends. */
export interface EndingBranch {
  readonly setup: BranchSetup
  readonly origin: EventSource
  readonly journal: AppJournal | undefined
  readonly checkpoint: CheckpointData
  readonly visits: readonly number[]
  readonly timing: StoredTiming
  readonly cancellation: Cancellation | undefined
}

/** The result of a branch after its fallback, and the checkpoint that the fallback gave. */
export function afterFallback(
  { setup, origin, checkpoint }: EndingBranch,
  result: BranchResult,
): { readonly result: BranchResult; readonly given: CheckpointData | undefined } {
  const { policy, key } = setup.task
  const { fallback } = policy
  if (result.status !== 'failed' || fallback === undefined || isBeyondRetry(result.error))
    return { result, given: undefined }
  const { state: before } = checkpoint
  const given = callFallback({ plan: setup.plan, path: origin.path, key, state: before }, fallback, result.error)
  if ('error' in given) return { result: { status: 'failed', error: given.error }, given: undefined }
  const { state } = given
  return { result: { status: 'done', state, recovered: true }, given: { ...checkpoint, state, next: undefined } }
}

/** Stores the end of a branch, where its last step does not hold it. */
export function storeEnd(
  { setup, journal, visits, timing, cancellation }: EndingBranch,
  result: BranchResult,
  given: CheckpointData | undefined,
): Awaitable<void> {
  if (journal === undefined) return undefined
  const facts = { timing, given, visits: () => visitsOf({ plan: setup.plan, visits }), isBranch: true }
  const app = { journal, system: setup.system }
  if (result.status === 'failed') return writeEnd(app, { status: 'failed', error: result.error }, facts)
  if (result.status === 'cancelled' && cancellation !== undefined)
    return writeEnd(app, { status: 'cancelled', cancellation }, facts)
  return writeEnd(app, { status: 'finished' }, facts)
}
