import { damaged, unavailable } from '../../persistence/faults.js'
import { PersistenceError, SnapshotError } from '../../store-errors.js'
import { isDamage, isLost, isUnprepared, type PgAnswer, type PgPool, type PgRow } from './pool.js'
import { migrate } from './schema.js'
import type { Tables } from './tables.js'

// Owns: sending statements to one schema, whose tables it makes first.
// P2  A statement that only reads is sent once more if its connection was lost: a pool may lend a connection that the
//     server has closed.
// P3  Statements are prepared, unless a pooler hands the connection to others: prepared statements are lost then.

/** A statement with its values. */
export interface Asked {
  /** The same text always has the same name. Undefined: its plan depends on its values, so it is not prepared. */
  readonly name: string | undefined
  readonly text: string
  readonly values: readonly unknown[]
  /** Whether it changes nothing. */
  readonly reads: boolean
}

export interface PostgresSettings {
  readonly pool: PgPool
  /** Whether the driver ends the pool when it is closed. */
  readonly owned: boolean
  readonly schema: string
  readonly name: string
}

export class Session {
  readonly #settings: PostgresSettings
  readonly #tables: Tables
  #ready: Promise<void> | undefined
  #prepares = true
  #closed = false

  constructor(settings: PostgresSettings, tables: Tables) {
    this.#settings = settings
    this.#tables = tables
    settings.pool.on('error', () => {}) // an idle connection was lost; the pool opens another one
  }

  /**
   * @param action the action in messages: `save`, `read a history`
   * @throws {PersistenceError} `unavailable`, or `corrupt` for a damaged store
   */
  async ask(action: string, asked: Asked): Promise<readonly PgRow[]> {
    return (await this.send(action, asked)).rows
  }

  /** As {@link ask}, with the number of rows. */
  async send(action: string, asked: Asked): Promise<PgAnswer> {
    const { name } = this.#settings
    try {
      if (this.#closed) throw new TypeError('it was closed.')
      this.#ready ??= this.#prepare()
      await this.#ready
      try {
        return await this.#query(asked)
      } catch (error) {
        if (!asked.reads || !isLost(error)) throw error
        return await this.#query(asked) // P2
      }
    } catch (error) {
      if (PersistenceError.is(error) || SnapshotError.is(error)) throw error
      throw isDamage(error) ? damaged(name, action, error) : unavailable(name, action, error)
    }
  }

  /** Sends a statement; one whose preparation is lost is sent again unprepared (P3). @throws the error of the server */
  async #query({ name, text, values }: Asked): Promise<PgAnswer> {
    const { pool } = this.#settings
    if (!this.#prepares || name === undefined) return pool.query(text, values)
    try {
      return await pool.query({ name: `teasel_${name}_${this.#tables.schema}`, text, values })
    } catch (error) {
      if (!isUnprepared(error)) throw error
      this.#prepares = false
      return pool.query(text, values)
    }
  }

  /** Makes the tables. After a failure, the next call tries again. */
  async #prepare(): Promise<void> {
    try {
      const client = await this.#settings.pool.connect()
      try {
        await migrate(client, this.#tables, this.#settings.name)
      } finally {
        client.release()
      }
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#settings.owned) await this.#settings.pool.end()
  }
}
