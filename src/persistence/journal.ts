import type { Inputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import { isFinal } from '../lifecycle/final.js'
import { hashOfBeginning } from '../parallel/fingerprint.js'
import type { State } from '../state/freeze.js'
import type { AppJournal } from './app-journal.js'
import {
  type BranchStore,
  isOwn,
  type JournalSetup,
  type OpenBranchStore,
  type ParentNote,
  type StoredMapVisit,
} from './branch-store.js'
import {
  type CommittingStep,
  type Draft,
  fullFacts,
  isSavedBy,
  mapOf,
  type OpenMap,
  type PlacedRows,
  patchFacts,
  type Start,
  type StoredTiming,
  saveTogether,
  timingForm,
  withoutTransient,
} from './committing.js'
import { Deltas } from './deltas.js'
import type { Awaitable } from './driver.js'
import { refuseStored } from './faults.js'
import { Inbox } from './inbox.js'
import { followRules } from './known-rules.js'
import { labelOf, type StateLabel } from './labels.js'
import { loadOne } from './loading.js'
import { fitRecord } from './migrate.js'
import type { ParentState } from './parent-state.js'
import {
  type AppFacts,
  type ForkedFrom,
  type FullFacts,
  fullData,
  isStatusLabel,
  type Notes,
  noteData,
  type ParentRef,
  patchData,
} from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import { postTo, sealRow } from './seal.js'
import { StatusNotes } from './status-notes.js'

// Owns: the rows of one application: which comes next, and whether it holds the whole state or what changed.
// Does not own: when the engine commits, other applications of the tree (scope.ts).
// J1  One row a step. A whole state is written when the changes since the last one outweigh it.
// J2  A place is used up only by rows that are saved: after a failure the next row takes it.
// J3  A note belongs to the step that goes on. The step before it is stored first, whatever the policy. With the first
//     row of an application below another one, so is the last step of that one: no row refers to another step.

/** The books of one application. */
export class Journal implements AppJournal {
  readonly scope: Scope
  readonly appId: string
  epoch: number
  /** What the next step has done already, as it is stored. */
  stored: StoredRecord | undefined
  inbox: Inbox
  /** The fan-out that the next step has begun. */
  map: OpenMap | undefined
  /** After this order, branches that failed are to run again. */
  retryFailuresBefore: number
  opened = false
  /** Keys whose schema refuses what it gave itself. */
  oneWay: ReadonlySet<string>
  opening: Promise<unknown> | undefined
  readonly #openStore: OpenBranchStore<Journal>
  /** Its place below another application; undefined for a root. */
  parentRef: ParentRef | undefined
  #from: ForkedFrom | undefined
  readonly #mayBeStored: boolean
  #parentNote: ParentNote<Journal> | undefined
  /** What is stored is of another beginning. */
  #replacing: boolean
  /** It was cancelled for good. */
  #finalCancel: Notes['cancelled'] | undefined
  #rows: number
  /** The last committed step, where the policy did not store it. */
  #unsaved: CommittingStep | undefined
  readonly #deltas: Deltas
  /** How it stands, since the last step. */
  status: StatusNotes
  /** The books of the application above, in the same store. */
  readonly #parent: Journal | undefined

  constructor(scope: Scope, openStore: OpenBranchStore<Journal>, setup: JournalSetup<Journal>, parent?: Journal) {
    const { appId, parentRef, stored, replaced, parentNote, mayBeStored = false } = setup
    const last = stored ?? replaced
    this.#parent = parent
    this.scope = scope
    this.#openStore = openStore
    this.appId = appId
    this.parentRef = parentRef ?? stored?.parentRef
    this.#from = stored?.from
    this.#mayBeStored = mayBeStored
    this.#parentNote = parentNote
    this.stored = stored
    this.#replacing = replaced !== undefined
    this.oneWay = new Set(stored?.oneWay)
    this.epoch = last?.epoch ?? 0
    this.inbox = new Inbox(last?.inbox)
    this.map = mapOf(stored)
    this.status = new StatusNotes(last?.statusRow)
    this.retryFailuresBefore = stored?.retryFailuresBefore ?? 0
    this.#rows = last?.rows ?? 0
    this.#deltas = new Deltas(last?.sequenceId ?? -1)
    if (last === undefined) return
    this.#deltas.adopt(last)
    scope.after(last.order)
  }

  /**
   * Saves a step (design: point of commit), or remembers it until something has to be stored.
   * @throws {PersistenceError | SerializationError} and nothing is saved
   */
  step(step: CommittingStep): Awaitable<void> {
    if (isSavedBy(this.scope.settings.policy, step)) return this.#write([], step, () => this.#committed())
    this.#unsaved = step
    this.inbox.passed()
    this.#committed()
  }

  /** Stores the last committed step, if it is not stored. */
  flush(): Awaitable<void> {
    return this.#unsaved && this.#write([])
  }

  #draftOf(step: CommittingStep): { readonly draft: Draft; readonly saved: (epoch: number) => void } {
    const { sequenceId, loose } = step
    const kept = withoutTransient(step.state, this.scope.settings.transient)
    const full = this.#deltas.isFullNext(sequenceId)
    const content = full
      ? fullData(kept, fullFacts(step, this.#finalCancel), this.#whole(), loose)
      : patchData(this.#deltas.held ?? {}, kept, patchFacts(step, this.#finalCancel), this.oneWay, loose)
    const label = labelOf(step.action)
    const draft = { kind: full ? 'full' : 'patch', label, sequenceId, data: content.data } as const
    return { draft, saved: (epoch) => this.#deltas.saved(content, sequenceId, epoch, full) }
  }

  /** What a row with a whole state says beside the step. */
  #whole(from = this.#from): AppFacts {
    const { version } = this.scope.settings
    return { version, oneWay: this.oneWay, parentRef: this.parentRef, from, parent: this.#parent?.storedState }
  }

  /** What is stored of its state. */
  get storedState(): ParentState | undefined {
    const { held, sequenceId, epoch } = this.#deltas
    return held && { appId: this.appId, sequenceId, epoch, held }
  }

  /** Saves a whole state that no step made: a start, a rewind, a fork, what a fallback gave. */
  saveState(
    label: StateLabel,
    state: State,
    at: FullFacts & { readonly sequenceId: number; readonly epoch?: number },
    from?: ForkedFrom,
  ): Awaitable<void> {
    const { sequenceId } = at
    const kept = withoutTransient(state, this.scope.settings.transient)
    const content = fullData(kept, at, this.#whole(from))
    this.epoch = at.epoch ?? this.epoch
    const { epoch } = this
    const draft: Draft = { kind: 'full', label, sequenceId, data: content.data }
    return this.#write([draft], 'state', () => {
      this.#deltas.saved(content, sequenceId, epoch, true)
      this.#committed()
    })
  }

  /** What belonged to the step alone is done with. */
  #committed(): void {
    this.stored = undefined
    this.map = undefined
    this.retryFailuresBefore = 0
    this.status = new StatusNotes()
  }

  /** Saves a note to the step that goes on. A retry voids the failures of branches below it. */
  note<K extends keyof Notes>(label: K, note: Notes[K]): Awaitable<void> {
    if (label === 'retry') this.retryFailuresBefore = this.scope.nextOrder()
    if (this.scope.settings.policy === 'manual' || (this.#replacing && this.#finalCancel === undefined))
      return undefined
    const { sequenceId } = this.#unsaved ?? this.#deltas
    const draft = isStatusLabel(label)
      ? this.status.add(label, note as never, this.scope.nextOrder(), sequenceId)
      : this.#noted(label, note)
    return draft && this.#write([draft])
  }

  /** The run failed: a further one tries its step again. */
  failed(error: Error, timing: StoredTiming): Awaitable<void> {
    const noted = this.note('failed', { error, again: true, ...timingForm(timing) })
    this.retryFailuresBefore = this.scope.nextOrder()
    return noted
  }

  /**
   * The application was cancelled. For good: said once, in the moment it happens.
   * @param resumable whatever the cause says: the run of a root is over, and another may begin
   */
  cancelled(
    { cause, by, reason }: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>,
    timing: StoredTiming,
    resumable = false,
  ): Awaitable<void> {
    if (this.#finalCancel !== undefined) return undefined
    const note = { cause, by, reason, final: !resumable && isFinal(cause), ...timingForm(timing) }
    if (note.final) this.#finalCancel = note
    else if (this.status.waits && (cause !== 'app' || by !== 'app')) return undefined // and it waits on
    return this.note('cancelled', note)
  }

  /** A side effect that the step has done already. */
  done(key: string): { readonly value: unknown } | undefined {
    const once = this.stored?.once
    return once?.has(key) === true ? { value: once.get(key) } : undefined
  }

  ofAction(appId: string, parentRef: ParentRef): Journal {
    return this.child({ appId, parentRef, parentNote: { parent: this }, mayBeStored: true })
  }

  /** The books of an application below this one. */
  child(setup: JournalSetup<Journal>, scope = this.scope): Journal {
    return new Journal(scope, this.#openStore, setup, scope === this.scope ? this : undefined)
  }

  /**
   * The first thing that a run does: claims the tree, and writes down where a new application starts.
   * @param inputs what its first run is given
   * @returns where the application is to stand, if that is elsewhere
   */
  open(plan: Plan, start: Start, inputs: Inputs): Promise<StoredRecord | undefined> {
    const opening = this.#open(plan, start, inputs)
    this.opening = opening
    return opening
  }

  async #open(plan: Plan, start: Start, inputs: Inputs): Promise<StoredRecord | undefined> {
    const { scope } = this
    followRules(this, plan)
    if (this.parentRef === undefined) scope.begin()
    else if (scope.fault !== undefined) throw scope.fault.error
    if (this.#replacing) await this.#begin(start, this.epoch + 1)
    this.#replacing = false
    if (this.opened && !scope.uncertain) return undefined
    // Looked for before it is claimed, so that whoever makes it anew by mistake takes it from nobody.
    if (!this.opened && !this.#mayBeStored) refuseStored(this.appId, scope.settings.writer, await this.load())
    await scope.claim()
    const known = this.opened || this.#mayBeStored ? await this.load() : undefined
    scope.uncertain = false
    if (!this.opened && this.parentRef !== undefined) {
      const kept = withoutTransient(start.state, scope.settings.transient)
      const [parentId, map, visit, key] = this.parentRef
      this.parentRef = [parentId, map, visit, key, hashOfBeginning(plan, kept, inputs)]
    }
    if (
      known !== undefined &&
      (this.opened || this.parentRef?.every((part, i) => known.parentRef?.[i] === part) !== false)
    ) {
      const moved = !this.opened || known.sequenceId !== this.#deltas.sequenceId
      this.opened = true
      this.adopt(known)
      return moved ? fitRecord(known, plan, scope.settings) : undefined
    }
    // An application that an action makes is stored with what it does; a root, from its start.
    if (known !== undefined) this.adopt(known)
    if (known !== undefined || this.parentRef === undefined || scope.settings.policy !== 'manual')
      await this.#begin(start, known && known.epoch + 1)
    this.opened = true
    return undefined
  }

  /** @param epoch another one than what is stored of another beginning, which stays readable */
  #begin({ state, next }: Start, epoch = this.epoch): Awaitable<void> {
    return this.saveState('start', state, { next, sequenceId: -1, visits: {}, epoch })
  }

  /** Stores where the application stands. What its next step has done stays stored too. */
  async save(start: Start): Promise<void> {
    await (this.#rows === 0 && this.#unsaved === undefined ? this.#begin(start) : this.flush())
    await this.scope.idle()
  }

  /** The books of the branches of a map. */
  openMap({ own, ...map }: StoredMapVisit & { readonly own: unknown }): BranchStore<Journal> {
    return this.#openStore(this, map, isOwn(own) ? this.scope.over(own.driver) : this.scope)
  }

  /** Goes on from what is stored: the next row is a whole state. */
  adopt(stored: StoredRecord): void {
    const ahead = this.#unsaved !== undefined && stored.sequenceId === this.#deltas.sequenceId // in memory
    this.epoch = stored.epoch
    this.inbox = new Inbox(stored.inbox, ahead ? this.inbox.unsaved : [])
    this.oneWay = new Set([...this.oneWay, ...stored.oneWay])
    this.#rows = stored.rows
    this.#deltas.adopt(stored)
    this.scope.after(stored.order)
    if (ahead) return // what is stored beside it belongs to a step that is over
    this.#unsaved = undefined
    this.stored = stored
    this.#from = stored.from
    this.map = mapOf(stored)
    this.status = new StatusNotes(stored.statusRow)
    this.retryFailuresBefore = stored.retryFailuresBefore
  }

  /** Loads what is stored of this application. */
  load(): Promise<StoredRecord | undefined> {
    return loadOne(this.scope, this.appId)
  }

  /** Puts a message into the inbox of an application of the tree. @returns its id */
  post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>, scope = this.scope): Promise<number> {
    return postTo(scope.settings, appId, message)
  }

  /** The application waits for a message from outside. */
  waits(action: string, kinds: readonly string[], timing: StoredTiming): Awaitable<void> {
    return this.note('waiting', { action, kinds, ...(this.parentRef && timingForm(timing)) })
  }

  #noted<K extends keyof Notes>(label: K, note: Notes[K]): Draft {
    const { sequenceId } = this.#unsaved ?? this.#deltas
    return { kind: 'note', label, sequenceId, data: noteData(label, note) }
  }

  /** Gives rows their places: those given, after the step that is made or that is still to be stored (J3). */
  #assign(drafts: readonly Draft[], content: CommittingStep | 'state' | undefined): PlacedRows {
    const { appId, epoch, inbox, scope } = this
    const [before, index] = [this.#unsaved, this.#rows]
    const step = content === 'state' ? undefined : (content ?? before)
    const made = step && this.#draftOf(step)
    const all = made === undefined ? drafts : drafts.length === 0 ? [made.draft] : [made.draft, ...drafts]
    // What is saved meanwhile comes after.
    const rows = all.map(({ kind, label, sequenceId, data, index: at = this.#rows++ }) =>
      sealRow({ appId, index: at, kind, epoch, sequenceId, label, order: scope.nextOrder(), data }, at < index),
    )
    const unplace = this.status.place(rows)
    this.#unsaved = undefined
    const taken = content === undefined ? (step === undefined ? [] : inbox.unsaved) : inbox.taken
    const saved = (): void => {
      inbox.committed(taken)
      made?.saved(epoch)
    }
    const lost = (): void => {
      this.#rows = Math.min(this.#rows, index) // J2
      this.#unsaved ??= before
      unplace()
    }
    return { rows, taken, saved, lost }
  }

  /** @param state the step that is saved, or `state` where the rows hold a state that no step made */
  #write(drafts: readonly Draft[], content?: CommittingStep | 'state', saved?: () => void): Awaitable<void> {
    const first = this.#parentNote
    const own = this.#assign(drafts, content)
    this.#parentNote = undefined
    let parts = [own]
    const send = (): Awaitable<void> => saveTogether(this.scope, parts, this.parentRef !== undefined)
    const done = (): void => {
      for (const one of parts) one.saved()
      saved?.()
    }
    const undo = (error: unknown): never => {
      for (const one of parts) one.lost()
      first?.lost?.()
      this.#parentNote = first
      throw error
    }
    try {
      const written =
        first === undefined
          ? undefined
          : this.#writeParentNote(first, (rows) => {
              parts = [rows, own]
            })
      const answer = written === undefined ? send() : Promise.resolve(written).then(send)
      return answer === undefined ? done() : answer.then(done, undo)
    } catch (error) {
      return undo(error)
    }
  }

  /** Tells the books above, with the rows or, where they are in another store, before them. */
  #writeParentNote({ parent, note }: ParentNote<Journal>, withRows: (placed: PlacedRows) => void): Awaitable<void> {
    const entry = note === undefined ? [] : [parent.#noted('entry', note)]
    if (parent.scope === this.scope) return withRows(parent.#assign(entry, undefined))
    return entry.length === 0 ? parent.flush() : parent.#write(entry)
  }
}
