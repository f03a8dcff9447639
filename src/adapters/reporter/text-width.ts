import { isWide } from '../../internal/wide-signs.js'

// Owns: how many columns of a terminal a text takes.
// W1  Control characters never reach the terminal: names and errors of users cannot move its cursor.

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const INVISIBLE = /^[\p{M}\p{Cf}]$/u
const PLAIN = /^[\x20-\x7e]*$/

/** The columns of one grapheme. */
function widthOfOne(grapheme: string): number {
  let most = 0
  for (const one of grapheme) {
    if (one === '\uFE0F') return 2 // as a picture
    if (!INVISIBLE.test(one)) most = Math.max(most, isWide(one.codePointAt(0) ?? 0) ? 2 : 1)
  }
  return most
}

/** The columns of a text without control characters. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += widthOfOne(segment)
  return width
}

/** Cuts a text to a width; a cut text ends with `…`. */
export function cutTo(text: string, width: number): string {
  if (width <= 0) return ''
  if (text.length <= width && PLAIN.test(text)) return text
  if (widthOf(text) <= width) return text
  let left = width - 1
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOfOne(segment)
    if (left < 0) break
    kept += segment
  }
  return `${kept}…`
}

/** A text in one line, without control characters. W1 */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim()
}
