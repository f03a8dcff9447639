import { encode, FORMAT, plainDescribed, plainOf } from '../codec/encode.js'
import { holdState } from '../codec/held.js'
import type { CancelCause } from '../lifecycle/events.js'
import type { State } from '../state/freeze.js'
import { encodeAgainstParent, type ParentState } from './parent-state.js'
import { diff, isPatchAsIs, type Patch } from './patch.js'
import { keepText } from './shared-text.js'
import type { RetryNote, StartedNote, WaitingNote } from './wait-note.js'

// The content of rows. A step is one row: a patch, or the whole state when the patches since the last full row outweigh
// it. Member names are short because every row holds them.

/**
 * The place of an application below another one: the parent, the map, the visit, its key. For one made by an action,
 * also a hash of its start.
 */
export type ParentRef = readonly [parentId: string, map: string, visit: number, key: string, begun?: string]

/** The step of another application that this one was forked from. */
export interface ForkedFrom {
  readonly appId: string
  readonly sequenceId: number
}

/** How the run of a branch ended with its last step. */
export type StepEndMark = 'halted' | 'finished'

/** How a step ran: for readers alone, a resume does not use it. */
export interface RanFacts {
  /** Duration of its last attempt, milliseconds. */
  readonly durationMs: number
  /** The number of its last attempt; the first is 1. */
  readonly attempt: number
  /** The name of the edge that was taken; undefined where the run ended. */
  readonly condition: string | undefined
  /** Whether that is an error transition. */
  readonly onError: boolean
}

/** The facts of a committed step, without its state. */
export interface StepFacts {
  /** Chosen by the transitions. It is stored, so that a resume evaluates no condition again. */
  readonly next: string | undefined
  /** Number of commits of each action. Written in full rows. */
  readonly visits: Readonly<Record<string, number>>
  /** Set if the run of a branch ended with this step. */
  readonly end?: StepEndMark | undefined
  /** Start time of the step; for a branch, of its first step. */
  readonly startedAt?: number | undefined
  /** For a branch with a time limit: when that ends. */
  readonly deadlineAt?: number | undefined
  readonly attempts?: number | undefined
  /** Whether a fallback replaced a failure, in this step or an earlier one. */
  readonly recovered?: boolean | undefined
  /** The final cancel that came before the commit. The row repeats it, because earlier notes are no longer read. */
  readonly cancelled?: CancelledNote | undefined
  readonly ran?: RanFacts | undefined
}

/** The facts of a full row, without its state. */
export interface FullFacts extends StepFacts {
  /** The last committed action, if the label of the row is not its name. */
  readonly position?: string | undefined
  /** Keys of a patch that are not validated yet. */
  readonly given?: readonly string[] | undefined
  /** Whether the state was patched: a resume then chooses the next action on the patched state. */
  readonly chooses?: boolean | undefined
}

/** The facts of the application in a full row. */
export interface AppFacts {
  readonly version: number
  /** Keys whose schema rejects its own output: they are not validated again. */
  readonly oneWay: ReadonlySet<string>
  readonly parentRef: ParentRef | undefined
  readonly from: ForkedFrom | undefined
  /** The stored state of the parent, if the state is encoded against it. */
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
  readonly d?: number
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
  readonly l?: number
  readonly i?: number
  readonly y?: string
  readonly j?: 1
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
  readonly l?: number
  readonly i?: number
  readonly y?: string
  readonly j?: 1
}

/** The name of an edge that is not stored: most edges have it. */
export const USUAL_EDGE = 'default'
const edgeForm = (ran: RanFacts | undefined): string | undefined =>
  ran?.condition === USUAL_EDGE ? undefined : ran?.condition

// JSON omits undefined members. The members of a row are listed one by one: spreading objects takes longer than all the
// other work.
const attemptsForm = (attempts: number | undefined): number | undefined => (attempts === 1 ? undefined : attempts)
const flagForm = (flag: boolean | undefined): 1 | undefined => (flag === true ? 1 : undefined)
const cancelledForm = (note: CancelledNote | undefined): unknown => note && noteForm('cancelled', note)
const keysForm = (keys: ReadonlySet<string>): readonly string[] | undefined => (keys.size === 0 ? undefined : [...keys])

/** JSON of an object with one more member, which is JSON already. */
const joined = (head: object, name: string, json: string): string =>
  `${JSON.stringify(head).slice(0, -1)},"${name}":${json}}`

/** The data of a row, and its state, held: the next patch is computed against it. */
export interface RowContent {
  readonly data: string
  readonly held: State
}

/** @throws {SerializationError} with the path of a value that cannot be stored */
export function fullData(state: State, facts: FullFacts, of: AppFacts, loose = false): RowContent {
  const encoded = of.parent && encodeAgainstParent(state, of.parent, loose)
  const form = {
    f: FORMAT,
    v: of.version,
    c: facts.visits,
    n: facts.next ?? null,
    e: facts.end,
    t: facts.startedAt,
    d: facts.deadlineAt,
    a: attemptsForm(facts.attempts),
    r: flagForm(facts.recovered),
    z: cancelledForm(facts.cancelled),
    x: keysForm(of.oneWay),
    q: facts.position,
    h: of.parentRef,
    o: of.from,
    g: facts.given,
    w: flagForm(facts.chooses),
    l: facts.ran?.durationMs,
    i: attemptsForm(facts.ran?.attempt),
    y: edgeForm(facts.ran),
    j: flagForm(facts.ran?.onError),
    u: encoded && [encoded.at.appId, encoded.at.sequenceId, encoded.at.epoch],
  }
  if (encoded !== undefined) return { data: joined(form, 's', encoded.json), held: encoded.held }
  const json = encode(state)
  const held = holdState({}, state, loose)
  keepText(held, undefined, json)
  return { data: joined(form, 's', json), held }
}

