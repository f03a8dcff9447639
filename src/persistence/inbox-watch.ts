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
  readonly settings: RootKey & { readonly driver: PersisterDriver }
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
  /** Messages that cannot be read. */
  readonly #unread = new Set<number>()
  /** Notifications of stores that have them, by tree. */
  readonly #watching = new Map<Tree, () => void>()
  #held = false
  #away = false
  /** A message was stored while the store was asked. */
  #again = false

  /** @param everyMs `Infinity`: never */
  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
  }

  /** Something waits. @returns what to call when it does no more */
  add(addressee: Addressee): () => void {
    const { scope } = addressee.journal
    const { driver } = scope.settings
    this.#waiting.add(addressee)
    if (!this.#watching.has(scope)) {
      const end = driver.watch?.(scope.settings, () => this.#posted())
      if (end !== undefined) this.#watching.set(scope, end)
    }
    this.#next()
    return () => {
      this.#waiting.delete(addressee)
      if (![...this.#waiting].some(({ journal }) => journal.scope === scope)) {
        this.#watching.get(scope)?.()
        this.#watching.delete(scope)
      }
      if (this.#waiting.size === 0) this.#stop()
    }
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
    try {
      for (const scope of new Set([...this.#waiting].map(({ journal }) => journal.scope))) await this.#lookInto(scope)
      this.#away = false
    } catch (error) {
      const [one] = this.#waiting
      if (!this.#away) one?.lost(error) // once, until it answers again
      this.#away = true
    }
    this.#looking = false
    if (this.#again) {
      this.#again = false
      return this.#look()
    }
    this.#next()
  }

  async #lookInto(scope: Tree): Promise<void> {
    const { driver } = scope.settings
    if (closedDrivers.has(driver)) return
    const found: readonly Addressed[] = await driver.inbox(scope.settings)
    const asking = [...this.#waiting].filter(({ journal }) => journal.scope === scope)
    const byId = new Map(asking.map((one) => [one.journal.appId, one]))
    for (const posted of found) {
      const to = byId.get(posted.appId)
      if (to !== undefined && !this.#unread.has(posted.id)) this.#hand(posted, to)
    }
  }

  /** One that cannot be read is told of once, and keeps none of the others. */
  #hand(posted: Addressed, { journal, deliver, lost }: Addressee): void {
    let message: StoredMessage
    try {
      message = readMessage(posted.appId, posted)
    } catch (error) {
      this.#unread.add(posted.id)
      return lost(error)
    }
    journal.inbox.arrived(message, deliver) // I2
  }
}
