import type { Redis } from 'ioredis'
import type { Connections } from './connections.js'

// Owns: the one connection of a driver that listens, and who listens to which channel.
// L1  A channel is subscribed to while anyone listens to it, and again after the connection was lost.
// L2  A listener that fails harms no other.

type Receive = (text: string) => void

export class Channels {
  readonly #connections: Connections
  readonly #listeners = new Map<string, Set<Receive>>()
  /** Subscriptions of the connection as it is now. */
  readonly #subscribed = new Map<string, Promise<unknown>>()
  #redis: Redis | undefined

  constructor(connections: Connections) {
    this.#connections = connections
  }

  /** Resolves when it listens. @returns a function that ends it */
  async listen(channel: string, receive: Receive): Promise<() => Promise<void>> {
    const peers = await this.#connections.peers()
    const redis = this.#redis ?? this.#open(this.#connections.open(peers))
    this.#redis = redis
    const own: Receive = (text) => receive(text)
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(own))
    try {
      await this.#connections.send('listen', redis, () => this.#subscribe(redis, channel))
    } catch (error) {
      await this.#leave(channel, own)
      throw error
    }
    return () => this.#leave(channel, own)
  }

  #open(redis: Redis): Redis {
    redis.on('message', (channel: string, text: string) => {
      for (const receive of [...(this.#listeners.get(channel) ?? [])]) {
        try {
          receive(text)
        } catch (error) {
          this.#connections.failed(error) // L2
        }
      }
    })
    redis.on('close', () => this.#subscribed.clear())
    redis.on('ready', () => {
      for (const channel of this.#listeners.keys()) this.#subscribe(redis, channel).catch(() => {}) // L1
    })
    return redis
  }

  #subscribe(redis: Redis, channel: string): Promise<unknown> {
    const subscribing = this.#subscribed.get(channel) ?? redis.subscribe(channel)
    this.#subscribed.set(channel, subscribing)
    return subscribing
  }

  async #leave(channel: string, own: Receive): Promise<void> {
    const listeners = this.#listeners.get(channel)
    if (listeners?.delete(own) !== true || listeners.size > 0) return
    this.#listeners.delete(channel)
    this.#subscribed.delete(channel)
    if (this.#redis?.status === 'ready') await this.#redis.unsubscribe(channel).catch(() => {})
  }
}
