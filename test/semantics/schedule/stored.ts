import { type AnyEvent, printPath } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import type { Plan } from './plan.js'
import type { World } from './world.js'

const LAW = 'the store says of each branch what the run said'
type Result = Extract<AnyEvent, { type: 'branch.settled' }>['result']

/** Whether a schedule has a store. Every third one of a single run has one, since messages outlive a run there. */
export type Where = 'by chance' | 'stored' | 'nowhere'

/** Messages come only from this process, so the store is not asked for others. */
export function persistence(
  { seed, again }: Plan,
  where: Where,
): { readonly persister: Persister; readonly inboxPollMs: number; readonly leaseMs: number } | object {
  const stored = where === 'by chance' ? seed % 3 === 0 && !again : where === 'stored'
  return stored ? { persister: memoryPersister(), inboxPollMs: Infinity, leaseMs: 3_000_000 } : {}
}

/** Compares the record of every branch that had begun with its last `branch.settled`. */
export async function checkStored(world: World, persister: Persister): Promise<void> {
  const told = new Map<string, Extract<AnyEvent, { type: 'branch.settled' }>>()
  for (const entry of world.trace.entries)
    if (entry.kind === 'event' && entry.event.type === 'branch.settled') told.set(entry.event.appId, entry.event)
  for (const [appId, { path, result }] of told) {
    if (result.startedAt === undefined) continue // refused, or cancelled in the queue
    world.note('branch whose record was read')
    const stored = await persister.load({ appId })
    const says: string[] = []
    const { end, cancelled, failed, recovered, state } = stored ?? {}
    // A branch cut off after its last step is cancelled in this run, and done for the next.
    if (end !== undefined && cancelled?.final !== true)
      says.push(`done, recovered ${recovered}, ${JSON.stringify(state)}`)
    if (cancelled !== undefined) says.push(`cancelled by ${cancelled.by}`)
    else if (failed !== undefined) says.push(`failed: ${failed.error.message}`)
    // A branch that waited when its parent ended or a sibling failed waits on in the next run.
    if (stored?.status === 'waiting') says.push('cancelled by parent', 'cancelled by sibling')
    const said = saidBy(result)
    const attempts =
      stored?.attempts === result.attempts ? '' : ` in ${stored?.attempts} attempts, not ${result.attempts}`
    if (!says.includes(said) || attempts !== '')
      world.broken(LAW, `${printPath(path)} ${said}; stored: ${says.join(' or ')}${attempts}`)
  }
}

function saidBy(result: Result): string {
  if (result.status === 'done') return `done, recovered ${result.recovered}, ${JSON.stringify(result.state)}`
  return result.status === 'cancelled' ? `cancelled by ${result.by}` : `failed: ${result.error.message}`
}
