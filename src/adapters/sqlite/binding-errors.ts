// The kinds of errors that bindings of SQLite throw.

/** A row with the same key exists. */
export const isTaken = (error: unknown): boolean =>
  error instanceof Error && /UNIQUE constraint failed|PRIMARY KEY/i.test(error.message)

/** The file is damaged. */
export const isDamage = (error: unknown): boolean =>
  error instanceof Error && /malformed|SQLITE_CORRUPT/i.test(`${error.message} ${String(Reflect.get(error, 'code'))}`)

/** Another connection holds the lock. */
export const isLock = (error: unknown): boolean =>
  error instanceof Error && /\blocked\b|SQLITE_BUSY/.test(error.message)
