import type { Delivery, Received } from '../action/message.js'
import { NoSenderError } from '../errors.js'
import { announce } from './announce.js'
import type { LiveApp, LiveMap, LiveSiblings } from './tree.js'

// Owns: messages between the branches of one map, and who waits for one.

/** Carries the messages of siblings. */
export class Siblings implements LiveSiblings {
  readonly #map: LiveMap
  #waiting: Set<LiveApp> | undefined

  constructor(map: LiveMap) {
    this.#map = map
  }

  deliver(key: string, message: Received): Delivery {
    const { app, table, step } = this.#map
    const to = table.live.get(key)?.app
    const delivery = to === undefined ? 'dropped' : to.mailbox.push(message)
    if (to !== undefined && delivery === 'delivered') this.#waiting?.delete(to)
    if ((to ?? app).hears('message'))
      announce(to ?? app, { type: 'message', source: step.node.name, message, to: key, delivery })
    return delivery
  }

  broadcast(message: Received): void {
    for (const key of [...this.#map.table.live.keys()]) if (key !== message.from) this.deliver(key, message)
  }

  waits(app: LiveApp): void {
    this.#waiting ??= new Set()
    this.#waiting.add(app)
    this.check()
  }

  settled(app: LiveApp): void {
    this.#waiting?.delete(app)
    this.check()
  }

  /** Nobody is left who could send: who waits alone completes, those that wait for each other fail. */
  check(): void {
    const waiting = this.#waiting
    if (waiting === undefined || waiting.size === 0) return
    const { live, settled, total } = this.#map.table
    if (waiting.size < live.size || total === undefined || settled.size + live.size < total) return
    const error = live.size === 1 ? undefined : new NoSenderError([...live.keys()])
    for (const app of waiting) app.mailbox.release(error)
    waiting.clear()
  }
}
