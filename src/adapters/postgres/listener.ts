import type { PgClient, PgPool } from './pool.js'

// Owns: one connection that listens for stored messages, and for due roots, while something watches for them.
// Does not own: messages and due roots. They are read from the tables, which are also polled, because a notification
// may be lost.

/** Wait before a lost connection is opened again, in milliseconds. */
const RECONNECT_MS = 1_000

export class Listener {
  readonly #pool: PgPool
  /** By channel, then by payload; those for any payload are under undefined. */
  readonly #watching = new Map<string, Map<string | undefined, Set<() => void>>>()
  readonly #listening = new Set<string>()
  #client: PgClient | undefined
  #connecting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(pool: PgPool) {
    this.#pool = pool
  }

  /** Calls back at each notification of a channel, with a payload if given. @returns a function that ends it */
  add(channel: string, notified: () => void, payload?: string): () => void {
    const payloads = this.#watching.get(channel) ?? new Map<string | undefined, Set<() => void>>()
    const watches = payloads.get(payload) ?? new Set()
    this.#watching.set(channel, payloads.set(payload, watches.add(notified)))
    this.#connect()
    return () => {
      watches.delete(notified)
      if (watches.size > 0 || payloads.get(payload) !== watches) return
      payloads.delete(payload)
      if (payloads.size === 0) this.#watching.delete(channel)
      if (this.#watching.size === 0) this.#disconnect()
    }
  }

  #connect(): void {
    if (this.#connecting !== undefined || this.#closed || this.#missing().length === 0) return
    this.#connecting = this.#listen().then(
      () => {
        this.#connecting = undefined
        if (this.#watching.size === 0 || this.#closed) this.#disconnect()
        else this.#connect() // for channels that were added meanwhile
      },
      () => {
        this.#connecting = undefined
        this.#disconnect()
        this.#reconnectLater()
      },
    )
  }

  /** The channels that are watched, and not listened to. */
  #missing(): readonly string[] {
    return [...this.#watching.keys()].filter((channel) => !this.#listening.has(channel))
  }

  async #listen(): Promise<void> {
    this.#client ??= await this.#open()
    const client = this.#client
    for (const channel of this.#missing()) {
      await client.query(`listen "${channel.replaceAll('"', '""')}"`)
      if (this.#client !== client) throw new TypeError('The connection was lost.')
      this.#listening.add(channel)
      for (const payload of [...(this.#watching.get(channel)?.keys() ?? [])]) this.#notify(channel, payload) // came before
    }
  }

  async #open(): Promise<PgClient> {
    const client = await this.#pool.connect()
    const lost = (): void => {
      if (this.#client !== client) return
      this.#disconnect()
      if (this.#connecting === undefined) this.#reconnectLater()
    }
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', ({ channel, payload }) => {
      this.#notify(channel, undefined)
      if (payload !== undefined) this.#notify(channel, payload)
    })
    return client
  }

  #notify(channel: string, payload: string | undefined): void {
    for (const notified of [...(this.#watching.get(channel)?.get(payload) ?? [])]) notified()
  }

  #reconnectLater(): void {
    if (this.#watching.size === 0 || this.#closed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#connect()
    }, RECONNECT_MS)
    this.#timer.unref()
  }

  #disconnect(): void {
    const client = this.#client
    this.#client = undefined
    this.#listening.clear()
    client?.release(true) // a listening connection is not returned to the pool
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    await this.#connecting
    this.#disconnect()
  }
}
