import { TeaselError } from '../errors.js'
import { isInstance, tryGet } from '../internal/guards.js'
import { outputOf, type RunResult } from '../runtime/run/result.js'

// Owns: the outcome of a run for its caller, and adding the awaiting function to the stack of a failed run. The caller is looked up only after a failure, so a
// successful run pays nothing. A promise that no async function awaits has no caller to name.

const FRAME = /^\s+at (?:async )?(.+)$/gm

/** Awaits a run; on failure, appends the awaiting function to the stack. */
export async function naming<T>(run: Promise<T>): Promise<T> {
  try {
    return await run
  } catch (error) {
    throw named(error)
  }
}

/** Appends the function that awaits the calling async function to the stack of an error. */
export function named(error: unknown): unknown {
  if (!isInstance(error, TeaselError)) return error
  const frames = [...(new Error().stack ?? '').matchAll(FRAME)].slice(2) // the frames of this file
  const known = tryGet(() => error.stack) ?? ''
  const more = frames.filter(([, spot = '']) => !known.includes(spot))
  if (more.length > 0)
    tryGet(() => Object.defineProperty(error, 'stack', { value: `${known}\n${more.map(([line]) => line).join('\n')}` }))
  return error
}

/** The outcome of a run for its caller. @throws the error of a failed run; the reason of the caller's own signal */
export function conclude(result: RunResult): object {
  if (result.status === 'failed') throw result.error
  if (result.status === 'cancelled' && result.cancellation.cause === 'signal') throw result.cancellation.reason
  return outputOf(result)
}
