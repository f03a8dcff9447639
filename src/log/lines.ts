import type { Payload } from '../read/payload.js'
import type { RunRef, WorkerInfo } from '../read/run-summary.js'
import type { Patch } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import { hasTag, isRef, type LoadRef } from './blob-ref.js'
import { withoutRefs } from './chunk-refs.js'
import { isLineForm } from './line-rules.js'

// Owns: the form of the lines of a log. A log is JSON, one line a fact. An event of it has what its run and its
// application do not tell already.
// F1  A reader passes lines of unknown types and unknown fields on, so that it reads logs of a newer version.

/** The version of this form; it stands in each head. */
export const LOG_VERSION = 1

/** The first line of each part of a log. */
export interface HeadLine extends RunRef {
  readonly type: 'head'
  readonly v: number
  readonly incarnation: number
  readonly part: number
  readonly time: number
  readonly epoch: number
  readonly name?: string
  /** The hash of the picture of its graph. */
  readonly graph?: string
  readonly title?: string
  readonly labels?: { readonly [name: string]: string }
  readonly worker: WorkerInfo
  /** The place of the root before the first event: its last committed step, -1 before the first. */
  readonly sequenceId: number
  readonly position?: string
  readonly next?: string
  /** When a run that is resumed was created and when it first began, epoch milliseconds. */
  readonly createdAt?: number
  readonly startedAt?: number
  /** The state of the root before the first event. */
  readonly state?: Payload
  /** How many events before this part were lost: they could not be written. */
  readonly lost?: number
}

/** Gives an application a number; its events carry the number. */
export interface AppLine {
  readonly type: 'app'
  readonly app: number
  readonly appId: string
  readonly path: WirePath
}

/** Chunks of one application, merged. */
export interface ChunksLine {
  readonly type: 'chunks'
  /** First and last; each one where others lie between. */
  readonly seq: readonly number[]
  /** First and last, epoch milliseconds. */
  readonly time: readonly [number, number]
  readonly app: number
  readonly source: string
  readonly sequenceId: number
  readonly n: number
  /** The chunks joined, if all are texts; `cut` has the length of each. */
  readonly text?: string
  readonly cut?: readonly number[]
  /** The chunks, if not all are texts. */
  readonly items?: readonly Payload[]
}

/** An event. Its other fields are those of the event of its type. */
export interface EventLine {
  readonly type: string
  readonly seq: number
  readonly time: number
  readonly app: number
  readonly source?: string
  readonly sequenceId?: number
  /** The whole state after a step. */
  readonly state?: Payload
  /** The change of the state by a step, and the offset in bytes of the line with the last whole one. */
  readonly patch?: Patch | Payload
  readonly base?: number
  /** The number and the time of `branch.queued`, of a branch that starts soon after. */
  readonly queued?: readonly [seq: number, time: number]
  readonly [field: string]: unknown
}

/** A line of a log. */
export type LogLine = HeadLine | AppLine | ChunksLine | EventLine

export const isHead = (line: LogLine): line is HeadLine => line.type === 'head'
export const isApp = (line: LogLine): line is AppLine => line.type === 'app'
export const isChunks = (line: LogLine): line is ChunksLine => line.type === 'chunks'

/** Whether a text is the first line of a part. Without it the numbers of the others have no meaning. */
export function beginsPart(text: string): boolean {
  const line = parseLine(text)
  return line !== undefined && isHead(line)
}

/** An error that an earlier line has. */
export interface SameError {
  readonly $: 'same'
  readonly seq: number
}

export const isSame = (value: unknown): value is SameError => hasTag(value, 'same')

/**
 * Reads a line; undefined for one that is torn or no line of a log.
 * @param load reads values that stand in files of their own: errors, and what an earlier version wrote there
 */
export function parseLine(text: string, load: LoadRef = () => undefined): LogLine | undefined {
  try {
    const line: unknown = JSON.parse(text)
    if (typeof line !== 'object' || line === null) return undefined
    const members = line as { readonly [name: string]: unknown }
    const whole = members['type'] === 'chunks' ? withoutRefs(members, load) : withStructure(members, load)
    return isLineForm(whole) ? (whole as unknown as LogLine) : undefined
  } catch {
    return undefined
  }
}

/** An event with its error, its result and its message in it: a reader looks into them. */
function withStructure(line: { readonly [name: string]: unknown }, load: LoadRef): typeof line {
  const { error, result, message } = line
  const whole = (value: unknown): unknown => (isRef(value) ? (load(value) ?? value) : value)
  const inside = whole(result) as { readonly error?: unknown } | undefined
  const isLarge = isRef(error) || isRef(message) || inside !== result || isRef(inside?.error)
  if (!isLarge) return line
  return {
    ...line,
    ...(error !== undefined && { error: whole(error) }),
    ...(message !== undefined && { message: whole(message) }),
    ...(inside !== undefined && { result: { ...inside, ...(isRef(inside.error) && { error: whole(inside.error) }) } }),
  }
}
