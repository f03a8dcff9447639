import type { Delivery } from '../action/message.js'
import type { Clock } from '../internal/clock.js'
import type { Addressed, PersisterDriver, RootKey } from './driver.js'
import type { Inbox } from './inbox.js'
import { readMessage, type StoredMessage } from './replay.js'

// Owns: polling for messages of other processes while a run waits for one.
// Does not own: the wait (runtime/message/wait.ts), the messages that are known already (inbox.ts).
// I1  A store is queried only while something waits there, with one query for all waits. A notification causes a query
//     at once; the store is polled as well, because a notification may be lost.
// I2  A message is delivered once, also when a query returns one that is known, or that a step took during the query.
// I3  The timer keeps the process alive only while a caller awaits the end of the run.

/** The store of a tree of applications. */
interface Tree {
  readonly settings: Settings
  /** Requests of other processes, in the process that holds the run. */
  readonly requests?: { found(inbox: readonly Addressed[]): void } | undefined
}
type Settings = RootKey & { readonly driver: PersisterDriver }

/** A store in which something waits, or has waited. */
interface Store {
  readonly settings: Settings
  /** Number of waits in it. */
  waiting: number
  /** Ends its notifications; undefined if it has none. */
  end: (() => void) | undefined
  /** Whether its last query failed. */
  unavailable: boolean
  /** Ids of messages that cannot be read. Each store numbers its own. */
  readonly unread: Set<number>
}

/** The receiver of messages. */
export interface Addressee {
  /** The journal of the waiting application. */
  readonly journal: { readonly appId: string; readonly inbox: Inbox; readonly scope: Tree }
  readonly deliver: (message: StoredMessage) => Delivery
  /** Called when the store is unavailable. It is polled again. */
  readonly lost: (error: unknown) => void
}

/** Drivers whose persister is closed: they are not polled any more. */
export const closedDrivers = new WeakSet<PersisterDriver>()

/** A timer of Node: it keeps the process alive unless `unref` is called. */
interface NodeTimer {
  ref?(): void
  unref?(): void
}

/** Polls the inboxes of waiting applications. */
export class InboxWatch {
  readonly #clock: Clock
  /** The interval of polling; `Infinity` without. */
  readonly everyMs: number
  readonly #waiting = new Set<Addressee>()
  #timer: unknown
  #looking = false
  readonly #stores = new Map<PersisterDriver, Store>()
  #held = false
  /** Whether a notification came during a query. */
  #again = false

  /** @param everyMs the interval; `Infinity` disables polling */
  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.everyMs = everyMs
  }

  /** Starts a wait. @returns a function that ends it */
  add(addressee: Addressee): () => void {
    const store = this.#storeOf(addressee.journal.scope)
    this.#waiting.add(addressee)
    store.waiting += 1
    if (store.waiting === 1) store.end = store.settings.driver.watch?.(store.settings, () => this.#posted())
    this.#next()
    return () => {
      if (!this.#waiting.delete(addressee)) return
      store.waiting -= 1
      if (store.waiting === 0) store.end?.()
      if (this.#waiting.size === 0) this.#stop()
    }
  }

  #storeOf({ settings }: Tree): Store {
    const known = this.#stores.get(settings.driver)
    if (known !== undefined) return known
    const store: Store = { settings, waiting: 0, end: undefined, unavailable: false, unread: new Set() }
    this.#stores.set(settings.driver, store)
    return store
  }

  /** Queries the stores at once, after a notification. */
  #posted(): void {
    this.#again = this.#looking
    if (this.#looking || this.#waiting.size === 0) return
    this.#stop()
    void this.#look()
  }

  /** Sets whether a caller awaits the end of the run (I3). */
  hold(held: boolean): void {
    this.#held = held
    const timer = this.#timer as NodeTimer | undefined
    if (held) timer?.ref?.()
    else timer?.unref?.()
  }

  #next(): void {
    if (this.#timer !== undefined || this.#looking || this.#waiting.size === 0 || this.everyMs === Infinity) return
    this.#timer = this.#clock.setTimeout(() => void this.#look(), this.everyMs)
    this.hold(this.#held)
  }

  #stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    this.#timer = undefined
    this.#looking = true
    const asked = [...this.#stores.values()].filter(({ waiting }) => waiting > 0)
    await Promise.all(asked.map((store) => this.#lookInto(store)))
    this.#looking = false
    if (this.#again) {
      this.#again = false
      return this.#look()
    }
    this.#next()
  }

  /** Queries one store. An unavailable one does not delay the others. */
  async #lookInto(store: Store): Promise<void> {
    const { driver } = store.settings
    if (closedDrivers.has(driver)) return
    const asking = (): Addressee[] =>
      [...this.#waiting].filter(({ journal }) => journal.scope.settings.driver === driver)
    try {
      const found: readonly Addressed[] = await driver.inbox(store.settings)
      store.unavailable = false
      asking()[0]?.journal.scope.requests?.found(found)
      const byId = new Map(asking().map((one) => [one.journal.appId, one]))
      for (const posted of found) {
        const to = byId.get(posted.appId)
        if (to !== undefined && !store.unread.has(posted.id)) this.#hand(posted, to, store)
      }
    } catch (error) {
      if (!store.unavailable) asking()[0]?.lost(error) // once per outage
      store.unavailable = true
    }
  }

  /** Delivers a message. A damaged one is reported once, and does not delay the others. */
  #hand(posted: Addressed, { journal, deliver, lost }: Addressee, { unread }: Store): void {
    let message: StoredMessage
    try {
      message = readMessage(posted.appId, posted)
    } catch (error) {
      unread.add(posted.id)
      return lost(error)
    }
    journal.inbox.arrived(message, deliver) // I2
  }
}
