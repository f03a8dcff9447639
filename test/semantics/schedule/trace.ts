import type { AnyEvent } from 'teasel'
import { EPOCH } from './virtual-clock.js'

/** How a piece of code ended: an action, a source or `reduce`. `left` is a generator that was returned. */
export type CodeEnd = 'returned' | 'threw' | 'left'

/** The status of one branch when `reduce` was called. */
export interface ReducedResult {
  readonly key: string
  readonly index: number
  readonly status: string
  readonly by: string | undefined
}

/** One entry, recorded as it happened. */
export type Entry = { readonly turn: number; readonly at: number } & (
  | { readonly kind: 'turn'; readonly label: string }
  | { readonly kind: 'event'; readonly event: AnyEvent; readonly path: string }
  | {
      readonly kind: 'code'
      readonly life: number
      readonly path: string
      readonly name: string
      readonly what: CodeEnd | 'began'
    }
  | { readonly kind: 'reduce'; readonly path: string; readonly map: string; readonly results: readonly ReducedResult[] }
  /** `reduceEach` got one result. */
  | { readonly kind: 'fold'; readonly path: string; readonly map: string; readonly status: string }
  | { readonly kind: 'sent'; readonly serial: number; readonly answer: string }
  | {
      readonly kind: 'heard'
      readonly life: number
      readonly path: string
      readonly serial: number
      readonly from: string
    }
  /** A map is cancelled as a whole, by its printed name. */
  | { readonly kind: 'cut'; readonly path: string; readonly map: string }
  | { readonly kind: 'cancel'; readonly door: string; readonly target: string }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'broken'; readonly law: string; readonly what: string }
)

/** The end of a run, for its caller. */
export interface Outcome {
  readonly status: 'halted' | 'finished' | 'cancelled' | 'waiting' | 'left' | 'rejected'
  readonly error?: unknown
  readonly by?: string
  readonly leaked?: readonly { readonly path: string; readonly sinceMs: number }[]
}

type Fields<T> = T extends unknown ? Omit<T, 'turn' | 'at'> : never

/** All entries of one schedule, in order. */
export class Trace {
  readonly entries: Entry[] = []
  turn = 0
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  add(fields: Fields<Entry>): void {
    this.entries.push({ turn: this.turn, at: this.#now() - EPOCH, ...fields } as Entry)
  }
}

/** The whole trace as text, for a comparison. Random ids of runs are left out. */
export function traceText(entries: readonly Entry[]): string {
  return entries.map((entry) => JSON.stringify(entry, plain)).join('\n')
}

/** Values that JSON would lose or that vary. */
export function plain(key: string, value: unknown): unknown {
  if (key === 'runId') return undefined
  if (value instanceof Error) return `${value.name}: ${value.message}`
  return value
}
