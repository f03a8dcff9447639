import type { Json } from '../../read/payload.js'
import { readLines, withFile } from './scan.js'

// Owns: the lines of a log of Burr, as steps.
// G1  A line of an unknown type, a torn one, and one without its number are skipped.
// G2  A step that begins again replaces the earlier one with its number.

/** A question of a step. Times are epoch milliseconds. */
interface BurrSuspension {
  readonly id: string
  readonly channel: string
  readonly metadata: Json
  readonly at: number
}

/** A step of an application of Burr. Times are epoch milliseconds. */
export interface BurrStep {
  readonly sequenceId: number
  action: string
  startedAt?: number
  inputs?: Json
  /** Absent while it is under way. */
  endedAt?: number
  /** The traceback of its failure. */
  exception?: string
  /** Its state at its end, if states are kept. */
  state?: Json
  suspension?: BurrSuspension
  firstItemAt?: number
  stream?: { readonly count: number; readonly lastAt: number }
}

/** The log of an application of Burr. */
export interface BurrLog {
  /** In the order in which they began. */
  readonly steps: readonly BurrStep[]
  /** The latest time in it, epoch milliseconds; 0 without any. */
  readonly updatedAt: number
}

/** A record of JSON. */
export type JsonRecord = { readonly [name: string]: Json }

export const isRecord = (value: Json | undefined): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A time of Burr, which is local to the machine that wrote it and has no zone. @returns epoch milliseconds */
export function timeOf(value: Json | undefined): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

/** Python writes these numbers bare, which is no JSON. */
const NO_JSON = /([:[,]\s*)(?:NaN|-?Infinity)(?=\s*[,\]}])/g

/** A line as a record; undefined for anything else. */
export function recordOf(line: string): JsonRecord | undefined {
  const value = jsonOf(line) ?? jsonOf(line.replace(NO_JSON, '$1null'))
  return isRecord(value) ? value : undefined
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** Reads a log; an absent one has no steps. @param keepStates whether the steps get their states */
export async function readBurrLog(path: string, keepStates: boolean): Promise<BurrLog> {
  const reading = new LogReading(keepStates)
  await withFile(path, async (file) => {
    for await (const { lines } of readLines(file, 0)) for (const line of lines) reading.add(line)
  })
  return { steps: [...reading.steps.values()], updatedAt: reading.updatedAt }
}

class LogReading {
  readonly steps = new Map<number, BurrStep>()
  updatedAt = 0
  readonly #keepStates: boolean

  constructor(keepStates: boolean) {
    this.#keepStates = keepStates
  }

  add(text: string): void {
    const line = recordOf(text)
    if (line === undefined) return
    const { type, action } = line
    const number = line['sequence_id'] ?? line['action_sequence_id']
    if (typeof number !== 'number') return
    if (type === 'begin_entry') this.steps.delete(number)
    const step = this.steps.get(number) ?? { sequenceId: number, action: '' }
    switch (type) {
      case 'begin_entry':
        this.#set(step, 'startedAt', line['start_time'])
        if (isRecord(line['inputs'])) step.inputs = line['inputs']
        break
      case 'end_entry':
        this.#end(step, line)
        break
      case 'suspend_entry':
        this.#suspend(step, line)
        break
      case 'first_item_stream':
        this.#set(step, 'firstItemAt', line['first_item_time'])
        break
      case 'end_stream':
        this.#endStream(step, line)
        break
      default:
        return
    }
    if (typeof action === 'string') step.action = action
    this.steps.set(number, step)
  }

  #end(step: BurrStep, { end_time: time, exception, state }: JsonRecord): void {
    this.#set(step, 'endedAt', time)
    step.endedAt ??= step.startedAt ?? 0
    delete step.suspension
    if (typeof exception === 'string') step.exception = exception
    if (this.#keepStates && isRecord(state)) step.state = ownKeys(state)
  }

  #suspend(step: BurrStep, line: JsonRecord): void {
    const { suspension_id: id, channel, metadata = null } = line
    if (typeof id !== 'string' || typeof channel !== 'string') return
    step.suspension = { id, channel, metadata, at: this.#time(line['suspend_time']) ?? step.startedAt ?? 0 }
  }

  #endStream(step: BurrStep, line: JsonRecord): void {
    const [count, lastAt] = [line['items_streamed'], this.#time(line['end_time'])]
    if (typeof count === 'number' && lastAt !== undefined) step.stream = { count, lastAt }
  }

  #set(step: BurrStep, name: 'startedAt' | 'endedAt' | 'firstItemAt', value: Json | undefined): void {
    const time = this.#time(value)
    if (time !== undefined) step[name] = time
  }

  #time(value: Json | undefined): number | undefined {
    const time = timeOf(value)
    if (time !== undefined) this.updatedAt = Math.max(this.updatedAt, time)
    return time
  }
}

/** A state without the keys of Burr itself: the number and the action of the step. */
export const ownKeys = (state: JsonRecord): JsonRecord =>
  Object.fromEntries(Object.entries(state).filter(([key]) => key !== '__SEQUENCE_ID' && key !== '__PRIOR_STEP'))
