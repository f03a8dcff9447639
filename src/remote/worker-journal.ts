import type { Inputs } from '../action/inputs.js'
import { encode } from '../codec/encode.js'
import type { Plan } from '../graph/plan.js'
import type { MapJournal } from '../persistence/app-journal.js'
import { type BranchStore, isOwn, type JournalSetup, type StoredMapVisit } from '../persistence/branch-store.js'
import {
  type CommittingStep,
  mapOf,
  type OpenMap,
  type Start,
  type StoredTiming,
  withoutTransient,
} from '../persistence/committing.js'
import { openBranchStore } from '../persistence/durable-task-feed.js'
import type { Inbox } from '../persistence/inbox.js'
import { Journal } from '../persistence/journal.js'
import { loadOne } from '../persistence/loading.js'
import { openJournal } from '../persistence/opening.js'
import type { Notes, ParentRef } from '../persistence/record.js'
import type { StoredMessage, StoredRecord } from '../persistence/replay.js'
import type { Scope } from '../persistence/scope.js'
import { postTo } from '../persistence/seal.js'
import type { VisitFacts } from '../persistence/summary-facts.js'
import { enteredMap, visitFacts } from '../persistence/summary-waits.js'
import type { OpenWaitNote } from '../persistence/wait-note.js'
import type { WirePath } from '../read/wire-path.js'
import type { State } from '../state/freeze.js'
import { PersistenceError } from '../store-errors.js'
import type { JournalFacts, JournalQuestion, MailData, Noted, StateData } from './journal-ops.js'
import { OwnersInbox, OwnersNotes } from './owners-notes.js'
import { type JournalLink, stepDataOf } from './worker-store.js'

// Owns: the journal of an application in a worker: what the engine there needs at once, and calls of the journal of the
// owner for everything that is stored.
// J1  A step commits here when the owner has stored it. Until then memory is unchanged.
// J2  A store that a map here opens itself has journals of its own, below this one.

/** The place of a journal below another one, or of the branch itself. */
export interface JournalPlace {
  readonly number: number
  readonly path: WirePath
  /** The messages of the branch itself. */
  readonly mail?: (() => MailData) | undefined
}

/** The start of a journal in a worker. */
type WorkerSetup = Omit<JournalSetup, 'index'> & {
  readonly epoch?: number
  readonly oneWay?: readonly string[]
  readonly replacing?: boolean
  readonly retryFailuresBefore?: number
  readonly inbox?: readonly StoredMessage[]
  readonly sequenceId?: number
}

/** Numbers the applications of one branch. */
export interface Numbers {
  next: number
}

export class WorkerJournal implements MapJournal {
  readonly scope: Scope
  readonly appId: string
  readonly number: number
  readonly path: WirePath
  readonly mayBeStored: boolean
  epoch: number
  stored: StoredRecord | undefined
  inbox: Inbox
  opened = true
  readonly forkedFrom = undefined
  opening: Promise<unknown> | undefined
  retryFailuresBefore: number
  /** The number of the last committed step. */
  sequenceId: number
  notes: OwnersNotes
  readonly status: MapJournal['status']
  readonly #link: JournalLink
  readonly #numbers: Numbers
  readonly #mail: JournalPlace['mail']
  #map: OpenMap | undefined
  #oneWay: ReadonlySet<string>
  /** How many of those keys the owner has. */
  #toldKeys: number
  #replacing: boolean
  #parentRef: ParentRef | undefined
  /** Called when the first row could not be stored. */
  #lost: (() => void) | undefined

