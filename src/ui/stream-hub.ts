import { runTopic } from '../client/run-client.js'
import { UiError } from '../client/ui-error.js'
import { createDeferred } from '../internal/deferred.js'
import { tryGet } from '../internal/guards.js'
import type { RunTarget } from '../read/reader.js'
import { pendingLook, runLook, runsLook } from './looks.js'
import type { OpenProject } from './project.js'
import { type Look, Watch } from './watch.js'

// Owns: the topics that are looked at, and who reads them.

const MOST_TOPICS = 50

/** A topic of a stream, as its name tells. */
export interface Topic {
  /** As it is told: `run/a%2Fb@p`. */
  readonly name: string
  /** Undefined for a list. */
  readonly ref: Required<RunTarget> | undefined
}

/** A topic that a stream reads. */
export interface JoinedTopic extends Topic {
  readonly project: OpenProject
  readonly watch: Watch
}

export class StreamHub {
  readonly #watches = new Map<string, Watch>()

  /** Number of topics that are looked at. */
  get size(): number {
    return this.#watches.size
  }

  /**
   * Reads topics until it is left.
   * @param signal leaves at once when it aborts before the first looks have ended
   * @throws the error of a first look; the reason of the signal
   */
  async join(
    project: OpenProject,
    topics: readonly Topic[],
    signal: AbortSignal,
  ): Promise<{ readonly joined: readonly JoinedTopic[]; leave(): void }> {
    const joined = topics.map((topic) => ({ ...topic, project, watch: this.#watch(project, topic) }))
    const leaves = joined.map(({ watch }) => watch.join())
    const leave = (): void => {
      for (const one of leaves) one()
    }
    try {
      for (const { watch } of joined) await orAborted(watch.isReady, signal)
    } catch (error) {
      leave()
      throw error
    }
    return { joined, leave }
  }

  #watch(project: OpenProject, { name, ref }: Topic): Watch {
    const key = JSON.stringify([project.name, name])
    const known = this.#watches.get(key)
    if (known !== undefined) return known
    const watch: Watch = new Watch(lookOf(project, name, ref), () => {
      if (this.#watches.get(key) === watch) this.#watches.delete(key)
    })
    this.#watches.set(key, watch)
    return watch
  }
}

/** @throws the reason of the signal once it has aborted */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = createDeferred<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function lookOf(project: OpenProject, name: string, ref: Topic['ref']): Look {
  if (ref !== undefined) return runLook(project, ref)
  return name === 'runs' ? runsLook(project) : pendingLook(project)
}

/** The topics in a query, each once. @throws {UiError} for one that is none */
export function topicsIn(text: string): readonly Topic[] {
  const topics = new Map<string, Topic>()
  for (const name of text.split(',').filter((one) => one !== '')) {
    const topic = topicOf(name)
    topics.set(topic.name, topic)
  }
  if (topics.size > 0 && topics.size <= MOST_TOPICS) return [...topics.values()]
  throw new UiError(
    'bad-query',
    `topics takes 1 to ${MOST_TOPICS} of runs, pending, run/<id> and run/<id>@<partition>.`,
  )
}

function topicOf(name: string): Topic {
  if (name === 'runs' || name === 'pending') return { name, ref: undefined }
  const [, run, partition] = /^run\/([^/@]+)(?:@([^/@]*))?$/.exec(name) ?? []
  const runId = run === undefined ? undefined : tryGet(() => decodeURIComponent(run))
  const partitionKey = partition === undefined ? null : tryGet(() => decodeURIComponent(partition))
  if (runId === undefined || partitionKey === undefined)
    throw new UiError(
      'bad-query',
      `There is no topic "${name.slice(0, 100)}". Topics: runs, pending, run/<id>, run/<id>@<partition>.`,
    )
  const ref = { runId, partitionKey }
  return { name: runTopic(ref), ref }
}
