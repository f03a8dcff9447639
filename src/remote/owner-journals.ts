import { CancelledError } from '../errors.js'
import { defined } from '../internal/defined.js'
import { isThenable } from '../internal/guards.js'
import type { MapJournal } from '../persistence/app-journal.js'
import type { CommittingStep, StoredTiming } from '../persistence/committing.js'
import type { Awaitable } from '../persistence/driver.js'
import { migrateRecord } from '../persistence/migrate.js'
import type { StoredMessage, StoredRecord } from '../persistence/replay.js'
import { freezeAll, type State } from '../state/freeze.js'
import type {
  ChildData,
  JournalFacts,
  JournalNotice,
  JournalQuestion,
  MailData,
  Noted,
  StepData,
  StoreData,
} from './journal-ops.js'

// Owns: the journals of one branch that runs elsewhere, and of the applications below it.
// Does not own: rows (persistence/journal.ts), the calls of the worker (worker-journal.ts).
// O1  The owner writes every row of a branch, wherever the branch runs. So it is stored as in this process: in the same
//     tree, in one order, in shared transactions, under the claim of the owner.
// O2  The applications below a branch are known by numbers of one delivery. A further delivery begins with the branch
//     alone, from the store; a save that was under way has ended by then.
// O3  A step that arrives after a cancel of the branch is not stored, as in this process; one that is being stored is.
// O4  Times of the branch itself are those of the owner, which has its time limit.
// O5  A further delivery needs the claim. An owner that was stopped meanwhile finds no rows of the branch where a later
//     owner has settled its map, and delivers nothing.

/** A branch, as its journals use it. */
export interface StoredBranch {
  readonly startedAt: number | undefined
  readonly deadlineAt: number | undefined
  readonly cancelledAt: number | undefined
  readonly isCancelledForGood: boolean
  /** Its state, as its application holds it. */
  stateOf(state: State): State
  /** A step of it is stored. */
  committed(step: CommittingStep, mail: MailData | undefined): void
  /** A message from the store, for an application below it or itself. */
  posted(app: number, message: StoredMessage): void
  readonly logger: { error(text: string, error: unknown): void }
}

/** The number of the branch itself. */
const BRANCH = 0

export class OwnerJournals {
  readonly #branch: StoredBranch
  readonly #journal: MapJournal
  /** Applications below it, until the step that made them commits. */
  readonly #below = new Map<number, MapJournal>()
  readonly #children = new Map<number, number[]>()
  /** The save of a step of the branch. */
  #saving: Promise<void> | undefined
  /** Ends of the waits for messages from outside. */
  readonly #watches = new Map<number, () => void>()

  constructor(journal: MapJournal, branch: StoredBranch) {
    this.#journal = journal
    this.#branch = branch
  }

  /** What a worker needs to continue the branch. */
  data(): StoreData {
    const { scope, epoch, oneWay, parentRef, replacing, retryFailuresBefore, inbox, stored } = this.#journal
    const { driver, transient, migrate, migrateElsewhere, watch, ...settings } = scope.settings
    const { partitionKey, rootId, writer, policy, version, whenUnavailable, changedTasks, leaseMs, worker } = settings
    return {
      settings: { partitionKey, rootId, writer, policy, version, whenUnavailable, changedTasks, leaseMs, worker },
      transient: [...transient],
      inboxPollMs: watch.everyMs,
      name: driver.name,
      migrates: migrate !== undefined || migrateElsewhere !== undefined,
      incarnation: scope.incarnation,
      epoch,
      oneWay: [...oneWay],
      replacing,
      retryFailuresBefore,
      inbox: inbox.waiting,
      ...(parentRef !== undefined && { parentRef }),
      ...(stored !== undefined && { stored: withoutState(stored) }),
    }
  }

  /** Reads where the branch is, for a further delivery (O2). @throws {PersistenceError} when it cannot be read */
  async reload(): Promise<StoredRecord | undefined> {
    this.end()
    this.#below.clear()
    this.#children.clear()
    await this.#saving?.catch(() => {})
    await this.#journal.scope.idle()
    const { scope, replacing } = this.#journal
    const stored = replacing ? undefined : await this.#journal.load() // its own start is not stored yet
    await scope.ask(() => scope.lease.confirm()) // O5
    if (stored !== undefined) this.#journal.adopt(stored)
    return replacing ? undefined : this.#journal.stored
  }

