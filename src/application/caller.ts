import { TeaselError } from '../errors.js'
import { glance, isA } from '../internal/guards.js'

// Owns: that the stack of a failed run names who awaits it. It is looked up when the run has failed: a run that ends
// well pays nothing. A promise that nobody awaits in an async function has no caller that could be named.

const FRAME = /^\s+at (?:async )?(.+)$/gm

/** The outcome of a run. Where it failed, whoever awaits this is named at the end of the stack. */
export async function naming<T>(run: Promise<T>): Promise<T> {
  try {
    return await run
  } catch (error) {
    throw named(error)
  }
}

/** The error, with whoever awaits the async function that asks at the end of its stack. */
export function named(error: unknown): unknown {
  if (!isA(error, TeaselError)) return error
  const frames = [...(new Error().stack ?? '').matchAll(FRAME)].slice(2) // ours
  const known = glance(() => error.stack) ?? ''
  const more = frames.filter(([, spot = '']) => !known.includes(spot))
  if (more.length > 0)
    glance(() => Object.defineProperty(error, 'stack', { value: `${known}\n${more.map(([line]) => line).join('\n')}` }))
  return error
}
