import type { Clock } from '../internal/clock.js'
import { defined } from '../internal/defined.js'
import type { CommittingStep } from '../persistence/committing.js'
import type { PersisterDriver } from '../persistence/driver.js'
import { type Addressee, InboxWatch } from '../persistence/inbox-watch.js'
import type { StoredMessage, StoredRecord } from '../persistence/replay.js'
import { Scope } from '../persistence/scope.js'
import type { ScopeSettings } from '../persistence/scope-settings.js'
import { type OpenFacts, TreeStatus } from '../persistence/tree-status.js'
import type { JournalNotice, JournalQuestion, StepData, StoreData } from './journal-ops.js'

// Owns: the store of the owner, as a worker reaches it: reads and messages are asked for, and a claim is had already.
// Does not own: what is written (worker-journal.ts); a store that a map in the worker opens itself.

/** A step as it crosses. */
export function stepDataOf({ next, end, startedAt, deadlineAt, visits, ran, ...step }: CommittingStep): StepData {
  const { condition, ...told } = ran
  const facts = defined({ next, end, startedAt, deadlineAt })
  return { ...step, ...facts, visits: visits(), ran: { ...told, ...defined({ condition }) } }
}

/** The way from a worker to the journals of its owner. */
export interface JournalLink {
  /** @throws {SerializationError} for a value that is no data */
  ask(app: number, question: JournalQuestion): Promise<unknown>
  /** The same, with words in place of values that are no data. */
  askInWords(app: number, question: JournalQuestion): Promise<unknown>
  tell(app: number, notice: JournalNotice): void
}

/** Whether the owner holds the rows of a journal, under a number. */
const isNumbered = (journal: object): journal is { readonly number: number } => 'number' in journal

/** Has the owner look for messages; it looks itself into stores that a map here opened. */
export class WorkerWatch extends InboxWatch {
  readonly #link: JournalLink
  #count = 0
  /** The last receivers of messages: one may be under way when its wait ends. */
  readonly #receivers = new Map<number, Addressee>()

  constructor(clock: Clock, everyMs: number, link: JournalLink) {
    super(clock, everyMs)
    this.#link = link
  }

  override add(addressee: Addressee): () => void {
    const { journal } = addressee
    if (!isNumbered(journal)) return super.add(addressee)
    const n = this.#count++
    this.#receivers.set(journal.number, addressee)
    this.#link.tell(journal.number, { do: 'watch', n })
    return () => this.#link.tell(journal.number, { do: 'unwatch', n })
  }

  /** The owner has a message for an application. */
  posted(app: number, message: StoredMessage): void {
    const receiver = this.#receivers.get(app)
    const delivery = receiver?.journal.inbox.arrived(message, receiver.deliver)
    if (delivery === 'refused') this.#link.tell(app, { do: 'refused', id: message.id })
  }
}

/** The status of the tree is with the owner: it is told what waits in stores that were opened here. */
class WorkerTree extends TreeStatus {
  readonly #link: JournalLink
  readonly #known = new Set<string>()

  constructor(link: JournalLink) {
    super({ hold() {}, release() {} }, () => undefined)
    this.#link = link
  }

  override open(appId: string, facts?: OpenFacts): void {
    const known = this.#known.has(appId)
    if (facts === undefined && !known) return
    if (facts === undefined) this.#known.delete(appId)
    else this.#known.add(appId)
    this.#link.tell(0, { do: 'open', appId, facts })
  }

  override limit(appId: string, at: number | undefined): void {
    this.#link.tell(0, { do: 'limit', appId, at })
  }
}

class WorkerScope extends Scope {
  override readonly tree: TreeStatus
  readonly #own: ScopeSettings

  constructor(settings: ScopeSettings, link: JournalLink) {
    super({ ...settings, whenUnavailable: 'fail' }) // the owner waits
    this.tree = new WorkerTree(link)
    this.#own = settings
  }

  override over(driver: PersisterDriver): Scope {
    return super.over(driver, this.#own)
  }
}

/** The scope of a branch in a worker. */
export function workerScope(data: StoreData, clock: Clock, link: JournalLink, watch: InboxWatch): Scope {
  const { settings, transient, migrates } = data
  const migrate = async (stored: StoredRecord): Promise<StoredRecord> =>
    stored.version === settings.version ? stored : ((await link.ask(0, { do: 'migrate', stored })) as StoredRecord)
  const scope = new WorkerScope(
    {
      ...settings,
      clock,
      driver: ownersDriver(data, link),
      transient: new Set(transient),
      migrate: undefined,
      ...(migrates && { migrateElsewhere: migrate }),
      watch,
      claim: 'take',
      about: { name: undefined, title: undefined, labels: undefined },
      start: undefined,
    },
    link,
  )
  void scope.claim()
  return scope
}

const never = (): never => {
  throw new TypeError('A worker does not write to the store of its owner.')
}

/** The part of the store of the owner that a worker asks for. */
function ownersDriver({ name, incarnation }: StoreData, link: JournalLink): PersisterDriver {
  return {
    name,
    shared: true, // its owner has checked it
    claim: () => ({ incarnation, before: undefined }),
    load: (_partitionKey, appIds, until) =>
      link.ask(0, { do: 'load', appIds, until }) as ReturnType<PersisterDriver['load']>,
    ...{ beat: never, save: never, history: never, rows: never, list: never, find: never, count: never },
    ...{
      post: never,
      below: never,
      countBelow: never,
      summaries: never,
      waits: never,
      due: never,
      delete: never,
      inbox: never,
    },
    close() {},
  }
}
