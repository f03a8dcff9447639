// Owns: how many columns of a terminal a text takes.
// W1  Control characters never reach the terminal: names and errors of users cannot move its cursor.

/** Ranges of characters of two columns: East Asian wide and full width, and pictures. */
const WIDE: readonly number[] = [
  0x1100, 0x115f, 0x231a, 0x231b, 0x2329, 0x232a, 0x23e9, 0x23ec, 0x23f0, 0x23f0, 0x23f3, 0x23f3, 0x25fd, 0x25fe,
  0x2614, 0x2615, 0x2648, 0x2653, 0x267f, 0x267f, 0x2693, 0x2693, 0x26a1, 0x26a1, 0x26aa, 0x26ab, 0x26bd, 0x26be,
  0x26c4, 0x26c5, 0x26ce, 0x26ce, 0x26d4, 0x26d4, 0x26ea, 0x26ea, 0x26f2, 0x26f3, 0x26f5, 0x26f5, 0x26fa, 0x26fa,
  0x26fd, 0x26fd, 0x2705, 0x2705, 0x270a, 0x270b, 0x2728, 0x2728, 0x274c, 0x274c, 0x274e, 0x274e, 0x2753, 0x2755,
  0x2757, 0x2757, 0x2795, 0x2797, 0x27b0, 0x27b0, 0x27bf, 0x27bf, 0x2b1b, 0x2b1c, 0x2b50, 0x2b50, 0x2b55, 0x2b55,
  0x2e80, 0x303e, 0x3041, 0x4dbf, 0x4e00, 0xa4cf, 0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe10, 0xfe19,
  0xfe30, 0xfe6f, 0xff01, 0xff60, 0xffe0, 0xffe6, 0x16fe0, 0x18cff, 0x1aff0, 0x1b2ff, 0x1f004, 0x1f004, 0x1f0cf,
  0x1f0cf, 0x1f18e, 0x1f18e, 0x1f191, 0x1f19a, 0x1f200, 0x1f64f, 0x1f680, 0x1f6fc, 0x1f7e0, 0x1f7f0, 0x1f90c, 0x1f9ff,
  0x1fa70, 0x1faff, 0x20000, 0x3fffd,
]

function isWide(code: number): boolean {
  if (code < 0x1100) return false
  for (let i = 0; i < WIDE.length; i += 2) if (code <= (WIDE[i + 1] as number)) return code >= (WIDE[i] as number)
  return false
}

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
