import type { Awaitable } from '../../persistence/driver.js'
import { PersistenceError } from '../../store-errors.js'
import { isLock } from './binding-errors.js'

// Owns: waiting for a lock of another process.

/** Time that SQLite itself waits for a lock, which holds the thread. */
export const HELD_MS = 10
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 50

/** Bound when the module loads, so that fake timers of a test do not stop a save. */
const { setTimeout: callLater } = globalThis
const delay = (ms: number): Promise<void> => new Promise((resolve) => void callLater(resolve, ms))

/** Another process holds the lock; nothing was written. */
export const isLocked = (error: unknown): boolean => error instanceof PersistenceError && isLock(error.cause)

/**
 * Runs work at once, and retries it while another process holds the lock. The thread is free between the tries.
 * @throws the error of the last try, after `busyMs`
 */
export function afterLock<T>(busyMs: number, work: () => T): Awaitable<T> {
  try {
    return work()
  } catch (error) {
    if (!isLocked(error)) throw error
    return tryAgain(busyMs, work, error)
  }
}

async function tryAgain<T>(busyMs: number, work: () => T, first: unknown): Promise<T> {
  let error = first
  const end = performance.now() + busyMs
  for (let pause = FIRST_PAUSE_MS; performance.now() < end; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    await delay(pause * (0.5 + Math.random())) // jitter, so that two processes do not retry in step
    try {
      return work()
    } catch (again) {
      error = again
      if (!isLocked(error)) break
    }
  }
  throw error
}
