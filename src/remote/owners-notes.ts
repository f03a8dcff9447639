import { Inbox } from '../persistence/inbox.js'
import { isStatusLabel, type Notes } from '../persistence/record.js'
import type { StoredMessage, StoredRecord } from '../persistence/replay.js'
import { StatusNotes } from '../persistence/status-notes.js'
import type { OpenWaitNote } from '../persistence/wait-note.js'
import type { JournalLink } from './worker-store.js'

// Owns: what a worker has twice of the notes of a journal: the status and the messages of the step under way, here and
// at its owner.
// Does not own: the journal (worker-journal.ts), the store, which the owner alone writes.

/** The waits and the retry of the step under way. The owner has the same, and stores them. */
export class OwnersNotes {
  readonly #link: JournalLink
  readonly #number: number
  readonly #notes: StatusNotes

  constructor(link: JournalLink, number: number, stored: StoredRecord | undefined) {
    this.#link = link
    this.#number = number
    this.#notes = new StatusNotes(stored)
  }

  get index(): number | undefined {
    return this.#notes.index
  }

  get retry(): StatusNotes['retry'] {
    return this.#notes.retry
  }

  begin(): void {
    this.#notes.begin()
    this.#link.tell(this.#number, { do: 'begin' })
  }

  reach(...[n, { from, kinds }, now]: Parameters<StatusNotes['reach']>): ReturnType<StatusNotes['reach']> {
    this.#link.tell(this.#number, { do: 'reach', n, wait: { from, kinds }, now })
    return this.#notes.reach(n, { from, kinds }, now)
  }

  with(wait: OpenWaitNote): void {
    this.#notes.with(wait, undefined)
  }

  woke(n: number, passed: boolean): void {
    this.#notes.woke(n, passed)
  }

  noted<K extends keyof Notes>(label: K, note: Notes[K], sequenceId: number): void {
    if (isStatusLabel(label)) this.#notes.rowsOf(label, note, 0, sequenceId)
  }

  committed(): void {
    this.#notes.committed()
  }
}

/** Messages from the store. The owner is told which the step has taken. */
export class OwnersInbox extends Inbox {
  readonly #link: JournalLink
  readonly #number: number

  constructor(link: JournalLink, number: number, waiting: readonly StoredMessage[] | undefined) {
    super(waiting)
    this.#link = link
    this.#number = number
  }

  override take(id: number): void {
    super.take(id)
    this.#link.tell(this.#number, { do: 'take', id })
  }

  override untake(): void {
    if (this.taken.length > 0) this.#link.tell(this.#number, { do: 'untake' })
    super.untake()
  }
}