/**
 * @param before the last stored state, held
 * @throws {SerializationError} with the path of a value that cannot be stored
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
    l: facts.ran?.durationMs,
    i: attemptsForm(facts.ran?.attempt),
    y: edgeForm(facts.ran),
    j: flagForm(facts.ran?.onError),
  }
  const json = changeOf(before, held, after)
  keepText(held, before, json)
  return { data: joined(form, 'p', json), held }
}

function changeOf(before: State, held: State, after: State): string {
  try {
    const patch = diff(before, held) ?? null
    return patch === null || isPatchAsIs(patch) ? JSON.stringify(patch) : encode(patch)
  } catch (error) {
    encode(after) // throws with the path in the state, not in the patch
    throw error
  }
}

/**
 * One entry of a map: its key, and a hash of its task. If the key named another entry before, also the order of the
 * last row of that entry: the branch starts again unless it has a later row.
 */
export type ManifestEntry = readonly [key: string, hash: string, other?: number]

/** The known entries of one visit of a map. */
export interface ManifestNote {
  readonly map: string
  readonly visit: number
  readonly entries: readonly ManifestEntry[]
  /** Index of the first entry, in a further note about the same visit. */
  readonly from?: number
  /** Number of entries, if one note does not hold them all. */
  readonly total?: number
  /** The `version` that recorded them; 0 if it is missing. */
  readonly version?: number
}
/** One entry of a generator, written with the first row of its branch. */
export interface EntryNote {
  readonly map: string
  readonly visit: number
  readonly index: number
  readonly entry: ManifestEntry
  /** The `version` that recorded it; 0 if it is missing. */
  readonly version?: number
}
/** The number of entries of a generator that has ended. */
export interface TotalNote {
  readonly map: string
  readonly visit: number
  readonly total: number
}
/** `watch` closed the map; with `cancelled`, the map was cancelled. */
export interface SettledNote {
  readonly map: string
  readonly visit: number
  readonly cancelled?: { readonly by: string; readonly reason: unknown }
}
/** A side effect that was done, and its result. */
export interface OnceNote {
  readonly key: string
  readonly value: unknown
}
/** The step failed. Times are epoch milliseconds. */
export interface FailedNote {
  readonly error: Error
  /** Number of the attempt of the branch; 1 for a root. */
  readonly attempts: number
  readonly startedAt?: number
  readonly deadlineAt?: number
  /** Whether the failed branches of its map run again with it. */
  readonly again: boolean
}
/** The application was cancelled. A final cancel stays; after any other, a resume continues. Times are epoch milliseconds. */
export interface CancelledNote {
  readonly cause: CancelCause
  /** The source: a sibling's key, `watch`, `app`, `parent` … */
  readonly by: string
  readonly reason: unknown
  readonly final: boolean
  readonly attempts: number
  readonly startedAt?: number
  readonly deadlineAt?: number
}

/** The notes, by their labels. */
export interface Notes {
  readonly manifest: ManifestNote
  readonly entry: EntryNote
  readonly total: TotalNote
  readonly settled: SettledNote
  readonly once: OnceNote
  readonly started: StartedNote
  readonly waiting: WaitingNote
  readonly retry: RetryNote
  readonly failed: FailedNote
  readonly cancelled: CancelledNote
}

const STATUS_LABELS = ['started', 'waiting', 'retry', 'failed', 'cancelled'] as const

/** The label of a status note. */
export type StatusLabel = (typeof STATUS_LABELS)[number]

export const isStatusLabel = (label: string): label is StatusLabel =>
  (STATUS_LABELS as readonly string[]).includes(label)

/** A status note in its stored form, and its order. */
export type StoredNote = readonly [label: StatusLabel, form: unknown, order: number]

/** The row of the status notes. */
export interface StatusRow {
  readonly index: number
  readonly notes: readonly StoredNote[]
}

/**
 * The stored form of a status note. A failure or a cancel can always be stored, whatever was thrown or given as the
 * reason.
 */
export const noteForm = <K extends StatusLabel>(label: K, note: Notes[K]): unknown =>
  label === 'failed' || label === 'cancelled' ? plainDescribed(note) : plainOf(note, label)

/** The data of the row of the status notes. */
export const statusData = (notes: readonly StoredNote[]): string => JSON.stringify({ f: FORMAT, d: notes })

/** @throws {SerializationError} with the path of a value that cannot be stored */
export function noteData<K extends keyof Notes>(label: K, note: Notes[K]): string {
  if (label === 'settled') return JSON.stringify({ f: FORMAT, d: plainDescribed(note) }) // with any reason
  return joined({ f: FORMAT }, 'd', encode(note, label))
}
