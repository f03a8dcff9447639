import { macrotask } from '../internal/platform.js'
import type { Awaitable } from './driver.js'
import { type Lease, type LeaseSettings, letExit } from './lease.js'
import type { SummaryStatus } from './summary.js'

// Owns: what a store tells of a whole tree: the status of its root while it runs, and the numbers of open questions,
// retries and leaks below.
// Does not own: the summary of one application (app-status.ts).
// S1  The status of a running root follows from its leaves: running, else retrying, else waiting. One that nobody awaits
//     is waiting in a retry delay too: it has no lease, and without one `retrying` would read as a death of its process.
// S2  The lease lives while a run is under way and a caller awaits it, or something of it can go on by itself.
// S3  A change that comes with no row is stored a turn later, with all others of that turn, if it still differs. Where
//     the store is away, it is tried again.
// S4  What a run answers is what its store has: that it waits, and how it ended, are stored before.

/** What one open application contributes. */
export interface OpenFacts {
  /** Open questions. */
  readonly pending: number
  readonly retrying: boolean
  /** The earliest time that it waits for. */
  readonly dueAt: number | undefined
}

/** The error of a store that refused something. It is in an object, since an error may be a thenable. */
export interface Refusal {
  readonly error: unknown
}

/** What all that is left of a tree waits for: messages and times, or the delay before an attempt, or something else. */
type Level = 'nothing' | 'siblings' | 'outside' | 'retry'

const IDLE: OpenFacts = { pending: 0, retrying: false, dueAt: undefined }

export class TreeStatus {
  readonly #store: (awaited: boolean) => Awaitable<Refusal | undefined>
  readonly #lease: Pick<Lease, 'hold' | 'release'>
  readonly #open = new Map<string, OpenFacts>()
  pending = 0
  retrying = 0
  leaked = 0
  #running = false
  #level: Level = 'nothing'
  #attended = false
  #flushing: Promise<Refusal | undefined> | undefined
  #later = false
  /** Whether a timer runs for a change that could not be stored. */
  #again = false
  /** Whether questions have changed since the root was stored. */
  #asked = false
  /** `Infinity`: nothing waits for a time. Undefined: unknown. */
  #nextAt: number | undefined = Infinity
  /** The ends of the time limits of branches. Made on first use. */
  #limits: Map<string, number> | undefined

  /** @param store stores the summaries that have changed; called and answered as {@link TreeStatus.flush} */
  constructor(lease: Pick<Lease, 'hold' | 'release'>, store: (awaited: boolean) => Awaitable<Refusal | undefined>) {
    this.#lease = lease
    this.#store = store
  }

  /** Whether a run is under way. */
  get running(): boolean {
    return this.#running
  }

  /** Whether all that is left waits for messages or times. */
  get waiting(): boolean {
    return this.#level === 'outside' || this.#level === 'retry'
  }

  /** The status of the root while a run is under way (S1). */
  get status(): SummaryStatus {
    if (!this.waiting) return 'running'
    return this.#attended && (this.#level === 'retry' || this.retrying > 0) ? 'retrying' : 'waiting'
  }

  /** The earliest time that anything waits for, epoch milliseconds. */
  get nextAt(): number | null {
    this.#nextAt ??= earliest(this.#open.values())
    return this.#nextAt === Infinity ? null : this.#nextAt
  }

  /** The earliest time at which a run of which all waits goes on: one that it waits for, or the end of a time limit. */
  get goesOnAt(): number | null {
    let first = this.nextAt ?? Infinity
    for (const at of this.#limits?.values() ?? []) first = Math.min(first, at)
    return first === Infinity ? null : first
  }

  /** The time limit of a branch begins, or is no more. @param at its end, epoch milliseconds */
  limit(appId: string, at: number | undefined): void {
    if (at === undefined) this.#limits?.delete(appId)
    else {
      this.#limits ??= new Map()
      this.#limits.set(appId, at)
    }
  }

  begin(): void {
    this.#running = true
    this.#attended = true
    this.#level = 'nothing'
    this.leaked = 0
    this.#open.clear()
    this.#limits = undefined
    this.#nextAt = Infinity
    this.pending = this.retrying = 0
    this.#wantLease()
  }

  /** The run has ended. */
  end(): void {
    this.#running = false
    this.#wantLease()
  }

  /** @param attended whether a caller awaits the run */
  attend(attended: boolean): void {
    this.#attended = attended
    this.#wantLease()
  }

  #wantLease(): void {
    if (this.#running && (this.#attended || !this.waiting))
      this.#lease.hold() // S2
    else this.#lease.release()
  }

  /** What all that is left waits for has changed. */
  waits(level: Level): void {
    if (level === this.#level) return
    this.#level = level
    this.#wantLease()
    this.changed()
  }

  /** An application waits, is tried again, or goes on. */
  open(appId: string, facts: OpenFacts = IDLE): void {
    const before = this.#open.get(appId) ?? IDLE
    const { pending, retrying, dueAt } = facts
    if (pending === before.pending && retrying === before.retrying && dueAt === before.dueAt) return
    this.pending += pending - before.pending
    this.retrying += Number(retrying) - Number(before.retrying)
    if (before.dueAt !== undefined && before.dueAt === this.#nextAt) this.#nextAt = undefined
    else if (this.#nextAt !== undefined) this.#nextAt = Math.min(this.#nextAt, dueAt ?? Infinity)
    if (pending === 0 && !retrying && dueAt === undefined) this.#open.delete(appId)
    else this.#open.set(appId, facts)
    this.changed()
  }

  /** The questions of an application have changed: whether a root that waits is due depends on them. */
  asked(): void {
    this.#asked = true
    this.changed()
  }

  /** Whether questions have changed since the last call. */
  takeAsked(): boolean {
    const asked = this.#asked
    this.#asked = false
    return asked
  }

  leak(): void {
    this.leaked += 1
    this.changed()
  }

  /** Something differs from the store (S3). */
  changed(): void {
    if (this.#later) return
    this.#later = true
    macrotask(() => {
      if (this.#later) void this.flush()
    })
  }

  /** A change could not be stored: it is stored a third of a lease later, if nothing is stored before. */
  changedLater({ clock, leaseMs }: Pick<LeaseSettings, 'clock' | 'leaseMs'>): void {
    if (this.#again) return
    this.#again = true
    const timer = clock.setTimeout(() => {
      this.#again = false
      this.changed()
    }, leaseMs / 3)
    letExit(timer)
  }

  /**
   * Resolves when the store has what has changed, or was tried. Never rejects.
   * @param awaited whether the answer of a run depends on it: a store that is unavailable is awaited, if the run waits
   * for stores; otherwise it ends a run that is under way (S4)
   * @returns the error with which a store refused it
   */
  flush(awaited = false): Promise<Refusal | undefined> {
    this.#later = false
    const before = this.#flushing ?? Promise.resolve(undefined)
    const ended = before
      .then(() => this.#store(awaited))
      .finally(() => {
        if (this.#flushing === ended) this.#flushing = undefined
      })
    this.#flushing = ended
    return ended
  }
}

function earliest(open: Iterable<OpenFacts>): number {
  let first = Infinity
  for (const { dueAt = Infinity } of open) first = Math.min(first, dueAt)
  return first
}
