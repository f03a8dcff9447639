import type { Clock } from '../internal/clock.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import { describeWorker } from '../internal/platform.js'
import type { PersisterDriver } from './driver.js'
import { InboxWatch } from './inbox-watch.js'
import type { MigratedRecord, RootFacts, SavePolicy, ScopeSettings, StartFacts } from './scope-settings.js'
import { assertNames, assertText } from './text.js'

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
  readonly leaseMs?: number | undefined
  readonly name?: string | undefined
  readonly title?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/** The options for the journal of a root application. */
export interface JournalOptions extends StoreOptions {
  readonly rootId: string
  readonly clock: Clock
  readonly claim?: 'take' | 'free' | undefined
  readonly start?: StartFacts | undefined
}

const LEASE_MS = 30_000
/** A shorter lease would be over before its heartbeat. */
const SHORTEST_LEASE_MS = 10
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
  const { leaseMs = LEASE_MS } = options
  if (!Number.isFinite(leaseMs) || leaseMs < SHORTEST_LEASE_MS)
    throw new RangeError(`leaseMs is ${describeValue(leaseMs)}; it takes milliseconds, ${SHORTEST_LEASE_MS} or more.`)
  const writer = createId()
  return {
    driver,
    writer,
    claim: oneOf('claim', options.claim, ['take', 'free']),
    leaseMs,
    worker: JSON.stringify(describeWorker(writer)),
    about: aboutOf(options),
    start: options.start,
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

/** @throws {TypeError} for a name, a title or labels that are no text */
function aboutOf({ name, title, labels }: StoreOptions): RootFacts {
  for (const [option, value] of Object.entries({ name, title }))
    if (value !== undefined) {
      if (typeof value !== 'string') throw new TypeError(`${option} is ${describeValue(value)}. It takes a text.`)
      assertText(`The ${option}`, value)
    }
  if (labels !== undefined) assertLabels(labels)
  return { name, title, labels: labels && Object.freeze({ ...labels }) }
}

function assertLabels(labels: unknown): void {
  if (!isPlainObject(labels))
    throw new TypeError(`labels is ${describeValue(labels)}. It takes texts by name: { customer: '7' }.`)
  const wrong = Object.entries(labels).filter(([, value]) => typeof value !== 'string')
  if (wrong.length > 0)
    throw new TypeError(
      `${wrong.map(([label, value]) => `labels.${label} is ${describeValue(value)}`).join('; ')}. Labels are texts.`,
    )
  for (const [label, value] of Object.entries(labels)) {
    assertText('The name of a label', label)
    assertText(`The label "${label}"`, value as string)
  }
}
