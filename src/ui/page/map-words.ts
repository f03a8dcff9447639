import type { BranchCounts } from '../../read/status.js'
import type { AppNode, MapNode } from '../../read/tree.js'
import { duration, many } from './words.js'

// Owns: what is told of a map in words.

const ETA_FROM = 20

/** From the median of branches that are done; none for a few. */
export function etaOf(
  { status, concurrency, total }: MapNode,
  branches: readonly AppNode[],
  counts: BranchCounts,
  all: number,
): string {
  if (status !== 'running' || total === undefined || counts.done < ETA_FROM) return ''
  const times = branches.flatMap((one) =>
    one.status === 'done' && one.startedAt !== undefined && one.endedAt !== undefined
      ? [one.endedAt - one.startedAt]
      : [],
  )
  if (times.length < ETA_FROM) return ''
  const median = times.sort((a, b) => a - b)[times.length >> 1] ?? 0
  const left = total - counts.done - counts.failed - counts.cancelled
  const atOnce = Math.max(1, Math.min(concurrency ?? all, counts.running || 1))
  return ` · about ${duration((median * left) / atOnce)} left`
}

/** How many run at once. */
export function atOnceWords({ concurrency = Infinity, limit = Infinity }: MapNode): string {
  if (limit < concurrency) return ` · ${many(limit, 'action')} at once, by a shared limit`
  return Number.isFinite(concurrency) ? ` · ${concurrency} at once` : ''
}

/** What the source of a map that is over has not recorded. */
export function unknownWords({ kind, policy }: MapNode, elapsed: number | undefined): string {
  const parts = { kind, policy, duration: elapsed }
  const unknown = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [name] : []))
  return unknown.length === 0 ? '' : ` · ${unknown.join(', ')} not recorded`
}

const POLICIES: Readonly<Record<string, string>> = {
  all: 'one failure ends all',
  collect: 'failures are collected',
  any: 'the first that is done wins',
  first: 'the first that settles wins',
}

/** When a map stops to wait for its branches. */
export function policyWords(policy: string): string {
  const [, least] = /^\{ atLeast: (\d+) \}$/.exec(policy) ?? []
  return least === undefined ? (POLICIES[policy.replaceAll("'", '')] ?? policy) : `${least} have to be done`
}
