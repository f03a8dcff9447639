import type { PersisterDriver } from '../driver.js'
import type { BeatFacts } from '../summary-facts.js'
import { type KnownRun, knownRun } from './runs.js'
import { type KnownApp, Source } from './source.js'
import { beatOf } from './standing.js'

/** A run that is read. */
export interface RunReading {
  readonly source: Source
  readonly known: KnownRun
  readonly root: KnownApp
  /** The last heartbeat. */
  readonly beat: BeatFacts | undefined
}

/** Begins to read a run. @returns undefined when there is no such run */
export async function openRun(
  driver: PersisterDriver,
  partitionKey: string | null,
  rootId: string,
): Promise<RunReading | undefined> {
  const run = await driver.find({ partitionKey, rootId })
  const known = run && (await knownRun(driver, run))
  if (known === undefined) return undefined
  return { source: new Source(driver, partitionKey), known, root: known.root, beat: beatOf(known.run) }
}
