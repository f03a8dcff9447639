import type { EngineDriver, JobEnd } from 'teasel/executor/jobs'
import { macrotask } from '../../src/internal/platform.js'

// Owns: what goes wrong between a process and its engine: texts that are lost, doubled, late; a partition; a job that the
// engine gives to another worker while this one still runs it.

/** What goes wrong, each with a chance from 0 to 1. */
export interface Faults {
  lose: number
  double: number
  /** Arrives some turns later, after texts that were sent later. */
  delay: number
}

export interface FlakyEngine extends EngineDriver {
  /** Ends all texts, both ways, until it is called with false. The engine itself is reached. */
  cut(isCut: boolean): void
  /** The engine gives a job to another worker. @param told whether this worker learns of it */
  steal(id: string, told: boolean): boolean
}

const NONE: Faults = { lose: 0, double: 0, delay: 0 }

/** A driver whose channels are as bad as is said. @param random from 0 to 1 */
export function flakyEngine(
  driver: EngineDriver,
  faults: Faults = NONE,
  random: () => number = Math.random,
): FlakyEngine {
  let isCut = false
  const held = new Map<string, { readonly lost: AbortController; readonly leave: (end: JobEnd) => void }>()
  const late = (turns: number, fn: () => void): void => (turns === 0 ? fn() : macrotask(() => late(turns - 1, fn)))
  return {
    name: driver.name,
    enqueue: (jobs) => driver.enqueue(jobs),
    lookup: (ids) => driver.lookup(ids),
    remove: (id) => driver.remove(id),
    put: (text) => driver.put(text),
    take: (reference) => driver.take(reference),
    close: () => driver.close(),
    async publish(channel, texts) {
      for (const text of texts) {
        if (isCut || random() < faults.lose) continue
        const send = (): void => void (isCut || driver.publish(channel, [text]).catch(() => {})) // it may be closed by then
        if (random() < faults.double) late(1 + Math.floor(random() * 20), send)
        late(random() < faults.delay ? 1 + Math.floor(random() * 5) : 0, send)
      }
    },
    listen: (channel, receive) => driver.listen(channel, (text) => void (isCut || receive(text))),
    consume: (run, options) =>
      driver.consume(async (job) => {
        const lost = new AbortController()
        const abort = (): void => lost.abort(job.signal.reason)
        job.signal.addEventListener('abort', abort, { once: true })
        const stolen = new Promise<JobEnd>((leave) => void held.set(job.id, { lost, leave }))
        const end = await Promise.race([run({ ...job, signal: lost.signal }), stolen])
        job.signal.removeEventListener('abort', abort)
        return end
      }, options),
    cut(given) {
      isCut = given
    },
    steal(id, told) {
      const one = held.get(id)
      if (one === undefined) return false
      held.delete(id)
      if (told) one.lost.abort(new Error('The lock is lost.'))
      one.leave({ againInMs: 0 })
      return true
    },
  }
}
