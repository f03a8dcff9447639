import { usageError } from './command-error.js'

// Owns: the options and arguments that a command was given.

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** The options and arguments of one call. */
export class Given {
  readonly args: readonly string[]
  readonly #values: Values

  constructor(values: Values, args: readonly string[]) {
    this.#values = values
    this.args = args
  }

  /** The text of an option; the last one, if it was given several times. */
  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  /** The texts of an option that can be given several times. */
  texts(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
  }

  /** An argument; it is there where the command needs it. */
  arg(at: number): string {
    return this.args[at] ?? ''
  }

  /** A whole number. */
  whole(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`
    throw usageError(`--${name} is "${text}"; it takes a whole number, ${range}.`)
  }

  /** Pairs: `--label customer=7`. */
  pairs(name: string): Readonly<Record<string, string>> | undefined {
    const texts = this.texts(name)
    if (texts.length === 0) return undefined
    return Object.fromEntries(texts.map((text) => pairOf(name, text)))
  }

  /** Pairs whose values are JSON where they can be read as such, and else texts. */
  values(name: string): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Object.entries(this.pairs(name) ?? {}).map(([key, text]) => [key, parsedValue(text)]))
  }
}

function pairOf(name: string, text: string): [string, string] {
  const at = text.indexOf('=')
  if (at <= 0) throw usageError(`--${name} is "${text}"; it takes NAME=VALUE.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** JSON, or the text itself. */
export function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
