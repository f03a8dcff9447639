import { cutTo, oneLine, widthOf } from './text-width.js'

// Owns: pieces of lines, with and without colour.

export type Colour = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold' | 'none'

const CODES = { green: '32', red: '31', yellow: '33', cyan: '36', dim: '2', bold: '1' } as const

/** A piece of a line. */
export interface Piece {
  readonly text: string
  readonly colour: Colour
}

/** A piece in a colour. Text of a user is made one line. */
export const piece = (text: string, colour: Colour = 'none'): Piece => ({ text: oneLine(text), colour })
/** A piece that keeps its spaces; never of a user's text. */
export const fixed = (text: string, colour: Colour = 'none'): Piece => ({ text, colour })

/** Joins pieces to a line of a width. */
export function lineOf(pieces: readonly Piece[], width: number, coloured: boolean): string {
  let left = width
  let line = ''
  for (const { text, colour } of pieces) {
    if (text === '') continue
    const cut = cutTo(text, left)
    left -= widthOf(cut)
    line += coloured && colour !== 'none' && cut !== '' ? `\x1b[${CODES[colour]}m${cut}\x1b[0m` : cut
    if (cut !== text) break
  }
  return line
}
