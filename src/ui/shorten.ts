import { isObject } from '../internal/guards.js'
import type { Payload } from '../read/payload.js'
import type { StepRecord } from '../read/tree.js'
import type { WireEvent } from '../wire/events.js'

// Owns: what stands in lists and streams for a large value: its size and how it begins.

/** The longest JSON of a value in a list, characters. */
const LARGE = 1024
const PREVIEW = 200

/** A large value becomes `{ "$": "cut", "n": characters, "p": preview }`; one that stands in a file of its own stays a `ref`. */
export function shortened(value: unknown): unknown {
  if (typeof value !== 'string' && !isObject(value)) return value
  const json = JSON.stringify(value)
  return json.length <= LARGE || isRef(value) ? value : { $: 'cut', n: json.length, p: json.slice(0, PREVIEW) }
}

const isRef = (value: unknown): boolean => isObject(value) && '$' in value && value.$ === 'ref'

const OF_STEPS = ['inputs', 'update', 'patch'] as const

/** A step without large values. */
export function shortStep(step: StepRecord): StepRecord {
  const cut = OF_STEPS.flatMap((name) => (step[name] === undefined ? [] : [[name, shortened(step[name])]]))
  return cut.length === 0 ? step : { ...step, ...(Object.fromEntries(cut) as { readonly [name: string]: Payload }) }
}

/** Members that tell where an event belongs. */
const OF_PLACE = new Set(['type', 'runId', 'appId', 'path', 'error'])

/** An event without large values. */
export function shortEvent(event: WireEvent): WireEvent {
  const entries = Object.entries(event).map(([name, value]) => [name, OF_PLACE.has(name) ? value : shortened(value)])
  return Object.fromEntries(entries) as WireEvent
}
