import { fixed, type Piece, piece } from './print.js'

// Owns: the difference of two short texts, line by line.

/** The lines that differ, each with two lines around it: `- before`, `+ after`. */
export function linesOfDiff(before: string, after: string): readonly Piece[][] {
  const lines = compared(before.split('\n'), after.split('\n'))
  const near = (at: number): boolean => lines.slice(Math.max(0, at - 2), at + 3).some(({ sign }) => sign !== ' ')
  return lines.flatMap(({ sign, text }, at) => {
    if (!near(at)) return []
    const colour = sign === '+' ? 'green' : sign === '-' ? 'red' : 'dim'
    return [[fixed(`  ${sign} `, colour), fixed(indentOf(text)), piece(text, colour)]]
  })
}

const indentOf = (text: string): string => /^ */.exec(text)?.[0] ?? ''

interface Line {
  readonly sign: ' ' | '+' | '-'
  readonly text: string
}

/** By the longest common subsequence, between a common beginning and a common end. */
function compared(a: readonly string[], b: readonly string[]): readonly Line[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  const same = (lines: readonly string[]): Line[] => lines.map((text) => ({ sign: ' ', text }))
  const middle = changed(a.slice(head, a.length - tail), b.slice(head, b.length - tail))
  return [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))]
}

/** Beyond this many pairs of lines all of one text is replaced by all of the other. */
const MOST_PAIRS = 4_000_000

function changed(a: readonly string[], b: readonly string[]): Line[] {
  const [m, n] = [a.length, b.length]
  const signed = (sign: '+' | '-', lines: readonly string[]): Line[] => lines.map((text) => ({ sign, text }))
  if (m * n > MOST_PAIRS) return [...signed('-', a), ...signed('+', b)]
  const common = Array.from({ length: m + 1 }, () => new Uint32Array(n + 1))
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = m - 1; i >= 0; i--)
    for (let j = n - 1; j >= 0; j--) {
      const row = common[i]
      if (row !== undefined) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  const lines: Line[] = []
  let [i, j] = [0, 0]
  while (i < m && j < n) {
    if (a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' })
      i++
      j++
    } else if (at(i + 1, j) >= at(i, j + 1)) lines.push({ sign: '-', text: a[i++] ?? '' })
    else lines.push({ sign: '+', text: b[j++] ?? '' })
  }
  return [...lines, ...signed('-', a.slice(i)), ...signed('+', b.slice(j))]
}
