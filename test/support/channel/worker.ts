import type { SystemSettings } from '../../../src/runtime/system.js'
import { open, seal, sealInWords } from './crossing.js'
import { FarBranch } from './far-branch.js'
import { assertDown, type UpFrame } from './frames.js'
import type { End, Way } from './link.js'
import type { Program } from './program.js'

// Owns: the branches of one worker.
// W1  A frame that cannot be read or followed fails its branch, and no other.

export class Worker implements End {
  readonly #program: Program
  readonly #settings: SystemSettings
  readonly #up: Way
  readonly #branches = new Map<number, FarBranch>()
  /** What the next steps of branches that have ended had done. */
  readonly #kept = new Map<number, object>()

  constructor(program: Program, settings: SystemSettings, up: Way) {
    this.#program = program
    this.#settings = settings
    this.#up = up
  }

  receive(texts: readonly string[]): void {
    const made: (readonly [number, FarBranch])[] = []
    for (const text of texts) this.#follow(text, made)
    for (const [id, branch] of made) this.#try(id, () => branch.begin()) // one that was cancelled in this turn never runs
  }

  #follow(text: string, made: (readonly [number, FarBranch])[]): void {
    const [id, frame] = open(text)
    this.#try(id, () => {
      assertDown(frame)
      if (frame.type !== 'start') return this.#branches.get(id)?.receive(frame)
      const branch = new FarBranch(frame, {
        program: this.#program,
        settings: this.#settings,
        send: (up) => this.#up.send(seal(id, up)),
        sendInWords: (up) => this.#up.send(sealInWords(id, up)),
        keep: (progress) => {
          this.#kept.set(this.#kept.size, progress)
          return this.#kept.size - 1
        },
        kept: (kept) => this.#kept.get(kept),
        ended: () => void this.#branches.delete(id),
      })
      this.#branches.set(id, branch)
      made.push([id, branch])
    })
  }

  #try(id: number, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#branches.get(id)?.stop()
      this.#up.send(sealInWords(id, failed(error)))
    }
  }

  /** Everything in it is lost. */
  die(): void {
    for (const branch of [...this.#branches.values()]) branch.stop()
  }
}

const failed = (error: unknown): UpFrame => ({
  type: 'ended',
  status: 'failed',
  error,
  checkpoint: { state: {}, position: undefined, next: undefined, sequenceId: -1 },
  visits: [],
  past: { attempts: 1, tries: 0, recovered: false },
  attempts: 1,
  recovered: false,
  complete: false,
  leaked: [],
  skipped: 0,
  kept: undefined,
})
