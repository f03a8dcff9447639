import type { EventType } from '../../../src/lifecycle/events.js'
import type { BranchSetup, BranchSystem } from '../../../src/runtime/map/branch-maker.js'
import { ChannelBranch } from './channel-branch.js'
import { open, seal, sealInWords } from './crossing.js'
import { assertUp, type DownFrame, EVENT_TYPES } from './frames.js'
import { type End, Way } from './link.js'
import { Program } from './program.js'
import { Worker } from './worker.js'

// Owns: the owner's end of the channel to one worker, and the branches that live there.
// O1  A frame that cannot be read or followed ends the worker: its branches are lost.

const program = new Program()
/** How many chunks the branches of a system may be ahead of it, together. */
const CREDIT = 64

/** The owner's end of a channel. */
export class Owner implements End {
  readonly program = program
  readonly system: BranchSystem
  #down: Way
  #up: Way
  #worker: Worker
  readonly #branches = new Map<number, ChannelBranch>()
  #count = 0
  #hears: readonly EventType[]
  /** How many chunks the branches of a map may be ahead of it, together. */
  readonly credit: number

  constructor(system: BranchSystem, credit: number) {
    this.system = system
    this.credit = credit
    this.#up = new Way(this)
    this.#worker = this.#begin()
    this.#down = new Way(this.#worker)
    this.#hears = this.#observed()
    system.listeners.changed = () => this.#listenersChanged()
  }

  make(setup: BranchSetup): ChannelBranch {
    return new ChannelBranch(setup, this, this.#count++)
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

  /** The same, with words in place of values that are no data: for what was thrown, and reasons. */
  sendInWords(branch: ChannelBranch, frame: DownFrame): void {
    this.#down.send(sealInWords(branch.id, frame))
  }

  /** A branch has ended: what comes later from there is ignored. */
  forget(branch: ChannelBranch): void {
    this.#branches.delete(branch.id)
  }

  receive(texts: readonly string[]): void {
    for (const text of texts) {
      try {
        const [id, frame] = open(text)
        const branch = this.#branches.get(id)
        assertUp(frame)
        branch?.receive(frame)
      } catch (error) {
        this.system.logger.error('A worker sent a frame that cannot be followed.', error)
        return this.die()
      }
    }
  }

  #begin(): Worker {
    const { clock, logger, random } = this.system
    return new Worker(program, { clock, logger, random }, this.#up)
  }

  /** The worker dies: what was not sent is lost, and so are its branches. Another one takes its place. */
  die(): void {
    this.#down.die()
    this.#up.die()
    this.#worker.die()
    const lost = [...this.#branches.values()]
    this.#up = new Way(this)
    this.#worker = this.#begin()
    this.#down = new Way(this.#worker)
    for (const branch of lost) branch.lost()
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

const owners = new WeakMap<BranchSystem, Owner>()

/** The channel of a system. */
export function ownerOf(system: BranchSystem): Owner {
  const owner = owners.get(system) ?? new Owner(system, CREDIT)
  owners.set(system, owner)
  return owner
}
