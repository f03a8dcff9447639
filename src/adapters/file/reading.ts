import { isInstance } from '../../internal/guards.js'
import { LogError } from '../../read/log-error.js'

// Owns: what follows where a file cannot be read.
// D1  A file that is gone has nothing; any other refusal of the system is a LogError with the path.

/** Whether an error is one of the file system, with its code. */
const isOfSystem = (error: unknown): error is Error & { readonly code: string } =>
  isInstance(error, Error) && 'syscall' in error && 'code' in error && typeof error.code === 'string'

/**
 * Removes a file, or a part of that. One that is gone is removed.
 * @throws {LogError} where the system refuses it
 */
export async function removing(path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!isOfSystem(error)) throw error
    if (error.code !== 'ENOENT') throw new LogError(path, error.code, { cause: error, operation: 'remove' })
  }
}

/**
 * Reads something of a file or a folder. Undefined if it is gone.
 * @throws {LogError} where the system refuses it
 */
export async function unlessGone<T>(path: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isOfSystem(error)) throw error
    if (error.code === 'ENOENT') return undefined
    throw new LogError(path, error.code, { cause: error })
  }
}
