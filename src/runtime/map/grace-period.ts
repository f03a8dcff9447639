import { Deadline } from '../cancel/deadline.js'
import type { AppSystem } from '../system.js'
import type { BranchTable } from './branch-table.js'

/** The parts of a map that a grace period uses. */
interface CancelledMap {
  readonly app: { readonly system: AppSystem }
  readonly table: BranchTable
}

/** The source and the folding code of a map. */
interface Rest {
  /** Since when the source should have closed, or the code ended; undefined while neither is awaited. */
  readonly dueSince: number | undefined
  /** Abandons a source that does not close, or code that ignores its cancel. */
  abandon(): void
}

/** Abandons what ignores its cancel beyond the grace period of a map, each branch at its own time. */
export class GracePeriod {
  readonly #map: CancelledMap
  readonly #rest: Rest
  #ms: number
  #deadline: Deadline | undefined
  #ended = false

  /** @param ms time that cancelled code has to end, milliseconds */
  constructor(map: CancelledMap, rest: Rest, ms: number) {
    this.#map = map
    this.#rest = rest
    this.#ms = ms
  }

  /** Starts it. Has no effect while it runs, or after its end. @param since when the code was cancelled; default: now */
  start(since = this.#map.app.system.passed()): void {
    if (this.#deadline !== undefined || this.#ended) return
    this.#deadline = new Deadline(this.#map.app.system.clock, since + this.#ms, () => {
      this.#deadline = undefined
      this.#abandonOverdue()
    })
  }

  /** The deadline of a level above has passed: no time is left here. */
  cut(): void {
    this.#ms = 0
    this.#deadline?.clear()
    this.#deadline = undefined
    this.start()
  }

  end(): void {
    this.#ended = true
    this.#deadline?.clear()
    this.#deadline = undefined
  }

  /** Abandons branches past their grace period, and starts the next one. */
  #abandonOverdue(): void {
    const { table, app } = this.#map
    const { dueSince } = this.#rest
    const overdue = (since: number): boolean => since + this.#ms <= app.system.passed()
    if (table.live.size === 0) {
      if (dueSince === undefined) return
      return overdue(dueSince) ? this.#rest.abandon() : this.start(dueSince)
    }
    const all = table.state.phase.kind !== 'running' // otherwise only single branches were cancelled
    let next: number | undefined
    for (const key of [...(all ? table.live.keys() : table.ending)]) {
      const branch = table.live.get(key)
      if (branch?.cancelledAt === undefined) continue
      if (overdue(branch.cancelledAt)) branch.abandon()
      else next = Math.min(next ?? branch.cancelledAt, branch.cancelledAt)
    }
    if (next !== undefined) this.start(next)
  }
}
