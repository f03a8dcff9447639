import type { Chunks, Mosaic, RunPicture } from '../../client/api.js'
import type { RunClient } from '../../client/run-client.js'
import { UiError } from '../../client/ui-error.js'
import type { Payload } from '../../read/payload.js'
import type { AppNode, RunTree, StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import type { GraphPicture } from '../../visualize/picture.js'
import type { WireEvent } from '../../wire/events.js'
import { inColumn } from './column.js'
import { wireError } from './wire-error.js'
import { LETTERS } from './words.js'

// Owns: a run in a file that was exported, read as a server is.
// Does not own: what an export has; the server writes it.

/** What the page asks a client for. */
export type PageClient = Pick<
  RunClient,
  | ('projects' | 'list' | 'count' | 'describe' | 'branches' | 'steps' | 'state' | 'pending')
  | ('picture' | 'mosaic' | 'chunks' | 'events' | 'cancel' | 'answer' | 'fork' | 'remove')
>

/** A run that was read from a file. */
export interface FileRun {
  readonly client: PageClient
  readonly tree: RunTree
}

interface Told {
  tree: RunTree | undefined
  graph: GraphPicture | undefined
  picture: RunPicture | undefined
  readonly steps: StepRecord[]
  readonly states: Map<string, Payload>
  readonly events: WireEvent[]
}

const stateKey = (path: string, sequenceId: number, epoch = 0): string => JSON.stringify([path, sequenceId, epoch])

/** Reads an export. A line that is none is left out. @throws {TypeError} for a file that is no export */
export function readExport(text: string): FileRun {
  const told: Told = { tree: undefined, graph: undefined, picture: undefined, steps: [], states: new Map(), events: [] }
  for (const line of text.split('\n')) {
    if (line !== '') readLine(line, told)
  }
  const { tree } = told
  if (tree === undefined) throw new TypeError('This file is no exported run: it has no line of the type "tree".')
  return { tree, client: clientFor(tree, told) }
}

function readLine(line: string, told: Told): void {
  let value: { readonly type?: unknown; readonly [name: string]: unknown }
  try {
    value = JSON.parse(line) as typeof value
  } catch {
    return
  }
  if (value.type === 'tree') told.tree = value['tree'] as RunTree
  else if (value.type === 'graph') told.graph = value['picture'] as GraphPicture
  else if (value.type === 'picture') told.picture = value as object as RunPicture
  else if (value.type === 'step') {
    const step = value['step'] as StepRecord
    told.steps.push(step)
    if (value['state'] !== undefined)
      told.states.set(stateKey('', step.sequenceId, step.epoch), value['state'] as Payload)
  } else if (typeof value['seq'] === 'number') told.events.push(value as unknown as WireEvent)
}

const refuse = (): Promise<never> =>
  Promise.reject(new UiError('read-only', 'This run is in a file. Nothing can be done with it.'))

function clientFor(tree: RunTree, told: Told): PageClient {
  const below = new Map<string, AppNode>()
  const steps = new Map<string, StepRecord[]>([['', told.steps]])
  const add = (node: AppNode): void => {
    below.set(printedPath(node.path), node)
    for (const { branches } of node.maps) for (const { items } of branches) for (const one of items) add(one)
    for (const one of node.children) add(one)
  }
  add(tree.root)
  for (const event of told.events) hear(event, { below, steps, states: told.states })
  const branchesOf = (path: string, map: string, visit: number): AppNode[] =>
    [...below.values()]
      .filter(({ path: at }) => {
        const [name, number] = at.at(-1) ?? []
        return name === map && number === visit && printedPath(at.slice(0, -1)) === path
      })
      .sort((a, b) => (a.index ?? 0) - (b.index ?? 0))
  const pathOf = ({ path = '' }: Parameters<RunClient['describe']>[0]): string => printedPath(path)
  return {
    projects: async () => [],
    list: async () => ({ items: [tree.run] }),
    count: async () => ({ [tree.run.status]: 1 }),
    pending: async () => ({ items: tree.root.pending }),
    describe: async (ref) => {
      const root = below.get(pathOf(ref))
      return root && { ...tree, root }
    },
    branches: async (query) => ({ items: branchesOf(pathOf(query), query.map, query.visit) }),
    steps: async (query) => {
      const { from = -1, to = Number.POSITIVE_INFINITY } = query
      const all = steps.get(pathOf(query)) ?? []
      return { items: all.filter(({ sequenceId }) => sequenceId >= from && sequenceId <= to) }
    },
    state: async (ref) => told.states.get(stateKey(pathOf(ref), ref.sequenceId ?? -1, ref.epoch ?? 0)),
    picture: async (query) => ({
      ...{ marks: { actions: {}, taken: {} }, shape: pathOf(query) },
      ...(told.graph !== undefined && pathOf(query) === '' && { laid: inColumn(told.graph) }),
      ...(pathOf(query) === '' && told.picture),
    }),
    mosaic: async (query): Promise<Mosaic> => ({
      letters: branchesOf(pathOf(query), query.map, query.visit)
        .map(({ status }) => Object.keys(LETTERS).find((letter) => LETTERS[letter] === status) ?? 'q')
        .join(''),
    }),
    chunks: async (query): Promise<Chunks> => ({
      items: told.events
        .filter(
          (one) => one.type === 'chunk' && one['sequenceId'] === query.step && printedPath(one.path) === pathOf(query),
        )
        .map((one) => one['chunk'] as Payload),
    }),
    async *events({ types }) {
      for (const event of told.events) if (types === undefined || types.includes(event.type)) yield event
    },
    ...{ cancel: refuse, answer: refuse, fork: refuse, remove: refuse },
  }
}

interface Heard {
  readonly below: Map<string, AppNode>
  readonly steps: Map<string, StepRecord[]>
  readonly states: Map<string, Payload>
}

/** The steps of branches, and branches of maps that are over: the tree has only those of the last one. */
function hear(event: WireEvent, { below, steps, states }: Heard): void {
  const { type, path, appId, time } = event
  const at = printedPath(path)
  if (type.startsWith('branch.') && typeof event['key'] === 'string') {
    const known = below.get(at)
    const status = type === 'branch.queued' ? 'queued' : type === 'branch.start' ? 'running' : event['status']
    const result = (event['result'] ?? {}) as { readonly startedAt?: number; readonly error?: unknown }
    below.set(at, {
      ...{ appId, path, attempt: 1, pending: [], due: [], leaked: [], maps: [], children: [] },
      ...known,
      ...{ key: event['key'], index: Number(event['index']), status: status as AppNode['status'] },
      ...(type === 'branch.queued' && known?.startedAt === undefined && { queuedAt: time }),
      ...(type === 'branch.start' && { startedAt: time }),
      ...(type === 'branch.settled' && { endedAt: time }),
      ...(result.startedAt !== undefined && { startedAt: result.startedAt }),
      ...(result.error !== undefined && { error: wireError(result.error) }),
    })
  }
  const node = path.length === 0 ? undefined : below.get(at)
  if (type === 'cancel' && node !== undefined) {
    const [by, cause] = [String(event['by']), event['cause'] as NonNullable<AppNode['cancelled']>['cause']]
    below.set(at, { ...node, cancelled: { by, cause, reason: event['reason'] as Payload, at: time } })
  }
  if (type === 'step.start' && node !== undefined) below.set(at, { ...node, next: String(event['source']) })
  if (path.length === 0 || type !== 'step.end') return
  if (node !== undefined && event['status'] === 'done') below.set(at, { ...node, position: String(event['source']) })
  const [sequenceId, durationMs] = [Number(event['sequenceId']), Number(event['durationMs'])]
  const status = event['status'] as StepRecord['status']
  const list = steps.get(at) ?? []
  steps.set(at, list)
  list.push({
    ...{ appId, path, action: String(event['source']), sequenceId, epoch: 0, status },
    ...{ attempt: Number(event['attempt']), startedAt: time - durationMs, endedAt: time, durationMs },
    ...(event['update'] !== undefined && { update: event['update'] as Payload }),
    ...(event['error'] !== undefined && { error: wireError(event['error']) }),
  })
  if (event['state'] !== undefined) states.set(stateKey(at, sequenceId), event['state'] as Payload)
}
