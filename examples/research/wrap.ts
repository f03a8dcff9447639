/**
 * Breaks the lines of a text between words, so that none is wider than the terminal. A broken line keeps its indent.
 * @param width columns; `Infinity` leaves the lines as they are
 */
export function wrap(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, width))
    .join('\n')
}

function wrapLine(line: string, width: number): string {
  const indent = /^ */.exec(line)?.[0] ?? ''
  const lines: string[] = []
  let open = indent
  for (const word of line.slice(indent.length).split(' ')) {
    const longer = open === indent ? open + word : `${open} ${word}`
    if (longer.length <= width || open === indent) open = longer
    else {
      lines.push(open)
      open = indent + word
    }
  }
  return [...lines, open].join('\n')
}
