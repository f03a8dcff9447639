// Owns: which channels of a server are watched, and one connection that listens to them while something does.
// Does not own: connections (adapters), stored messages and due roots. Those are read from the store, which is also polled,
// because a notification may be lost.

/** Wait before a lost connection is opened again, in milliseconds. */
const RECONNECT_MS = 1_000

/** A connection that listens. */
export interface ListeningConnection {
  /** Resolves when it listens to the channels. */
  listen(channels: readonly string[]): Promise<void>
  /** Nothing watches the channel any more. Leave it out where channels are few. */
  unlisten?(channel: string): void
  end(): void
}

/** What a connection reports. */
export interface ConnectionEvents {
  notified(channel: string, payload?: string): void
  /** Nothing follows. It may be called again. */
  lost(): void
}

export class ChannelListener {
  readonly #open: (events: ConnectionEvents) => Promise<ListeningConnection>
  /** By channel, then by payload; those for any payload are under undefined. */
  readonly #watching = new Map<string, Map<string | undefined, Set<() => void>>>()
  readonly #listening = new Set<string>()
  #connection: ListeningConnection | undefined
  #connecting: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /** @param open opens a connection */
  constructor(open: (events: ConnectionEvents) => Promise<ListeningConnection>) {
    this.#open = open
  }

  /** Calls back at each notification of a channel, with a payload if given. @returns a function that ends it */
  add(channel: string, notified: () => void, payload?: string): () => void {
    const watch = (): void => notified() // the same function may watch twice
    const payloads = this.#watching.get(channel) ?? new Map<string | undefined, Set<() => void>>()
    const watches = payloads.get(payload) ?? new Set()
    this.#watching.set(channel, payloads.set(payload, watches.add(watch)))
    this.#connect()
    return () => {
      watches.delete(watch)
      if (watches.size > 0 || payloads.get(payload) !== watches) return
      payloads.delete(payload)
      if (payloads.size === 0 && this.#watching.get(channel) === payloads) this.#forget(channel)
    }
  }

  #forget(channel: string): void {
    this.#watching.delete(channel)
    const connection = this.#connection
    if (this.#watching.size === 0) this.#disconnect()
    else if (connection?.unlisten !== undefined && this.#listening.delete(channel)) connection.unlisten(channel)
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
    const connection = this.#connection ?? (await this.#opened())
    this.#connection = connection
    const channels = this.#missing()
    if (channels.length === 0) return
    await connection.listen(channels)
    if (this.#connection !== connection) throw new TypeError('The connection was lost.')
    for (const channel of channels) {
      const payloads = this.#watching.get(channel)
      if (payloads === undefined) {
        connection.unlisten?.(channel)
        continue
      }
      this.#listening.add(channel)
      for (const payload of [...payloads.keys()]) this.#notify(channel, payload) // something may have come before
    }
  }

  async #opened(): Promise<ListeningConnection> {
    let connection: ListeningConnection | undefined
    connection = await this.#open({
      notified: (channel, payload) => {
        this.#notify(channel, undefined)
        if (payload !== undefined) this.#notify(channel, payload)
      },
      lost: () => {
        if (connection === undefined || this.#connection !== connection) return // listening fails then
        this.#disconnect()
        if (this.#connecting === undefined) this.#reconnectLater()
      },
    })
    return connection
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
    const connection = this.#connection
    this.#connection = undefined
    this.#listening.clear()
    connection?.end()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watching.clear()
    await this.#connecting
    this.#disconnect()
  }
}
