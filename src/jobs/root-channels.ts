import type { EngineDriver } from './engine-driver.js'
import { rootChannel } from './job-data.js'

// Owns: the channels of root applications that an executor listens to: as long as tasks of those roots live, and a while
// longer, because a late worker may still ask.

/** How long a channel without tasks is listened to, milliseconds. */
const LINGER_MS = 10_000

interface Root {
  tasks: number
  /** When its last task ended. */
  freeAt: number
}

export class RootChannels {
  readonly #driver: Pick<EngineDriver, 'listen'>
  readonly #receive: (text: string) => void
  readonly #roots = new Map<string, Root>()
  readonly #listening = new Map<string, Promise<() => Promise<void>>>()

  constructor(driver: Pick<EngineDriver, 'listen'>, receive: (text: string) => void) {
    this.#driver = driver
    this.#receive = receive
  }

  get size(): number {
    return this.#roots.size
  }

  /** A task of a root begins. */
  enter(root: string): void {
    const known = this.#roots.get(root)
    if (known === undefined) this.#roots.set(root, { tasks: 1, freeAt: 0 })
    else known.tasks += 1
  }

  /** A task of a root has ended. */
  leave(root: string, now: number): void {
    const known = this.#roots.get(root)
    if (known === undefined) return
    known.tasks -= 1
    known.freeAt = now
  }

  /** Resolves when the channel of a root is listened to. @throws what the engine throws; a further call tries again */
  async ready(root: string): Promise<void> {
    const listening = this.#listening.get(root) ?? this.#driver.listen(rootChannel(root), this.#receive)
    this.#listening.set(root, listening)
    try {
      await listening
    } catch (error) {
      if (this.#listening.get(root) === listening) this.#listening.delete(root)
      throw error
    }
  }

  /** Leaves the channels that had no task for a while. */
  sweep(now: number): void {
    for (const [root, { tasks, freeAt }] of this.#roots) {
      if (tasks > 0 || now - freeAt < LINGER_MS) continue
      this.#roots.delete(root)
      void this.#end(root)
    }
  }

  async close(): Promise<void> {
    this.#roots.clear()
    await Promise.all([...this.#listening.keys()].map((root) => this.#end(root)))
  }

  async #end(root: string): Promise<void> {
    const listening = this.#listening.get(root)
    this.#listening.delete(root)
    try {
      await (await listening)?.()
    } catch {
      // The connection is away: it listens to nothing.
    }
  }
}
