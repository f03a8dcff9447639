import type { Delivery, Received } from '../../action/message.js'
import { NoSenderError } from '../../errors.js'
import { emit } from '../emit.js'
import type { BranchHandle, WaitsFor } from '../map/branch-handle.js'
import type { MapVisit } from '../map/map-visit.js'
import { isBranchObserved, queuedBranchSource } from '../map/queued-branch.js'
import { Mailbox } from './mailbox.js'
import { ResumeQueue } from './resume-queue.js'

// Owns: messages between the branches of one map, also to queued ones, and the number of waiting branches.
// B1  A branch of a source of known length has its mailbox before it starts.
// B2  While a branch waits for a person or a time, siblings may wait for each other: its end may let one of them
//     continue.
// B3  A branch in the delay before an attempt counts as running here: it holds its slot.

/** A map, as its branches exchange messages. */
interface MessagingMap extends MapVisit {
  /** True while something goes on beside its branches: its source, its reducer, interceptors. */
  readonly busy: boolean
  knows(key: string): boolean
  /** The keys that are queued in a source of known length. */
  queued(): Iterable<string>
  /** A branch waits for a person: another one may start. */
  refill(): void
}

/** Messages between the branches of one map. */
export class BranchMessages {
  readonly #map: MessagingMap
  readonly #window: number
  /** The mailboxes of queued branches (B1). */
  #early: Map<string, Mailbox> | undefined
  /** Live branches by what they wait for; those that wait for nothing are not counted. */
  readonly #waiting = { nothing: 0, siblings: 0, outside: 0, retry: 0 }
  /** Made when a branch has waited. */
  #resuming: ResumeQueue | undefined

  constructor(map: MessagingMap, window: number) {
    this.#map = map
    this.#window = window
  }

  /** The number of branches that wait for a message from outside, or sleep. */
  get outside(): number {
    return this.#waiting.outside
  }

  turnOf(key: string): Promise<void> | undefined {
    return this.#resuming?.turnOf(key)
  }

  #running(): number {
    const { siblings, outside } = this.#waiting
    return this.#map.table.live.size - siblings - outside - (this.#resuming?.size ?? 0)
  }

  deliver(key: string, message: Received, to = key): Delivery {
    const { app, table, step } = this.#map
    const branch = table.live.get(key)
    const mailbox = branch === undefined ? this.#mailboxOf(key) : undefined
    const delivery = branch?.send(message) ?? mailbox?.push(message) ?? 'dropped'
    if (isBranchObserved(this.#map, 'message')) {
      const source = branch?.origin ?? (mailbox === undefined ? app : queuedBranchSource(this.#map, key))
      emit(source, { type: 'message', source: step.node.name, message, to, delivery })
    } else app.system.skip()
    return delivery
  }

  #mailboxOf(key: string): Mailbox | undefined {
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

  /** Hands messages queued before a branch was made to the branch (B1). */
  made(key: string, branch: BranchHandle): void {
    const mailbox = this.#early?.get(key)
    if (mailbox === undefined) return
    this.#early?.delete(key)
    branch.adopt(mailbox.drain())
  }

  /** @param level what the branch waited for when it settled */
  settled(key: string, level: WaitsFor): void {
    if (level !== 'nothing') {
      this.#waiting[level] -= 1
      this.check()
    }
    this.#resuming?.remove(key)
    this.#resuming?.admit()
  }

  /** A branch waits for something else. */
  changed(key: string, before: WaitsFor, after: WaitsFor): void {
    const branch = this.#map.table.live.get(key)
    if (branch === undefined) return // it has settled, and is no longer counted
    this.#waiting[before] -= 1
    this.#waiting[after] += 1
    this.#resuming ??= new ResumeQueue(this.#window, () => this.#running())
    if (after !== 'nothing') this.#resuming.remove(key)
    else if (branch.cancelledAt === undefined && before !== 'retry') this.#resuming.add(key)
    this.#resuming.admit()
    if (after === 'outside') this.#map.refill()
    this.check()
  }

  get waitsFor(): WaitsFor {
    const { siblings, outside, retry } = this.#waiting
    const all = siblings + outside + retry
    if (outside + retry === 0 || all < this.#map.table.live.size || this.#map.busy) return 'nothing'
    return outside > 0 ? 'outside' : 'retry'
  }

  /** Updates the wait state of the map's application, and releases branches that no sibling can send to any more. */
  check(): void {
    const { siblings, outside, retry } = this.#waiting
    const { run, table, busy } = this.#map
    if (siblings > 0 && outside === 0 && siblings === table.live.size && !busy) this.#releaseAll() // B2
    if (siblings + outside + retry > 0) run.waitState.update()
    else run.waits?.update()
  }

  /** No possible sender is left: a branch that waits alone completes, branches that wait for each other fail. */
  #releaseAll(): void {
    const { live, settled, state } = this.#map.table
    const { total } = state
    const queued = total === undefined || settled.size + live.size < total
    const alone = live.size === 1 && !queued
    if (!alone) for (const { mayWithdraw } of live.values()) if (mayWithdraw) return
    const error = alone ? undefined : { reason: new NoSenderError([...live.keys()], queued) }
    for (const branch of [...live.values()]) branch.releaseSiblings(error)
  }
}
