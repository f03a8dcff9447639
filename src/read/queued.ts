import type { AppNode } from './tree.js'

// Owns: the time of a branch in the queue, before its first step.

/** When a branch was queued, unless that was after it had started: after a resume it goes on. */
export const queuedBefore = (queuedAt: number | undefined, startedAt: number | undefined): number | undefined =>
  queuedAt !== undefined && startedAt !== undefined && startedAt < queuedAt ? undefined : queuedAt

/**
 * How long a branch was in the queue, milliseconds: until it started, was settled, or now.
 * @returns undefined where that is not known
 */
export function queuedMs({ queuedAt, startedAt, endedAt }: AppNode, now: number): number | undefined {
  return queuedAt === undefined ? undefined : Math.max(0, (startedAt ?? endedAt ?? now) - queuedAt)
}
