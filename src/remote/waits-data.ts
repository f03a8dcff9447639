import { type Path, printPath } from '../action/context.js'
import { isOutside, type Received } from '../action/message.js'
import type { Due } from '../lifecycle/pending.js'
import type { Application } from '../runtime/application.js'
import type { EventSource } from '../runtime/event-source.js'
import { dueIn, pendingIn } from '../runtime/message/pending.js'
import type { WaitsData } from './frames.js'

// Owns: what a branch waits for, as data, and what a message that is under way changes in it.

/** What a branch waits for that waits for nothing. */
export const NO_WAITS: WaitsData = { level: 'nothing', mayWithdraw: false, open: [], pending: [], due: [], unread: 0 }

/** What a branch in a worker waits for. */
export function waitsOf(app: Application): WaitsData {
  const { run } = app
  const waits = run?.cancellation === undefined ? run?.waits : undefined
  return {
    level: waits?.level ?? 'nothing',
    mayWithdraw: waits?.mayWithdraw === true,
    open: [...(waits ?? [])].map(({ kinds, from }) => ({ kinds, from })),
    pending: [...pendingIn(app)],
    due: [...dueIn(app)],
    unread: app.mail?.size ?? 0,
  }
}

/** After a message to the branch itself. @returns undefined where no wait of it takes the message */
export function answeredBy(waits: WaitsData, message: Received, path: Path): WaitsData | undefined {
  const from = isOutside(message) ? 'outside' : 'siblings'
  const wait = waits.open.find((one) => one.from === from && one.kinds.includes(message.kind))
  if (wait === undefined) return undefined
  const open = waits.open.filter((one) => one !== wait)
  const answered = waits.pending.find((one) => one.path.length === path.length && one.kinds.includes(message.kind))
  const pending = from === 'outside' ? waits.pending.filter((one) => one !== answered) : waits.pending
  return { ...waits, level: 'nothing', open, pending }
}

/** After a message to something below the branch. @returns undefined where no wait there takes the message */
export function answeredBelow(waits: WaitsData, { kind }: Received, path: string): WaitsData | undefined {
  const answered = waits.pending.find((one) => printPath(one.path) === path && one.kinds.includes(kind))
  return answered && { ...waits, level: 'nothing', pending: waits.pending.filter((one) => one !== answered) }
}

/** After the notice that no sibling can send any more. */
export const withoutSiblings = (waits: WaitsData): WaitsData => ({
  ...waits,
  level: 'nothing',
  open: waits.open.filter(({ from }) => from !== 'siblings'),
})

/** The times at which a branch goes on by itself, with the end of its time limit. */
export function dueWith({ due }: WaitsData, deadlineAt: number | undefined, origin: EventSource): readonly Due[] {
  if (deadlineAt === undefined) return due
  const { appId, path, checkpoint } = origin
  return [...due, { kind: 'timeout', at: deadlineAt, appId, path, sequenceId: checkpoint.sequenceId + 1 }]
}
