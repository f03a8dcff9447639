import { isPlainObject } from '../../internal/guards.js'
import { suggest } from '../../internal/nearest.js'
import type { Payload } from '../../read/payload.js'
import type { RunTarget } from '../../read/reader.js'
import { BRANCH_STATUSES, type BranchStatus, RUN_STATUSES, type RunStatus } from '../../read/status.js'
import type { MapNode, RunTree } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import { shortened } from '../../ui/shorten.js'
import { CommandError } from '../command-error.js'
import { pastBranches } from '../commands/runs-show.js'
import { jsonText } from '../print.js'
import type { RunReader } from '../run-source.js'
import { cut, fits, MOST, pageWithin } from './told.js'
import {
  FLAG,
  PARTITION,
  PATH,
  partitionsOf,
  pathOf,
  RUN,
  runOf,
  TEXT,
  TEXTS,
  type Tool,
  type ToolArgs,
  WHOLE,
} from './tool.js'

// Owns: the tools that read runs.

type AppPlace = RunTarget & { readonly path: WirePath }

const PAGE = {
  limit: WHOLE('At most so many, default 20. An answer may have fewer', 1, 200),
  after: TEXT('`after` of the page before'),
}

export const READING_TOOLS: readonly Tool[] = [
  {
    name: 'list_runs',
    description: 'Lists runs, newest first: id, status, times, step, numbers of branches, error. Times are epoch ms.',
    members: {
      status: TEXTS('Only runs with one of these', RUN_STATUSES),
      text: TEXT('Only runs with this text in the id or the title'),
      labels: {
        type: 'object',
        additionalProperties: { type: 'string', maxLength: 2000 },
        description: 'Only runs with these labels',
      },
      name: TEXT('Only runs of this graph of a host'),
      pending: FLAG('Only runs with an open question'),
      ...PARTITION,
      ...PAGE,
    },
    needed: [],
    async call(args, at) {
      const { reader } = await at.source()
      const query = {
        partitionKey: partitionsOf(args, at),
        status: args.get<readonly RunStatus[]>('status'),
        text: args.text('text'),
        labels: args.get<{ readonly [name: string]: string }>('labels'),
        name: args.text('name'),
        pending: args.get<boolean>('pending'),
        after: args.text('after'),
      }
      return pageWithin(args.whole('limit') ?? 20, (limit) => reader.list({ ...query, limit }))
    },
  },
  {
    name: 'describe_run',
    description:
      'A run and what is below it: status, position, error, open questions, maps with numbers of branches, and the first branches of each status. `lacks` names what its source has not recorded.',
    members: {
      ...RUN,
      ...PATH,
      first: WHOLE('Branches of each status, default 5', 1, 100),
      depth: WHOLE('Levels of applications, default 2', 1, 10),
    },
    needed: ['run'],
    async call(args, at) {
      const { source, run } = await runOf(args, at)
      const { runId, partitionKey } = run
      const ref = { runId, partitionKey, path: pathOf(args) }
      const [first, depth] = [args.whole('first') ?? 5, args.whole('depth') ?? 2]
      let tree: unknown
      for (const less of [
        { first, depth },
        { first: Math.min(first, 3), depth: 1 },
        { first: 1, depth: 1 },
      ]) {
        const read: RunTree | undefined = await source.reader.describe({ ...ref, ...less })
        if (read === undefined) throw noPath(runId, args)
        tree = cut(await withBranches(read, source.reader, ref, less.first))
        if (fits(tree)) break
      }
      return tree
    },
  },
  {
    name: 'branches',
    description:
      'The branches of one visit of a map, in the order of their declaration, page by page: key, status, times, step, error. For maps with more branches than describe_run shows.',
    members: {
      ...RUN,
      ...PATH,
      map: TEXT('The name of the map action. Default: the newest map'),
      visit: WHOLE('How often its application had come to the map, from 1. Default: the newest', 1),
      status: TEXTS('Only branches with one of these', BRANCH_STATUSES),
      ...PAGE,
    },
    needed: ['run'],
    async call(args, at) {
      const { source, run } = await runOf(args, at)
      const { runId, partitionKey } = run
      const ref = { runId, partitionKey, path: pathOf(args) }
      const map = await mapOf(source.reader, ref, args)
      const query = { ...ref, ...map, status: args.get<readonly BranchStatus[]>('status'), after: args.text('after') }
      const page = await pageWithin(args.whole('limit') ?? 20, (limit) => source.reader.branches({ ...query, limit }))
      return { ...map, ...page }
    },
  },
  {
    name: 'steps',
    description:
      'The steps of a run, or of a branch of it, in order: action, status, duration, what it wrote, the transition it took, error. Large values are cut.',
    members: {
      ...RUN,
      ...PATH,
      from: WHOLE('The first number of a step', 0),
      to: WHOLE('The last number of a step', 0),
      ...PAGE,
    },
    needed: ['run'],
    async call(args, at) {
      const { source, run } = await runOf(args, at)
      const { runId, partitionKey } = run
      const query = {
        ...{ runId, partitionKey, path: pathOf(args) },
        ...{ from: args.whole('from'), to: args.whole('to'), after: args.text('after') },
      }
      return pageWithin(args.whole('limit') ?? 20, (limit) => source.reader.steps({ ...query, limit }))
    },
  },
  {
    name: 'state',
    description:
      'The state of a run, or of a branch of it: the newest, or the one after a step. With `key`, one whole value, in parts.',
    members: {
      ...RUN,
      ...PATH,
      step: WHOLE('The number of the step; -1: the start. Default: the last one', -1),
      key: TEXT('Only this key of the state'),
      offset: WHOLE('With `key`: characters of its JSON to pass over', 0),
    },
    needed: ['run'],
    async call(args, at) {
      const { source, run } = await runOf(args, at)
      const { runId, partitionKey } = run
      const step = args.whole('step')
      const ref = { runId, partitionKey, path: pathOf(args), ...(step !== undefined && { sequenceId: step }) }
      const state = await source.reader.state(ref)
      if (state === undefined)
        throw new CommandError('no-state', 'There is no such step, or its state is not recorded.', {
          hint: 'Call steps for the numbers of the steps.',
        })
      const key = args.text('key')
      return key === undefined ? stateWithin(state) : valueAt(state, key, args.whole('offset') ?? 0)
    },
  },
  {
    name: 'pending',
    description:
      'Open questions of runs that wait for a person or a program, oldest first: `id`, `kinds` it takes, `ask`, JSON Schema of the answer.',
    members: {
      kinds: TEXTS('Only questions that take one of these kinds of message'),
      ...PARTITION,
      ...PAGE,
    },
    needed: [],
    async call(args, at) {
      const { reader } = await at.source()
      const query = {
        partitionKey: partitionsOf(args, at),
        ...{ kinds: args.get<readonly string[]>('kinds'), after: args.text('after') },
      }
      return pageWithin(args.whole('limit') ?? 20, (limit) => reader.pending({ ...query, limit }))
    },
  },
]

