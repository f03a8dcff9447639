import { timeText } from '../adapters/reporter/layout.js'
import type { Colour } from '../adapters/reporter/paint.js'
import { isPlainObject, tryGet } from '../internal/guards.js'
import type { ErrorData } from '../read/error-data.js'
import { BRANCH_STATUSES, type BranchCounts, type BranchStatus, type RunStatus, STATUS_SIGNS } from '../read/status.js'
import { fixed, type Piece, piece } from './print.js'

// Owns: the marks and words of statuses, times and values in a terminal.

const COLOURS: Readonly<Record<RunStatus | BranchStatus, Colour>> = {
  queued: 'dim',
  running: 'cyan',
  waiting: 'yellow',
  retrying: 'yellow',
  interrupted: 'yellow',
  halted: 'green',
  finished: 'green',
  done: 'green',
  failed: 'red',
  cancelled: 'yellow',
}

/** A map that reduces runs. */
const knownOf = (status: string): keyof typeof COLOURS | undefined =>
  status === 'reducing' ? 'running' : Object.hasOwn(COLOURS, status) ? (status as keyof typeof COLOURS) : undefined

function lookOf(status: string): readonly [string, Colour] {
  const known = knownOf(status)
  return known === undefined ? ['?', 'none'] : [STATUS_SIGNS[known], COLOURS[known]]
}

/** `✓`. */
export function markPiece(status: string): Piece {
  const [mark, colour] = lookOf(status)
  return fixed(mark, colour)
}

/** `✓ finished`. */
export function statusPiece(status: string): Piece {
  const [mark, colour] = lookOf(status)
  return piece(`${mark} ${status}`, colour)
}

/** `✓589 ✕3 ⊘20`. */
export function countPieces(counts: BranchCounts | undefined): readonly Piece[] {
  if (counts === undefined) return []
  const some = (['done', 'failed', 'cancelled', ...BRANCH_STATUSES] as const).filter(
    (status, i, all) => all.indexOf(status) === i && counts[status] > 0,
  )
  return some.flatMap((status, i) => {
    const [mark, colour] = lookOf(status)
    return [fixed(i === 0 ? '' : ' '), fixed(`${mark}${counts[status]}`, colour)]
  })
}

/** `3 min ago`. */
export function agoText(at: number | undefined, now: number): string {
  if (at === undefined) return ''
  const ms = now - at
  if (ms < -1000) return `in ${roughText(-ms)}`
  return ms < 1000 ? 'now' : `${roughText(ms)} ago`
}

function roughText(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`
  if (minutes < 60) return `${Math.floor(minutes)} min`
  const hours = minutes / 60
  return hours < 48 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} d`
}

/** When something ended; now while it goes on, and the last sign of life of a process that is gone. */
export const endOrNow = (
  one: { readonly status: string; readonly endedAt?: number | undefined; readonly since?: number | undefined },
  now: number,
): number => one.endedAt ?? (one.status === 'interrupted' ? (one.since ?? now) : now)

/** `1.2 s`; empty for a missing one. */
export const durationText = (ms: number | undefined): string => (ms === undefined ? '' : timeText(ms))

const LONGEST = 200

/** A value of a user, in the form of the codec, in one line of some length: what is no JSON stands in words. */
export function valueText(value: unknown, most = LONGEST): string {
  const text = typeof value === 'string' ? value : valueJson(value)
  return text.length > most ? `${text.slice(0, most)}…` : text
}

/** A value of a user in one line, whole; a text has its quotes. */
export function valueJson(value: unknown): string {
  const plain = plainOf('', value)
  return typeof plain === 'string' && plain !== value ? plain : (JSON.stringify(plain, plainOf) ?? '')
}

/** A tagged value as JSON shows it. */
function plainOf(_: string, value: unknown): unknown {
  if (!isPlainObject(value) || typeof value['$'] !== 'string') return value
  const { $: tag, v, p } = value
  switch (tag) {
    case 'undefined':
      return tag
    case 'number':
      return v
    case 'bigint':
      return `${String(v)}n`
    case 'date':
      return typeof v === 'number' ? (tryGet(() => new Date(v).toISOString()) ?? 'an invalid date') : 'an invalid date'
    case 'error':
      return `${String(value['name'])}: ${String(value['message'])}`
    case 'map':
    case 'set':
      return v
    case 'object':
      return Array.isArray(v) ? (tryGet(() => Object.fromEntries(v as [string, unknown][])) ?? v) : v
    case 'ref':
    case 'cut':
      return `${String(p)}…`
    default:
      return value
  }
}

/** `RangeError: It sank.`: the innermost cause, without its place, which the line has anyway. */
export function reasonText(error: ErrorData): string {
  let inner = error
  for (let i = 0; i < DEEPEST && inner.cause !== undefined; i++) inner = inner.cause
  return `${inner.name}: ${inner.message}`
}

const DEEPEST = 20
