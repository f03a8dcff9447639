import { STATUS_SIGNS } from '../../read/status.js'
import type { AppNode } from '../../read/tree.js'

// Owns: how numbers, times and statuses read.

/** As text, where a browser would draw a picture of its own. */
const asText = (sign: string): string => (sign === '▶' || sign === '⏸' ? `${sign}\ufe0e` : sign)

/** The mark of each status. It never stands without its word or its name for screen readers. */
export const MARKS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ ...STATUS_SIGNS, reducing: STATUS_SIGNS.running }).map(([status, sign]) => [status, asText(sign)]),
)

/** The statuses of branches by their letter in a mosaic. */
export const LETTERS: Readonly<Record<string, string>> = {
  q: 'queued',
  r: 'running',
  w: 'waiting',
  t: 'retrying',
  i: 'interrupted',
  d: 'done',
  f: 'failed',
  c: 'cancelled',
}

/** Statuses in which something still happens. */
export const isOpen = (status: string | undefined): boolean =>
  status !== undefined && ['queued', 'running', 'waiting', 'retrying', 'interrupted', 'reducing'].includes(status)

/** A duration: `56 ms`, `1.2 s`, `3 min 4 s`. */
export function duration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return ''
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** `3 min ago`. */
export function ago(at: number | undefined, now: number): string {
  if (dateOf(at) === undefined || at === undefined) return ''
  const s = Math.max(0, Math.round((now - at) / 1000))
  if (s < 5) return 'now'
  if (s < 60) return `${s} s ago`
  if (s < 3600) return `${Math.floor(s / 60)} min ago`
  return s < 172_800 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86_400)} d ago`
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
/** The moment that a value names; undefined for one that is none: a log, a file or a store may have any. */
const dateOf = (at: unknown): Date | undefined =>
  typeof at === 'number' && Math.abs(at) <= 8.64e15 ? new Date(at) : undefined

const NO_DATE = 'an invalid date'

/** A moment, in words. */
export function moment(at: number | undefined): string {
  if (at === undefined) return ''
  const date = dateOf(at)
  return date === undefined ? NO_DATE : clock.format(date)
}

/** `2026-11-30T16:20:00.000Z`. */
export const isoMoment = (at: unknown): string => dateOf(at)?.toISOString() ?? NO_DATE

/** `16:20:00.000`. */
export const timeOfDay = (at: unknown): string => dateOf(at)?.toISOString().slice(-13, -1) ?? NO_DATE

/** `1,000`. */
export const count = (n: number): string => n.toLocaleString('en')

/** `1 step`, `3 steps`. */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`

/** Bytes: `12 kB`. */
export const bytes = (n: number): string =>
  n < 1000 ? `${n} B` : n < 1e6 ? `${Math.round(n / 1000)} kB` : `${(n / 1e6).toFixed(1)} MB`

/** An id is long: its middle is left out. */
export const short = (id: string, most = 26): string =>
  visible(id.length <= most ? id : `${id.slice(0, most - 7)}…${id.slice(-6)}`)

/** What a run is called: its title, else its id. */
export const titleOf = ({ title, runId }: { readonly title?: string | undefined; readonly runId: string }): string =>
  title === undefined ? short(runId) : visible(title)

/**
 * A text in which every sign can be seen: one that controls a terminal, or turns the direction of what follows, would
 * make a text look like another one.
 */
export const visible = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to show
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )

/** The name of a branch: its title, else its key. */
export const branchName = ({ title, key, path }: Pick<AppNode, 'title' | 'key' | 'path'>): string =>
  visible(title ?? (key === '' || key === undefined ? (path.at(-1)?.[2] ?? '') || (path.at(-1)?.[0] ?? 'run') : key))
