// Owns: the part of `pg` that the adapter uses, and the kinds of its errors.

/** A row as `pg` returns it. */
export type PgRow = Readonly<Record<string, unknown>>

/** A statement. One with a name is prepared. */
export interface Statement {
  readonly name?: string
  readonly text: string
  readonly values: readonly unknown[]
}

/** What a statement gives. */
export interface PgAnswer {
  readonly rows: readonly PgRow[]
  /** The number of rows that it has read or changed. */
  readonly rowCount?: number | null
}

/** A client or a pool of `pg`. */
export interface Queryable {
  query(text: string, values?: readonly unknown[]): Promise<PgAnswer>
  query(statement: Statement): Promise<PgAnswer>
}

/** A notification of a channel. */
export interface Notification {
  readonly channel: string
  readonly payload?: string | undefined
}

/** A client that a pool lends. */
export interface PgClient extends Queryable {
  on(event: 'notification', listener: (message: Notification) => void): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  release(destroy?: boolean): void
}

/** A pool of connections: `new Pool()` of `pg`. */
export interface PgPool extends Queryable {
  connect(): Promise<PgClient>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

/** The SQLSTATE of an error; undefined for an error that is not of the server. */
function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** A row with the same key exists, or belongs to an application that is not there. */
export const isRefused = (error: unknown): boolean => /^(23505|23502)$/.test(codeOf(error) ?? '')

/** The server has found its own data damaged. */
export const isDamage = (error: unknown): boolean => /^XX00[12]$/.test(codeOf(error) ?? '')

/** The connection was lost. */
export const isLost = (error: unknown): boolean => {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  if (typeof code === 'string') return /^(08...|57P0[123]|ECONNRESET|EPIPE)$/.test(code)
  return error instanceof Error && /^Connection terminated/.test(error.message)
}

/**
 * The statement is not prepared: a pooler has switched the connection. Nothing was run.
 */
export const isUnprepared = (error: unknown): boolean => /^(26000|42P05)$/.test(codeOf(error) ?? '')
