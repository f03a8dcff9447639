import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { PermitRequest, Permits } from '../../parallel/limit.js'

/** The attempt that holds the permit: once it has ended or was cancelled, the permit is not taken again. */
type Borrower = { readonly open: boolean; readonly cancellation: object | undefined }

/**
 * The permit of one application under a shared limit. Held while an action of its own runs; free while that action
 * awaits an application that it made, or a message.
 */
export class Permit {
  readonly #semaphore: Permits
  #held = false
  #request: (Deferred<boolean> & { readonly entry: PermitRequest }) | undefined
  #lent = 0
  #disposed = false

  constructor(semaphore: Permits) {
    this.#semaphore = semaphore
  }

  /** @returns true when the permit is held; false when the wait was cancelled */
  enter(): boolean | Promise<boolean> {
    if (this.#disposed) return false
    if (this.#held) return true
    if (this.#request !== undefined) return this.#request.promise
    if (this.#semaphore.tryAcquire()) {
      this.#held = true
      return true
    }
    const answer = createDeferred<boolean>()
    const entry: PermitRequest = {
      granted: () => {
        this.#request = undefined
        this.#held = true
        answer.resolve(true)
      },
    }
    this.#request = { ...answer, entry }
    this.#semaphore.wait(entry)
    return answer.promise
  }

  /** Ends a pending request. */
  cancel(): void {
    if (this.#request === undefined) return
    this.#semaphore.cancel(this.#request.entry)
    this.#request.resolve(false)
    this.#request = undefined
  }

  /** Gives it back. A pending request ends too: nobody needs the permit that it would get. */
  release(): void {
    this.cancel()
    if (!this.#held) return
    this.#held = false
    this.#semaphore.release()
  }

  /** The code that holds it was abandoned: it may still run, and takes no permit again. */
  dispose(): void {
    this.#disposed = true
    this.release()
  }

  /** Gives the permit back while the action only waits for something that needs permits itself. */
  async lend<T>(work: () => Promise<T>, step?: Borrower): Promise<T> {
    this.lendOut()
    try {
      return await work()
    } finally {
      await this.takeBack(step)
    }
  }

  /** The action only waits, until {@link Permit.takeBack}. */
  lendOut(): void {
    this.#lent += 1
    this.release()
  }

  /** Resolves when the permit is held again, or not needed. */
  takeBack(step?: Borrower): boolean | Promise<boolean> {
    this.#lent -= 1
    return this.#lent === 0 && step?.open !== false && step?.cancellation === undefined && this.enter()
  }
}
