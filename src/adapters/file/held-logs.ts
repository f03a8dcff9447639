import type { TrackedRun } from '../../tracking/tracker.js'
import type { RunLog } from './run-log.js'

// Owns: the logs that one tracker holds, and which of them wait for something.
// Does not own: when they get it (file-tracker.ts).
// Z1  What waits is found without a look at the logs that wait for nothing, however many are held.

/** Number of runs whose file may go on after their end. */
const MOST_ENDED = 256

/** A log, and the run whose events it gets. */
interface Held {
  readonly key: string
  readonly log: RunLog
  eventsOf: string
}

export class HeldLogs {
  /** Those that have something to write. */
  readonly dirty = new Set<RunLog>()
  /** Those of which the index is not told all. */
  readonly changed = new Set<RunLog>()
  /** Those whose run goes on. */
  readonly open = new Set<RunLog>()
  /** The others. The one that ended first is the first. */
  readonly #ended = new Set<RunLog>()
  readonly #byRun = new Map<string, RunLog>()
  /** By application and incarnation. */
  readonly #byKey = new Map<string, Held>()
  readonly #held = new Map<RunLog, Held>()

  /** The log of the events of a run. */
  of(runId: string): RunLog | undefined {
    return this.#byRun.get(runId)
  }

  all(): Iterable<RunLog> {
    return this.#held.keys()
  }

  /** A run begins: in the log of its application, if that is known, else in a new one. */
  begin({ partitionKey, appId, incarnation, epoch, eventsOf }: TrackedRun, make: () => RunLog): void {
    const key = JSON.stringify([partitionKey, appId, incarnation, epoch])
    const known = this.#byKey.get(key)
    const held = known ?? { key, log: make(), eventsOf }
    const { log } = held
    if (known !== undefined) {
      log.again()
      this.#leave(known)
      known.eventsOf = eventsOf
    }
    this.#byRun.set(eventsOf, log)
    this.#byKey.set(key, held)
    this.#held.set(log, held)
    this.look(log)
    this.#ended.delete(log)
    this.open.add(log)
    while (this.#ended.size > MOST_ENDED) this.#forgetFirst()
  }

  /** Something was done to a log. */
  look(log: RunLog): void {
    if (log.isDirty) this.dirty.add(log)
    else this.dirty.delete(log)
    if (log.isChanged) this.changed.add(log)
    log.isChanged = false
    const isOpen = log.fold.endedAt === undefined
    if (this.open.has(log) === isOpen) return
    if (isOpen) this.#ended.delete(log)
    else this.open.delete(log)
    const now = isOpen ? this.open : this.#ended
    now.add(log)
  }

  #forgetFirst(): void {
    const [log] = this.#ended
    const held = log && this.#held.get(log)
    if (held === undefined) return
    held.log.close()
    for (const logs of [this.#ended, this.dirty, this.changed]) logs.delete(held.log)
    this.#leave(held)
    this.#byKey.delete(held.key)
    this.#held.delete(held.log)
  }

  /** Its run is over. */
  #leave({ eventsOf, log }: Held): void {
    if (this.#byRun.get(eventsOf) === log) this.#byRun.delete(eventsOf)
  }

  clear(): void {
    for (const logs of [this.dirty, this.changed, this.open, this.#ended]) logs.clear()
    for (const logs of [this.#byRun, this.#byKey, this.#held]) logs.clear()
  }
}
