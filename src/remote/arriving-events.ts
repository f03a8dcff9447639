import { relay } from '../runtime/emit.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchHandle } from '../runtime/map/branch-handle.js'
import { crossedChunk, crossedEvent, reportedIn } from './crossing.js'
import type { UpFrame } from './frames.js'

// Owns: the events of a branch that runs elsewhere, as they arrive at its owner.
// E1  After a cancel no chunk arrives any more, as in this process none is produced.
// E2  A listener of a chunk may cancel or end the branch: those that came in the same frame are dropped then.

type Of<T extends UpFrame['type']> = Extract<UpFrame, { readonly type: T }>

/** A branch, as its events arrive. */
interface Arriving {
  readonly status: 'made' | 'running' | 'ended'
  readonly origin: EventSource
  readonly cancelledAt: number | undefined
  readonly answers: { pace(): void }
  reported: BranchHandle['reported']
}

/** Hands on the chunks of one frame. */
export function relayChunks(branch: Arriving, frame: Of<'chunk'>): void {
  const { origin } = branch
  origin.system.skip(frame.skipped)
  const tracker = frame.tracked ? origin.tracker : undefined
  for (const chunk of frame.chunks) {
    if (branch.status !== 'running' || branch.cancelledAt !== undefined) return // E1, E2
    relay(origin, crossedChunk(frame, chunk, origin), tracker)
    branch.answers.pace()
  }
}

/** Hands on any other event. */
export function relayEvent(branch: Arriving, frame: Of<'event'>): void {
  const { origin } = branch
  origin.system.skip(frame.skipped)
  const event = crossedEvent(frame.event, origin)
  const { type, path } = event
  const own = path.length === origin.path.length
  if (branch.cancelledAt !== undefined) {
    if (type === 'chunk') return // E1
    if (type === 'cancel' && own) return // emitted in its tick
  }
  relay(origin, event, frame.tracked ? origin.tracker : undefined)
  if (event.type === 'progress' && own) branch.reported = reportedIn(event)
  if (type === 'chunk') branch.answers.pace()
}
