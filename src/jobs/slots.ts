// Owns: how many jobs of a worker run at a time. A job that waits for something has no slot, so that another one runs.
// L1  At most `concurrency` jobs run, unless jobs that had no slot have to go on where their code goes on by itself.
// L2  A job that goes on comes before one that begins.

/** A job that a worker has. */
export interface SlotHolder {
  /** It has a slot again. */
  admitted(): void
}

export class Slots {
  readonly concurrency: number
  readonly #changed: (concurrency: number) => void
  readonly #jobs = new Set<SlotHolder>()
  readonly #paused = new Set<SlotHolder>()
  readonly #resuming = new Set<SlotHolder>()
  /** Jobs that wait for jobs of their own. */
  readonly #blocked = new Set<SlotHolder>()
  #told: number

  /** @param changed called with the number of jobs that the engine may hand out at a time */
  constructor(concurrency: number, changed: (concurrency: number) => void) {
    this.concurrency = concurrency
    this.#changed = changed
    this.#told = concurrency
  }

  get paused(): number {
    return this.#paused.size
  }

  /** Jobs that have a slot. */
  get running(): number {
    return this.#jobs.size - this.#paused.size - this.#resuming.size - this.#blockedOnly
  }

  get #blockedOnly(): number {
    let count = 0
    for (const job of this.#blocked) if (!this.#paused.has(job) && !this.#resuming.has(job)) count += 1
    return count
  }

  /** How many jobs the engine may hand out at a time. */
  get allowed(): number {
    return this.concurrency + this.#paused.size + this.#blockedOnly
  }

  enter(job: SlotHolder): void {
    this.#jobs.add(job)
  }

  leave(job: SlotHolder): void {
    this.#jobs.delete(job)
    this.#paused.delete(job)
    this.#resuming.delete(job)
    this.#blocked.delete(job)
    this.#freed()
  }

  /** It waits for jobs of its own, or no longer: it then goes on by itself, at once. */
  block(job: SlotHolder, waits: boolean): void {
    if (!this.#jobs.has(job)) return
    if (waits) this.#blocked.add(job)
    else this.#blocked.delete(job)
    this.#freed()
  }

  /** It waits for something. */
  pause(job: SlotHolder): void {
    if (!this.#jobs.has(job)) return
    this.#resuming.delete(job)
    this.#paused.add(job)
    this.#freed()
  }

  /** It goes on: `admitted` is called when it has a slot, maybe at once. */
  resume(job: SlotHolder): void {
    if (!this.#paused.delete(job)) return
    this.#resuming.add(job)
    this.#freed()
  }

  #freed(): void {
    for (const job of this.#resuming) {
      if (this.running >= this.concurrency) break
      this.#resuming.delete(job)
      job.admitted()
    }
    const { allowed } = this
    if (allowed === this.#told) return
    this.#told = allowed
    this.#changed(allowed)
  }
}
