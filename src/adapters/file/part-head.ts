import type { LineEncoder } from '../../log/line-encoder.js'
import { type HeadLine, LOG_VERSION } from '../../log/lines.js'
import type { WorkerInfo } from '../../read/run-summary.js'
import type { TrackedRun } from '../../tracking/tracker.js'

// Owns: the first line of a part: the facts of its run, and where the run stands.

interface Part {
  readonly incarnation: number
  readonly part: number
  /** How many events were lost before it. */
  readonly lost: number
  /** Where the run stands. */
  readonly at: Pick<TrackedRun, 'sequenceId'> & {
    readonly position?: string | undefined
    readonly next?: string | undefined
  }
  /** The hash of the picture of its graph. */
  readonly graph: string | undefined
  readonly worker: WorkerInfo
}

/** The head of a part of the log of a run. */
export function headOf(run: TrackedRun, encoder: LineEncoder, { part, at, graph, ...more }: Part): HeadLine {
  const { appId, partitionKey, epoch, name, title, labels, createdAt, startedAt } = run
  const texts = Object.entries(labels).map(([key, text]) => [key, textOf(encoder.payload(text, 'labels', key))])
  const { incarnation, lost, worker } = more
  return {
    type: 'head',
    v: LOG_VERSION,
    ...{ runId: appId, partitionKey, incarnation, part, time: Date.now(), epoch },
    ...(name !== undefined && { name }),
    ...(graph !== undefined && { graph }),
    ...(title !== undefined && { title: textOf(encoder.payload(title, 'title')) }),
    ...(texts.length > 0 && { labels: Object.fromEntries(texts) as { readonly [name: string]: string } }),
    worker,
    sequenceId: at.sequenceId,
    ...(at.position !== undefined && { position: at.position }),
    ...(at.next !== undefined && { next: at.next }),
    ...(createdAt !== undefined && { createdAt }),
    ...(startedAt !== undefined && { startedAt }),
    ...(lost > 0 && { lost }),
  }
}

const textOf = (payload: unknown): string => (typeof payload === 'string' ? payload : '(redacted)')
