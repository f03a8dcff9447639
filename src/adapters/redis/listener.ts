import type { RedisLink } from './link.js'

// Owns: one connection that listens for messages of channels, while something watches for them.
// Does not own: stored messages and due roots. They are read from their keys, which are also polled, because a message of
// a channel may be lost.

/** Wait before a lost connection is opened again, in milliseconds. */
const RECONNECT_MS = 1_000

export class Listener {
  readonly #make: () => RedisLink
  readonly #watching = new Map<string, Set<() => void>>()
  readonly #listening = new Set<string>()
  #client: RedisLink | undefined
  #connecting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /** @param make makes a connection that does not connect by itself */
  constructor(make: () => RedisLink) {
    this.#make = make
  }

  /** Calls back at each message of a channel. @returns a function that ends it */
  add(channel: string, notified: () => void): () => void {
    const watch = (): void => notified() // the same function may watch twice
    const watches = this.#watching.get(channel) ?? new Set()
    this.#watching.set(channel, watches.add(watch))
    this.#connect()
    return () => {
      watches.delete(watch)
      if (watches.size > 0 || this.#watching.get(channel) !== watches) return
      this.#watching.delete(channel)
      if (this.#watching.size === 0) this.#disconnect()
      else if (this.#listening.delete(channel)) this.#client?.unsubscribe(channel).catch(() => {})
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
    const channels = this.#missing()
    if (channels.length === 0) return
    await client.subscribe(...channels)
    if (this.#client !== client) throw new TypeError('The connection was lost.')
    for (const channel of channels) {
      if (!this.#watching.has(channel)) {
        client.unsubscribe(channel).catch(() => {})
        continue
      }
      this.#listening.add(channel)
      this.#notify(channel) // something may have come before
    }
  }

  async #open(): Promise<RedisLink> {
    const client = this.#make()
    client.on('error', () => {})
    client.on('end', () => {
      if (this.#client !== client) return
      this.#disconnect()
      if (this.#connecting === undefined) this.#reconnectLater()
    })
    client.on('message', (channel) => this.#notify(String(channel)))
    try {
      await client.connect()
    } catch (error) {
      client.disconnect()
      throw error
    }
    return client
  }

  #notify(channel: string): void {
    for (const notified of [...(this.#watching.get(channel) ?? [])]) notified()
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
    client?.disconnect()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watching.clear()
    await this.#connecting
    this.#disconnect()
  }
}
