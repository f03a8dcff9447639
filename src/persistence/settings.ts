import type { Clock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import type { PersisterDriver } from './driver.js'
import { InboxWatch } from './inbox-watch.js'
import type { MigratedRecord, SavePolicy, ScopeSettings } from './scope.js'
import { assertNames } from './text.js'

/** The options for storing an application. */
export interface StoreOptions {
  readonly partitionKey?: string | null | undefined
  readonly save?: SavePolicy | undefined
  readonly transient?: readonly string[] | undefined
  readonly version?: number | undefined
  readonly migrate?: ((record: MigratedRecord, fromVersion: number) => MigratedRecord) | undefined
  readonly whenUnavailable?: 'fail' | 'wait' | undefined
  readonly changedTasks?: 'error' | 'adopt' | undefined
  readonly inboxPollMs?: number | undefined
}

/** The options for the journal of a root application. */
export interface JournalOptions extends StoreOptions {
  readonly rootId: string
  readonly clock: Clock
}

const INBOX_POLL_MS = 1000

/** @throws {TypeError | RangeError} for invalid options */
export function scopeSettings(options: JournalOptions, driver: PersisterDriver): ScopeSettings {
  const { rootId, clock, partitionKey = null, save = 'every-step', transient = [], version = 0, migrate } = options
  assertNames(partitionKey, [rootId])
  if (!Number.isInteger(version) || version < 0)
    throw new RangeError(`version is ${describeValue(version)}; it takes a whole number, 0 or more.`)
  if (typeof save === 'object') checkOptions('save', save, 'after')
  else oneOf('save', save, ['every-step', 'settle', 'manual'])
  const { inboxPollMs = INBOX_POLL_MS } = options
  if (typeof inboxPollMs !== 'number' || !(inboxPollMs > 0))
    throw new RangeError(`inboxPollMs is ${describeValue(inboxPollMs)}; it takes milliseconds, more than 0.`)
  return {
    driver,
    writer: createId(),
    partitionKey,
    rootId,
    clock,
    policy: save,
    transient: new Set(transient),
    version,
    migrate,
    whenUnavailable: oneOf('whenUnavailable', options.whenUnavailable, ['fail', 'wait']),
    changedTasks: oneOf('changedTasks', options.changedTasks, ['error', 'adopt']),
    watch: new InboxWatch(clock, inboxPollMs),
  }
}

function oneOf<T extends string>(name: string, value: T | undefined, [first, ...rest]: readonly [T, ...T[]]): T {
  if (value === undefined || value === first || rest.includes(value)) return value ?? first
  throw new TypeError(
    `${name} is ${describeValue(value)}. It takes ${[first, ...rest].map((one) => `'${one}'`).join(' or ')}.`,
  )
}
