import { encode, FORMAT, plainInWords, plainOf } from '../codec/encode.js'
import { holdState } from '../codec/held.js'
import type { CancelCause } from '../lifecycle/events.js'
import type { State } from '../state/freeze.js'
import { encodeAgainstParent, type ParentState } from './parent-state.js'
import { diff, isPatchAsIs, type Patch } from './patch.js'

// What the rows of an application say. A step is one row: what changed, or the whole state when the changes since the
// last whole one outweigh it. Short names, because they stand in every row.

/**
 * The place of an application below another one: the parent, the map, the visit, its key. For one made by an action,
 * also a hash of its start.
 */
export type ParentRef = readonly [parentId: string, map: string, visit: number, key: string, begun?: string]

/** Which step of which application another one was forked from. */
export interface ForkedFrom {
  readonly appId: string
  readonly sequenceId: number
}

/** How the run of a branch ended with its last step. */
export type StepEndMark = 'halted' | 'finished'

/** A committed step, beside its state. */
export interface StepFacts {
  /** Chosen by the transitions, so that a resume evaluates no condition again. */
  readonly next: string | undefined
  /** How often each action has committed. Written with whole states. */
  readonly visits: Readonly<Record<string, number>>
  /** The run of a branch ended with it. */
  readonly end?: StepEndMark | undefined
  /** When the step, or of a branch its first step, began. */
  readonly startedAt?: number | undefined
  readonly attempts?: number | undefined
  /** A fallback made a success of a failure, in this step or an earlier one. */
  readonly recovered?: boolean | undefined
  /** It was cancelled for good before the step was committed: that stays, where the note of it is not read any more too. */
  readonly cancelled?: CancelledNote | undefined
}

/** What a row with a whole state says beside it. */
export interface FullFacts extends StepFacts {
  /** The last committed action, where the label of the row is not its name. */
  readonly position?: string | undefined
  /** Keys of a patch that no schema was asked about yet. */
  readonly given?: readonly string[] | undefined
  /** The state was patched: what runs next is chosen anew, on the patched state. */
  readonly chooses?: boolean | undefined
}

/** What it says of the application. */
export interface AppFacts {
  readonly version: number
  /** Keys whose schema refuses what it gave itself: not asked again. */
  readonly oneWay: ReadonlySet<string>
  readonly parentRef: ParentRef | undefined
  readonly from: ForkedFrom | undefined
  /** What is stored of the application above, where the state is told over it. */
  readonly parent: ParentState | undefined
}

/** The data of a `full` row, parsed. */
export interface FullData {
  readonly f: number
  readonly v: number
  readonly s: State
  readonly n: string | null
  readonly c: Readonly<Record<string, number>>
  readonly e?: StepEndMark
  readonly t?: number
  readonly a?: number
  readonly r?: 1
  /** A `CancelledNote` as it is stored. */
  readonly z?: unknown
  readonly q?: string
  readonly h?: ParentRef
  readonly o?: ForkedFrom
  readonly x?: readonly string[]
  readonly g?: readonly string[]
  readonly w?: 1
  readonly u?: readonly [appId: string, sequenceId: number, epoch: number]
}
/** The data of a `patch` row, parsed. */
export interface PatchData {
  readonly f: number
  readonly p: Patch | null
  readonly n: string | null
  readonly e?: StepEndMark
  readonly t?: number
  readonly a?: number
  readonly r?: 1
  readonly z?: unknown
  readonly x?: readonly string[]
}

// JSON leaves out a member that is undefined. The members of a row are listed one by one: to spread one object into
// another takes longer than all the rest.
const attemptsForm = (attempts: number | undefined): number | undefined => (attempts === 1 ? undefined : attempts)
const flagForm = (flag: boolean | undefined): 1 | undefined => (flag === true ? 1 : undefined)
const cancelledForm = (note: CancelledNote | undefined): unknown => note && noteForm('cancelled', note)
const keysForm = (keys: ReadonlySet<string>): readonly string[] | undefined => (keys.size === 0 ? undefined : [...keys])

/** JSON of a record with one member more, whose JSON is there already. */
const joined = (head: object, name: string, json: string): string =>
  `${JSON.stringify(head).slice(0, -1)},"${name}":${json}}`

/** Data of a row, and the state in it as it was held: what the next row is told against. */
export interface RowContent {
  readonly data: string
  readonly held: State
}

/** @throws {SerializationError} with the path of what cannot be stored */
export function fullData(state: State, facts: FullFacts, of: AppFacts, loose = false): RowContent {
  const over = of.parent && encodeAgainstParent(state, of.parent, loose)
  const form = {
    f: FORMAT,
    v: of.version,
    c: facts.visits,
    n: facts.next ?? null,
    e: facts.end,
    t: facts.startedAt,
    a: attemptsForm(facts.attempts),
    r: flagForm(facts.recovered),
    z: cancelledForm(facts.cancelled),
    x: keysForm(of.oneWay),
    q: facts.position,
    h: of.parentRef,
    o: of.from,
    g: facts.given,
    w: flagForm(facts.chooses),
    u: over && [over.at.appId, over.at.sequenceId, over.at.epoch],
    s: over === undefined ? plainOf(state, '') : undefined,
  }
  const data = over === undefined ? JSON.stringify(form) : joined(form, 's', over.json)
  return { data, held: over?.held ?? holdState({}, state, loose) }
}

