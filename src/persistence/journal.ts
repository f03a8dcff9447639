import type { Inputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import { isFinal } from '../lifecycle/final.js'
import type { WirePath } from '../read/wire-path.js'
import type { State } from '../state/freeze.js'
import type { MapJournal } from './app-journal.js'
import type { StoringSummary } from './app-status.js'
import {
  type BranchStore,
  isOwn,
  type JournalSetup,
  type OpenBranchStore,
  type ParentNote,
  type StoredMapVisit,
} from './branch-store.js'
import {
  beganLater,
  type CommittingStep,
  type DraftRow,
  isSavedBy,
  mapOf,
  type OpenMap,
  type Start,
  type StoredTiming,
  timingForm,
  withoutTransient,
} from './committing.js'
import { Deltas } from './deltas.js'
import type { Awaitable } from './driver.js'
import { Inbox } from './inbox.js'
import { JournalStatus } from './journal-status.js'
import type { StateLabel } from './labels.js'
import { loadOne } from './loading.js'
import { openJournal } from './opening.js'
import type { ParentState } from './parent-state.js'
import { type PlacedRows, saveGroup } from './placed-rows.js'
import { type AppFacts, type ForkedFrom, type FullFacts, fullData, type Notes, type ParentRef } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import { postTo, sealRow } from './seal.js'
import { entryRows, StatusNotes } from './status-notes.js'
import type { Above } from './summary-projection.js'
import { enteredMap } from './summary-waits.js'
import type { OpenWaitNote } from './wait-note.js'

// Owns: the rows of one application, in their order.
// Does not own: whether the row of a step holds the whole state or a patch (deltas.ts), when the engine commits, other
// applications of the tree (scope.ts).
// J1  Only saved rows use up an index: after a failure, the next row takes the same one.
// J2  A note belongs to the running step. The step before it is stored first, under any policy; the last step of the
//     parent, with the first row of an application below it. So a note and a child are never found at another step.

const NO_SUMMARIES: readonly StoringSummary[] = Object.freeze([])

/** The journal of one application. */
export class Journal implements MapJournal {
  readonly scope: Scope
  readonly appId: string
  epoch: number
  /** The stored record at which the next step continues. */
  stored: StoredRecord | undefined
  inbox: Inbox
  /** The unfinished map of the next step. */
  map: OpenMap | undefined
  /** Failures of branches stored before this order are retried. */
  retryFailuresBefore: number
  opened = false
  /** Keys whose schema rejects its own output. */
  oneWay: ReadonlySet<string>
  opening: Promise<unknown> | undefined
  readonly #openStore: OpenBranchStore<MapJournal>
  /** Its place below another application; undefined for a root. */
  parentRef: ParentRef | undefined
  #from: ForkedFrom | undefined
  readonly mayBeStored: boolean
  /** Its status, and its summary in the store. */
  readonly status: JournalStatus
  #parentNote: ParentNote | undefined
  /** Whether the stored record is of another start, which the first row replaces. */
  replacing: boolean
  /** The final cancel of the application, if there was one. */
  #finalCancel: Notes['cancelled'] | undefined
  #rows: number
  /** The last committed step, if the policy did not store it. */
  #unsaved: CommittingStep | undefined
  readonly #deltas: Deltas
  /** The notes of its status since the last step. */
  notes: StatusNotes
  /** The journal of the parent, if it is in the same store. */
  readonly #parent: Journal | undefined

  /** @param above the journal of the application above, in whatever store */
  constructor(scope: Scope, openStore: OpenBranchStore<MapJournal>, setup: JournalSetup, above?: Above['journal']) {
    const { appId, parentRef, index = -1, stored, replaced, parentNote, mayBeStored = false } = setup
    const last = stored ?? replaced
    this.#parent = above instanceof Journal && above.scope === scope ? above : undefined
    this.scope = scope
    this.#openStore = openStore
    this.appId = appId
    this.parentRef = parentRef ?? stored?.parentRef
    this.#from = stored?.from
    this.mayBeStored = mayBeStored
    this.#parentNote = parentNote
    this.stored = stored
    this.replacing = replaced !== undefined
    this.oneWay = new Set(stored?.oneWay)
    this.epoch = last?.epoch ?? 0
    this.inbox = new Inbox(last?.inbox)
    this.map = mapOf(stored)
    this.notes = new StatusNotes(last)
    this.retryFailuresBefore = stored?.retryFailuresBefore ?? 0
    this.#rows = last?.rows ?? 0
    this.#deltas = new Deltas(last?.sequenceId ?? -1)
    this.status = new JournalStatus(this, above && { journal: above, index })
    if (last === undefined) return
    this.status.adopt(last)
    this.#deltas.adopt(last)
    scope.after(last.order)
  }

  /**
   * Saves a step at its point of commit, or holds it until another row is stored.
   * @throws {PersistenceError | SerializationError} Nothing is saved then.
   */
  step(step: CommittingStep): Awaitable<void> {
    this.status.committing(step)
    if (isSavedBy(this.scope.settings.policy, step)) return this.#write([], step, () => this.#committed())
    this.#unsaved = step
    this.inbox.passed()
    this.#committed()
  }

  /** Stores the last committed step, unless it is stored. */
  flush(): Awaitable<void> {
    return this.#unsaved && this.#write([])
  }

  /** The facts of the application in a full row. */
  #appFacts(from = this.#from): AppFacts {
    const { version } = this.scope.settings
    return { version, oneWay: this.oneWay, parentRef: this.parentRef, from, parent: this.#parent?.storedState }
  }

  /** The number of the last committed step, stored or not. */
  get sequenceId(): number {
    return (this.#unsaved ?? this.#deltas).sequenceId
  }

  get storedId(): number {
    return this.#deltas.sequenceId
  }

  get path(): WirePath {
    return this.status.path
  }

  get forkedFrom(): ForkedFrom | undefined {
    return this.#from
  }

  /** Its last stored state. */
  get storedState(): ParentState | undefined {
    const { held, sequenceId, epoch } = this.#deltas
    return held && { appId: this.appId, sequenceId, epoch, held }
  }

  /** Saves a whole state that no step made: a start, a rewind, a fork, the result of a fallback. */
  saveState(
    label: StateLabel,
    state: State,
    at: FullFacts & { readonly sequenceId: number; readonly epoch?: number },
    from?: ForkedFrom,
  ): Awaitable<void> {
    const { sequenceId, epoch = this.epoch } = at
    const kept = withoutTransient(state, this.scope.settings.transient)
    const content = fullData(kept, at, this.#appFacts(from))
    this.epoch = epoch
    this.#from = from
    const draft: DraftRow = { kind: 'full', label, sequenceId, data: content.data }
    this.status.placed(label, at)
    return this.#write([draft], 'state', () => {
      this.#deltas.saved(content, sequenceId, epoch, true)
      this.#committed()
    })
  }

  /** Drops the notes of the step, which has committed. */
  #committed(): void {
    this.stored = undefined
    this.map = undefined
    this.retryFailuresBefore = 0
    this.notes.committed()
  }

  /** Saves a note to the running step. A retry makes its failed branches run again. */
  note<K extends keyof Notes>(label: K, note: Notes[K]): Awaitable<void> {
    if (label === 'retry') this.retryFailuresBefore = this.scope.nextOrder()
    if (this.#mute) return undefined
    const rows = this.notes.rowsOf(label, note, this.scope.nextOrder(), this.sequenceId)
    this.status.noted(label, note)
    return rows.length === 0 ? undefined : this.#write(rows)
  }

  woke(n: number, passed: boolean): void {
    this.notes.woke(n, passed)
    this.status.woke()
  }

  /** Whether notes are not saved. */
  get #mute(): boolean {
    return this.scope.settings.policy === 'manual' || (this.replacing && this.#finalCancel === undefined)
  }

  /** Saves the failure of a run. The next run retries its step. */
  failed(error: Error, timing: StoredTiming): Awaitable<void> {
    const noted = this.note('failed', { error, again: true, ...timingForm(timing) })
    this.retryFailuresBefore = this.scope.nextOrder()
    return noted
  }

  /**
   * Saves a cancel. A final one is saved at its moment; again where it is known later that the branch had begun.
   * @param resumable whether later rows drop it: true for a root, whatever the cause
   */
  cancelled(
    { cause, by, reason }: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>,
    timing: StoredTiming,
    resumable = false,
  ): Awaitable<void> {
    if (this.#finalCancel !== undefined && !beganLater(this.#finalCancel, timing)) return undefined
    const note = { cause, by, reason, final: !resumable && isFinal(cause), ...timingForm(timing) }
    if (note.final) this.#finalCancel = note
    else if (this.notes.waits && (cause !== 'app' || by !== 'app')) return undefined // it stays waiting
    return this.note('cancelled', note)
  }

  /** The stored result of a side effect of the step. */
  done(key: string): { readonly value: unknown } | undefined {
    const once = this.stored?.once
    return once?.has(key) === true ? { value: once.get(key) } : undefined
  }

  ofAction(appId: string, parentRef: ParentRef): Journal {
    return this.child({ appId, parentRef, parentNote: { parent: this }, mayBeStored: true })
  }

  /** The journal of an application below this one. */
  child(setup: JournalSetup, scope = this.scope): Journal {
    return new Journal(scope, this.#openStore, setup, this)
  }

  /**
   * The first act of a run: claims the tree, and stores the start of a new application.
   * @param inputs inputs of its first run
   * @returns the stored checkpoint, if the application has to move there
   */
  open(plan: Plan, start: Start, inputs: Inputs): Promise<StoredRecord | undefined> {
    const opening = openJournal(this, plan, start, inputs)
    this.opening = opening
    return opening
  }

  /** @param epoch a new one, if it replaces a stored start: that one stays readable under its epoch */
  begin({ state, next }: Start, epoch = this.epoch): Awaitable<void> {
    return this.saveState('start', state, { next, sequenceId: -1, visits: {}, epoch })
  }

  /** Stores the checkpoint. The notes of the next step stay stored. */
  async save(start: Start): Promise<void> {
    await (this.#rows === 0 && this.#unsaved === undefined ? this.begin(start) : this.flush())
    await this.scope.idle()
  }

  openMap({ own, ...map }: StoredMapVisit & { readonly own: unknown }): BranchStore<MapJournal> {
    this.status.enters(enteredMap(map))
    return this.#openStore(this, map, isOwn(own) ? this.scope.over(own.driver) : this.scope)
  }

  /** Continues from a stored record. The next row is a full one. */
  adopt(stored: StoredRecord): void {
    const ahead = this.#unsaved !== undefined && stored.sequenceId === this.#deltas.sequenceId // its step is in memory
    this.epoch = stored.epoch
    this.inbox = new Inbox(stored.inbox, ahead ? this.inbox.unsaved : [])
    this.oneWay = new Set([...this.oneWay, ...stored.oneWay])
    this.#rows = stored.rows
    this.#deltas.adopt(stored)
    this.scope.after(stored.order)
    if (ahead) return // the stored notes belong to an earlier step
    this.#unsaved = undefined
    this.stored = stored
    this.#from = stored.from
    this.map = mapOf(stored)
    this.notes = new StatusNotes(stored)
    this.retryFailuresBefore = stored.retryFailuresBefore
    this.status.adopt(stored)
  }

  load(): Promise<StoredRecord | undefined> {
    return loadOne(this.scope, this.appId)
  }

  /** Stores a message for an application of the tree. @returns its id */
  post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>, scope = this.scope): Promise<number> {
    return postTo(scope.settings, appId, message)
  }

  /** Saves an open wait: for a message from outside, or for a time. */
  waits(wait: OpenWaitNote, timing: StoredTiming): Awaitable<void> {
    return this.#mute ? undefined : this.note('waiting', this.notes.with(wait, this.parentRef && timing))
  }

  /** Assigns an index to each row: the given ones follow the step, or the step that is not stored yet (J2). */
  #assign(drafts: readonly DraftRow[], content: CommittingStep | 'state' | undefined): PlacedRows {
    const { appId, epoch, inbox, scope } = this
    const [before, index] = [this.#unsaved, this.#rows]
    const step = content === 'state' ? undefined : (content ?? before)
    const state = step && withoutTransient(step.state, scope.settings.transient)
    const facts = (): AppFacts => this.#appFacts()
    const made = step && state && this.#deltas.rowOf(step, state, this.#finalCancel, this.oneWay, facts)
    const all = made === undefined ? drafts : drafts.length === 0 ? [made.draft] : [made.draft, ...drafts]
    // Rows saved meanwhile come after these.
    const rows = all.map(({ kind, label, sequenceId, data, index: at = this.#rows++ }) =>
      sealRow({ appId, index: at, kind, epoch, sequenceId, label, order: scope.nextOrder(), data }, at < index),
    )
    const unplace = this.notes.place(rows, made !== undefined)
    const summary = this.status.take()
    const summaries = summary === undefined ? NO_SUMMARIES : [summary]
    this.#unsaved = undefined
    const taken = content === undefined ? (step === undefined ? [] : inbox.unsaved) : inbox.taken
    const saved = (): void => {
      inbox.committed(taken)
      made?.saved(epoch)
    }
    const lost = (): void => {
      this.#rows = Math.min(this.#rows, index) // J1
      this.#unsaved ??= before
      unplace()
      summary?.lost()
    }
    return { rows, taken, summaries, saved, lost }
  }

  /** @param content the step to save, or `state` if the rows hold a state that no step made */
  #write(drafts: readonly DraftRow[], content?: CommittingStep | 'state', saved?: () => void): Awaitable<void> {
    const first = this.#parentNote
    const placed = this.#assign(drafts, content)
    this.#parentNote = undefined
    const own: PlacedRows = {
      ...placed,
      saved() {
        placed.saved()
        saved?.()
      },
      lost: () => {
        placed.lost()
        first?.lost?.()
        this.#parentNote = first
      },
    }
    return saveGroup(this.scope, own, this.parentRef !== undefined, first && (() => this.#parentRows(first)))
  }

  /** Rows of the parent's journal for the same group; in another store, they are saved before. */
  #parentRows({ parent, note }: ParentNote): PlacedRows | Awaitable<void> {
    if (!(parent instanceof Journal) || parent.scope !== this.scope) return parent.enter(note)
    return parent.#assign(entryRows(note, parent.sequenceId), undefined)
  }

  enter(note: Notes['entry'] | undefined): Awaitable<void> {
    return note === undefined ? this.flush() : this.#write(entryRows(note, this.sequenceId))
  }
}
