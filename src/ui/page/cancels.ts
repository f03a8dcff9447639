import { signal } from '@preact/signals'
import type { RunTarget } from '../../read/reader.js'

// Owns: the cancels that this page has asked for, until what they name has ended.

/** What is cancelled: a run, one branch or one map of it. */
export type CancelTarget = RunTarget & { readonly path?: string; readonly map?: string }

/** When each was asked for: epoch milliseconds. */
const asked = signal<ReadonlyMap<string, number>>(new Map())

const keyOf = (project: string, { runId, partitionKey = null, path = '', map = '' }: CancelTarget): string =>
  JSON.stringify([project, runId, partitionKey, path, map])

/** When the cancel of a target was asked for that is under way. */
export const cancelAskedAt = (project: string, target: CancelTarget): number | undefined =>
  asked.value.get(keyOf(project, target))

export function keepCancel(project: string, target: CancelTarget): void {
  asked.value = new Map(asked.peek()).set(keyOf(project, target), Date.now())
}

/** Called when the target has ended, and when its cancel is refused. */
export function dropCancel(project: string, target: CancelTarget): void {
  const left = new Map(asked.peek())
  if (left.delete(keyOf(project, target))) asked.value = left
}
