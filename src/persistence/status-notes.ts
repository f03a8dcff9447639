import type { DraftRow } from './committing.js'
import type { Row } from './driver.js'
import { type Notes, noteForm, type StatusLabel, type StatusRow, type StoredNote, statusData } from './record.js'

// Owns: the status notes of an application: waiting, retry, failed, cancelled. One row holds the last note of each kind
// and is overwritten, so that waits and retries do not add rows.

export class StatusNotes {
  /** Index of the row; undefined if there is none since the last step. */
  index: number | undefined
  #notes: readonly StoredNote[]
  #waits = false

  constructor(row?: StatusRow) {
    this.index = row?.index
    this.#notes = row?.notes ?? []
  }

  /** Whether the application waits for a message from outside, and that is the last note. */
  get waits(): boolean {
    return this.#waits && this.#notes.at(-1)?.[0] === 'waiting'
  }

  /** Called when the wait ends other than by a cancel. */
  woke(): void {
    this.#waits = false
  }

  /** Adds a note. @returns the new row; undefined if the last note is the same */
  add<K extends StatusLabel>(label: K, note: Notes[K], order: number, sequenceId: number): DraftRow | undefined {
    this.#waits = label === 'waiting'
    const form = noteForm(label, note)
    const last = this.#notes.at(-1)
    const { index } = this
    if (index !== undefined && last?.[0] === label && JSON.stringify(last[1]) === JSON.stringify(form)) return undefined
    this.#notes = [...this.#notes.filter(([known]) => known !== label), [label, form, order]]
    return { kind: 'note', label: 'status', sequenceId, data: statusData(this.#notes), index }
  }

  /** Called when rows have their indices. @returns a function to call if they are not saved */
  place(rows: readonly Row[]): () => void {
    const row =
      this.index === undefined ? rows.find(({ kind, label }) => kind === 'note' && label === 'status') : undefined
    this.index ??= row?.index
    return () => {
      if (row !== undefined) this.index = undefined
    }
  }
}
