import { readPath, type WirePath } from '../read/wire-path.js'
import { usageError } from './command-error.js'

// Owns: how an address in a command line is read. `@-1` is the start.
// Does not own: how it is printed (read/run-address.ts).

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
