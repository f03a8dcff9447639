import { usageError } from './command-error.js'

// Owns: where the pictures of a Markdown text are: a marker comment, and the fenced block behind it.
// M1  A marker in a fenced block is text of an example, and none.

/** A marked picture of a text. */
export interface Marker {
  /** The line of its comment, from 1. */
  readonly line: number
  /** The words of its comment behind `teasel graph`. */
  readonly words: readonly string[]
  readonly picture: string
  /** The lines of the picture, from 0; the second one is behind it. */
  readonly range: readonly [number, number]
}

const MARKER = /^\s*<!--\s*teasel graph\b(.*?)-->\s*$/
const FENCE = /^\s*(`{3,}|~{3,})/

/** The marked pictures, in their order. @throws {CommandError} for a marker without a block */
export function markersIn(text: string, file: string): readonly Marker[] {
  const lines = text.split('\n')
  const found: Marker[] = []
  for (let i = 0; i < lines.length; i++) {
    const fence = FENCE.exec(lines[i] ?? '')?.[1]
    if (fence !== undefined) i = endOf(lines, i, fence) // M1
    const words = MARKER.exec(lines[i] ?? '')?.[1]
    if (words === undefined) continue
    const open = lines.findIndex((line, at) => at > i && line.trim() !== '')
    const sign = FENCE.exec(lines[open] ?? '')?.[1]
    if (sign === undefined)
      throw usageError(`${file}:${i + 1} is followed by no fenced block.`, 'Put ```mermaid and ``` behind the comment.')
    const end = endOf(lines, open, sign)
    const picture = lines.slice(open + 1, end).join('\n')
    found.push({
      line: i + 1,
      words: words.split(/\s+/).filter((word) => word !== ''),
      picture,
      range: [open + 1, end],
    })
    i = end
  }
  return found
}

/** The line that closes a fence; the last one, if none does. */
function endOf(lines: readonly string[], open: number, fence: string): number {
  const end = lines.findIndex((line, at) => at > open && line.trim().startsWith(fence) && /^[`~]+$/.test(line.trim()))
  return end < 0 ? lines.length : end
}

/** The text with other pictures. @param pictures one for each marker, in their order */
export function withPictures(text: string, markers: readonly Marker[], pictures: readonly string[]): string {
  const lines = text.split('\n')
  let at = 0
  const parts = markers.flatMap(({ range: [from, to] }, i) => {
    const before = lines.slice(at, from)
    at = to
    return [...before, ...(pictures[i] ?? '').split('\n')]
  })
  return [...parts, ...lines.slice(at)].join('\n')
}
