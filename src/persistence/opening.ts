import type { Inputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import { hashOfBeginning } from '../parallel/fingerprint.js'
import { type Start, withoutTransient } from './committing.js'
import type { Awaitable } from './driver.js'
import { refuseStored } from './faults.js'
import { type FollowingRules, followRules } from './known-rules.js'
import { fitRecord } from './migrate.js'
import type { ParentRef } from './record.js'
import type { StoredRecord } from './replay.js'
import type { Scope } from './scope.js'

// Owns: the first act of a run: what of an application is stored already, and whether the run continues it.
// Does not own: the rows (journal.ts), the claim (scope.ts).

/** A journal that opens. */
interface OpeningJournal extends FollowingRules {
  readonly appId: string
  readonly scope: Scope
  readonly epoch: number
  /** The number of the last stored step. */
  readonly storedId: number
  parentRef: ParentRef | undefined
  opened: boolean
  readonly mayBeStored: boolean
  /** Whether the stored record is of another start, which the first row replaces. */
  replacing: boolean
  begin(start: Start, epoch?: number): Awaitable<void>
  load(): Promise<StoredRecord | undefined>
  adopt(stored: StoredRecord): void
}

/** @returns the stored checkpoint, if the application has to move there */
export async function openJournal(
  journal: OpeningJournal,
  plan: Plan,
  start: Start,
  inputs: Inputs,
): Promise<StoredRecord | undefined> {
  const { scope, appId, mayBeStored } = journal
  followRules(journal, plan)
  if (journal.parentRef === undefined) scope.begin()
  else if (scope.fault !== undefined) throw scope.fault.error
  if (journal.replacing) await journal.begin(start, journal.epoch + 1)
  journal.replacing = false
  if (journal.opened && !scope.uncertain) return undefined
  // Checked before the claim, so that creating a stored application by mistake takes it over from nobody.
  if (!journal.opened && !mayBeStored) refuseStored(appId, scope.settings.writer, await journal.load())
  await scope.claim()
  const known = journal.opened || mayBeStored ? await journal.load() : undefined
  scope.uncertain = false
  if (!journal.opened && journal.parentRef !== undefined) {
    const kept = withoutTransient(start.state, scope.settings.transient)
    const [parentId, map, visit, key] = journal.parentRef
    journal.parentRef = [parentId, map, visit, key, hashOfBeginning(plan, kept, inputs)]
  }
  const isSame = journal.parentRef?.every((part, i) => known?.parentRef?.[i] === part) !== false
  if (known !== undefined && (journal.opened || isSame)) {
    const moved = !journal.opened || known.sequenceId !== journal.storedId
    journal.opened = true
    journal.adopt(known)
    return moved ? fitRecord(known, plan, scope.settings) : undefined
  }
  // An application made by an action is stored with its first step or note; a root, from its start.
  if (known !== undefined) journal.adopt(known)
  if (known !== undefined || journal.parentRef === undefined || scope.settings.policy !== 'manual')
    await journal.begin(start, known && known.epoch + 1)
  journal.opened = true
  return undefined
}