  constructor(
    scope: Scope,
    link: JournalLink,
    numbers: Numbers,
    { number, path, mail }: JournalPlace,
    setup: WorkerSetup,
  ) {
    const { appId, parentRef, stored, replaced, mayBeStored = false } = setup
    const last = stored ?? replaced
    this.scope = scope
    this.appId = appId
    this.number = number
    this.path = path
    this.mayBeStored = mayBeStored
    this.#link = link
    this.#numbers = numbers
    this.#mail = mail
    this.stored = stored
    this.epoch = setup.epoch ?? last?.epoch ?? 0
    this.inbox = new OwnersInbox(link, number, setup.inbox ?? last?.inbox)
    this.retryFailuresBefore = setup.retryFailuresBefore ?? stored?.retryFailuresBefore ?? 0
    this.sequenceId = setup.sequenceId ?? last?.sequenceId ?? -1
    this.#map = mapOf(stored)
    this.#oneWay = new Set(setup.oneWay ?? stored?.oneWay)
    this.#toldKeys = this.#oneWay.size
    this.#replacing = setup.replacing ?? replaced !== undefined
    this.#parentRef = parentRef ?? stored?.parentRef
    this.#lost = setup.parentNote?.lost
    this.notes = new OwnersNotes(link, number, last)
    let began: VisitFacts | undefined
    this.status = {
      begins() {},
      ended: async () => undefined,
      stays: async () => undefined,
      cutOff: 'interrupted',
      limits: (at) => link.tell(number, { do: 'limits', at }),
      delays: () => link.tell(number, { do: 'delays' }),
      goesOn: () => link.tell(number, { do: 'goesOn' }),
      stands: (level, retries) => link.tell(number, { do: 'stands', level, retries: level === 'outside' && retries() }),
      enters: (entered) => {
        began = visitFacts({ startedAt: scope.settings.clock.now(), ...entered }, this.#map)
        this.#tell({ entered })
      },
      get began() {
        return began
      },
    }
  }

  get storedId(): number {
    return this.sequenceId
  }

  get map(): OpenMap | undefined {
    return this.#map
  }
  set map(map: OpenMap | undefined) {
    this.#map = map
    const { entries: _here, ...facts } = map ?? {}
    this.#tell({ map: map === undefined ? null : (facts as Omit<OpenMap, 'entries'>) })
  }

  get oneWay(): ReadonlySet<string> {
    return this.#oneWay
  }
  set oneWay(keys: ReadonlySet<string>) {
    this.#oneWay = keys // it may grow
  }

  get replacing(): boolean {
    return this.#replacing
  }
  set replacing(replacing: boolean) {
    if (replacing === this.#replacing) return
    this.#replacing = replacing
    this.#tell({ replacing })
  }

  get parentRef(): ParentRef | undefined {
    return this.#parentRef
  }
  set parentRef(parentRef: ParentRef | undefined) {
    this.#parentRef = parentRef
    if (parentRef !== undefined) this.#tell({ parentRef })
  }

  #tell(facts: JournalFacts): void {
    this.#link.tell(this.number, { do: 'facts', facts })
  }

  async #ask(question: JournalQuestion, inWords = false): Promise<unknown> {
    if (this.#oneWay.size !== this.#toldKeys) {
      this.#toldKeys = this.#oneWay.size
      this.#tell({ oneWay: [...this.#oneWay] })
    }
    try {
      const { outage, settings } = this.scope
      const asked = inWords ? this.#link.askInWords(this.number, question) : this.#link.ask(this.number, question)
      const answer = await outage.answerOf(settings.driver.name, asked)
      this.#lost = undefined
      return answer
    } catch (error) {
      this.#lost?.()
      if (PersistenceError.is(error)) this.scope.fault ??= { error }
      throw error
    }
  }

  async step(step: CommittingStep): Promise<void> {
    const { taken } = this.inbox
    const question = { do: 'step', step: stepDataOf(step), taken, mail: this.#mail?.() } as const
    await this.#orPath(
      () => this.#ask(question),
      () => encode(withoutTransient(step.state, this.scope.settings.transient)),
    )
    this.inbox.committed(taken)
    this.#committed(step.sequenceId)
  }

