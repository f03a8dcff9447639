import type { ProjectSummary } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import { tryGet } from '../internal/guards.js'
import type { RunFilter, StepQuery } from '../read/reader.js'
import { addressInShell } from '../read/run-address.js'
import type { RunRef } from '../read/run-summary.js'
import { BRANCH_STATUSES, RUN_STATUSES, STEP_STATUSES } from '../read/status.js'
import { compareCursors } from '../wire/events.js'
import { actionsFor } from './actions.js'
import { json, SAFE_HEADERS } from './answers.js'
import { exportLines } from './export-run.js'
import { differenceOf, jsonPatchOf } from './json-patch.js'
import { graph, laid, picture } from './picture-routes.js'
import { type OpenProject, type Projects, tellsEvents } from './project.js'
import { chunksOf, eventPage, marksOf, mosaicOf, statesOf } from './read-run.js'
import { missing, type ReadCall, refOf } from './run-ref.js'
import { SearchQuery } from './search-query.js'
import { shortStep } from './shorten.js'

// Owns: the addresses that are read: what each takes, and what it answers.

/** What a project answers at an address below `/api/v1`. Undefined: there is no such address. */
export function readProject(call: ReadCall, parts: readonly string[]): Promise<Response> | undefined {
  const [head, one, rest] = parts
  if (parts.length === 1) return ownRoute(TOP, head)?.(call)
  if (parts.length === 2 && head === 'runs' && one === 'count') return count(call)
  if (parts.length === 2 && head === 'graphs') return graph(call, one as string)
  if (parts.length === 3 && head === 'graphs' && rest === 'laid') return laid(call, one as string)
  if (head !== 'runs' || parts.length > 3) return undefined
  return rest === undefined ? describe(call, one as string) : ownRoute(OF_RUN, rest)?.(call, one as string)
}

const ownRoute = <T>(routes: Readonly<Record<string, T>>, name: string | undefined): T | undefined =>
  name !== undefined && Object.hasOwn(routes, name) ? routes[name] : undefined

type Route = (call: ReadCall) => Promise<Response>
type RunRoute = (call: ReadCall, runId: string) => Promise<Response>

const FILTERS = 'partition status name from to retrying pending leaked q label'

function filterOf(query: SearchQuery): RunFilter {
  return {
    partitionKey: query.partition(),
    status: query.list('status', RUN_STATUSES),
    name: query.text('name'),
    createdFrom: query.whole('from'),
    createdTo: query.whole('to'),
    retrying: query.flag('retrying'),
    pending: query.flag('pending'),
    leaked: query.flag('leaked'),
    text: query.text('q'),
    labels: query.labels(),
  }
}

const pagingOf = (query: SearchQuery) => ({ limit: query.whole('limit'), after: query.text('after') })

const list: Route = async ({ project, params }) => {
  const query = new SearchQuery(params, `${FILTERS} limit after`)
  const asked = { ...filterOf(query), ...pagingOf(query) }
  query.done()
  return json(await project.reader.list(asked))
}

const count: Route = async ({ project, params }) => {
  const query = new SearchQuery(params, `${FILTERS} upTo`)
  const asked = { ...filterOf(query), upTo: query.whole('upTo') }
  query.done()
  return json(await project.reader.count(asked))
}

const pending: Route = async ({ project, params }) => {
  const query = new SearchQuery(params, 'partition kinds answered label limit after')
  const asked = {
    partitionKey: query.partition(),
    kinds: query.list('kinds'),
    answered: query.flag('answered'),
    labels: query.labels(),
    ...pagingOf(query),
  }
  query.done()
  return json(await project.reader.pending(asked))
}

const due: Route = async ({ project, params }) => {
  const query = new SearchQuery(params, 'partition before limit after')
  const asked = { partitionKey: query.partition(), before: query.whole('before'), ...pagingOf(query) }
  query.done()
  return json(await project.reader.due(asked))
}

const TOP: Readonly<Record<string, Route>> = { runs: list, pending, due }

const describe: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path first depth')
  const ref = { ...refOf(query, runId), first: query.whole('first'), depth: query.whole('depth') }
  query.done()
  const tree = await project.reader.describe(ref)
  if (tree === undefined) throw await missing(project, ref)
  return json(tree)
}

const branches: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path map epoch status limit after')
  const asked = {
    ...refOf(query, runId),
    ...query.map(),
    epoch: query.whole('epoch'),
    status: query.list('status', BRANCH_STATUSES),
    ...pagingOf(query),
  }
  query.done()
  return json(await project.reader.branches(asked))
}

const mosaic: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path map epoch')
  const asked = { ...refOf(query, runId), ...query.map(), epoch: query.whole('epoch') }
  query.done()
  return json(await mosaicOf(project, asked))
}

const steps: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path from to status action payloads limit after')
  const asked = {
    ...refOf(query, runId),
    from: query.whole('from'),
    to: query.whole('to'),
    status: query.list('status', STEP_STATUSES),
    ...pagingOf(query),
  }
  const [payloads] = query.list('payloads', ['short', 'whole']) ?? []
  const action = query.text('action')
  query.done()
  const { items, ...page } = await stepsOf(project, asked, action)
  return json({ items: payloads === 'whole' ? items : items.map(shortStep), ...page })
}

