// Owns: which cells a mosaic has.
// C1  Each branch is a cell, in declaration order, as long as there are at most 20 000. More are shown in buckets, each
//     with the status of its worst branch.

const MOST_CELLS = 20_000
/** The worst first. */
const WORST = 'fitwrcqd'

/** Cells, and how many branches each stands for. */
export function cellsOf(letters: string): { readonly cells: string; readonly each: number } {
  const each = Math.max(1, Math.ceil(letters.length / MOST_CELLS))
  if (each === 1) return { cells: letters, each }
  let cells = ''
  for (let i = 0; i < letters.length; i += each) {
    const bucket = letters.slice(i, i + each)
    cells += [...WORST].find((letter) => bucket.includes(letter)) ?? 'q'
  }
  return { cells, each }
}
