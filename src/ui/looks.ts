import { pause } from '../internal/pause.js'
import type { RunTarget } from '../read/reader.js'
import type { RunSummary } from '../read/run-summary.js'
import { isOpen, RUN_STATUSES } from '../read/status.js'
import { compareCursors, cursorOf, encodeEvent } from '../wire/events.js'
import { type OpenProject, type ProjectReader, tellsEvents } from './project.js'
import { shortEvent } from './shorten.js'
import { LOOK_MS, type Look, type Watched } from './watch.js'

// Owns: how each topic is looked at.
// L1  A log is followed. A store alone is asked once a second, and tells the whole tree when it differs.
// L2  A run that was removed is gone, also where another one of its name has begun since.

/** Whether two texts of JSON tell the same, but for when they were read. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (key, one: unknown) => (key === 'asOf' || key === 'seenAt' || key === 'leaseUntil' ? 0 : one))

/** @returns how a run is looked at */
export const runLook = (project: OpenProject, ref: Required<RunTarget>): Look =>
  tellsEvents(project.reader) ? logLook(project.reader, ref) : treeLook(project, ref)

/** The position behind which everything of an incarnation comes. */
const beforeOf = (incarnation: number): string | undefined =>
  incarnation === 0 ? undefined : `${incarnation - 1}.${'9'.repeat(15)}`

function logLook(reader: ProjectReader, ref: Required<RunTarget>): Look {
  let isThere = false
  let createdAt: number | undefined
  const headOf = () => reader.describe({ ...ref, first: 1, depth: 1 })
  return async (watched, signal) => {
    for (let isFirst = watched.position === undefined; !signal.aborted; isFirst = false) {
      const tree = await headOf()
      const isGone = isThere && tree?.run.createdAt !== createdAt // L2
      if (isGone) watched.tell({ type: 'gone' })
      if (tree === undefined || isGone) watched.position = undefined
      else if (isFirst && !isThere) {
        const { incarnation, seq = -1 } = tree.asOf
        watched.position = seq < 0 ? beforeOf(incarnation) : cursorOf({ incarnation, seq })
      }
      isThere = tree !== undefined
      createdAt = tree?.run.createdAt
      watched.ready()
      const { position } = watched
      const isNew =
        tree !== undefined &&
        (position === undefined || compareCursors(cursorOf({ seq: 0, ...tree.asOf }), position) > 0)
      if (tree === undefined || (!isNew && !isOpen(tree.run.status))) await pause(LOOK_MS, signal)
      else await followLog(reader, ref, watched, signal)
    }
  }
}

/** Tells the events of a log until the run has ended, or its log is gone. */
async function followLog(
  reader: ProjectReader,
  ref: Required<RunTarget>,
  watched: Watched,
  signal: AbortSignal,
): Promise<void> {
  const query = { ...ref, after: watched.position, follow: true, signal }
  for await (const event of reader.events?.(query) ?? []) {
    watched.position = cursorOf(event)
    watched.tell({ type: 'events', events: [shortEvent(event)] })
  }
}

function treeLook({ reader, host }: OpenProject, ref: Required<RunTarget>): Look {
  let last: string | undefined
  return async (watched, signal) => {
    const end = host?.on(ref, (one) => {
      if (one.type !== 'event') return
      watched.tell({ type: 'events', events: [shortEvent({ ...encodeEvent(one.event), runId: ref.runId })] })
    })
    try {
      for (; !signal.aborted; await pause(LOOK_MS, signal)) {
        const tree = await reader.describe(ref)
        if (tree === undefined && last !== undefined) watched.tell({ type: 'gone' })
        const text = tree && textOf(tree)
        watched.latest = tree && { type: 'tree', tree }
        watched.ready()
        if (tree !== undefined && text !== last) watched.tell({ type: 'tree', tree })
        last = text
      }
    } finally {
      end?.()
    }
  }
}

const OPEN = RUN_STATUSES.filter((status) => isOpen(status))
const NEWEST = 200
const MOST_OPEN = 1000

const keyOf = ({ partitionKey, runId }: RunSummary): string => JSON.stringify([partitionKey, runId])

/** Looks at the newest runs, and at all that are open. */
export function runsLook({ reader }: OpenProject): Look {
  let texts: ReadonlyMap<string, string> | undefined
  return async (watched, signal) => {
    for (; !signal.aborted; await pause(LOOK_MS, signal)) {
      const newest = await reader.list({ partitionKey: '*', limit: NEWEST })
      const open = await reader.list({ partitionKey: '*', status: OPEN, limit: MOST_OPEN })
      const known = new Map([...open.items, ...newest.items].map((run) => [keyOf(run), run]))
      for (const [key, before] of watched.runs?.known ?? []) {
        if (known.has(key) || !isOpen(before.status)) continue
        const tree = await reader.describe({ ...before, path: undefined, first: 1, depth: 1 }) // it has ended meanwhile
        if (tree !== undefined) known.set(key, tree.run)
      }
      const now = new Map([...known].map(([key, run]) => [key, textOf(run)]))
      const changed = [...known].filter(([key]) => now.get(key) !== texts?.get(key)).map(([, run]) => run)
      watched.runs = { known, isAll: newest.after === undefined }
      if (texts !== undefined && changed.length > 0) watched.tell({ type: 'runs', runs: changed })
      texts = now
      watched.ready()
    }
  }
}

/** Looks at the open questions. */
export function pendingLook({ reader }: OpenProject): Look {
  let last: string | undefined
  return async (watched, signal) => {
    for (; !signal.aborted; await pause(LOOK_MS, signal)) {
      const { items } = await reader.pending({ partitionKey: '*', limit: 1000 })
      const text = textOf(items)
      watched.latest = { type: 'pending', items }
      watched.ready()
      if (last !== undefined && text !== last) watched.tell({ type: 'pending', items })
      last = text
    }
  }
}
