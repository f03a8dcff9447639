import { base64 } from '../codec/bytes.js'
import { tryGet } from '../internal/guards.js'

// The `after` of a page: an opaque text with the place of its last item, so that it stays valid when that is deleted.

/** The position of an event, `incarnation.seq`, as numbers; undefined for any other text. */
export function positionOf(text: string): readonly [incarnation: number, seq: number] | undefined {
  const [, incarnation, seq] = /^(\d{1,15})\.(\d{1,15})$/.exec(text) ?? []
  return incarnation === undefined ? undefined : [Number(incarnation), Number(seq)]
}

/** The lists that have cursors. */
export type CursorKind = 'run' | 'due' | 'wait' | 'branch' | 'step'

/** A place in a list. */
export type CursorPlace = readonly (string | number | null)[]

/** The text of a place. */
export const cursorAt = (kind: CursorKind, place: CursorPlace): string =>
  base64(new TextEncoder().encode(JSON.stringify([kind, ...place])))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** The place of a cursor; undefined for any other text. @param size the number of its parts */
export function placeOf(kind: CursorKind, cursor: string, size: number): CursorPlace | undefined {
  const read = tryGet(() => {
    const bytes = Uint8Array.from(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  })
  if (!Array.isArray(read) || read.length !== size + 1 || read[0] !== kind) return undefined
  return read.slice(1) as CursorPlace
}
