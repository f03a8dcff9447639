import type { StoringSummary } from './app-status.js'
import type { Awaitable, PersisterDriver, Row } from './driver.js'
import { type SavingTree, underWay } from './under-way.js'

// Owns: group commit: which batches of one tree are saved together, and one save at a time.
// Does not own: the save of a group (scope.ts), which rows belong together (placed-rows.ts).
// C1  A synchronous driver is called at once, without a promise. Batches that arrive during an asynchronous save are
//     saved in one group after it; so are those of branches that commit in the same turn, with any driver.
// C2  Rows of one application are saved in the order of their indices, so that a crash leaves no gap.

/** Rows that are stored together, with the summaries that they change. */
export interface Batch {
  readonly rows: readonly Row[]
  readonly taken?: readonly number[]
  readonly summaries?: readonly StoringSummary[]
  /** Whether the answer of a run depends on it, where it has no rows. */
  readonly awaited?: boolean
}

/** A batch that waits for its group. */
interface Waiting {
  readonly batch: Batch
  readonly saved: () => void
  readonly failed: (error: unknown) => void
}

/** The saves of one tree in one store. */
export class GroupCommit {
  readonly #tree: SavingTree
  readonly #driver: PersisterDriver
  readonly #send: (group: Batch) => Awaitable<void>
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined

  /** @param send saves a group */
  constructor(tree: SavingTree, driver: PersisterDriver, send: (group: Batch) => Awaitable<void>) {
    this.#tree = tree
    this.#driver = driver
    this.#send = send
  }

  /** Saves a batch. @param gathers whether to wait for other commits of the same turn */
  save(batch: Batch, gathers: boolean): Awaitable<void> {
    const first = this.#flushing === undefined && this.#waiting.length === 0
    if (first && gathers) queueMicrotask(() => this.#flushing ?? this.#flush())
    else if (first) {
      const saved = this.#send(batch)
      return saved && this.#hold(Promise.resolve(saved))
    }
    return new Promise((saved, failed) => {
      this.#waiting.push({ batch, saved, failed })
      underWay(this.#driver).add(this.#tree)
    })
  }

  /** Resolves when no save is pending. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined || this.#waiting.length > 0) await this.#flushing?.catch(() => {})
  }

  /** Collects further batches until a save has ended, and then saves them together (C1). */
  #hold(saving: Promise<void>): Promise<void> {
    const held = saving.then(
      () => this.#flush(),
      (error: unknown) => {
        this.#flush()
        throw error
      },
    )
    this.#flushing = held
    underWay(this.#driver).add(this.#tree)
    return held
  }

  #flush(): void {
    this.#flushing = undefined
    const all = this.#waiting
    if (all.length === 0) return void underWay(this.#driver).delete(this.#tree)
    this.#waiting = []
    const sent = async (): Promise<void> =>
      this.#send({
        rows: all.flatMap(({ batch }) => batch.rows),
        taken: all.flatMap(({ batch }) => batch.taken ?? []),
        summaries: all.flatMap(({ batch }) => batch.summaries ?? []),
        awaited: all.some(({ batch }) => batch.awaited),
      })
    const ended = sent().then(
      () => all.forEach(({ saved }) => void saved()),
      (error: unknown) => all.forEach(({ failed }) => void failed(error)),
    )
    void this.#hold(ended)
  }
}
