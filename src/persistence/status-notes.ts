import type { Draft } from './committing.js'
import type { Row } from './driver.js'
import { type Notes, noteForm, type StatusLabel, type StatusRow, type StoredNote, statusData } from './record.js'

// Owns: the notes of how an application stands: that it waits, is tried again, has failed, was cancelled. They are one
// row, the last of each kind, which is written over: however often an application is looked at or tried, its rows are
// no more.

export class StatusNotes {
  /** Where the row is; undefined where there is none since the last step. */
  index: number | undefined
  #notes: readonly StoredNote[]
  #waits = false

  constructor(row?: StatusRow) {
    this.index = row?.index
    this.#notes = row?.notes ?? []
  }

  /** Whether the application waits for a message from outside, and that is the last that is told. */
  get waits(): boolean {
    return this.#waits && this.#notes.at(-1)?.[0] === 'waiting'
  }

  /** It waits no more, and not because it was cancelled. */
  woke(): void {
    this.#waits = false
  }

  /** @returns the row with one note more; undefined where that is how it stands already */
  add<K extends StatusLabel>(label: K, note: Notes[K], order: number, sequenceId: number): Draft | undefined {
    this.#waits = label === 'waiting'
    const form = noteForm(label, note)
    const last = this.#notes.at(-1)
    const { index } = this
    if (index !== undefined && last?.[0] === label && JSON.stringify(last[1]) === JSON.stringify(form)) return undefined
    this.#notes = [...this.#notes.filter(([known]) => known !== label), [label, form, order]]
    return { kind: 'note', label: 'status', sequenceId, data: statusData(this.#notes), index }
  }

  /** Rows have their places. @returns what to call where they were not saved */
  place(rows: readonly Row[]): () => void {
    const row =
      this.index === undefined ? rows.find(({ kind, label }) => kind === 'note' && label === 'status') : undefined
    this.index ??= row?.index
    return () => {
      if (row !== undefined) this.index = undefined
    }
  }
}
