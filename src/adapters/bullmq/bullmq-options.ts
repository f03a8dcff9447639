import { describeValue, isPlainObject } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { RedisConnection } from './peers.js'

/** Options of {@link bullmqDriver}. */
export interface BullmqDriverOptions {
  /**
   * The server: a URL, `redis://127.0.0.1:6379`; the options of a connection of `ioredis`; or a connection of yours, which
   * is copied and never closed.
   */
  readonly connection: RedisConnection
  /** The name of the queue, without a colon. Default `teasel`. */
  readonly queue?: string
  /** What the keys of BullMQ begin with. Default `bull`, as in BullMQ. */
  readonly prefix?: string
  /**
   * How long a worker has a job without a sign of life, milliseconds. It renews its locks twice as often. Code that keeps
   * the event loop of a worker for longer loses its job. Default 10 000.
   */
  readonly lockMs?: number
  /** How often the locks of jobs are checked, milliseconds. Default 5 000. */
  readonly stalledMs?: number
  /**
   * The most jobs at once in all workers of the queue. A branch that waits for a message is counted, so keep it above the
   * number of branches that may wait for each other. Kept in Redis, until another number is given. Default: no limit.
   */
  readonly concurrency?: number
  /** How long one call may take, milliseconds, before it rejects. Default 5 000. */
  readonly timeoutMs?: number
}

/** Every option of a driver, filled in. */
export interface BullmqSettings extends Required<Omit<BullmqDriverOptions, 'concurrency'>> {
  readonly concurrency: number | undefined
}

/** The names of the options of a driver. */
export const DRIVER_OPTIONS = 'connection queue prefix lockMs stalledMs concurrency timeoutMs'

const NO_COLON = 'a text without a colon'
const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && !value.includes(':')
const isMs = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0

/**
 * Checks the options of a driver, all at once.
 * @param subject `bullmqDriver`
 * @throws {TypeError} for an unknown option, or a connection that is none
 * @throws {RangeError} with every invalid option
 */
export function settingsOf(subject: string, options: BullmqDriverOptions): BullmqSettings {
  checkOptions(subject, options, DRIVER_OPTIONS)
  const { connection, queue = 'teasel', prefix = 'bull', concurrency } = options
  const { lockMs = 10_000, stalledMs = 5_000, timeoutMs = 5_000 } = options
  if (!isConnection(connection))
    throw new TypeError(
      `connection of ${subject}() is ${describeValue(connection)}; it takes a URL, 'redis://127.0.0.1:6379', options of ioredis, or a connection of ioredis.`,
    )
  const checks: readonly (readonly [name: string, value: unknown, ok: boolean, takes: string])[] = [
    ['queue', queue, isName(queue), NO_COLON],
    ['prefix', prefix, typeof prefix === 'string' && prefix !== '', 'a text'],
    ['concurrency', concurrency, concurrency === undefined || isMs(concurrency), 'a whole number above 0'],
    ...Object.entries({ lockMs, stalledMs, timeoutMs }).map(
      ([name, ms]) => [name, ms, isMs(ms), 'milliseconds, a whole number above 0'] as const,
    ),
  ]
  const faults = checks.filter(([, , ok]) => !ok)
  if (faults.length > 0)
    throw new RangeError(
      faults
        .map(([name, value, , takes]) => `${name} of ${subject}() is ${describeValue(value)}; it takes ${takes}.`)
        .join('\n'),
    )
  return { connection, queue, prefix, lockMs, stalledMs, timeoutMs, concurrency }
}

const isConnection = (connection: unknown): boolean =>
  typeof connection === 'string'
    ? /^rediss?:\/\//.test(connection)
    : isPlainObject(connection) || typeof Object(connection).duplicate === 'function'
