import { createHash } from 'node:crypto'
import { unavailable } from '../../persistence/faults.js'
import { PersistenceError } from '../../store-errors.js'
import type { RedisLink } from './link.js'
import { ABOUT } from './read-scripts.js'
import type { Reply } from './stored-texts.js'

// Owns: one connection to a server, and sending scripts over it.
// C1  A call is sent only over a connection that is there, and never again once it may have arrived. Only a script that
//     reads is sent once more if its connection was lost.
// C2  No wait is endless: connecting and every answer have a limit. A server that gives no answer in time is left: the
//     next call connects anew.
// C3  A script that the server does not have is sent whole. Nothing was run then.

/** The version of the keys. */
export const VERSION = 1

/** A script, by its text. */
export interface Script {
  readonly text: string
  readonly sha: string
  /** Whether it changes nothing. */
  readonly reads: boolean
}
export const scriptOf = (text: string, reads: boolean): Script => ({
  ...{ text, reads },
  sha: createHash('sha1').update(text).digest('hex'),
})

export interface SessionSettings {
  readonly name: string
  /** Makes a connection that neither connects nor sends anything by itself. */
  connect(): RedisLink
  /** Maximum wait for a connection, in milliseconds. An answer has the same limit, which the connection sets. */
  readonly timeoutMs: number
  /** The first key of every script: the prefix in braces. */
  readonly prefix: string
  /** Called once, after the first connection. */
  opened(client: RedisLink): void
}

const about = scriptOf(ABOUT, false)

/** The connection was gone before anything was sent. */
const isUnsent = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('enableOfflineQueue options is false')
/** The server has refused the command, and answers. */
const isReply = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError'
const startsWith = (error: unknown, ...codes: readonly string[]): boolean =>
  isReply(error) && codes.includes((error as Error).message.split(' ', 1)[0] ?? '')

function readyOf(client: RedisLink): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('ready', () => resolve())
    client.on('end', () => reject(new TypeError('the connection was closed.')))
  })
}

export class Session {
  readonly #settings: SessionSettings
  #client: RedisLink | undefined
  #opening: Promise<RedisLink> | undefined
  #known = false
  #closed = false

  constructor(settings: SessionSettings) {
    this.#settings = settings
  }

  /**
   * Runs a script.
   * @param action the action in messages: `save`, `read a history`
   * @throws {PersistenceError} `unavailable`
   */
  async run(action: string, script: Script, args: readonly string[]): Promise<Reply> {
    const { name } = this.#settings
    try {
      if (this.#closed) throw new TypeError('it was closed.')
      const client = this.#client?.status === 'ready' && this.#known ? this.#client : await this.#connected()
      try {
        return await this.#send(client, script, args)
      } catch (error) {
        if (isReply(error) || this.#closed || !(script.reads || isUnsent(error))) throw error
        return await this.#send(await this.#connected(), script, args) // C1
      }
    } catch (error) {
      if (PersistenceError.is(error)) throw error
      throw unavailable(name, action, error)
    }
  }

  async #send(client: RedisLink, { sha, text }: Script, args: readonly string[]): Promise<Reply> {
    const { prefix } = this.#settings
    try {
      try {
        return (await client.call('evalsha', [sha, '1', prefix, ...args])) as Reply
      } catch (error) {
        if (!startsWith(error, 'NOSCRIPT')) throw error
        return (await client.call('eval', [text, '1', prefix, ...args])) as Reply // C3
      }
    } catch (error) {
      // It gave no answer in time, or is no longer the one that is written to: the next call connects anew (C2).
      if (!isReply(error) || startsWith(error, 'READONLY', 'MASTERDOWN')) {
        if (this.#client === client) this.#client = undefined
        client.disconnect()
      }
      throw error
    }
  }

  #connected(): Promise<RedisLink> {
    if (this.#client?.status === 'ready' && this.#known) return Promise.resolve(this.#client)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(): Promise<RedisLink> {
    this.#client?.disconnect()
    const client = this.#settings.connect()
    this.#client = client
    let cause: unknown
    client.on('error', (error: unknown) => {
      cause ??= error
    })
    const { timeoutMs } = this.#settings
    const late = new TypeError(`the server gave no answer within ${timeoutMs} ms.`)
    const timer = setTimeout(() => {
      cause ??= late
      client.disconnect()
    }, timeoutMs)
    try {
      await client.connect()
      if (client.status !== 'ready') await readyOf(client) // a cluster that looks at its nodes
    } catch (error) {
      client.disconnect()
      throw cause ?? error
    } finally {
      clearTimeout(timer)
    }
    if (!this.#known) await this.#look(client)
    if (this.#closed) client.disconnect()
    return client
  }

  /** @throws {PersistenceError} when the keys are newer than this code */
  async #look(client: RedisLink): Promise<void> {
    const version = Number(await this.#send(client, about, [String(VERSION)]))
    if (version > VERSION) {
      client.disconnect()
      throw new PersistenceError(
        `The keys of ${this.#settings.name} have version ${version}, but this version of Teasel reads up to ${VERSION}. Use the newer version. Nothing was changed.`,
        { fault: 'unavailable', appId: undefined },
      )
    }
    this.#known = true
    this.#settings.opened(client)
  }

  /** Waits for the answers that are under way. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const client = this.#client
    if (client?.status === 'ready') await client.quit().catch(() => {})
    client?.disconnect()
  }
}
