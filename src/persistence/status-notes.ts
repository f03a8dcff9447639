import { defined } from '../internal/defined.js'
import { type DraftRow, type StoredTiming, timingForm } from './committing.js'
import type { Row } from './driver.js'
import {
  isStatusLabel,
  type Notes,
  noteData,
  noteForm,
  type StatusLabel,
  type StoredNote,
  statusData,
} from './record.js'
import type { StoredRecord } from './stored-record.js'
import type { DueFacts, OpenWaitNote, RetryNote, WaitingNote, WaitRange } from './wait-note.js'

// Owns: the status notes of an application: started, waiting, retry, failed, cancelled. One row holds the last note of
// each kind and is overwritten, so that waits and retries do not add rows.
// S1  A wait that has ended is gone with the next note or the commit of its step; ending it writes nothing.
// S2  Each run numbers the waits of its attempt from 0. A stored wait that the run has not reached yet stays, so
//     looking again at a waiting run writes nothing.
// S3  Waits belong to an attempt: a failed one drops them, an interrupted one keeps them.
// S4  A note never overwrites a row before that of a step: a reader drops the notes before a step.

/** The time of a wait that was stored before: since when, and its end. `passed`: that is over. */
export type EarlierWait = Pick<OpenWaitNote, 'since' | 'until'> | 'passed' | undefined

/** The facts of a record that its status notes continue from. */
type Stored = Pick<StoredRecord, 'statusRow' | 'waiting' | 'passedWaits' | 'retry' | 'deadlineAt'>

const NONE: readonly never[] = Object.freeze([])

/** The row of a note that is kept until its step commits. */
const noteRow = <K extends keyof Notes>(label: K, note: Notes[K], sequenceId: number): DraftRow => ({
  kind: 'note',
  label,
  sequenceId,
  data: noteData(label, note),
})

/** The row of an entry of a generator, where there is one. */
export const entryRows = (entry: Notes['entry'] | undefined, sequenceId: number): readonly DraftRow[] =>
  entry === undefined ? NONE : [noteRow('entry', entry, sequenceId)]

export class StatusNotes {
  /** Index of the row; undefined if there is none since the last step. */
  index: number | undefined
  #notes: readonly StoredNote[]
  /** Open waits by number: live ones, and stored ones that this run has not reached yet (S2). Made on first use. */
  #waits: Map<number, OpenWaitNote> | undefined
  #passed: readonly WaitRange[]
  #retry: RetryNote | undefined
  /** Number of waits that are live in this run. */
  #live = 0
  /** Whether a wait has ended since the last note. */
  #ended = false
  #deadlineAt: number | undefined
  #timing: StoredTiming | undefined

  constructor(stored?: Stored) {
    this.index = stored?.statusRow?.index
    this.#notes = stored?.statusRow?.notes ?? NONE
    if (stored?.waiting !== undefined) this.#waits = new Map(stored.waiting.waits.map((wait) => [wait.n, wait]))
    this.#passed = stored?.passedWaits ?? NONE
    this.#retry = stored?.retry
    this.#deadlineAt = stored?.deadlineAt
  }

  /** The last retry of the step; undefined once an attempt at it has failed for good. */
  get retry(): RetryNote | undefined {
    return this.#retry
  }