/** Pages that are passed over for one answer. */
const MOST_PASSED = 100

/** A page of steps. Pages without a step of the action are passed over, so that an empty one is the last. */
async function stepsOf({ reader }: OpenProject, asked: StepQuery, action: string | undefined) {
  let page = await reader.steps(asked)
  if (action === undefined) return page
  for (let passed = 0; ; passed++) {
    const { items, after } = page
    const fitting = items.filter((step) => step.action === action)
    if (fitting.length > 0 || after === undefined || passed === MOST_PASSED) return { ...page, items: fitting }
    page = await reader.steps({ ...asked, after })
  }
}

const state: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path at epoch')
  const [ref, at, epoch] = [refOf(query, runId), query.whole('at'), query.whole('epoch')]
  query.done()
  const found = await project.reader.state({
    ...ref,
    ...(at !== undefined && { sequenceId: at }),
    ...(epoch !== undefined && { epoch }),
  })
  if (found !== undefined) return json(found)
  if ((await project.reader.describe({ ...ref, first: 1, depth: 1 })) === undefined) throw await missing(project, ref)
  throw new UiError('no-step', `The state ${at === undefined ? '' : `after step ${at} `}is not stored.`, {
    hint: `List its steps: teasel runs show ${addressInShell(runId, ref.path)}`,
  })
}

const difference: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path from to as')
  const asked = { ...refOf(query, runId), from: query.whole('from'), to: query.whole('to') }
  const [as] = query.list('as', ['patch', 'json-patch']) ?? []
  query.done()
  const [before, after] = await statesOf(project, asked)
  const patch = differenceOf(before, after)
  return json(as === 'json-patch' ? jsonPatchOf(before ?? {}, patch) : (patch ?? null))
}

const chunks: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path step')
  const [ref, step] = [refOf(query, runId), query.whole('step') ?? 0]
  query.done()
  return json(await chunksOf(project, { ...ref, step }))
}

const marks: RunRoute = async ({ project, params }, runId) => json(await marksOf(project, wholeRun(params, runId)))

const DEFAULT_EVENTS = 500
const MOST_EVENTS = 5000

const events: RunRoute = async ({ project, params }, runId) => {
  const query = new SearchQuery(params, 'partition path after types limit')
  const path = params.has('path') ? query.path() : undefined
  const [after, types] = [query.text('after'), query.list('types')]
  const limit = Math.min(MOST_EVENTS, query.whole('limit', 1) ?? DEFAULT_EVENTS)
  query.done()
  if (after !== undefined && tryGet(() => compareCursors(after, after)) === undefined)
    throw new UiError('bad-query', 'after takes the position of an event: 0.17.')
  return json(await eventPage(project, { runId, partitionKey: query.partition(), path, after, types, limit }))
}

function wholeRun(params: URLSearchParams, runId: string): RunRef {
  const query = new SearchQuery(params, 'partition')
  query.done()
  return { runId, partitionKey: query.partition() }
}

const exportRun: RunRoute = async ({ project, params }, runId) => {
  const lines = exportLines(project, wholeRun(params, runId))
  const first = await lines.next()
  const text = new TextEncoder()
  let head = first.done === true ? undefined : first.value
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (head !== undefined) {
        controller.enqueue(text.encode(head))
        head = undefined
        return
      }
      const { done, value } = await lines.next()
      if (done === true) controller.close()
      else controller.enqueue(text.encode(value))
    },
    async cancel() {
      await lines.return()
    },
  })
  const file = `${runId.replace(/[^\w.-]+/g, '_').slice(0, 80)}.jsonl`
  return new Response(body, {
    headers: {
      ...SAFE_HEADERS,
      'content-type': 'application/x-ndjson; charset=utf-8',
      'content-disposition': `attachment; filename="${file}"`,
      'cache-control': 'no-store',
    },
  })
}

const OF_RUN: Readonly<Record<string, RunRoute>> = {
  branches,
  mosaic,
  steps,
  state,
  diff: difference,
  chunks,
  marks,
  picture,
  events,
  export: exportRun,
}

const DAY_MS = 86_400_000

/** @param acts whether the server takes actions */
export async function listProjects(projects: Projects, acts: boolean): Promise<readonly ProjectSummary[]> {
  const found: ProjectSummary[] = []
  for (const name of await projects.names()) {
    const project = await projects.get(name)
    if (project !== undefined) found.push(await summaryOf(project, acts))
  }
  return found
}

async function summaryOf(project: OpenProject, acts: boolean): Promise<ProjectSummary> {
  const { reader, name, host } = project
  const every = { partitionKey: '*' } as const
  const runs = await reader.count(every)
  const day = await reader.count({ ...every, createdFrom: Date.now() - DAY_MS })
  const [newest] = (await reader.list({ ...every, limit: 1 })).items
  return {
    name,
    runs,
    day,
    ...(newest !== undefined && { updatedAt: newest.updatedAt }),
    actions: acts ? actionsFor(project) : [],
    streams: tellsEvents(reader) || host !== undefined ? 'events' : 'trees',
    ...(reader.recordedBy !== undefined && { recordedBy: reader.recordedBy }),
  }
}
