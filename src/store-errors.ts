import { place, TeaselError, type Where } from './errors.js'

/**
 * What a persister could not do.
 *
 * - `taken-over`: another runner opened the application; `writers` names both. What was committed is stored.
 * - `conflict`: somebody else wrote where this runner stands.
 * - `unavailable`: no connection, disk full, read-only, locked for too long.
 * - `corrupt`: what was stored cannot be read.
 */
export type PersistenceFault = 'taken-over' | 'conflict' | 'unavailable' | 'corrupt'

/** What a {@link PersistenceError} says. */
export interface PersistenceFacts {
  readonly fault: PersistenceFault
  readonly appId: string | undefined
  /** Who writes, and who else does. */
  readonly writers?: readonly string[]
  /** What cannot be read. */
  readonly record?: CorruptRecord
}

/** The record that cannot be read: its place among those of its application, and what it says that it is. */
export interface CorruptRecord {
  readonly index: number
  readonly kind: string
  readonly sequenceId: number
}

/** A persister failed. Memory stays at the last step that is stored. */
export class PersistenceError extends TeaselError {
  static override readonly name: string = 'PersistenceError'
  static readonly code = 'persistence'
  readonly code = 'persistence'
  override readonly name = 'PersistenceError'
  /** What went wrong. */
  readonly fault: PersistenceFault
  /** The application, where one is meant. */
  readonly appId: string | undefined
  /** Who writes, and who else does; ids of runners. */
  readonly writers: readonly string[]
  /** Which record is corrupt, where one is. */
  readonly record: CorruptRecord | undefined

  /** @param cause what the store threw, which may be `undefined` */
  constructor(
    message: string,
    { fault, appId, writers = [], record }: PersistenceFacts,
    ...cause: readonly [cause?: unknown]
  ) {
    super(message, cause.length === 0 ? undefined : { cause: cause[0] })
    this.fault = fault
    this.appId = appId
    this.writers = writers
    this.record = record
  }
}

/** A value cannot be stored. Nothing of the step is kept. */
export class SerializationError extends TeaselError {
  static override readonly name: string = 'SerializationError'
  static readonly code = 'serialization'
  readonly code = 'serialization'
  override readonly name = 'SerializationError'
  /** Where it stands: `answers.gpt4[2]`. */
  readonly path: string
  /** What it is: `a function`, `a Socket`. */
  readonly type: string
  /** The step that was to be stored, where it is one. */
  readonly at: Where | undefined

  readonly #hint: [hint: string, done: 'stored' | 'read']

  constructor(
    path: string,
    type: string,
    hint = 'State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; list keys that are not to be stored in transient.',
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

  /** The same, with where it happened. */
  locate(subject: string, at: Where): SerializationError {
    return this.at === undefined ? new SerializationError(this.path, this.type, ...this.#hint, { subject, at }) : this
  }
}

/** True for what a store, or the writing of values for one, failed with: no attempt, fallback or wrapper makes it better. */
export const isOfStore = (error: unknown): error is PersistenceError | SerializationError =>
  PersistenceError.is(error) || SerializationError.is(error)

/** A snapshot or a stored record cannot be used: its shape or version is another, or it names what the graph lacks. */
export class SnapshotError extends TeaselError {
  static override readonly name: string = 'SnapshotError'
  static readonly code = 'snapshot'
  readonly code = 'snapshot'
  override readonly name = 'SnapshotError'
  /** The version that it was written with, where that is what is wrong. */
  readonly version: number | undefined

  constructor(message: string, version?: number, options?: ErrorOptions) {
    super(message, options)
    this.version = version
  }
}
