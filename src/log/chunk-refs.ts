import { isRef, type LoadRef } from './blob-ref.js'

// Merged chunks as earlier versions wrote them: a member whose JSON was large, as that of control characters is, stands in
// a file of its own.

type Members = { readonly [name: string]: unknown }

/** More chunks than a line ever had are a damage. */
const MOST = 100_000

/**
 * A line of merged chunks with its members in it. Where a file is gone, each chunk is told as the large value that it was
 * part of; chunks that cannot be divided any more are told as one.
 */
export function withoutRefs(line: Members, load: LoadRef): Members {
  const { seq, text, cut, items, n } = line
  if (![seq, text, cut, items].some(isRef)) return line
  const whole = (value: unknown): unknown => (isRef(value) ? load(value) : value)
  const count = typeof n === 'number' && n > 0 && n <= MOST ? n : 0
  const chunks = whole(items) ?? piecesFor(count, whole(text), whole(cut)) ?? each(count, isRef(items) ? items : text)
  const { text: _, cut: __, ...rest } = line
  return { ...rest, seq: whole(seq), items: chunks }
}

function piecesFor(count: number, text: unknown, cut: unknown): readonly string[] | undefined {
  if (typeof text !== 'string') return undefined
  if (!Array.isArray(cut) || cut.length !== count) return [text, ...each(count - 1, '')]
  let at = 0
  return cut.map((length: number) => {
    at += length
    return text.slice(at - length, at)
  })
}

const each = <T>(count: number, value: T): T[] => Array.from({ length: Math.max(0, count) }, () => value)
