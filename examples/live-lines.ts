/** Where progress is shown. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Draws lines on a terminal, each time over those of the time before. */
export function liveLines(screen: Screen): (lines: readonly string[]) => void {
  let drawn = 0
  return (lines) => {
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`
    screen.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`)
    drawn = lines.length
  }
}