/**
 * @param before what was held of the last state that was stored
 * @throws {SerializationError} with the path of what cannot be stored
 */
export function patchData(
  before: State,
  after: State,
  facts: Omit<StepFacts, 'visits'>,
  oneWay: ReadonlySet<string>,
  loose = false,
): RowContent {
  const held = holdState(before, after, loose)
  const form = {
    f: FORMAT,
    n: facts.next ?? null,
    e: facts.end,
    t: facts.startedAt,
    a: attemptsForm(facts.attempts),
    r: flagForm(facts.recovered),
    z: cancelledForm(facts.cancelled),
    x: keysForm(oneWay),
    p: changeOf(before, held, after),
  }
  return { data: JSON.stringify(form), held }
}

function changeOf(before: State, held: State, after: State): unknown {
  try {
    const patch = diff(before, held)
    if (patch === undefined) return null
    return isPatchAsIs(patch) ? patch : plainOf(patch, '')
  } catch (error) {
    encode(after) // throws with the path in the state, not in what changed
    throw error
  }
}

/**
 * One entry of a fan-out: its key, and a hash of what it is. Where the key stood for another entry before, also the order
 * of the last row of that one: a branch of which no later row is stored is to begin anew.
 */
export type ManifestEntry = readonly [key: string, hash: string, other?: number]

/** The branches of one visit of a map action, as far as they are known. */
export interface ManifestNote {
  readonly map: string
  readonly visit: number
  readonly entries: readonly ManifestEntry[]
  /** Where the entries begin, of a further note about the same branches. */
  readonly from?: number
  /** How many entries there are, where one note does not hold them all. */
  readonly total?: number
  /** The `version` that recorded them; 0 where it is missing. */
  readonly version?: number
}
/** One entry that a generator gave, written with the first record of its branch. */
export interface EntryNote {
  readonly map: string
  readonly visit: number
  readonly index: number
  readonly entry: ManifestEntry
  /** The `version` that recorded it; 0 where it is missing. */
  readonly version?: number
}
/** A generator has ended. */
export interface TotalNote {
  readonly map: string
  readonly visit: number
  readonly total: number
}
/** `watch` said that there are enough. */
export interface SettledNote {
  readonly map: string
  readonly visit: number
}
/** A side effect that was done, and what it gave. */
export interface OnceNote {
  readonly key: string
  readonly value: unknown
}
/** The application waits for a message from outside. */
export interface WaitingNote {
  readonly action: string
  readonly kinds: readonly string[]
  /** Of a branch: at which attempt it is, and when it began. */
  readonly attempts?: number
  readonly startedAt?: number
}
/** The branch is tried again, at its failed step. */
export interface RetryNote {
  /** Which attempt of the branch begins. */
  readonly attempts: number
  /** How many attempts at the step have failed. */
  readonly tries: number
}
/** The step failed. */
export interface FailedNote {
  readonly error: Error
  readonly attempts: number
  readonly startedAt?: number
  /** The failed branches of its map are to run again when it is tried again. */
  readonly again: boolean
}
/** The application was cancelled. A final one stays cancelled, the others go on when they are resumed. */
export interface CancelledNote {
  readonly cause: CancelCause
  readonly by: string
  readonly reason: unknown
  readonly final: boolean
  readonly attempts: number
  readonly startedAt?: number
}

/** The notes by their labels. */
export interface Notes {
  readonly manifest: ManifestNote
  readonly entry: EntryNote
  readonly total: TotalNote
  readonly settled: SettledNote
  readonly once: OnceNote
  readonly waiting: WaitingNote
  readonly retry: RetryNote
  readonly failed: FailedNote
  readonly cancelled: CancelledNote
}

const STATUS_LABELS = ['waiting', 'retry', 'failed', 'cancelled'] as const

/** What a note of how an application stands is. */
export type StatusLabel = (typeof STATUS_LABELS)[number]

export const isStatusLabel = (label: string): label is StatusLabel =>
  (STATUS_LABELS as readonly string[]).includes(label)

/** One of them as it is stored, and its order. */
export type StoredNote = readonly [label: StatusLabel, form: unknown, order: number]

/** The row that holds them: its place, and what is in it. */
export interface StatusRow {
  readonly index: number
  readonly notes: readonly StoredNote[]
}

/** How something ended can always be written down, whatever was thrown or given as the reason. */
export const noteForm = <K extends StatusLabel>(label: K, note: Notes[K]): unknown =>
  label === 'failed' || label === 'cancelled' ? plainInWords(note) : plainOf(note, label)

/** The data of the row that holds them. */
export const statusData = (notes: readonly StoredNote[]): string => JSON.stringify({ f: FORMAT, d: notes })

/** @throws {SerializationError} with the path of what cannot be stored */
export function noteData<K extends keyof Notes>(label: K, note: Notes[K]): string {
  return joined({ f: FORMAT }, 'd', encode(note, label))
}