  /** @param encodeAlone throws with the path in the value alone, not in a frame */
  async #orPath(ask: () => Promise<unknown>, encodeAlone: () => unknown): Promise<unknown> {
    try {
      return await ask()
    } catch (error) {
      encodeAlone()
      throw error
    }
  }

  /** Drops the notes of the step, which has committed. */
  #committed(sequenceId: number): void {
    this.sequenceId = sequenceId
    this.stored = undefined
    this.#map = undefined
    this.retryFailuresBefore = 0
    this.notes.committed()
  }

  async saveState(label: StateData['label'], state: State, at: StateData['at']): Promise<void> {
    this.epoch = at.epoch ?? this.epoch
    await this.#ask({ do: 'state', label, state, at: { ...at, epoch: this.epoch } })
    this.#committed(at.sequenceId)
  }

  begin({ state, next }: Start, epoch = this.epoch): Promise<void> {
    return this.saveState('start', state, { next, sequenceId: -1, visits: {}, epoch })
  }

  async save({ state, next }: Start): Promise<void> {
    await this.#ask({ do: 'save', start: { state, next } })
  }

  async enter(note: Notes['entry'] | undefined): Promise<void> {
    await this.#ask({ do: 'enter', note })
  }

  async note<K extends keyof Notes>(label: K, note: Notes[K]): Promise<void> {
    this.notes.noted(label, note, this.sequenceId)
    const question = { do: 'note', label, note } as Extract<JournalQuestion, { do: 'note' }>
    const inWords = label === 'failed' || label === 'cancelled' || label === 'settled'
    const encodeAlone = (): unknown => inWords || encode(note, label)
    this.#noted(await this.#orPath(() => this.#ask(question, inWords), encodeAlone))
  }

  #noted(answer: unknown): void {
    this.retryFailuresBefore = (answer as Noted).failuresBefore
  }

  woke(n: number, passed: boolean): void {
    this.notes.woke(n, passed)
    this.#link.tell(this.number, { do: 'woke', n, passed })
  }

  async failed(error: Error, timing: StoredTiming): Promise<void> {
    this.notes.noted('failed', { error, again: true, attempts: timing.attempts }, this.sequenceId)
    this.#noted(await this.#ask({ do: 'failed', error, timing }, true))
  }

  async cancelled(
    { cause, by, reason }: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>,
    timing: StoredTiming,
    resumable = false,
  ): Promise<void> {
    this.#noted(await this.#ask({ do: 'cancelled', cancellation: { cause, by, reason }, timing, resumable }, true))
  }

  async waits(wait: OpenWaitNote, timing: StoredTiming): Promise<void> {
    this.notes.with(wait)
    await this.#orPath(
      () => this.#ask({ do: 'waits', wait, timing }),
      () => encode(wait, 'waiting'),
    )
  }

  done(key: string): { readonly value: unknown } | undefined {
    const once = this.stored?.once
    return once?.has(key) === true ? { value: once.get(key) } : undefined
  }

  post(appId: string, message: Pick<StoredMessage, 'kind' | 'body'>, scope = this.scope): Promise<number> {
    if (scope !== this.scope) return postTo(scope.settings, appId, message)
    return this.#ask({ do: 'post', appId, message }) as Promise<number>
  }

  ofAction(appId: string, parentRef: ParentRef): WorkerJournal {
    const journal = this.#below({ appId, parentRef, parentNote: { parent: this }, mayBeStored: true })
    journal.opened = false
    return journal
  }

  child(setup: JournalSetup, scope = this.scope): MapJournal {
    return scope === this.scope ? this.#below(setup) : new Journal(scope, openBranchStore, setup, this) // J2
  }

  #below(setup: JournalSetup): WorkerJournal {
    const { appId, parentRef, index, stored, replaced, parentNote, mayBeStored = false } = setup
    const id = this.#numbers.next++
    const first = parentNote && { entry: parentNote.note }
    const data = { appId, parentRef, index, stored, replaced, mayBeStored, first }
    this.#link.tell(this.number, { do: 'child', id, setup: data })
    const [, map, visit, key] = parentRef ?? ['', '', 0, '']
    const place = { number: id, path: [...this.path, [map, visit, key] as const] }
    return new WorkerJournal(this.scope, this.#link, this.#numbers, place, setup)
  }

  open(plan: Plan, start: Start, inputs: Inputs): Promise<StoredRecord | undefined> {
    const opening = openJournal(this, plan, start, inputs)
    this.opening = opening
    return opening
  }

  openMap({ own, ...map }: StoredMapVisit & { readonly own: unknown }): BranchStore<MapJournal> {
    this.status.enters(enteredMap(map))
    return openBranchStore(this, map, isOwn(own) ? this.scope.over(own.driver) : this.scope)
  }

  load(): Promise<StoredRecord | undefined> {
    return loadOne(this.scope, this.appId)
  }

  adopt(stored: StoredRecord): void {
    this.#link.tell(this.number, { do: 'adopt', stored })
    this.epoch = stored.epoch
    this.inbox = new OwnersInbox(this.#link, this.number, stored.inbox)
    this.#oneWay = new Set([...this.#oneWay, ...stored.oneWay])
    this.sequenceId = stored.sequenceId
    this.stored = stored
    this.#map = mapOf(stored)
    this.notes = new OwnersNotes(this.#link, this.number, stored)
    this.retryFailuresBefore = stored.retryFailuresBefore
  }
}
