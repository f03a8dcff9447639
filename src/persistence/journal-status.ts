import { isFinal } from '../lifecycle/final.js'
import { errorData } from '../read/error-data.js'
import { payloadOf } from '../read/payload.js'
import type { WirePath } from '../read/wire-path.js'
import { AppStatus, type RunEnd, type StoringSummary, type SummarySource } from './app-status.js'
import type { CommittingStep } from './committing.js'
import { isEnded } from './due.js'
import type { StateLabel } from './labels.js'
import { millisecondsOf } from './order.js'
import type { FullFacts, Notes } from './record.js'
import { rootFacts } from './scope-settings.js'
import type { StoredRecord } from './stored-record.js'
import type { SummaryStatus } from './summary.js'
import type { SummaryFacts, VisitFacts } from './summary-facts.js'
import { type Above, type StatusJournal, SummaryProjection } from './summary-projection.js'
import type { EnteredMap } from './summary-waits.js'

// Owns: how the status of an application follows from what its journal saves.
// Does not own: the rows (journal.ts), the rest of its summary (summary-projection.ts), the status of the whole tree
// (tree-status.ts).
// F1  The status of a root is that of its tree while a run is under way, and that of its end afterwards.
// F2  A cut-off root that only waited, for messages, times or retry delays, is waiting: it needs no process, and its
//     process has not died. A host that found it interrupted would take and release it until its delay is over. What is
//     below stays as it was too, and so does a branch that only waits below any other root. A root whose waits are in no
//     store is interrupted: nothing else would wake it.
// F3  The summary of a root that waits is stored again when a question below has changed: the store compares it with
//     the messages that are there.
// F4  A run answers that nothing of it goes on once its store has that: a halt, an end, a cancel for good. A failure and a
//     cut are answered without it: another run goes on at that step in any case.

export class JournalStatus {
  readonly #journal: StatusJournal
  readonly #app: AppStatus
  readonly #summary: SummaryProjection
  readonly #source: SummarySource = () => this.take()
  /** The last step before its process died; undefined where it did not. */
  #diedIn: number | undefined

  constructor(journal: StatusJournal, above: Above | undefined) {
    this.#journal = journal
    // The journal of a branch is made when the branch is queued; an application made by an action is not queued.
    this.#app = new AppStatus(above !== undefined && above.index >= 0 ? this.#now : undefined)
    this.#summary = new SummaryProjection(journal, above, this.#app)
  }

