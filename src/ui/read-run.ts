import type { Chunks, DiffQuery, EventPage, Mosaic, MosaicQuery } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import type { Payload } from '../read/payload.js'
import type { RunTarget } from '../read/reader.js'
import type { RunRef } from '../read/run-summary.js'
import { BRANCH_STATUSES, type BranchStatus } from '../read/status.js'
import { printedPath, type WirePath } from '../read/wire-path.js'
import { type RunMarks, readMarks } from '../visualize/run-marks.js'
import { cursorOf, type WireEvent } from '../wire/events.js'
import { noRun } from './action-target.js'
import { type OpenProject, type ProjectReader, tellsEvents } from './project.js'

// Owns: what is asked of a run besides a `Reader`, made of what a reader gives.

type Events = NonNullable<ProjectReader['events']>

const LETTERS: { readonly [S in BranchStatus]: string } = {
  queued: 'q',
  running: 'r',
  waiting: 'w',
  retrying: 't',
  interrupted: 'i',
  done: 'd',
  failed: 'f',
  cancelled: 'c',
}
const MOST_LETTERS = 100_000

export async function mosaicOf({ reader }: OpenProject, query: MosaicQuery): Promise<Mosaic> {
  let [letters, after]: [string, string | undefined] = ['', undefined]
  do {
    const page = await reader.branches({ ...query, status: BRANCH_STATUSES, limit: 1000, after })
    for (const { status } of page.items) letters += LETTERS[status as BranchStatus] ?? '?'
    after = page.after
  } while (after !== undefined && letters.length < MOST_LETTERS)
  return { letters, ...(after !== undefined && { more: true }) }
}

/** The states before and after. @throws {UiError} when the later one is not stored */
export async function statesOf(
  { reader }: OpenProject,
  { from, to, ...ref }: DiffQuery,
): Promise<readonly [before: Payload | undefined, after: Payload]> {
  let last = to
  if (last === undefined) {
    const tree = await reader.describe({ ...ref, first: 1, depth: 1 })
    last = tree?.root.sequenceId ?? -1
  }
  const first = from ?? last - 1
  const after = await reader.state({ ...ref, sequenceId: last })
  if (after === undefined) throw new UiError('no-step', `The state after step ${last} is not stored.`)
  return [first < -1 ? undefined : await reader.state({ ...ref, sequenceId: first }), after]
}

/** @throws {UiError} where the source has no events */
function eventsOf({ reader, name }: OpenProject): Events {
  if (reader.events === undefined)
    throw new UiError('no-events', `The source of the project "${name}" has no events of runs.`, {
      hint: 'Give the applications a tracker (fileTracker), and this project its reader (fileReader).',
    })
  return (query) => (reader as Required<ProjectReader>).events(query)
}

/** @throws {UiError} for an unknown run */
export async function marksOf({ reader, name }: OpenProject, ref: RunRef): Promise<RunMarks> {
  const marks = await readMarks(reader, ref)
  if (marks === undefined) throw noRun({ name }, ref.runId)
  return marks
}

const MOST_CHUNKS = 10_000

export async function chunksOf(
  project: OpenProject,
  { path, step, ...ref }: RunTarget & { readonly path: WirePath; readonly step: number },
): Promise<Chunks> {
  const items: Payload[] = []
  const place = printedPath(path)
  let more = false
  for await (const event of eventsOf(project)({ ...ref, types: ['chunk'], follow: false })) {
    if (event['sequenceId'] !== step || printedPath(event.path) !== place) continue
    more = items.length === MOST_CHUNKS
    if (more) break
    items.push(event['chunk'] as Payload)
  }
  const texts = items.length > 0 && items.every((one) => typeof one === 'string')
  return { items, ...(texts && { text: items.join('') }), ...(more && { more: true }) }
}

export async function eventPage(
  project: OpenProject,
  query: RunTarget & {
    readonly path: WirePath | undefined
    readonly after: string | undefined
    readonly types: readonly string[] | undefined
    readonly limit: number
  },
): Promise<EventPage> {
  const { path, types, limit, after, ...ref } = query
  const place = path && printedPath(path)
  const items: WireEvent[] = []
  let last: WireEvent | undefined
  let more = false
  const wanted = types === undefined ? undefined : [...new Set([...types, 'run.end'])]
  for await (const event of eventsOf(project)({ ...ref, after, types: wanted, follow: false })) {
    if (items.length === limit) {
      more = true
      break
    }
    last = event
    const fits = types?.includes(event.type) !== false && (place === undefined || printedPath(event.path) === place)
    if (fits) items.push(event)
  }
  const isLast = last?.type === 'run.end' && last.path.length === 0
  const ended = !more && (isLast || !tellsEvents(project.reader))
  return {
    items,
    ...(last !== undefined && { after: cursorOf(last) }),
    ...(more && { more: true as const }),
    ...(ended && { ended }),
  }
}
