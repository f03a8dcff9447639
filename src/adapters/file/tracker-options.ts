import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { Logger } from '../../lifecycle/logger.js'
import type { Redact } from '../../log/redact.js'
import type { Pace } from './pace.js'
import type { Fs } from './places.js'

/** Options of {@link fileTracker}. */
export interface FileTrackerOptions {
  /** The folder of the logs; it is made when it is missing. */
  readonly dir: string
  /** A folder in it, for runs that are listed together. Default `'default'`. */
  readonly project?: string
  /**
   * Decides what of each value is written; see {@link Redact}. Default: all. Names of actions, maps, keys and ids are
   * not asked for. A value for which it throws is removed.
   */
  readonly redact?: Redact
  /** What is kept of runs that have ended; the oldest ones are removed first. Default: all. */
  readonly retention?: Retention
  /** Gets one warning when a log cannot be written, and one when it can again. Default: the console. */
  readonly logger?: Logger
}

/** For tests: another file system, smaller parts, another clock of writes. */
export interface TrackerInside {
  readonly fs?: Fs
  readonly partBytes?: number
  readonly pace?: Pace
}

/** Limits for runs that have ended. A run is kept when it is within all of them. */
export interface Retention {
  /** Maximum number of runs. */
  readonly runs?: number
  /** Maximum time since the end of a run, in milliseconds. */
  readonly ageMs?: number
  /** Maximum size of all logs, in bytes. */
  readonly bytes?: number
}

const NUMBERS = ['runs', 'ageMs', 'bytes'] as const

/** @throws {TypeError | RangeError} for invalid options */
export function checkTrackerOptions(options: FileTrackerOptions): void {
  checkOptions('fileTracker', options, 'dir project redact retention logger')
  const { dir, project = 'default', redact, retention = {} } = options
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError(`fileTracker needs dir: the path of a folder, not ${describeValue(dir)}.`)
  if (typeof project !== 'string' || project === '')
    throw new TypeError(`project is ${describeValue(project)}; it takes the name of a folder.`)
  if (redact !== undefined && typeof redact !== 'function')
    throw new TypeError(`redact is ${describeValue(redact)}; it takes (path, value) => value.`)
  checkOptions('retention', retention, NUMBERS.join(' '))
  for (const name of NUMBERS) {
    const limit = retention[name]
    if (limit !== undefined && !(limit >= 0))
      throw new RangeError(`retention.${name} is ${describeValue(limit)}; it takes a number, 0 or more.`)
  }
}