  get #isRoot(): boolean {
    return this.#summary.isRoot
  }

  get #now(): number {
    return this.#journal.scope.settings.clock.now()
  }

  /** Continues from a stored record. */
  adopt({
    next,
    position,
    waiting,
    startedAt,
  }: Pick<StoredRecord, 'next' | 'position' | 'waiting' | 'startedAt'>): void {
    if (startedAt !== undefined) this.#app.queuedAt = undefined // it goes on
    this.#summary.next = next
    this.#summary.position = position
    this.#summary.asked = waiting === undefined ? '' : undefined
  }

  /** Continues from the stored summary of a root, if there is one. */
  async restore(): Promise<void> {
    const { scope, sequenceId } = this.#journal
    const found = await scope.ask(() => scope.settings.driver.find(scope.settings))
    if (found?.summary === undefined) return
    const { status, name, title, labels } = found.summary
    if (isEnded(status)) scope.requests.drop(this.#journal.inbox.requests)
    this.#app.adopt(found.summary)
    const [createdAt, { startedAt }] = [millisecondsOf(found.born), this.#app]
    scope.about = rootFacts(scope.about, { name, title, labels, createdAt, startedAt })
    this.#summary.asked = undefined
    this.#diedIn = status === 'running' || status === 'retrying' ? sequenceId : undefined
  }

  /** How often in a row its process has died in this step. */
  get #crashes(): SummaryFacts['crashes'] {
    const sequenceId = this.#diedIn
    if (sequenceId === undefined) return undefined
    const { crashes } = this.#app
    return { count: crashes?.sequenceId === sequenceId ? crashes.count + 1 : 1, sequenceId }
  }

  /** A run of the root begins. */
  begins(): void {
    const { scope } = this.#journal
    this.#app.startedAt ??= this.#now
    const crashes = this.#crashes
    if (crashes !== this.#app.crashes) this.#app.touch()
    this.#app.crashes = crashes
    this.#diedIn = undefined
    scope.root = this.#source
    scope.tree.begin()
    scope.tree.changed()
    scope.requests.begin(this.#journal.inbox.requests)
  }

  /**
   * The run of the root has ended.
   * @returns the fault of the store, where it does not have a halt, an end or a cancel for good (F4)
   */
  async ended(status: RunEnd): Promise<{ readonly error: Error } | undefined> {
    const { scope } = this.#journal
    const app = this.#app
    if (scope.tree.running) this.#endRoot(status === 'cancelled' || status === 'cut' ? this.cutOff : status)
    const refused = (await scope.tree.flush(!app.isStored)) ?? scope.fault
    const isStored = app.isStored && (status !== 'cancelled' || app.status === 'cancelled')
    if (refused === undefined || isStored || status === 'failed' || status === 'cut') return undefined
    scope.requests.reopen()
    return { error: scope.end(refused.error) }
  }

  /** A run of a root has ended that was cancelled for good before: only the lease of its claim ends. */
  async stays(): Promise<undefined> {
    const { scope } = this.#journal
    scope.root ??= this.#source
    await scope.tree.flush()
  }

  /** A step is about to be saved. */
  committing({ action, next, end, startedAt, attempts, recovered }: CommittingStep): void {
    const app = this.#app
    this.#summary.next = next
    this.#summary.position = action
    this.#summary.entered = undefined
    if (this.#journal.map !== undefined) app.touch()
    if (this.#summary.asked !== '') app.touch()
    this.#journal.scope.tree.open(this.#journal.appId)
    if (this.#isRoot) {
      if (end !== undefined) this.#endRoot(end)
      return
    }
    app.startedAt = startedAt
    app.attempt = attempts
    app.recovered = recovered
    if (end !== undefined) this.#unlimit()
    app.set(end === undefined ? 'running' : 'done', this.#now)
  }

  /** The time limit of a branch has begun, or goes on after a resume. @param at its end, epoch milliseconds */
  limits(at: number): void {
    this.#journal.scope.tree.limit(this.#journal.appId, at)
  }

  #unlimit(): void {
    this.#journal.scope.tree.limit(this.#journal.appId, undefined)
  }

  /** The status of a root whose run is cut off (F2). It stays the same from the cancel on. */
  get cutOff(): 'waiting' | 'interrupted' {
    const { waiting, pending, goesOnAt } = this.#journal.scope.tree
    return waiting && (pending > 0 || goesOnAt !== null) ? 'waiting' : 'interrupted'
  }

  #endRoot(status: SummaryStatus, ended?: Parameters<AppStatus['set']>[2]): void {
    const { scope } = this.#journal
    scope.tree.end()
    if (isEnded(status)) scope.requests.ended()
    this.#app.set(status, this.#now, ended)
  }

  /** A state that no step made is about to be saved. */
  placed(label: StateLabel, { next, position, end }: FullFacts): void {
    const { scope, inbox } = this.#journal
    if (label === 'rewind') scope.requests.drop(inbox.requests)
    this.#summary.entered = undefined
    this.#summary.next = next
    this.#summary.position = position
    if (this.#isRoot) {
      this.#app.inputs ??= scope.settings.start?.inputs
      this.#app.priority ??= scope.settings.start?.priority
      this.#app.carried ??= scope.settings.start?.carried
    }
    if (end !== undefined) {
      this.#unlimit()
      this.#app.set(this.#isRoot ? end : 'done', this.#now)
    } else if (label === 'rewind') this.#app.set('interrupted', this.#now)
    else this.#app.set(this.#isRoot && !scope.tree.running ? 'queued' : 'running', this.#now)
    this.#app.touch()
  }

  /** A note is about to be saved. */
  noted<K extends keyof Notes>(label: K, note: Notes[K]): void {
    const { appId, scope } = this.#journal
    if (label === 'waiting') this.#app.set('waiting', this.#now)
    else if (label === 'retry') this.#app.set('retrying', this.#now)
    else if (label === 'failed') this.#failed(note as Notes['failed'])
    else if (label === 'cancelled') this.#cancelled(note as Notes['cancelled'])
    else if (this.#app.status === 'queued') this.#app.set('running', this.#now)
    if (label === 'manifest' || label === 'total' || label === 'settled') this.#app.touch()
    if (label === 'waiting' || label === 'retry') {
      this.#app.touch()
      scope.tree.open(appId, this.#summary.open)
    }
    if (label === 'failed') {
      scope.tree.open(appId)
      this.#unlimit()
    }
  }

  #failed({ error, attempts, startedAt }: Notes['failed']): void {
    const ended = { error: errorData(error) }
    if (this.#isRoot) return this.#endRoot('failed', ended)
    this.#app.startedAt = startedAt
    this.#app.attempt = attempts
    this.#app.set('failed', this.#now, ended)
  }

  #cancelled({ cause, by, reason, attempts, startedAt }: Notes['cancelled']): void {
    const { scope, appId } = this.#journal
    const cancelled = { cause, by, reason: payloadOf(reason), at: this.#now }
    const { tree } = scope
    if (isFinal(cause)) {
      tree.open(appId)
      this.#unlimit()
    }
    if (this.#isRoot) {
      const status = isFinal(cause) ? 'cancelled' : this.cutOff
      return this.#endRoot(status, status === 'waiting' ? undefined : { cancelled }) // F2
    }
    this.#app.startedAt = startedAt
    this.#app.attempt = attempts
    if (!isFinal(cause) && (tree.waiting || this.#app.status === 'waiting')) return // F2
    this.#app.set(isFinal(cause) ? 'cancelled' : 'interrupted', this.#now, { cancelled })
  }

  /** A wait has ended, and no row comes with that. */
  woke(): void {
    const { scope, appId, notes } = this.#journal
    scope.tree.open(appId, notes.waits ? this.#summary.open : undefined)
    if (!this.#isRoot) this.#app.set(notes.waits ? 'waiting' : 'running', this.#now)
    this.#app.touch()
    scope.changed(this.#source)
  }

  /** The rest of a delay before an attempt begins, and no row comes with that: it is stored. */
  delays(): void {
    const { scope, appId } = this.#journal
    this.#app.set('retrying', this.#now)
    this.#app.touch()
    scope.tree.open(appId, this.#summary.open)
    scope.changed(this.#source)
  }

  /** A delay before an attempt has ended, and no row comes with that. */
  goesOn(): void {
    const { scope, appId } = this.#journal
    scope.tree.open(appId)
    if (!this.#isRoot) this.#app.set('running', this.#now)
    this.#app.touch()
    scope.changed(this.#source)
  }

  /** What the map at which a branch stands waits for has changed. @param retries whether a delay before an attempt is below */
  stands(level: 'nothing' | 'siblings' | 'outside' | 'retry', retries: () => boolean): void {
    const suspended = level === 'retry' || (level === 'outside' && retries()) ? 'retrying' : 'waiting'
    const status = level === 'outside' || level === 'retry' ? suspended : 'running'
    if (this.#isRoot || isEnded(this.#app.status)) return // F1
    if (this.#app.status === 'queued' && status !== 'running') return // the store has it from an earlier run
    this.#app.set(status, this.#now)
    this.#journal.scope.changed(this.#source)
  }

  /** The summary to store with the next rows; undefined if the store has it. */
  take(): StoringSummary | undefined {
    const { tree } = this.#journal.scope
    if (this.#isRoot && tree.running) this.#app.set(tree.status, this.#now) // F1
    if (this.#isRoot && tree.takeAsked() && this.#app.status === 'waiting') this.#app.touch() // F3
    return this.#summary.take()
  }

  /** The application comes to a map: readers are told of it before its entries are recorded. */
  enters(map: EnteredMap): void {
    this.#summary.entered = { startedAt: this.#now, ...map }
    this.#app.touch()
  }

  /** How the map at which the application stands began. */
  get began(): VisitFacts | undefined {
    return this.#summary.began
  }

  get path(): WirePath {
    return this.#summary.path
  }
}
