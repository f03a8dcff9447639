import { type Clock, monotonicNow } from '../internal/clock.js'
import { isThenable } from '../internal/guards.js'
import { PersistenceError } from '../store-errors.js'
import type { Awaitable, PersisterDriver, RootKey } from './driver.js'
import { closedDrivers } from './inbox-watch.js'

// Owns: the lease of the runner of a tree.
// E1  A lease is renewed each third of it: by a heartbeat, and by a save when a third has passed.
// E2  The end of a lease is decided by the clock of the store. The timer here counts on the monotonic clock, so a clock
//     that is set moves neither.
// E3  A runner whose claim is lost learns of it at its next heartbeat or save, whichever is first.
// E4  A heartbeat that the store does not answer is given up after the length of a lease: the next one is sent.
// E5  Before work that was lost is begun anew, the claim is confirmed: another runner may have done that work, and have
//     removed what it stored of it. Questions of one turn are asked once.

/** A timer of Node: it keeps the process alive unless `unref` is called. */
interface NodeTimer {
  unref?(): void
}

/** A timer keeps no process alive. */
export const letExit = (timer: unknown): void => (timer as NodeTimer | undefined)?.unref?.()

/** The settings of a lease. */
export interface LeaseSettings extends RootKey {
  readonly driver: PersisterDriver
  readonly writer: string
  readonly clock: Clock
  readonly leaseMs: number
}

export class Lease {
  readonly #settings: LeaseSettings
  readonly #lost: (error: unknown) => void
  /** What another process sees of branches without rows; JSON. */
  report: (() => string) | undefined
  /** Called after each heartbeat that the store has answered. */
  beaten: (() => void) | undefined
  /** When it was last renewed, on the monotonic clock; undefined while there is none in the store. */
  #renewed: number | undefined
  #held = false
  #claimed = false
  #kept = false
  #timer: unknown
  /** A question that is asked at the end of this turn. */
  #confirming: Promise<void> | undefined
  /** When the heartbeat was sent that is not answered; `-Infinity` without one. */
  #asked = Number.NEGATIVE_INFINITY

  /** @param lost called when another runner has claimed the tree */
  constructor(settings: LeaseSettings, lost: (error: unknown) => void) {
    this.#settings = settings
    this.#lost = lost
  }

  /** The claim began it. */
  claimed(): void {
    this.#claimed = true
    this.#renewed = monotonicNow(this.#settings.clock)
  }

  /** A run begins soon: no save ends the lease of the claim before. */
  keep(): void {
    this.#kept = true
  }

  /** A run goes on: the lease is renewed until {@link Lease.release}. */
  hold(): void {
    if (this.#held) return
    this.#held = true
    this.#kept = false
    this.#next()
  }

  /** Nothing goes on. The next save ends it. */
  release(): void {
    this.#held = false
    this.#settings.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Whether the lease in the store has to begin, to be renewed or to end. */
  get isDue(): boolean {
    const { clock, leaseMs } = this.#settings
    if (!this.#held) return this.#renewed !== undefined && !this.#kept
    return this.#renewed === undefined || monotonicNow(clock) - this.#renewed >= leaseMs / 3
  }

  /** The lease that the next save stores: milliseconds, 0 to end it; undefined to leave it as it is (E1). */
  due(): number | undefined {
    if (!this.isDue) return undefined
    const { clock, leaseMs } = this.#settings
    this.#renewed = this.#held ? monotonicNow(clock) : undefined
    return this.#held ? leaseMs : 0
  }

  /** The save of {@link Lease.due} was lost. */
  missed(leaseMs: number): void {
    this.#renewed = leaseMs === 0 ? Number.NEGATIVE_INFINITY : undefined
  }

  /**
   * Asks the store whether the claim is still held, while a run goes on (E5).
   * @throws {PersistenceError} `taken-over`, or `unavailable`
   */
  confirm(): Promise<void> {
    this.#confirming ??= Promise.resolve().then(async () => {
      this.#confirming = undefined
      if (this.#held) await this.#renew()
    })
    return this.#confirming
  }

  #next(): void {
    const { clock, leaseMs } = this.#settings
    this.#timer = clock.setTimeout(() => this.#beat(), leaseMs / 3)
    letExit(this.#timer)
  }

  #beat(): void {
    const { driver, clock, leaseMs } = this.#settings
    if (!this.#held || closedDrivers.has(driver)) return
    this.#next()
    const now = monotonicNow(clock)
    if (!this.#claimed || now - this.#asked < leaseMs) return // E4
    this.#asked = now
    const answered = (): void => {
      this.#asked = Number.NEGATIVE_INFINITY
    }
    const renewed = (): void => this.beaten?.()
    try {
      const renewing = this.#renew()
      if (isThenable(renewing))
        void Promise.resolve(renewing)
          .then(renewed, (error: unknown) => this.#failed(error))
          .then(answered)
      else {
        answered()
        renewed()
      }
    } catch (error) {
      answered()
      this.#failed(error)
    }
  }

  #renew(): Awaitable<unknown> {
    const { driver, writer, leaseMs, clock } = this.#settings
    const at = monotonicNow(clock)
    const renewed = driver.beat(this.#settings, writer, leaseMs, this.report?.() ?? null)
    const put = (): void => {
      if (this.#held) this.#renewed = at
    }
    return isThenable(renewed) ? Promise.resolve(renewed).then(put) : put()
  }

  /** A store that is unavailable is asked again a third later; the lease may be over then. */
  #failed(error: unknown): void {
    if (!PersistenceError.is(error) || error.fault !== 'taken-over') return
    this.release()
    this.#renewed = undefined
    this.#lost(error)
  }
}
