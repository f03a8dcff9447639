import type { State } from '../state/freeze.js'
import type { Awaitable, Row } from './driver.js'
import type { CancelledNote, FullFacts, ManifestEntry, StepEndMark, StepFacts } from './record.js'
import type { StoredRecord } from './replay.js'
import type { SavePolicy, Scope } from './scope.js'

/** Of a branch: when its first step began, and at which attempt it is. */
export interface StoredTiming {
  readonly startedAt: number | undefined
  readonly attempts: number
}

/** The same in a note. */
export const timingForm = ({
  startedAt,
  attempts,
}: StoredTiming): { readonly attempts: number; readonly startedAt?: number } =>
  startedAt === undefined ? { attempts } : { attempts, startedAt }

/** A step as the engine commits it. */
export interface CommittingStep extends StoredTiming {
  readonly action: string
  readonly state: State
  readonly next: string | undefined
  readonly sequenceId: number
  /** How often each action will have committed. */
  readonly visits: () => Readonly<Record<string, number>>
  /** The run ends with it. */
  readonly end: StepEndMark | undefined
  readonly recovered: boolean
  /** Identity does not tell what changed: the state is not frozen. */
  readonly loose: boolean
}

/** A fan-out that has begun, as it is known. */
export interface OpenMap {
  readonly map: string
  readonly visit: number
  /** The `version` of the records that holds its entries. */
  version: number
  readonly entries: Map<number, ManifestEntry>
  total: number | undefined
  settled: boolean
}

/** The fan-out that a record stands at. */
export const mapOf = (stored: StoredRecord | undefined): OpenMap | undefined =>
  stored?.map && { ...stored.map, entries: new Map(stored.map.entries) }

/** Where an application begins. */
export interface Start {
  readonly state: State
  readonly next: string | undefined
}

/** A row that has no place yet. */
export interface Draft extends Pick<Row, 'kind' | 'label' | 'sequenceId' | 'data'> {
  /** For a note that replaces a stored one: its index. */
  readonly index?: number | undefined
}

/** Rows that have their places, and what becomes of them. */
export interface PlacedRows {
  readonly rows: readonly Row[]
  readonly taken: readonly number[]
  saved(): void
  lost(): void
}

/** Saves the rows of several journals of one store as one group. @param gathers whether others may commit in the same turn */
export function saveTogether(scope: Scope, parts: readonly PlacedRows[], gathers: boolean): Awaitable<void> {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return scope.save(first.rows, first.taken, gathers)
  return scope.save(
    parts.flatMap(({ rows }) => rows),
    parts.flatMap(({ taken }) => taken),
    gathers,
  )
}

/** The state as it is stored. */
export function withoutTransient(state: State, transient: ReadonlySet<string>): State {
  if (transient.size === 0) return state
  return Object.fromEntries(Object.entries(state).filter(([key]) => !transient.has(key)))
}

/** What a row with the whole state says of a step. @param cancelled how it was cancelled for good meanwhile */
export function fullFacts(step: CommittingStep, cancelled: CancelledNote | undefined): FullFacts {
  const { next, end, attempts, recovered, startedAt } = step
  return { next, end, attempts, recovered, cancelled, startedAt, visits: step.visits() }
}

/** What a row with the changes says of a step. */
export function patchFacts(
  { next, end, attempts, recovered }: CommittingStep,
  cancelled: CancelledNote | undefined,
): Omit<StepFacts, 'visits'> {
  return { next, end, attempts, recovered, cancelled }
}

/** True where a step is saved by the policy. */
export function isSavedBy(policy: SavePolicy, { action, end }: CommittingStep): boolean {
  if (policy === 'every-step') return true
  if (policy === 'manual') return false
  return end !== undefined || (policy !== 'settle' && policy.after.includes(action))
}