  /** The open waits, the retry and the time limit of the application. */
  get due(): DueFacts {
    const waits = this.#list()
    const waiting = waits.length === 0 ? undefined : { waits }
    return { waiting, retry: this.#retry, deadlineAt: this.#deadlineAt }
  }

  /** Whether the application waits for a message from outside or a time, and that is the last note. */
  get waits(): boolean {
    return this.#live > 0 && this.#notes.at(-1)?.[0] === 'waiting'
  }

  /** A run begins: the waits of an earlier one were cut off. */
  begin(): void {
    this.#live = 0
  }

  /**
   * The attempt reaches a wait. Called for each, in the order of their numbers, also where a message is there already.
   * @param now epoch milliseconds
   * @returns the times of the wait, where an earlier run had begun it
   */
  reach(n: number, { from, kinds }: Pick<OpenWaitNote, 'from' | 'kinds'>, now: number): EarlierWait {
    if (this.#passed.some(([first, last]) => first <= n && n <= last)) return 'passed'
    const wait = this.#waits?.get(n)
    if (wait === undefined) return undefined
    this.#waits?.delete(n)
    this.#ended = true
    if (wait.from !== from || wait.kinds.join() !== kinds.join()) return undefined
    if (wait.until === undefined || wait.until > now) return wait
    this.#passed = withRange(this.#passed, n)
    return 'passed'
  }

  /** A wait has ended, other than by a cancel. @param passed whether its time is over */
  woke(n: number, passed: boolean): void {
    if (this.#waits?.delete(n) !== true) return
    this.#live -= 1
    this.#ended = true
    if (passed) this.#passed = withRange(this.#passed, n)
  }

  /** The note with one more open wait. */
  with(wait: OpenWaitNote, timing: StoredTiming | undefined): WaitingNote {
    this.#waits ??= new Map()
    this.#waits.set(wait.n, wait)
    this.#live += 1
    this.#timing = timing
    return this.#waiting()
  }

  /** The rows that save a note. Any note also drops the waits that have ended (S1). */
  rowsOf<K extends keyof Notes>(label: K, note: Notes[K], order: number, sequenceId: number): readonly DraftRow[] {
    if (isStatusLabel(label)) return this.#add(label, note as Notes[typeof label], order, sequenceId)
    const waitEnded = this.#ended && this.index !== undefined && this.#notes.at(-1)?.[0] === 'waiting'
    const status = waitEnded ? this.#add('waiting', this.#waiting(), order, sequenceId) : NONE
    return [noteRow(label, note, sequenceId), ...status]
  }

  #list(): readonly OpenWaitNote[] {
    return [...(this.#waits?.values() ?? NONE)].sort((a, b) => a.n - b.n)
  }

  #waiting(): WaitingNote {
    const passed = this.#passed.length === 0 ? undefined : this.#passed
    return { waits: this.#list(), ...defined({ passed }), ...(this.#timing && timingForm(this.#timing)) }
  }

  /** @returns the new row; none if the last note is the same */
  #add<K extends StatusLabel>(label: K, note: Notes[K], order: number, sequenceId: number): readonly DraftRow[] {
    if (label === 'waiting') this.#ended = false
    else if (label !== 'started') this.#live = 0
    if (label === 'retry' || label === 'failed') this.#attemptFailed()
    if (label === 'retry') this.#retry = note as RetryNote
    if (label === 'started') this.#deadlineAt = (note as Notes['started']).deadlineAt
    const form = noteForm(label, note)
    const last = this.#notes.at(-1)
    const { index } = this
    if (index !== undefined && last?.[0] === label && JSON.stringify(last[1]) === JSON.stringify(form)) return NONE
    this.#notes = [...this.#notes.filter(([known]) => known !== label), [label, form, order]]
    return [{ kind: 'note', label: 'status', sequenceId, data: statusData(this.#notes), index }]
  }

  /** The step has committed: its notes are past. The time limit of a branch stays. */
  committed(): void {
    if (this.index === undefined && this.#notes === NONE) return
    this.#attemptFailed()
    this.index = undefined
    this.#notes = NONE
    this.#live = 0
    this.#ended = false
  }

  #attemptFailed(): void {
    this.#waits = this.#retry = undefined
    this.#passed = NONE
    this.#notes = this.#notes.filter(([label]) => label !== 'waiting') // S3
  }

  /**
   * Called when rows have their indices.
   * @param ofStep whether one of them is that of a step: a note made while it is being saved follows it (S4)
   * @returns a function to call if they are not saved
   */
  place(rows: readonly Row[], ofStep: boolean): () => void {
    const before = this.index
    if (ofStep) this.index = undefined
    const row =
      this.index === undefined ? rows.find(({ kind, label }) => kind === 'note' && label === 'status') : undefined
    this.index ??= row?.index
    return () => {
      if (row !== undefined || ofStep) this.index = before
    }
  }
}

/** Ranges with one more number. */
function withRange(ranges: readonly WaitRange[], n: number): readonly WaitRange[] {
  const before = ranges.find(([, last]) => last === n - 1)
  const after = ranges.find(([first]) => first === n + 1)
  const rest = ranges.filter((range) => range !== before && range !== after)
  return [...rest, [before?.[0] ?? n, after?.[1] ?? n] as const].sort((a, b) => a[0] - b[0])
}