const noPath = (runId: string, args: ToolArgs): CommandError =>
  new CommandError('no-path', `The run "${runId}" has no branch ${args.text('path')}.`, {
    hint: 'Call describe_run without `path`.',
  })

/** The visit of a map that is meant: the newest that fits. */
async function mapOf(reader: RunReader, ref: AppPlace, args: ToolArgs): Promise<Pick<MapNode, 'map' | 'visit'>> {
  const tree = await reader.describe({ ...ref, first: 1, depth: 1 })
  if (tree === undefined) throw noPath(ref.runId, args)
  const { maps } = tree.root
  const [map, visit] = [args.text('map'), args.whole('visit')]
  const found = maps.find((one) => one.map === (map ?? one.map) && one.visit === (visit ?? one.visit))
  if (found !== undefined) return { map: found.map, visit: found.visit }
  if (map !== undefined && visit !== undefined && tree.lacks.includes('older maps')) return { map, visit }
  const known = new Set(maps.map((one) => one.map))
  const name = map === undefined ? 'map' : `map "${map}"`
  const isKnown = known.size > 0 && (map === undefined || known.has(map))
  throw new CommandError(
    'no-map',
    isKnown
      ? `There is no visit ${visit} of a ${name} here.`
      : `There is no ${name} here. ${suggest(map ?? '', known, 'maps')}`,
    { hint: 'Call describe_run for the maps.' },
  )
}

/** The most maps, the newest ones, of which a look at a run lists branches. */
const MOST_MAPS = 10

/** A tree whose maps that are over have branches too. */
async function withBranches(tree: RunTree, reader: RunReader, ref: AppPlace, first: number) {
  const { root } = tree
  const maps: MapNode[] = []
  for (const [i, map] of root.maps.entries())
    maps.push(
      map.branches.length > 0 || i >= MOST_MAPS
        ? map
        : { ...map, branches: await pastBranches(reader, ref, map, first) },
    )
  return { ...tree, root: { ...root, maps } }
}

function stateWithin(state: Payload): unknown {
  if (fits({ state })) return { state }
  if (!isPlainObject(state)) return { state: shortened(state) }
  const short = Object.fromEntries(Object.entries(state).map(([key, value]) => [key, shortened(value)]))
  if (fits({ state: short })) return { state: short }
  return {
    keys: Object.keys(state)
      .map((key) => key.slice(0, 100))
      .slice(0, 300),
    note: 'Call state with `key`.',
  }
}

const PART = MOST / 4

/** One value, or a part of its JSON. */
function valueAt(state: Payload, key: string, offset: number): unknown {
  const record: { readonly [key: string]: unknown } = isPlainObject(state) ? state : {}
  if (!Object.hasOwn(record, key))
    throw new CommandError('no-key', `The state has no key "${key}". ${suggest(key, Object.keys(record), 'keys')}`)
  const json = jsonText(record[key])
  if (offset === 0 && json.length <= PART) return { key, value: record[key] }
  const end = offset + PART
  return { key, characters: json.length, json: json.slice(offset, end), ...(end < json.length && { offset: end }) }
}
