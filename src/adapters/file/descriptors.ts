import { constants } from 'node:fs'
import { join } from 'node:path'
import type { Fs } from './places.js'

// Owns: the open files of a tracker.
// O1  So many are open at most, whatever the number of runs.

const MOST_OPEN = 200

export class Descriptors {
  readonly #fs: Fs
  readonly #folder: string
  /** The least recently used one is the first. */
  readonly #open = new Map<string, number>()
  #newest: string | undefined

  constructor(fs: Fs, folder: string) {
    this.#fs = fs
    this.#folder = folder
  }

  add(file: string, fd: number): void {
    this.#open.set(file, fd)
    this.#newest = file
    if (this.#open.size <= MOST_OPEN) return
    const [oldest] = this.#open.keys()
    if (oldest !== undefined) this.close(oldest)
  }

  /** The descriptor of a file that was added. @throws the error of the file system, if it must be opened again */
  of(file: string): number {
    const known = this.#open.get(file)
    if (known !== undefined && file === this.#newest) return known
    if (known !== undefined) {
      this.#open.delete(file)
      this.#open.set(file, known)
      this.#newest = file
      return known
    }
    // Neither made nor emptied: a file that was removed is not made again.
    const fd = this.#fs.openSync(join(this.#folder, file), constants.O_WRONLY | constants.O_APPEND)
    this.add(file, fd)
    return fd
  }

  close(file: string): void {
    const fd = this.#open.get(file)
    this.#open.delete(file)
    if (fd === undefined) return
    try {
      this.#fs.closeSync(fd)
    } catch {
      // The system has taken what it could; the file is not used again.
    }
  }

  closeAll(): void {
    for (const file of [...this.#open.keys()]) this.close(file)
  }
}
