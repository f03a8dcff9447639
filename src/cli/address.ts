import { printedPath, readPath, type WirePath } from '../read/wire-path.js'
import { usageError } from './command-error.js'

// Owns: the printed address of a run, of a step, of a branch: `order-7`, `order-7@3`, `order-7/fan/berlin@0`;
// `@-1` is the start.
// A1  What is printed can be read back: signs of an address are escaped in an id as in URLs.

/** What an address names. */
export interface Address {
  readonly runId: string
  readonly path: WirePath
  /** -1: the start. Undefined without one. */
  readonly step: number | undefined
}

/** @throws {CommandError} `usage` */
export function addressOf(text: string): Address {
  const [, place = text, number] = /^(.*)@(-1|\d{1,15})$/s.exec(text) ?? []
  const slash = place.indexOf('/')
  const id = slash < 0 ? place : place.slice(0, slash)
  const below = slash < 0 ? '' : place.slice(slash + 1)
  const path = readPath(below)
  if (id === '' || path === undefined || (slash >= 0 && below === ''))
    throw usageError(
      `"${text}" is no address of a run.`,
      'It takes `order-7`, `order-7@3` for a step, `order-7/fan/berlin` for a branch.',
    )
  return { runId: decoded(id), path, step: number === undefined ? undefined : Number(number) }
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}

/** The address of an application of a run. A1 */
export function printedAddress(runId: string, path: WirePath = [], step?: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they have no place in a terminal
  const id = runId.replace(/[%/@\s\u0000-\u001f\u007f]/g, (char) => encodeURIComponent(char))
  const below = path.length === 0 ? '' : `/${printedPath(path)}`
  return `${id}${below}${step === undefined ? '' : `@${step}`}`
}
