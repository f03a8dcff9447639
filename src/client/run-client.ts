import { printMap } from '../action/context.js'
import { describeValue } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import { pause } from '../internal/pause.js'
import type { AppTarget, Reader, RunTarget } from '../read/reader.js'
import type { Patch } from '../read/tree.js'
import { printedPath } from '../read/wire-path.js'
import type { GraphPicture } from '../visualize/picture.js'
import type { LaidPicture } from '../visualize/places.js'
import type { RunMarks } from '../visualize/run-marks.js'
import type { WireEvent } from '../wire/events.js'
import type {
  ActionRequest,
  ChunkQuery,
  Chunks,
  DiffQuery,
  EventPage,
  JsonPatchStep,
  Mosaic,
  MosaicQuery,
  Outcome,
  ProjectSummary,
  RunActions,
  RunPicture,
  RunPictureQuery,
} from './api.js'
import { type FollowedFrame, followStream, type StreamOptions } from './follow-stream.js'
import { Requests, type RunClientOptions } from './requests.js'
import { appMembers, filterMembers, pageMembers, type SearchMembers } from './search.js'
import { UiError } from './ui-error.js'

// Owns: what a client asks for.
// Does not own: what is asked and answered (api.ts), how it is sent (requests.ts).

/** Options of {@link RunClient.events}. */
export interface ClientEventQuery extends RunTarget {
  /** The position of an event, `incarnation.seq`: earlier ones and that one are left out. */
  readonly after?: string | undefined
  /** The types of events that are given. Default: all. */
  readonly types?: readonly string[] | undefined
  /** Whether the log is read on at its end until the run has ended. Default true. */
  readonly follow?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads the runs of a server of `createUiHandler`, and acts on them. Every method rejects with a {@link UiError}:
 * its `code` tells why, `unavailable` that the server does not answer; or with the reason of the signal of the client.
 */
export interface RunClient extends Reader, RunActions {
  readonly baseUrl: string
  /** The projects of the server, with what is done there with their runs. */
  projects(): Promise<readonly ProjectSummary[]>
  /** The picture of a graph, by the hash in `RunSummary.graph` or the name in `RunSummary.name`. */
  graph(hash: string): Promise<GraphPicture | undefined>
  /** The same with its places, with which it is drawn. */
  laid(hash: string): Promise<LaidPicture | undefined>
  /** What a run adds to the picture of its graph; undefined for an unknown run. */
  marks(ref: RunTarget): Promise<RunMarks | undefined>
  /** An application of a run as it is drawn, with the places of its boxes; undefined for an unknown one. */
  picture(query: RunPictureQuery): Promise<RunPicture | undefined>
  /** The branches of one visit of a map, a letter each. */
  mosaic(query: MosaicQuery): Promise<Mosaic>
  /** The difference of two states; undefined if they are equal. */
  diff(query: DiffQuery): Promise<Patch | undefined>
  /** The same as a JSON Patch (RFC 6902). */
  jsonPatch(query: DiffQuery): Promise<readonly JsonPatchStep[]>
  /** What an action has yielded in a step, where its log has that. */
  chunks(query: ChunkQuery): Promise<Chunks>
  /** The events of a run, in the order of their numbers. Leaving the loop ends the reading. */
  events(query: ClientEventQuery): AsyncGenerator<WireEvent, void, void>
  /** All that is known of a run, as lines of JSON. */
  exportRun(ref: RunTarget): Promise<ReadableStream<Uint8Array>>
  /**
   * What happens from now on, or since `after`. A lost connection is opened again, after longer and longer pauses. Ends
   * when a signal aborts.
   * @param topics `runs`, `pending`, and `run/<id>` or `run/<id>@<partition>`, each part encoded as in URLs: see {@link runTopic}
   */
  stream(topics: readonly string[], options?: StreamOptions): AsyncGenerator<FollowedFrame, void, void>
  /** The same client, whose requests and streams also end with a signal. */
  withSignal(signal: AbortSignal): RunClient
}

/** The topic of one run in a stream. */
export const runTopic = ({ runId, partitionKey = null }: RunTarget): `run/${string}` =>
  `run/${encodeURIComponent(runId)}${partitionKey === null ? '' : `@${encodeURIComponent(partitionKey)}`}`

const POLL_MS = 500

/**
 * Makes a client of a server of runs. It is a `Reader`, so a program that reads a store or a folder reads a server alike.
 * @throws {TypeError} for invalid options
 *
 * @example
 * ```ts no-run
 * const client = createRunClient({ baseUrl: 'http://127.0.0.1:7242' })
 * const { items } = await client.list({ status: 'failed' })
 * for (const { runId } of items) await client.resume({ runId })
 * ```
 */
export function createRunClient(options: RunClientOptions): RunClient {
  checkOptions('createRunClient', options, 'baseUrl project fetch token signal')
  if (typeof options.baseUrl !== 'string' || !/^https?:\/\//.test(options.baseUrl))
    throw new TypeError(
      `baseUrl is ${describeValue(options.baseUrl)}; it takes the address of a server: "http://127.0.0.1:7242".`,
    )
  return clientOf(new Requests(options))
}

const runPath = ({ runId }: RunTarget, rest = ''): string => `runs/${encodeURIComponent(runId)}${rest}`
const pathOf = ({ path }: Pick<AppTarget, 'path'>): object => (path === undefined ? {} : { path: printedPath(path) })

function clientOf(to: Requests): RunClient {
  return {
    baseUrl: to.baseUrl,
    ...readingOf(to),
    ...actionsOf(to),
    ...streamsOf(to),
    withSignal: (signal) => clientOf(to.within(signal)),
  }
}

function readingOf(
  to: Requests,
): Reader &
  Pick<RunClient, 'projects' | 'graph' | 'laid' | 'marks' | 'picture' | 'mosaic' | 'diff' | 'jsonPatch' | 'chunks'> {
  return {
    list: (query = {}) => to.get('runs', { ...filterMembers(query), ...pageMembers(query) }, query.labels),
    count: (filter = {}) => to.get('runs/count', { ...filterMembers(filter), upTo: filter.upTo }, filter.labels),
    describe: (ref) => to.find(runPath(ref), { ...appMembers(ref), first: ref.first, depth: ref.depth }),
    branches: (query) =>
      to.get(runPath(query, '/branches'), {
        ...appMembers(query),
        map: printMap(query.map, query.visit),
        epoch: query.epoch,
        status: typeof query.status === 'string' ? [query.status] : query.status,
        ...pageMembers(query),
      }),
    steps: (query) =>
      to.get(runPath(query, '/steps'), {
        ...appMembers(query),
        from: query.from,
        to: query.to,
        status: typeof query.status === 'string' ? [query.status] : query.status,
        payloads: 'whole',
        ...pageMembers(query),
      }),
    state: (ref) => to.find(runPath(ref, '/state'), { ...appMembers(ref), at: ref.sequenceId, epoch: ref.epoch }),
    pending: (query = {}) =>
      to.get(
        'pending',
        { partition: query.partitionKey, kinds: query.kinds, answered: query.answered, ...pageMembers(query) },
        query.labels,
      ),
    due: (query = {}) => to.get('due', { partition: query.partitionKey, before: query.before, ...pageMembers(query) }),
    projects: async () => (await to.get<{ readonly items: readonly ProjectSummary[] }>('projects')).items,
    graph: (hash) => to.find(`graphs/${encodeURIComponent(hash)}`),
    laid: (hash) => to.find(`graphs/${encodeURIComponent(hash)}/laid`),
    marks: (ref) => to.find(runPath(ref, '/marks'), appMembers(ref)),
    picture: (query) =>
      to.find(runPath(query, '/picture'), { ...appMembers(query), below: query.below, shape: query.shape }),
    mosaic: (query) =>
      to.get(runPath(query, '/mosaic'), {
        ...appMembers(query),
        map: printMap(query.map, query.visit),
        epoch: query.epoch,
      }),
    diff: async (query) => (await to.get<Patch | null>(runPath(query, '/diff'), rangeOf(query))) ?? undefined,
    jsonPatch: (query) => to.get(runPath(query, '/diff'), { ...rangeOf(query), as: 'json-patch' }),
    chunks: (query) => to.get(runPath(query, '/chunks'), { ...appMembers(query), step: query.step }),
  }
}

const rangeOf = (query: DiffQuery): SearchMembers => ({ ...appMembers(query), from: query.from, to: query.to })

function actionsOf(to: Requests): RunActions {
  return {
    cancel: (request) => to.act('POST', runPath(request, '/cancel'), request, bodyOf(request)),
    answer: (request) => to.act('POST', runPath(request, '/answer'), request, bodyOf(request)),
    fork: (request) => to.act('POST', runPath(request, '/fork'), request, bodyOf(request)),
    resume: (request) => to.act('POST', runPath(request, '/resume'), request, bodyOf(request)),
    rewind: (request) => to.act('POST', runPath(request, '/rewind'), request, bodyOf(request)),
    remove: (request) => to.act<Outcome>('DELETE', runPath(request), request, bodyOf(request)),
  }
}

/** The members of a request that do not stand in its address. */
function bodyOf({ runId: _, partitionKey: __, ...rest }: ActionRequest & Pick<AppTarget, 'path'>): object {
  return { ...rest, ...pathOf(rest) }
}

function streamsOf(to: Requests): Pick<RunClient, 'events' | 'exportRun' | 'stream'> {
  return {
    events: (query) => eventsOf(to, query),
    exportRun: async (ref) => bodyIn(await to.send('GET', runPath(ref, '/export'), appMembers(ref))),
    stream: (topics, options = {}) => streamOf(to, topics, options),
  }
}

async function* streamOf(
  to: Requests,
  topics: readonly string[],
  { after, signal }: StreamOptions,
): AsyncGenerator<FollowedFrame, void, void> {
  const end = new AbortController()
  const leave = (): void => end.abort()
  for (const one of [signal, to.signal]) {
    if (one?.aborted === true) leave()
    one?.addEventListener('abort', leave, { once: true, signal: end.signal })
  }
  const open = async (id: string | undefined, connection: AbortSignal) =>
    bodyIn(await to.send('GET', 'stream', { topics: topics.join(), after: id }, { signal: connection }))
  try {
    yield* followStream(open, { after, signal: end.signal })
  } finally {
    leave()
  }
}

function bodyIn({ body }: Response): ReadableStream<Uint8Array> {
  if (body === null) throw new UiError('unavailable', 'The answer has no body.')
  return body
}

async function* eventsOf(
  to: Requests,
  { after, types, follow = true, signal, ...ref }: ClientEventQuery,
): AsyncGenerator<WireEvent, void, void> {
  const left = new AbortController()
  const leave = (): void => left.abort(signal?.reason)
  signal?.addEventListener('abort', leave, { once: true })
  try {
    for (let at = after; signal?.aborted !== true; ) {
      const members = { ...appMembers(ref), after: at, types }
      const page = await to.json<EventPage>(
        await to.send('GET', runPath(ref, '/events'), members, { signal: left.signal }),
      )
      for (const event of page.items) yield event
      if (page.after !== undefined) at = page.after
      if (page.more === true) continue
      if (!follow || page.ended === true) return
      await pause(POLL_MS, left.signal)
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error
  } finally {
    signal?.removeEventListener('abort', leave)
    left.abort()
  }
}
