import { resumeLoose } from '../application/resume.js'
import { tryGet } from '../internal/guards.js'
import type { SummaryFacts } from '../persistence/summary-facts.js'
import type { HostRun } from './host-events.js'
import { appOptions, hostedOf, type RunOpening } from './open-run.js'

// Owns: a new run that begins at a step of a stored one.

/** A step to begin at, and the new run. */
export interface RunFork {
  readonly from: HostRun
  readonly newId: string
  readonly sequenceId: number
  readonly epoch: number | undefined
  readonly patch: Readonly<Record<string, unknown>>
  readonly title: string | undefined
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Stores a run that begins at a step of another one, with its inputs. A host takes it as a queued one.
 * @throws {RangeError} when that step is not stored
 * @throws {ContractError} when the patch does not fit the schema of the graph
 * @throws {TypeError} when there is no such graph
 * @throws {PersistenceError} when the store is unavailable, or another process stores the same id now
 */
export async function storeFork(
  opening: RunOpening,
  { from, newId, sequenceId, epoch, patch, title, labels }: RunFork,
): Promise<void> {
  const { runId, partitionKey, name } = from
  const hosted = hostedOf(opening, name)
  const stored = await opening.persister.driver.find({ partitionKey, rootId: runId })
  const { inputs } = tryGet(() => JSON.parse(stored?.summary?.facts ?? '{}') as SummaryFacts) ?? {}
  const app = await resumeLoose(hosted.graph, {
    ...appOptions(opening, hosted, { runId: newId, partitionKey, name }),
    ...(title !== undefined && { title }),
    labels,
    ...(inputs !== undefined && { start: { inputs } }),
    forkFrom: { appId: runId, partitionKey, sequenceId, patch, ...(epoch !== undefined && { epoch }) },
  })
  await app[Symbol.asyncDispose]()
}
