import type { Delivery, Received } from '../../action/message.js'
import { NoSenderError } from '../../errors.js'
import { announce } from '../emit.js'
import type { BranchHandle, WaitsFor } from '../map/branch-handle.js'
import { isBranchObserved, queuedBranchSource } from '../map/queued-branch.js'
import type { LiveMap } from '../tree.js'
import { Mailbox } from './mailbox.js'
import { ResumeQueue } from './resume-queue.js'
import { waitStateOf } from './wait-state.js'

// Owns: messages between the branches of one map, those that come before a branch has started, and how many wait.
// B1  A branch of a known source has its mailbox before its turn comes.
// B2  While some branch waits for a person, siblings may wait for each other: the answer may set one of them going.

/** Carries the messages of siblings. */
export class BranchMessages {
  readonly #map: LiveMap
  /** The mail of branches that are queued (B1). */
  #early: Map<string, Mailbox> | undefined
  /** Branches that live, by what they wait for; those that wait for nothing are not counted. */
  readonly #waiting = { nothing: 0, siblings: 0, outside: 0 }
  readonly #window: number
  /** Made when a branch has waited. */
  #places: ResumeQueue | undefined

  constructor(map: LiveMap, window: number) {
    this.#map = map
    this.#window = window
  }

  /** How many wait for a message from outside. */
  get outside(): number {
    return this.#waiting.outside
  }

  turnOf(key: string): Promise<void> | undefined {
    return this.#places?.turnOf(key)
  }

  #running(): number {
    const { siblings, outside } = this.#waiting
    return this.#map.table.live.size - siblings - outside - (this.#places?.wanting ?? 0)
  }

  deliver(key: string, message: Received, to = key): Delivery {
    const { app, table, step } = this.#map
    const branch = table.live.get(key)
    const mailbox = branch === undefined ? this.#mailOf(key) : undefined
    const delivery = branch?.send(message) ?? mailbox?.push(message) ?? 'dropped'
    if (isBranchObserved(this.#map, 'message')) {
      const origin = branch?.origin ?? (mailbox === undefined ? app : queuedBranchSource(this.#map, key)) // also to their own `watch`
      announce(origin, { type: 'message', source: step.node.name, message, to, delivery })
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
  made(key: string, branch: BranchHandle): void {
    const mailbox = this.#early?.get(key)
    if (mailbox === undefined) return
    this.#early?.delete(key)
    branch.adopt(mailbox)
  }

  /** @param level what it waited for when it settled */
  settled(key: string, level: WaitsFor): void {
    if (level !== 'nothing') {
      this.#waiting[level] -= 1
      this.check()
    }
    this.#places?.leave(key)
    this.#places?.grant()
  }

  /** A branch waits, or waits no more. */
  changed(key: string, before: WaitsFor, after: WaitsFor): void {
    const branch = this.#map.table.live.get(key)
    if (branch === undefined) return // it has settled, and is counted no more
    this.#waiting[before] -= 1
    this.#waiting[after] += 1
    this.#places ??= new ResumeQueue(this.#window, () => this.#running())
    if (after !== 'nothing') this.#places.leave(key)
    else if (branch.cancelledAt === undefined) this.#places.want(key)
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
    const { run, table, busy } = this.#map
    if (siblings > 0 && outside === 0 && siblings === table.live.size && !busy) this.#nobodySends() // B2
    if (siblings + outside > 0) waitStateOf(run).reckon()
    else run.waits?.reckon()
  }

  /** Nobody is left who could send: who waits alone completes, those that wait for each other fail. */
  #nobodySends(): void {
    const { live, settled, state } = this.#map.table
    const { total } = state
    const queued = total === undefined || settled.size + live.size < total
    const alone = live.size === 1 && !queued
    if (!alone && [...live.values()].some(({ mayWithdraw }) => mayWithdraw)) return
    const error = alone ? undefined : { reason: new NoSenderError([...live.keys()], queued) }
    for (const branch of [...live.values()]) branch.releaseSiblings(error)
  }
}
