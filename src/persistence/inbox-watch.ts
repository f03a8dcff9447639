import type { Delivery } from '../action/message.js'
import type { Clock } from '../internal/clock.js'
import type { Addressed, PersisterDriver, RootKey } from './driver.js'
import type { Inbox } from './inbox.js'
import { readMessage, type StoredMessage } from './replay.js'

// Owns: that a message which another process sent reaches a run that lives, and waits for one.
// Does not own: the wait (runtime/message/wait.ts), which messages are known already (inbox.ts).
// I1  Nothing is asked while nothing waits. One question a store, however many wait there. A store with notifications is
//     asked at once; it is polled as well, for a notification may be lost.
// I2  A message is handed over once: not what is known already, nor what a step took while the question was under way.
// I3  The timer keeps a process alive only while somebody stays for the end of the run.

/** The store that a tree of applications is in. */
interface Tree {
  readonly settings: Settings
}
type Settings = RootKey & { readonly driver: PersisterDriver }

/** A store in which something waits, or has waited. */
interface Store {
  readonly settings: Settings
  /** How many wait there. */
  waiting: number
  /** Ends its notifications; undefined where it has none. */
  end: (() => void) | undefined
  /** It did not answer when it was last asked. */
  away: boolean
  /** Messages that cannot be read. Each store numbers its own. */
  readonly unread: Set<number>
}

/** Who is handed what comes. */
export interface Addressee {
  /** The books of what waits. */
  readonly journal: { readonly appId: string; readonly inbox: Inbox; readonly scope: Tree }
  readonly deliver: (message: StoredMessage) => Delivery
  /** The store does not answer; it is asked again. */
  readonly lost: (error: unknown) => void
}

/** Drivers whose persister was closed: a run that waits still asks them no more. */
export const closedDrivers = new WeakSet<PersisterDriver>()

/** Timers of Node hold its process, unless they are told not to. */
interface NodeTimer {
  ref?(): void
  unref?(): void
}

/** Looks into the inboxes of what waits, again and again. */
export class InboxWatch {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #waiting = new Set<Addressee>()
  #timer: unknown
  #looking = false
  readonly #stores = new Map<PersisterDriver, Store>()
  #held = false
  /** A message was stored while the store was asked. */
  #again = false

  /** @param everyMs `Infinity`: never */
  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** Something waits. @returns what to call when it does no more */
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
    const store: Store = { settings, waiting: 0, end: undefined, away: false, unread: new Set() }
    this.#stores.set(settings.driver, store)
    return store
  }

  /** A message was stored: the store is asked now. */
  #posted(): void {
    this.#again = this.#looking
    if (this.#looking || this.#waiting.size === 0) return
    this.#stop()
    void this.#look()
  }

  /** Somebody stays for the end of the run, or does no more (I3). */
  hold(held: boolean): void {
    this.#held = held
    const timer = this.#timer as NodeTimer | undefined
    if (held) timer?.ref?.()
    else timer?.unref?.()
  }

  #next(): void {
    if (this.#timer !== undefined || this.#looking || this.#waiting.size === 0 || this.#everyMs === Infinity) return
    this.#timer = this.#clock.setTimeout(() => void this.#look(), this.#everyMs)
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

  /** A store that is away keeps none of the others. */
  async #lookInto(store: Store): Promise<void> {
    const { driver } = store.settings
    if (closedDrivers.has(driver)) return
    const asking = (): Addressee[] =>
      [...this.#waiting].filter(({ journal }) => journal.scope.settings.driver === driver)
    try {
      const found: readonly Addressed[] = await driver.inbox(store.settings)
      store.away = false
      const byId = new Map(asking().map((one) => [one.journal.appId, one]))
      for (const posted of found) {
        const to = byId.get(posted.appId)
        if (to !== undefined && !store.unread.has(posted.id)) this.#hand(posted, to, store)
      }
    } catch (error) {
      if (!store.away) asking()[0]?.lost(error) // once, until it answers again
      store.away = true
    }
  }

  /** One that cannot be read is told of once, and keeps none of the others. */
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
