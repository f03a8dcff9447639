import { place, TeaselError, type Where } from './errors.js'

/**
 * The kind of failure of a persister.
 *
 * - `taken-over`: another runner opened the application; `writers` names both. Committed steps are stored.
 * - `held`: another runner holds the application, and its lease lives; `writers` names both, `heldUntil` its end.
 * - `conflict`: another runner has written the same record, or the application is stored in another place.
 * - `unavailable`: no connection, disk full, read-only, locked for too long.
 * - `corrupt`: a record cannot be read.
 */
export type PersistenceFault = 'taken-over' | 'held' | 'conflict' | 'unavailable' | 'corrupt'

/** The facts of a {@link PersistenceError}. */
export interface PersistenceFacts {
  readonly fault: PersistenceFault
  readonly appId: string | undefined
  /** Ids of this runner and of the other one. */
  readonly writers?: readonly string[]
  /** The record that cannot be read. */
  readonly record?: CorruptRecord
  /** End of the lease of the other runner, epoch milliseconds. */
  readonly heldUntil?: number
}

/** The record that cannot be read: its index in its application, its kind and its step. */
export interface CorruptRecord {
  readonly index: number
  readonly kind: string
  readonly sequenceId: number
}

/** A persister failed. The state in memory stays at the last stored step. */
export class PersistenceError extends TeaselError {
  static override readonly name: string = 'PersistenceError'
  static readonly code = 'persistence'
  readonly code = 'persistence'
  override readonly name = 'PersistenceError'
  /** The kind of failure. */
  readonly fault: PersistenceFault
  /** The id of the application, if the failure is about one. */
  readonly appId: string | undefined
  /** Ids of this runner and of the other one. */
  readonly writers: readonly string[]
  /** The record that cannot be read, if there is one. */
  readonly record: CorruptRecord | undefined
  /** End of the lease of the other runner, epoch milliseconds, if it is `held`. */
  readonly heldUntil: number | undefined

  /** @param cause the value that the store threw, which may be `undefined` */
  constructor(
    message: string,
    { fault, appId, writers = [], record, heldUntil }: PersistenceFacts,
    ...cause: readonly [cause?: unknown]
  ) {
    super(message, cause.length === 0 ? undefined : { cause: cause[0] })
    this.fault = fault
    this.appId = appId
    this.writers = writers
    this.record = record
    this.heldUntil = heldUntil
  }
}

/** A value cannot be stored. The step does not commit. */
export class SerializationError extends TeaselError {
  static override readonly name: string = 'SerializationError'
  static readonly code = 'serialization'
  readonly code = 'serialization'
  override readonly name = 'SerializationError'
  /** Path of the value: `answers.gpt4[2]`. */
  readonly path: string
  /** Type of the value: `a function`, `a Socket`. */
  readonly type: string
  /** The step that was being stored, if there was one. */
  readonly at: Where | undefined

  readonly #hint: [hint: string, done: 'stored' | 'read']

  constructor(
    path: string,
    type: string,
    hint = 'State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
    done: 'stored' | 'read' = 'stored',
    where?: { readonly subject: string; readonly at: Where },
  ) {
    const prefix = where === undefined ? '' : `${where.subject}${place(where.at)}: `
    super(`${prefix}${path === '' ? 'The value' : path} is ${type}, which cannot be ${done}. ${hint}`)
    this.path = path
    this.type = type
    this.at = where?.at
    this.#hint = [hint, done]
  }

  /** The same error with a location. */
  locate(subject: string, at: Where): SerializationError {
    return this.at === undefined ? new SerializationError(this.path, this.type, ...this.#hint, { subject, at }) : this
  }
}

/**
 * True for an error of a store, or of encoding values for one. Such an error is not retried, replaced by a fallback or
 * wrapped.
 */
export const isOfStore = (error: unknown): error is PersistenceError | SerializationError =>
  PersistenceError.is(error) || SerializationError.is(error)

/** A snapshot or a stored record cannot be used: its shape or version does not fit, or the graph lacks its action. */
export class SnapshotError extends TeaselError {
  static override readonly name: string = 'SnapshotError'
  static readonly code = 'snapshot'
  readonly code = 'snapshot'
  override readonly name = 'SnapshotError'
  /** The version that it was written with, if the version is the reason. */
  readonly version: number | undefined

  constructor(message: string, version?: number, options?: ErrorOptions) {
    super(message, options)
    this.version = version
  }
}
