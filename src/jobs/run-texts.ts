import { isPlainObject, tryGet } from '../internal/guards.js'
import { describeWorker } from '../internal/platform.js'
import type { RootKey } from '../persistence/driver.js'
import type { StoredRun } from '../persistence/summary.js'
import type { WireEvent } from '../wire/events.js'
import type { EngineDriver } from './engine-driver.js'

// Owns: the texts about runs on the channels of an engine, and the names of those channels.
// X1  Every text is a hint: a lost one delays, and changes nothing. A text that is none of these is left out.
// X2  A text that is too large for a channel goes by reference.

/** How a run has left a worker. */
export type RunRelease = 'waiting' | 'interrupted' | 'halted' | 'finished' | 'failed' | 'cancelled' | 'lost'

/** To everyone who looks at a run: a worker has taken or released it. */
export interface RunChange {
  readonly t: 'taken' | 'released'
}

/** To the process that holds a run: send its events, from number `from` on, and no more than `most` until asked again. */
export interface WantEvents extends RootKey {
  readonly t: 'want'
  readonly reader: string
  /** The channel of the reader. */
  readonly to: string
  /** The claim whose events it has up to `from`. */
  readonly incarnation: number
  readonly from: number
  readonly most: number
  /** Whether events that were sent may be lost: they are sent again. */
  readonly again: boolean
}

/** To the process that holds a run: a reader has left. */
export interface LeaveEvents extends RootKey {
  readonly t: 'leave'
  readonly reader: string
}

/** To the process that holds a run: look for a request to cancel it. */
export interface LookForCancel extends RootKey {
  readonly t: 'cancel'
}

/** To a reader: events of a run, one after the other. */
export interface EventBatch {
  readonly t: 'events'
  readonly reader: string
  readonly incarnation: number
  /** The number of the first one in its claim, from 0. */
  readonly from: number
  /** How many before them were asked for and are gone. */
  readonly lost: number
  readonly events: readonly WireEvent[]
  /** Set when these are the last of the claim. */
  readonly end?: RunRelease
}

/** What the process that holds runs is asked for. */
export type RunRequest = WantEvents | LeaveEvents | LookForCancel

/** The channel on which the changes of a run are told. */
export const changesOf = ({ partitionKey, rootId }: RootKey): string => `run ${JSON.stringify([partitionKey, rootId])}`

/** The channel of the workers of this process. */
export function channelHere(): string {
  const { host, pid } = describeWorker('')
  return workerChannel(host, pid)
}

const workerChannel = (host: unknown, pid: unknown): string => `runs ${JSON.stringify([host ?? null, pid ?? null])}`

/** The channel of the workers of the process that has claimed a run last; undefined without one. */
export function channelOf({ claim }: StoredRun): string | undefined {
  const worker = tryGet(() => JSON.parse(claim?.worker ?? '') as unknown)
  return isPlainObject(worker) ? workerChannel(worker['host'], worker['pid']) : undefined
}

/** How long the events of a released run stay readable, in milliseconds. */
export const RELEASED_MS = 5_000

const MOST_ON_CHANNEL = 64 * 1024

/** Sends a text. Never rejects: a lost hint changes nothing (X1). */
export async function tell(driver: EngineDriver, channel: string, what: object): Promise<void> {
  try {
    const text = JSON.stringify(what)
    const short = text.length <= MOST_ON_CHANNEL ? text : JSON.stringify({ t: 'reference', at: await driver.put(text) }) // X2
    await driver.publish(channel, [short])
  } catch {}
}

/** Reads a text that was told. @returns undefined for one that is none, or that is gone */
export async function heard(
  driver: EngineDriver,
  text: string,
): Promise<RunRequest | EventBatch | RunChange | undefined> {
  const told = tryGet(() => JSON.parse(text) as unknown)
  if (!isPlainObject(told)) return undefined
  if (told['t'] !== 'reference') return checked(told)
  const { at } = told
  if (typeof at !== 'string') return undefined
  const long = await driver.take(at).catch(() => undefined)
  const read = tryGet(() => JSON.parse(long ?? '') as unknown)
  return isPlainObject(read) ? checked(read) : undefined
}

const RELEASES: readonly unknown[] = [
  'waiting',
  'interrupted',
  'halted',
  'finished',
  'failed',
  'cancelled',
  'lost',
  undefined,
] satisfies readonly (RunRelease | undefined)[]

function checked(told: Readonly<Record<string, unknown>>): RunRequest | EventBatch | RunChange | undefined {
  const { t, partitionKey, rootId, reader, to, incarnation, from, most, lost, events, end } = told
  const isRun = typeof rootId === 'string' && (partitionKey === null || typeof partitionKey === 'string')
  const isNumbered = Number.isSafeInteger(incarnation) && Number.isSafeInteger(from)
  const fits = {
    taken: true,
    released: true,
    cancel: isRun,
    leave: isRun && typeof reader === 'string',
    want: isRun && typeof reader === 'string' && typeof to === 'string' && isNumbered && Number.isSafeInteger(most),
    events:
      typeof reader === 'string' &&
      isNumbered &&
      Number.isSafeInteger(lost) &&
      Array.isArray(events) &&
      events.every(isPlainObject) &&
      RELEASES.includes(end),
  }
  return typeof t === 'string' && Object.hasOwn(fits, t) && fits[t as keyof typeof fits]
    ? (told as unknown as RunRequest | EventBatch | RunChange)
    : undefined
}