  /** Its waits are over. */
  end(): void {
    for (const unwatch of this.#watches.values()) unwatch()
    this.#watches.clear()
  }

  #of(app: number): MapJournal | undefined {
    return app === BRANCH ? this.#journal : this.#below.get(app)
  }

  /** @throws {TypeError} for the number of no application */
  answer(app: number, question: JournalQuestion): unknown {
    const journal = this.#of(app)
    if (journal === undefined) throw new TypeError(`The branch has no application with the number ${app}.`)
    switch (question.do) {
      case 'step':
        if (this.#branch.cancelledAt !== undefined) throw new CancelledError('parent', 'owner') // O3
        return this.#step(app, journal, question.step, question.taken, question.mail)
      case 'state':
        return journal.saveState(question.label, this.#stateOf(app, question.state, false), question.at)
      case 'save':
        return journal.save({ ...question.start, state: this.#stateOf(app, question.start.state, false) })
      case 'enter':
        return journal.enter(question.note)
      case 'note': {
        const { label, note } = question
        if (label === 'total' && journal.map !== undefined) journal.map.total = note.total
        return noted(journal, journal.note(label, label === 'retry' ? { ...note, ...defined(this.#times(app)) } : note))
      }
      case 'failed':
        return noted(journal, journal.failed(question.error, question.timing))
      case 'cancelled':
        return noted(journal, journal.cancelled(question.cancellation, question.timing, question.resumable))
      case 'waits':
        if (this.#branch.isCancelledForGood) return undefined // that is its last note
        return journal.waits(question.wait, { ...question.timing, ...this.#times(app) })
      case 'post':
        return journal.post(question.appId, question.message)
      case 'load':
        return this.#load(question.appIds, question.until)
      case 'migrate':
        return this.#migrate(question.stored)
      default:
        return question satisfies never
    }
  }

  /** @throws {TypeError} for a child of another application */
  notice(app: number, notice: JournalNotice): void {
    const journal = this.#of(app)
    if (journal === undefined) return // the step that made it has committed
    switch (notice.do) {
      case 'begin':
        return journal.notes.begin()
      case 'reach':
        return void journal.notes.reach(notice.n, notice.wait, notice.now)
      case 'woke':
        return journal.woke(notice.n, notice.passed)
      case 'limits':
        return journal.status.limits(notice.at)
      case 'delays':
        return journal.status.delays()
      case 'goesOn':
        return journal.status.goesOn()
      case 'stands':
        return journal.status.stands(notice.level, () => notice.retries)
      case 'child':
        return this.#made(app, journal, notice.id, notice.setup)
      case 'adopt':
        return journal.adopt(notice.stored)
      case 'facts':
        return setFacts(journal, notice.facts)
      case 'watch':
        return this.#watch(app, journal, notice.n)
      case 'unwatch':
        this.#watches.get(notice.n)?.()
        return void this.#watches.delete(notice.n)
      case 'take':
        return journal.inbox.take(notice.id)
      case 'untake':
        return journal.inbox.untake()
      case 'refused':
        return journal.inbox.returned(notice.id)
      case 'open':
        return journal.scope.tree.open(notice.appId, notice.facts)
      case 'limit':
        return journal.scope.tree.limit(notice.appId, notice.at)
      default:
        return notice satisfies never
    }
  }

  #times(app: number): Partial<Pick<StoredTiming, 'startedAt' | 'deadlineAt'>> {
    const { startedAt, deadlineAt } = this.#branch
    return app === BRANCH ? { startedAt, deadlineAt } : {} // O4
  }

  #stateOf(app: number, state: State, loose: boolean): State {
    if (app === BRANCH) return this.#branch.stateOf(state)
    return loose ? state : Object.freeze({ ...freezeAll(state, 'A state from a channel') })
  }

  #step(
    app: number,
    journal: MapJournal,
    { visits, ...data }: StepData,
    taken: readonly number[],
    mail: MailData | undefined,
  ): Awaitable<void> {
    const state = this.#stateOf(app, data.state, data.loose)
    const { next, end, startedAt, deadlineAt, ...rest } = data
    const ran = { ...data.ran, condition: data.ran.condition }
    const facts = { ...rest, next, end, startedAt, deadlineAt, ran, ...this.#times(app) }
    const step: CommittingStep = { ...facts, state, visits: () => visits }
    for (const id of taken) journal.inbox.take(id)
    const done = (): void => {
      this.#drop(app)
      if (app === BRANCH) this.#branch.committed(step, mail)
    }
    const failed = (error: unknown): never => {
      journal.inbox.untake()
      throw error
    }
    try {
      const saved = journal.step(step)
      if (!isThenable(saved)) return done()
      const ended = Promise.resolve(saved).then(done, failed)
      if (app === BRANCH) this.#saving = ended
      return ended
    } catch (error) {
      return failed(error)
    }
  }

  #load(appIds: readonly string[], until: Extract<JournalQuestion, { do: 'load' }>['until']): unknown {
    const { scope } = this.#journal
    const { driver, partitionKey } = scope.settings
    const tails = scope.ask(() => driver.load(partitionKey, appIds, until))
    const seen = (found: Awaited<typeof tails>): typeof found => {
      for (const tail of found) for (const { order } of tail?.rows ?? []) scope.after(order)
      return found
    }
    return isThenable(tails) ? Promise.resolve(tails).then(seen) : seen(tails)
  }

  #migrate(stored: StoredRecord): Awaitable<StoredRecord> {
    const { settings } = this.#journal.scope
    if (settings.migrateElsewhere !== undefined) return settings.migrateElsewhere(stored)
    const record = { ...stored, state: Object.freeze({ ...freezeAll(stored.state, 'A state from a channel') }) }
    const migrated = migrateRecord(record, settings)
    if (migrated === record) return stored
    // A next action that `migrate` chose stays.
    const chooses = migrated.chooses === true && migrated.next === stored.next
    return { ...migrated, version: settings.version, chooses }
  }

  #made(app: number, parent: MapJournal, id: number, { first, ...setup }: ChildData): void {
    if (setup.parentRef?.[0] !== parent.appId)
      throw new TypeError(`The application "${setup.appId}" is not below "${parent.appId}".`)
    const journal = parent.child({ ...setup, parentNote: first && { parent, note: first.entry } })
    journal.opened = true
    this.#below.set(id, journal)
    const children = this.#children.get(app)
    if (children === undefined) this.#children.set(app, [id])
    else children.push(id)
  }

  /** The step that made them has committed. */
  #drop(app: number): void {
    const children = this.#children.get(app) ?? []
    this.#children.delete(app)
    for (const id of children) {
      this.#below.delete(id)
      this.#drop(id)
    }
  }

  #watch(app: number, journal: MapJournal, n: number): void {
    const unwatch = journal.scope.settings.watch.add({
      journal,
      deliver: (message) => {
        this.#branch.posted(app, message)
        return 'delivered'
      },
      lost: (error) => this.#branch.logger.error('The store could not be asked for messages.', error),
    })
    this.#watches.set(n, unwatch)
  }
}

function noted(journal: MapJournal, written: Awaitable<void>): Awaitable<Noted> {
  const answer = (): Noted => ({ failuresBefore: journal.retryFailuresBefore })
  return isThenable(written) ? Promise.resolve(written).then(answer) : answer()
}

function setFacts(journal: MapJournal, { replacing, oneWay, parentRef, map, entered }: JournalFacts): void {
  if (replacing !== undefined) journal.replacing = replacing
  if (oneWay !== undefined) journal.oneWay = new Set(oneWay)
  if (parentRef !== undefined) journal.parentRef = parentRef
  if (entered !== undefined) journal.status.enters(entered)
  // Its entries stay in the worker, which compares them.
  if (map !== undefined) journal.map = map === null ? undefined : { ...map, entries: new Map() }
}

function withoutState({ state: _state, ...rest }: StoredRecord): Omit<StoredRecord, 'state'> {
  return rest
}
