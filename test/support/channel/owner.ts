import type { EventType } from '../../../src/lifecycle/events.js'
import type { BranchSetup, BranchSystem } from '../../../src/runtime/map/branch-maker.js'
import { ChannelBranch } from './channel-branch.js'
import { open, seal } from './crossing.js'
import { assertUp, type DownFrame, EVENT_TYPES } from './frames.js'
import { type End, Way } from './link.js'
import { Program } from './program.js'
import { Worker } from './worker.js'

// Owns: the owner's end of the channel to one worker, and the branches that live there.
// O1  A frame that cannot be read or followed ends the worker: its branches are lost.

const program = new Program()

/** The owner's end of a channel. */
export class Owner implements End {
  readonly program = program
  readonly system: BranchSystem
  readonly #down: Way
  readonly #up: Way
  readonly #worker: Worker
  readonly #branches = new Map<number, ChannelBranch>()
  #count = 0
  #hears: readonly EventType[]
  /** How many chunks the branches of a map may be ahead of it, together. */
  readonly credit: number

  constructor(system: BranchSystem, credit: number) {
    this.system = system
    this.credit = credit
    this.#up = new Way(() => this)
    const { clock, logger, random } = system
    this.#worker = new Worker(program, { clock, logger, random }, this.#up)
    this.#down = new Way(() => this.#worker)
    this.#hears = this.#observed()
    system.listeners.changed = () => this.#listenersChanged()
  }

  make(setup: BranchSetup): ChannelBranch {
    const branch = new ChannelBranch(setup, this, this.#count++)
    return branch
  }

  /** The number of branches that live in the worker. */
  get live(): number {
    return this.#branches.size
  }

  get hears(): readonly EventType[] {
    return this.#hears
  }

  /** @throws {SerializationError} for a value that is no data */
  send(branch: ChannelBranch, frame: DownFrame): void {
    const text = seal(branch.id, frame)
    if (frame.type === 'start') this.#branches.set(branch.id, branch)
    this.#down.send(text)
  }

  /** A branch has ended: what comes later from there is ignored. */
  forget(branch: ChannelBranch): void {
    this.#branches.delete(branch.id)
  }

  receive(text: string): void {
    try {
      const [id, frame] = open(text)
      const branch = this.#branches.get(id)
      assertUp(frame)
      branch?.receive(frame)
    } catch (error) {
      this.system.logger.error('A worker sent what it may not.', error)
      this.die()
    }
  }

  /** The worker dies: what was not sent is lost, and so are its branches. */
  die(): void {
    this.#down.die()
    this.#up.die()
    this.#worker.die()
    for (const branch of [...this.#branches.values()]) branch.lost()
  }

  #observed(): readonly EventType[] {
    return EVENT_TYPES.filter((type) => this.system.isObserved(type))
  }

  #listenersChanged(): void {
    const hears = this.#observed()
    if (hears.length === this.#hears.length && hears.every((type, i) => type === this.#hears[i])) return
    this.#hears = hears
    for (const branch of this.#branches.values()) this.send(branch, { type: 'hears', types: hears })
  }
}
