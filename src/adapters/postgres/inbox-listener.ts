import type { PgClient, PgPool } from './pool.js'

// Owns: one connection that listens for stored messages while something waits for one.
// Does not own: the messages. They are read from the inbox, which is also polled, because a notification may be lost.

/** Wait before a lost connection is opened again, in milliseconds. */
const RECONNECT_MS = 1_000

export class InboxListener {
  /** The channel that `post` notifies. */
  readonly channel: string
  readonly #pool: PgPool
  readonly #watching = new Map<string, Set<() => void>>()
  #client: PgClient | undefined
  #connecting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(pool: PgPool, channel: string) {
    this.#pool = pool
    this.channel = channel.slice(0, 63)
  }

  /** Calls back at each notification with a payload. @returns a function that ends it */
  add(payload: string, posted: () => void): () => void {
    const known = this.#watching.get(payload) ?? new Set()
    this.#watching.set(payload, known.add(posted))
    this.#connect()
    return () => {
      known.delete(posted)
      if (known.size === 0) this.#watching.delete(payload)
      if (this.#watching.size === 0) this.#disconnect()
    }
  }

  #connect(): void {
    if (this.#client !== undefined || this.#connecting !== undefined || this.#closed) return
    this.#connecting = this.#listen().then(
      () => {
        this.#connecting = undefined
      },
      () => {
        this.#connecting = undefined
        this.#reconnectLater()
      },
    )
  }

  async #listen(): Promise<void> {
    const client = await this.#pool.connect()
    const lost = (): void => {
      if (this.#client !== client) return
      this.#client = undefined
      client.release(true)
      this.#reconnectLater()
    }
    try {
      client.on('error', lost)
      client.on('end', lost)
      client.on('notification', ({ payload = '' }) => this.#notify(payload))
      await client.query(`listen "${this.channel.replaceAll('"', '""')}"`)
    } catch (error) {
      client.release(true)
      throw error
    }
    this.#client = client
    if (this.#watching.size === 0 || this.#closed) this.#disconnect()
    else for (const payload of this.#watching.keys()) this.#notify(payload) // for messages stored before it listened
  }

  #notify(payload: string): void {
    for (const posted of [...(this.#watching.get(payload) ?? [])]) posted()
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
    client?.release(true) // a listening connection is not returned to the pool
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    await this.#connecting
    this.#disconnect()
  }
}
