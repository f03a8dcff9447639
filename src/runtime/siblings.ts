import type { Delivery, Received } from '../action/message.js'
import { NoSenderError } from '../errors.js'
import { announce } from './announce.js'
import { Mailbox } from './mailbox.js'
import { Places } from './places.js'
import type { LiveApp, LiveMap, LiveSiblings, WaitsFor } from './tree.js'
import { hearsOfBranch, unmade } from './unmade.js'
import { waitsOf } from './waits.js'

// Owns: messages between the branches of one map, those that come before a branch has started, and how many wait.
// B1  A branch of a known source has its mailbox before its turn comes.
// B2  While some branch waits for a person, siblings may wait for each other: the answer may set one of them going.

/** Carries the messages of siblings. */
export class Siblings implements LiveSiblings {
  readonly #map: LiveMap
  /** The mail of branches that are queued (B1). */
  #early: Map<string, Mailbox> | undefined
  /** Branches that live, by what they wait for; those that wait for nothing are not counted. */
  readonly #waiting = { nothing: 0, siblings: 0, outside: 0 }
  readonly #window: number
  /** Made when a branch has waited. */
  #places: Places | undefined

  constructor(map: LiveMap, window: number) {
    this.#map = map
    this.#window = window
  }

  /** How many wait for a message from outside. */
  get outside(): number {
    return this.#waiting.outside
  }

  turnOf(app: LiveApp): Promise<void> | undefined {
    return this.#places?.turnOf(app)
  }

  #running(): number {
    const { siblings, outside } = this.#waiting
    return this.#map.table.live.size - siblings - outside - (this.#places?.wanting ?? 0)
  }

  deliver(key: string, message: Received, to = key): Delivery {
    const { app, table, step } = this.#map
    const branch = table.live.get(key)?.app
    const mailbox = branch === undefined ? this.#mailOf(key) : branch.mailbox
    const delivery = branch?.cancellation === undefined ? (mailbox?.push(message) ?? 'dropped') : 'dropped'
    if (hearsOfBranch(this.#map, 'message')) {
      const teller = branch ?? (mailbox === undefined ? app : unmade(this.#map, key)) // also to their own `watch`
      announce(teller, { type: 'message', source: step.node.name, message, to, delivery })
    }
    return delivery
  }

  #mailOf(key: string): Mailbox | undefined {
    if (this.#map.table.settled.has(key) || !this.#map.knows(key)) return undefined
    this.#early ??= new Map()
    const mailbox = this.#early.get(key) ?? new Mailbox()
    this.#early.set(key, mailbox)
    return mailbox
  }

  broadcast(message: Received, from: string): void {
    const { table } = this.#map
    for (const key of [...table.live.keys(), ...this.#map.queued()]) if (key !== from) this.deliver(key, message)
  }

  /** A branch was made: what was sent before is its own (B1). */
  made(key: string, app: LiveApp): void {
    const mailbox = this.#early?.get(key)
    if (mailbox === undefined) return
    this.#early?.delete(key)
    app.mailbox = mailbox
  }

  settled(app: LiveApp): void {
    const { waits } = app
    if (waits !== undefined && waits.level !== 'nothing') {
      this.#waiting[waits.level] -= 1
      waits.level = 'nothing'
      this.check()
    }
    this.#places?.leave(app)
    this.#places?.grant()
  }

  changed(before: WaitsFor, after: WaitsFor, app: LiveApp): void {
    this.#waiting[before] -= 1
    this.#waiting[after] += 1
    this.#places ??= new Places(this.#window, () => this.#running())
    if (after === 'nothing') this.#places.want(app)
    else this.#places.leave(app)
    this.#places.grant()
    if (after === 'outside') this.#map.refill()
    this.check()
  }

  get waitsFor(): WaitsFor {
    const { siblings, outside } = this.#waiting
    if (outside === 0 || siblings + outside < this.#map.table.live.size || this.#map.busy) return 'nothing'
    return 'outside'
  }

  /** Looks again at who waits: for the map's application, and for those that nobody can send to any more. */
  check(): void {
    const { siblings, outside } = this.#waiting
    const { app, table, busy } = this.#map
    if (siblings > 0 && outside === 0 && siblings === table.live.size && !busy) this.#nobodySends() // B2
    if (siblings + outside > 0) waitsOf(app).reckon()
    else app.waits?.reckon()
  }

  /** Nobody is left who could send: who waits alone completes, those that wait for each other fail. */
  #nobodySends(): void {
    const { live, settled, total } = this.#map.table
    const queued = total === undefined || settled.size + live.size < total
    const alone = live.size === 1 && !queued
    if (!alone && [...live.values()].some(({ app }) => canGoOn(app))) return
    const error = alone ? undefined : { reason: new NoSenderError([...live.keys()], queued) }
    for (const { app } of [...live.values()]) app.waits?.releaseSiblings(error)
  }
}

/** Whether it may stop waiting without a message, and send one then. */
function canGoOn({ waits }: LiveApp): boolean {
  for (const wait of waits?.open ?? []) if (wait.withdrawable) return true
  return false
}
