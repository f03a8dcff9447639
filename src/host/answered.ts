import type { Persister } from '../persistence/persister.js'
import type { StoredRun } from '../persistence/summary.js'
import { keyOf } from './host-events.js'

// Owns: which runs wait for nobody although they are answered.
// N1  A message that is stored while its run is being released makes no run due: its host takes it again. When that
//     process dies before, this finds it: it is asked at each heartbeat, and gives each question once a minute.

const MOST = 100
const AGAIN_MS = 60_000

export class AnsweredRuns {
  readonly #persister: Persister
  readonly #partitionKey: string | null | undefined
  /** Questions by id: when they were found last. */
  readonly #found = new Map<string, number>()

  constructor(persister: Persister, partitionKey: string | null | undefined) {
    this.#persister = persister
    this.#partitionKey = partitionKey
  }

  /** @param isLeft whether a run is left alone */
  async find(now: number, isLeft: (key: string) => boolean): Promise<readonly StoredRun[]> {
    const { driver } = this.#persister
    const partitionKey = this.#partitionKey
    const open = await driver.waits({
      ...(partitionKey !== undefined && { partitionKey }),
      answered: true,
      limit: MOST,
    })
    for (const [id, at] of this.#found) if (Math.abs(now - at) >= AGAIN_MS) this.#found.delete(id)
    const runs: StoredRun[] = []
    for (const { id, partitionKey, rootId } of open) {
      const key = keyOf(partitionKey, rootId)
      if (this.#found.has(id) || isLeft(key)) continue
      const run = await driver.find({ partitionKey, rootId })
      if (run?.summary?.status !== 'waiting' || run.wakeAt !== null) continue
      this.#found.set(id, now)
      runs.push(run)
    }
    return runs
  }
}
