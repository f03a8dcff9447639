import { parseFacts } from '../facts.js'
import { actionOf, isStateLabel } from '../labels.js'
import type { StoredRun } from '../summary.js'
import type { BeatFacts, MapFacts, SummaryFacts } from '../summary-facts.js'
import type { KnownApp } from './source.js'

// Owns: where a stored application stands: its place in its graph, its map, and whether what its summary tells of that
// is of its last step.

/** The last committed action and the next one, unless a step has committed since they were stored. */
export function placeIn({ facts, last }: Pick<KnownApp, 'facts' | 'last'>): Pick<SummaryFacts, 'position' | 'next'> {
  if (last === undefined || !isOutdated(facts, last)) return facts
  const known = last.kind !== 'note' && !isStateLabel(last.label)
  return known ? { position: actionOf(last.label) } : {}
}

/** Whether a step has committed since these facts were stored. */
export function isOutdated(facts: SummaryFacts, last: KnownApp['last']): boolean {
  if (last === undefined) return false
  if (facts.epoch !== last.epoch) return true
  if (facts.sequenceId !== undefined) return facts.sequenceId !== last.sequenceId
  return last.kind !== 'note' && !isStateLabel(last.label) && actionOf(last.label) !== facts.position
}

/** The map at which an application stands: its step has not committed. */
export const openMapOf = ({ facts, last }: Pick<KnownApp, 'facts' | 'last'>): MapFacts | undefined =>
  isOutdated(facts, last) || (facts.map?.sequenceId ?? 0) <= (last?.sequenceId ?? -1) ? undefined : facts.map

/** The last heartbeat, unless its runner has given the run back. */
export function beatOf({ claim }: StoredRun): (BeatFacts & { readonly at: number }) | undefined {
  const beat = claim?.beat
  if (beat === undefined || claim?.leaseUntil === 0) return undefined
  return { ...parseFacts<BeatFacts>(beat.data, 'A heartbeat'), at: beat.at }
}
