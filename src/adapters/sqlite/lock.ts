import type { Awaitable } from '../../persistence/driver.js'
import { PersistenceError } from '../../store-errors.js'
import { isLock } from './binding-errors.js'

// Owns: how a lock of another process is waited for.

/** How long SQLite itself waits for a lock, and the thread with it. */
export const HELD_MS = 10
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 50

/** Bound when the module loads: tests that take timers in hand do not stop a save. */
const { setTimeout: callLater } = globalThis
const delay = (ms: number): Promise<void> => new Promise((resolve) => void callLater(resolve, ms))

/** Another process holds the lock; nothing was written. */
export const isLocked = (error: unknown): boolean => error instanceof PersistenceError && isLock(error.cause)

/**
 * Answers at once, or later where the lock is held: the thread is free between the tries.
 * @throws what the last try threw, after `busyMs`
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
    await delay(pause * (0.5 + Math.random())) // so that two who wait do not meet again
    try {
      return work()
    } catch (again) {
      error = again
      if (!isLocked(error)) break
    }
  }
  throw error
}
