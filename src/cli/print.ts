import { fixed, lineOf, type Piece, piece } from '../adapters/reporter/paint.js'
import { oneLine, widthOf } from '../adapters/reporter/text-width.js'
import type { ReadFault } from '../read/reader.js'
import type { CommandError } from './command-error.js'
import type { Io, Output } from './io.js'

// Owns: the lines of a command: colours, widths, tables, JSON.
// P1  No control character of a user's data reaches the terminal: pieces and JSON have none.

export { fixed, type Piece, piece }

/** The reader of the output has left: nothing more is to be done. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

function coloured(stream: Output, { env }: Io): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') return forced !== '0'
  if ((env['NO_COLOR'] ?? '') !== '') return false
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

/** Columns of a line; any number outside of a terminal. */
export const widthOfOutput = ({ stdout }: Io): number =>
  stdout.isTTY === true ? Math.max(20, stdout.columns ?? 80) : Number.POSITIVE_INFINITY

/** A line of pieces for the output, cut to its width. */
const drawn = (io: Io, pieces: readonly Piece[]): string => lineOf(pieces, widthOfOutput(io), coloured(io.stdout, io))

/** Writes a text, and waits until it was taken. I1 */
export async function write(io: Io, text: string): Promise<void> {
  if (io.left.aborted) throw new OutputClosed()
  const { left, stdout } = io
  await new Promise<void>((resolve) => {
    const done = (): void => {
      left.removeEventListener('abort', done)
      resolve()
    }
    left.addEventListener('abort', done, { once: true })
    stdout.write(text, done)
  })
  if (io.left.aborted) throw new OutputClosed()
}

/** Writes lines of pieces. */
export const print = (io: Io, ...lines: readonly (readonly Piece[])[]): Promise<void> =>
  write(io, lines.map((line) => `${drawn(io, line)}\n`).join(''))

/** Writes a JSON document in one line. Control characters are escaped. */
export const printJson = (io: Io, value: unknown): Promise<void> => write(io, `${jsonText(value)}\n`)

/** JSON in one line, without any character that moves a cursor. P1 */
export const jsonText = (value: unknown, space?: number): string =>
  (JSON.stringify(value, undefined, space) ?? 'null').replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Writes lines to the error output: they are about the work, and not its result. */
export function note(io: Io, ...lines: readonly (readonly Piece[])[]): void {
  const isColoured = coloured(io.stderr, io)
  const text = lines.map((line) => `${lineOf(line, Number.POSITIVE_INFINITY, isColoured)}\n`).join('')
  io.stderr.write(text)
}

/** Writes why a command ended. */
export function printError(io: Io, error: CommandError, json: boolean): void {
  const { code, message, hint } = error
  if (json) io.stderr.write(`${jsonText({ error: { code, message, ...(hint !== undefined && { hint }) } })}\n`)
  else
    note(
      io,
      ...linesOf(message).map((line, i) => (i === 0 ? [fixed('✕ ', 'red'), piece(line)] : [fixed('  '), piece(line)])),
      ...(hint === undefined ? [] : linesOf(hint).map((line) => [fixed('  '), piece(line, 'dim')])),
    )
}

/** Writes what a list could not read. @returns whether there was anything */
export function printFaults(io: Io, faults: readonly ReadFault[] = [], json = false): boolean {
  for (const fault of faults) {
    const name = fault.runId === undefined ? [] : [fixed(' '), piece(fault.runId), fixed(':')]
    if (json) io.stderr.write(`${jsonText({ fault })}\n`)
    else note(io, [fixed('✕', 'red'), ...name, fixed(' '), piece(fault.error.message)])
  }
  return faults.length > 0
}

const linesOf = (text: string): readonly string[] => text.split('\n').map(oneLine)

/** Pieces with a space between them; empty ones are left out. */
export const spaced = (...pieces: readonly (Piece | undefined)[]): Piece[] =>
  pieces.flatMap((one) => (one === undefined || one.text === '' ? [] : [fixed(' '), one])).slice(1)

/** A cell of a table: pieces with nothing between them. */
export type Cell = readonly Piece[]

/** A column. */
export interface Column {
  readonly head: string
  /** Whether it is cut when a line is too long. */
  readonly cut?: true
  readonly right?: true
}

const GAP = 2

/** Aligns the rows of a table. Empty columns are left out; the last column is not filled up. */
export class Table {
  readonly #columns: readonly Column[]
  readonly #width: number
  #widths: number[]

  /** @param width columns of a line */
  constructor(columns: readonly Column[], width: number) {
    this.#columns = columns
    this.#width = width
    this.#widths = columns.map(() => 0)
  }

  /** The lines of some rows; those of later rows are as wide at least. */
  lines(rows: readonly (readonly Cell[])[], withHead: boolean): Piece[][] {
    for (const row of rows)
      for (const [i, cell] of row.entries()) this.#widths[i] = Math.max(this.#widths[i] ?? 0, cellWidth(cell))
    const shown = this.#columns.flatMap((column, i) =>
      (this.#widths[i] ?? 0) === 0 ? [] : [{ ...column, i, width: Math.max(this.#widths[i] ?? 0, column.head.length) }],
    )
    let over = shown.reduce((sum, { width }) => sum + width + GAP, -GAP) - this.#width
    for (const one of shown.filter(({ cut }) => cut === true).sort((a, b) => b.width - a.width)) {
      const least = Math.max(8, one.head.length)
      const less = Math.max(0, Math.min(over, one.width - least))
      one.width -= less
      over -= less
    }
    const line = (cellOf: (i: number) => Cell): Piece[] =>
      shown.flatMap(({ i, width, right }, at) => {
        const cell = cut(cellOf(i), width)
        const room = fixed(' '.repeat(Math.max(0, width - cellWidth(cell))))
        const gap = at === 0 ? [] : [fixed(' '.repeat(GAP))]
        if (right === true) return [...gap, room, ...cell]
        return at === shown.length - 1 ? [...gap, ...cell] : [...gap, ...cell, room]
      })
    const head = line((i) => [fixed(this.#columns[i]?.head ?? '', 'dim')])
    return [...(withHead ? [head] : []), ...rows.map((row) => line((i) => row[i] ?? []))]
  }
}

const cellWidth = (cell: Cell): number => cell.reduce((sum, { text }) => sum + widthOf(text), 0)

function cut(cell: Cell, width: number): Cell {
  if (cellWidth(cell) <= width) return cell
  let left = width
  return cell.map(({ text, colour }) => {
    const part = lineOf([fixed(text)], left, false)
    left -= widthOf(part)
    return { text: part, colour }
  })
}
