import { queuedMs } from '../../read/queued.js'
import type { AppNode, StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { placeOf } from '../../read/worker-place.js'
import { branchName, duration } from './words.js'

// Owns: when steps and branches were in the queue and ran, and lanes of those that did so at the same time.
// T1  Things that ran at the same time are in different lanes, and a lane is used again when it is free: as many lanes as
//     ran at once, whatever their number. A branch in the queue has its lane, too.

/** Something with a beginning and an end, epoch milliseconds. */
export interface Span {
  readonly id: string
  readonly name: string
  readonly title: string
  readonly status: string
  readonly from: number
  /** When it left the queue; `from` where it was in none, `to` where it is still there. */
  readonly began: number
  readonly to: number
}

/** The span of a step, if it has begun. @param end that of its application, or now: a step that was cut off has none */
export function stepSpan({ action: name, status, startedAt: from, endedAt, sequenceId }: StepRecord, end: number) {
  const to = endedAt ?? end
  if (from === undefined) return []
  const title = `#${sequenceId} ${name}, ${status}, ${duration(to - from)}`
  return [{ id: String(sequenceId), name, title, status, from, began: from, to } satisfies Span]
}

/**
 * The span of a branch, from its queue to its end, if it has been made.
 * @param end that of its run, or now: a branch that was cut off with its run has none of its own
 */
export function branchSpan(branch: AppNode, end: number): Span[] {
  const { status, queuedAt, startedAt, endedAt, worker } = branch
  const from = queuedAt ?? startedAt
  if (from === undefined) return []
  const to = Math.max(from, endedAt ?? end)
  const name = branchName(branch)
  const where = worker === undefined ? '' : `, on ${placeOf(worker)}`
  const title = `${name}, ${status}, ${timesOf(branch, to)}${where}`
  return [{ id: printedPath(branch.path), name, status, from, began: startedAt ?? to, to, title }]
}

/** How long a branch was in the queue and ran: `queued 1.2 s, ran 3.4 s`. */
export function timesOf(branch: AppNode, now: number): string {
  const { startedAt, endedAt } = branch
  const queued = queuedMs(branch, now)
  const ran = startedAt === undefined ? undefined : duration((endedAt ?? now) - startedAt)
  if (queued === undefined || (queued === 0 && ran !== undefined)) return ran ?? ''
  return `queued ${duration(queued)}${ran === undefined ? '' : `, ran ${ran}`}`
}

/** Spans in lanes. */
export function lanesOf<T extends { readonly from: number; readonly to: number }>(spans: readonly T[]): readonly T[][] {
  const lanes: { end: number; items: T[] }[] = []
  for (const span of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const free = lanes.find(({ end }) => end <= span.from)
    if (free === undefined) lanes.push({ end: span.to, items: [span] })
    else {
      free.items.push(span)
      free.end = span.to
    }
  }
  return lanes.map(({ items }) => items)
}
