import type { ExecutorDriver, Loss, SubmittedTask } from '../executor/driver.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { JobEnd, TakenJob } from './engine-driver.js'
import { type DownWord, type Grant, type Item, itemOf, lostItem } from './items.js'
import type { BranchJob } from './job-data.js'
import type { LastOwners } from './last-owners.js'
import type { LinkEnd } from './mail.js'
import type { SlotHolder, Slots } from './slots.js'

// Owns: one job of a branch that a worker has taken, from its first question to its end.
// H1  It runs for one grant. A further one ends the run before it, and its texts.
// H2  When the job is lost, its run ends at once, and its owner is told.
// H3  A run that its place has lost is asked for again, under the next taking: its job is still held.
// H4  An owner that a later one has replaced is refused, and nothing of its run reaches the run of another grant: grants
//     are numbered by each owner, incarnations by the store.

/** What jobs share in their worker. */
export interface JobHome {
  readonly place: ExecutorDriver
  readonly slots: Slots
  readonly owners: LastOwners
  /** The number of a further taking. */
  nextTake(): number
  /** Asks the owner of a job, now and again until it answers. */
  ask(job: HeldJob): void
  /** It has ended. */
  ended(job: HeldJob, how: JobEnd): void
  /** Counts a loss. */
  lost(loss: Loss): void
  /** A grant is over. */
  left(end: LinkEnd, grant: number): void
  /** The module of a registry. */
  moduleOf(code: BranchJob['code']): string | undefined
}

export class HeldJob implements SlotHolder {
  readonly id: string
  readonly data: BranchJob
  /** The channel on which its owner is asked. */
  root: string
  status: 'asking' | 'running' | 'leaving' | 'over' = 'asking'
  take: number
  /** When it is asked for next, how long after that, and until when. */
  askAt = 0
  askMs = 0
  askUntil = 0
  end: LinkEnd | undefined
  readonly #home: JobHome
  readonly #done: Deferred<JobEnd> = createDeferred()
  readonly #signal: AbortSignal
  readonly #aborted = (): void => this.#lockLost()
  #grant = 0
  /** Number of its runs. */
  #runs = 0
  #task: SubmittedTask | undefined
  #paused = false

  constructor({ id, signal }: TakenJob, data: BranchJob, home: JobHome) {
    this.id = id
    this.data = data
    this.root = data.root
    this.#home = home
    this.take = home.nextTake()
    this.#signal = signal
    home.slots.enter(this)
    signal.addEventListener('abort', this.#aborted, { once: true })
  }

  get done(): Promise<JobEnd> {
    return this.#done.promise
  }

  get isPaused(): boolean {
    return this.#paused
  }

  /** It is granted. @returns false for another taking, and for an earlier owner: nothing has changed then */
  run(end: LinkEnd, number: number, { take, incarnation = 0, start, delivery, path, maxFrameBytes }: Grant): boolean {
    if (this.status === 'over' || this.status === 'leaving' || take !== this.take) return false
    if (!this.#home.owners.admits(this.id, incarnation)) return false // H4
    this.#stop() // H1
    this.status = 'running'
    this.end = end
    end.link.live += 1
    this.#grant = number
    const { place } = this.#home
    const code = { ...this.data.code, module: this.#home.moduleOf(this.data.code) }
    this.#runs += 1
    const run = this.#runs
    const isPast = (): boolean => this.#runs !== run || this.status !== 'running' // H4
    this.#task = place.submit(
      { id: this.id, delivery, path, maxFrameBytes, code, start },
      {
        receive: (text) => void (isPast() || end.put(itemOf('text', number, text))),
        lost: (loss) => void (isPast() || this.#lost(loss)),
      },
    )
    return true
  }

  /** Takes an item of its owner. */
  receive(end: LinkEnd, { word, grant, rest }: Item): void {
    if (this.status !== 'running' || this.end !== end || this.#grant !== grant) return
    switch (word as DownWord) {
      case 'text':
        return this.#task?.send(rest)
      case 'pause':
        return this.#pause()
      case 'resume':
        return this.#resume()
      case 'kill':
        return this.#task?.kill?.(JSON.parse(rest) as string)
      case 'retire':
        return this.#task?.retire?.()
      case 'release':
        return this.finish(undefined)
    }
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#task?.pause?.()
    this.#home.slots.pause(this)
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#home.slots.resume(this)
  }

  admitted(): void {
    const run = this.#runs
    const resumed = (): void => {
      if (this.#runs === run && this.status === 'running') this.end?.put(itemOf('resumed', this.#grant))
    }
    const room = this.#task?.resume?.()
    if (room === undefined) resumed()
    else void room.then(resumed)
  }

  /** H3 */
  #lost(loss: Loss): void {
    this.tell(loss)
    this.#stop()
    if (loss.again === false) return this.finish(undefined)
    this.status = 'asking'
    this.take = this.#home.nextTake()
    this.#home.ask(this)
  }

  /** H2 */
  #lockLost(): void {
    this.tell({ why: 'Its worker has lost the lock of its job.' })
    this.finish(undefined)
  }

  /** Tells its owner that the run is lost. */
  tell(loss: Loss): void {
    if (this.status !== 'running') return
    this.#home.lost(loss)
    this.end?.put(lostItem(this.#grant, loss))
  }

  #stop(): void {
    if (this.#paused) this.#resume()
    if (this.end !== undefined) {
      this.end.link.live -= 1
      this.#home.left(this.end, this.#grant)
    }
    this.end = undefined
    this.#grant = 0
    this.#task?.release()
    this.#task = undefined
  }

  /** Its run ends, and its owner is told; the job is still held. */
  interrupt(loss: Loss): void {
    this.tell(loss)
    if (this.status === 'running') this.status = 'leaving'
    this.#stop()
  }

  /** Leaves the job. */
  finish(how: JobEnd): void {
    if (this.status === 'over') return
    this.#stop()
    this.status = 'over'
    this.#signal.removeEventListener('abort', this.#aborted)
    this.#home.slots.leave(this)
    this.#home.ended(this, how)
    this.#done.resolve(how)
  }
}
