import { type Path, printMap, unescapeName } from '../action/context.js'
import type { Message } from '../action/message.js'
import { branchIdOf } from '../parallel/branch-id.js'
import { printedPath, readMap, type WirePath } from '../read/wire-path.js'
import type { AppRef, Persister } from './persister.js'
import { postTo } from './seal.js'
import type { StoredMap, StoredRecord } from './stored-record.js'

/** Options of {@link sendStored}. */
export interface SendStoredOptions extends AppRef {
  /** The store of the application. */
  readonly persister: Persister
  /**
   * Path of the receiver below the root, printed (`compare/gpt4`), as segments, or as JSON: that of an open question fits.
   * Default: the root itself.
   */
  readonly path?: string | Path | WirePath | undefined
  /** Made by the function that `defineMessage` returns. */
  readonly message: Message
}

/**
 * Sends a message to a stored application, from any process.
 *
 * A run that waits gets it at its next poll (`inboxPollMs`, one second by default), or at once from a store with
 * notifications; otherwise the next resume delivers it. It stays stored until the step that received it commits.
 * @returns `queued` once it is stored; `dropped` when there is no such application, or it or one above it has ended
 * @throws {SerializationError} when the body cannot be stored
 * @throws {PersistenceError} when the store is unavailable, or a record cannot be read
 *
 * @example
 * ```ts
 * const approve = defineMessage('approve', type<boolean>())
 * await sendStored({ persister: memoryPersister(), appId: 'order-1', message: approve(true) }) // 'dropped'
 * ```
 */
export async function sendStored({
  persister,
  appId,
  partitionKey = null,
  path = '',
  message,
}: SendStoredOptions): Promise<'queued' | 'dropped'> {
  const printed = printedPath(path)
  const target = await find(persister, { appId, partitionKey }, printed === '' ? [] : printed.split('/'))
  if (target === undefined) return 'dropped'
  const { kind, body } = message
  await postTo({ driver: persister.driver, partitionKey, rootId: appId }, target, { kind, body })
  return 'queued'
}

/**
 * The id of the application at a path.
 * @param recorded whether it is an entry of its map: such a branch may have no record of its own yet
 */
async function find(
  persister: Persister,
  ref: Required<AppRef>,
  parts: readonly string[],
  recorded = false,
): Promise<string | undefined> {
  const record = await persister.load(ref)
  // Nothing below an ended application runs again, whatever its own record.
  if (record === undefined ? !recorded : hasEnded(record)) return undefined
  const [first, second = '~'] = parts
  if (first === undefined) return ref.appId
  const step = record?.map ?? (record?.hasState === true ? nextStep(record) : firstStep(first))
  if (step === undefined || first !== printMap(step.map, step.visit)) return undefined
  const keys = new Set([...step.entries.values()].map(([name]) => name))
  const named = unescapeName(second)
  const isNamed = keys.has(named) || record?.map === undefined
  const key = isNamed ? named : ''
  const id = branchIdOf(ref.appId, record?.epoch ?? 0, step.map, step.visit, key)
  return find(persister, { ...ref, appId: id }, parts.slice(isNamed ? 2 : 1), keys.has(key))
}

type Step = Pick<StoredMap, 'map' | 'visit' | 'entries'>

/** The action under way, as one that makes applications. */
const nextStep = ({ next, visits }: StoredRecord): Step | undefined =>
  next === undefined ? undefined : { map: next, visit: (visits[next] ?? 0) + 1, entries: new Map() }

/** The same of a branch that has stored no step. */
function firstStep(printed: string): Step | undefined {
  const found = readMap(printed)
  return found && { ...found, entries: new Map() }
}

const hasEnded = ({ status, end, cancelled }: StoredRecord): boolean =>
  status === 'finished' || status === 'cancelled' || end !== undefined || cancelled?.final === true
