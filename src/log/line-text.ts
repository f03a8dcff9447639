import type { LogLine } from './lines.js'

// Owns: the JSON of a line. Most of its members are numbers, and texts of the program that come again.
// J1  It is that of `JSON.stringify`.

/** A longer text is not remembered. */
const LONGEST = 64
/** How many texts are remembered. */
const MOST = 1000

const texts = new Map<string, string>()
const names = new Map<string, string>()

/** A line as JSON. The platform's own looks for much that no line has, and takes a third longer. */
export function lineText(line: LogLine): string {
  let text = `{"type":${quoted(line.type)}`
  for (const name in line) {
    const value: unknown = line[name as keyof LogLine]
    if (value === undefined || name === 'type') continue
    if (typeof value === 'number') text += prefix(name) + (Number.isFinite(value) ? value : 'null')
    else if (typeof value === 'string') text += prefix(name) + quoted(value)
    else if (typeof value === 'boolean') text += prefix(name) + value
    else text += prefix(name) + JSON.stringify(value)
  }
  return `${text}}`
}

function quoted(text: string): string {
  if (text.length > LONGEST) return JSON.stringify(text)
  return texts.get(text) ?? remembered(texts, text, JSON.stringify(text))
}

/** The name of a member, with the comma before it. */
const prefix = (name: string): string => names.get(name) ?? remembered(names, name, `,${JSON.stringify(name)}:`)

function remembered(all: Map<string, string>, text: string, json: string): string {
  if (all.size < MOST) all.set(text, json)
  return json
}
