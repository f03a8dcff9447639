import { defined } from '../internal/defined.js'
import type { State } from '../state/freeze.js'
import type { Row } from './driver.js'
import type { CancelledNote, FullFacts, ManifestEntry, RanFacts, StepEndMark, StepFacts } from './record.js'
import type { StoredMap, StoredRecord } from './replay.js'
import type { SavePolicy } from './scope-settings.js'
import type { StartedNote } from './wait-note.js'

/** Start time of a branch's first step, the end of its time limit, and the number of its attempt. */
export interface StoredTiming {
  readonly startedAt: number | undefined
  readonly attempts: number
  readonly deadlineAt?: number | undefined
}

/** The timing in the form of a note. */
export const timingForm = ({ startedAt, attempts, deadlineAt }: StoredTiming): StartedNote => ({
  attempts,
  ...defined({ startedAt, deadlineAt }),
})

/** Whether a branch was not known to have begun when it was cancelled: its start was under way. */
export const beganLater = (cancelled: CancelledNote, { startedAt }: StoredTiming): boolean =>
  cancelled.startedAt === undefined && startedAt !== undefined

/** A step as the engine commits it. */
export interface CommittingStep extends StoredTiming {
  readonly action: string
  readonly state: State
  readonly next: string | undefined
  readonly sequenceId: number
  /** Number of commits of each action, this step included. */
  readonly visits: () => Readonly<Record<string, number>>
  /** Set if the run ends with this step. */
  readonly end: StepEndMark | undefined
  readonly recovered: boolean
  readonly ran: RanFacts
  /** Whether the state is not frozen: values then may change without a new identity. */
  readonly loose: boolean
}

/** An unfinished map. */
export interface OpenMap {
  readonly map: string
  readonly visit: number
  /** The `version` of the records that hold its entries. */
  version: number
  readonly entries: Map<number, ManifestEntry>
  total: number | undefined
  settled: boolean
  /** Undefined in the process in which it began. */
  startedAt?: number
  cancelled?: StoredMap['cancelled']
}

/** The unfinished map of a record. */
export const mapOf = (stored: StoredRecord | undefined): OpenMap | undefined =>
  stored?.map && { ...stored.map, entries: new Map(stored.map.entries) }

/** The start of an application. */
export interface Start {
  readonly state: State
  readonly next: string | undefined
}

/** A row without an index. */
export interface DraftRow extends Pick<Row, 'kind' | 'label' | 'sequenceId' | 'data'> {
  /** For a note that replaces a stored one: its index. */
  readonly index?: number | undefined
}

/** The state without the keys that are never stored. */
export function withoutTransient(state: State, transient: ReadonlySet<string>): State {
  if (transient.size === 0) return state
  return Object.fromEntries(Object.entries(state).filter(([key]) => !transient.has(key)))
}

/** The facts of a step in a full row. @param cancelled the final cancel that came before its commit */
export function fullFacts(step: CommittingStep, cancelled: CancelledNote | undefined): FullFacts {
  const { next, end, attempts, recovered, startedAt, deadlineAt, ran } = step
  return { next, end, attempts, recovered, cancelled, startedAt, deadlineAt, ran, visits: step.visits() }
}

/** The facts of a step in a patch row. */
export function patchFacts(
  { next, end, attempts, recovered, ran }: CommittingStep,
  cancelled: CancelledNote | undefined,
): Omit<StepFacts, 'visits'> {
  return { next, end, attempts, recovered, cancelled, ran }
}

/** Whether the policy saves a step at once. */
export function isSavedBy(policy: SavePolicy, { action, end }: CommittingStep): boolean {
  if (policy === 'every-step') return true
  if (policy === 'manual') return false
  return end !== undefined || (policy !== 'settle' && policy.after.includes(action))
}
