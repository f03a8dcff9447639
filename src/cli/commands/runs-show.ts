import type { Payload } from '../../read/payload.js'
import { queuedMs } from '../../read/queued.js'
import type { Reader, RunTarget } from '../../read/reader.js'
import { printedAddress } from '../../read/run-address.js'
import type { RunSummary } from '../../read/run-summary.js'
import type { BranchStatus } from '../../read/status.js'
import type { AppNode, BranchPage, MapNode, RunTree, StepRecord } from '../../read/tree.js'
import { placeOf } from '../../read/worker-place.js'
import { type Address, addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import {
  type Cell,
  fixed,
  jsonText,
  type Piece,
  piece,
  print,
  printJson,
  spaced,
  Table,
  widthOfOutput,
  write,
} from '../print.js'
import { findRun, openSource } from '../run-source.js'
import {
  agoText,
  countPieces,
  durationText,
  endOrNow,
  markPiece,
  reasonText,
  statusPiece,
  valueText,
} from '../words.js'
import { errorLines, showStep } from './step-view.js'

// Owns: `teasel runs show`.

const MOST_STEPS = 20
/** A time in the queue is told from this length on, milliseconds. */
const TOLD_MS = 100

/** `teasel runs show`. */
export const runsShow: CommandCode = async (given, io) => {
  const address = addressOf(given.arg(0))
  await using source = await openSource(given, io)
  const run = await findRun(source, given, address.runId)
  const { runId, partitionKey } = run
  const ref = { runId, partitionKey }
  if (address.step !== undefined) return await showStep(source.reader, { ...ref, ...address, runId }, given, io)
  const tree = await source.reader.describe({ ...ref, path: address.path, first: firstOf(given), depth: 3 })
  if (tree === undefined) throw noPath(address, run)
  if (given.flag('json')) await printJson(io, tree)
  else await showTree(tree, source.reader, ref, address, given, io)
  return EXIT.done
}

/** The error for an application that a run lacks. */
export const noPath = ({ path }: Pick<Address, 'path'>, { runId }: Pick<RunSummary, 'runId'>): CommandError =>
  new CommandError('no-path', `The run ${printedAddress(runId)} has no branch ${printedAddress('', path).slice(1)}.`, {
    hint: `teasel runs show ${printedAddress(runId)}`,
  })

async function showTree(
  tree: RunTree,
  reader: Reader,
  ref: RunTarget,
  { path }: Address,
  given: Given,
  io: Io,
): Promise<void> {
  const { run, root, lacks } = tree
  const now = io.now()
  const first = firstOf(given)
  await print(io, ...headOf(tree, now))
  const steps = await lastSteps(reader, { ...ref, path }, root)
  if (steps.length > 0) await print(io, [], ...stepTable(steps, widthOfOutput(io)))
  const earlier = steps[0]?.sequenceId ?? 0
  if (steps.length === MOST_STEPS && earlier > 0)
    await print(io, [fixed(`  … ${earlier} earlier, each with @STEP`, 'dim')])
  for (const map of root.maps) {
    const branches = map.branches.length > 0 ? map.branches : await pastBranches(reader, { ...ref, path }, map, first)
    await print(io, [], ...mapLines({ ...map, branches }, run.runId, now))
  }
  if (root.children.length > 0)
    await print(io, [], [fixed('below', 'bold')], ...root.children.map((one) => branchLine(one, run.runId, now)))
  const questions = root.pending.map(({ kinds, ask, since }) => [
    ...spaced(
      fixed('⏸', 'yellow'),
      piece(`waits for ${kinds.join(', ')}`),
      piece(ask === undefined ? '' : valueText(ask), 'dim'),
      fixed(agoText(since, now), 'dim'),
    ),
  ])
  if (questions.length > 0) await print(io, [], ...questions)
  if (root.error !== undefined) await print(io, [], ...errorLines(root.error))
  if (given.flag('state')) {
    const state = await reader.state({ ...ref, path })
    await print(io, [], [fixed('state', 'bold')])
    await write(io, `${jsonText(state ?? null, 2)}\n`)
  }
  if (lacks.length > 0 && given.flag('verbose'))
    await print(io, [], [piece(`Not recorded: ${lacks.join(', ')}.`, 'dim')])
}

const firstOf = (given: Given): number => given.whole('first', 1, 1000) ?? 5

/** The order of branches: what needs a look stands above what is done. */
const TROUBLE_FIRST: readonly BranchStatus[] = [
  ...(['failed', 'interrupted', 'waiting', 'retrying', 'running', 'cancelled', 'queued', 'done'] as const),
]

/** The first branches of each status of a map that is over: its tree has numbers only. */
export async function pastBranches(
  reader: Reader,
  target: RunTarget & Pick<Address, 'path'>,
  { map, visit, epoch, counts }: MapNode,
  first: number,
): Promise<readonly BranchPage[]> {
  const pages: BranchPage[] = []
  for (const status of TROUBLE_FIRST) {
    if (counts[status] === 0) continue
    const { items, after } = await reader.branches({ ...target, map, visit, epoch, status, limit: first })
    pages.push({
      ...{ status, items, more: Math.max(0, counts[status] - items.length) },
      ...(after !== undefined && { after }),
    })
  }
  return pages
}

function headOf({ run, root, recordedBy = '' }: RunTree, now: number): readonly Piece[][] {
  const queued = queuedMs(root, now)
  const endedAt = root.endedAt ?? (root.path.length === 0 ? run.endedAt : undefined)
  const since = run.status === 'interrupted' ? run.since : root.since
  const started = root.startedAt ?? run.startedAt ?? run.createdAt
  const facts: [string, string][] = [
    ['title', run.title ?? ''],
    ['graph', run.name ?? ''],
    [
      'labels',
      Object.entries(run.labels)
        .map((pair) => pair.join('='))
        .join(' '),
    ],
    ['partition', run.partitionKey ?? ''],
    ['recorded by', recordedBy],
    ['started', agoText(started, now)],
    ['time', durationText(Math.max(0, endOrNow({ status: root.status, endedAt, since }, now) - started))],
    ['queued', queued === undefined ? '' : durationText(queued)],
    ['position', [root.position, root.next].filter((one) => one !== undefined).join(' → ')],
    ['runs on', root.worker === undefined ? '' : placeOf(root.worker)],
    ['held by', run.heldBy === undefined ? '' : `${run.heldBy.host ?? run.heldBy.id} ${run.heldBy.pid ?? ''}`.trim()],
    [
      'fork of',
      run.forkedFrom === undefined ? '' : printedAddress(run.forkedFrom.appId, [], run.forkedFrom.sequenceId),
    ],
    [
      'cancelled by',
      root.cancelled === undefined ? '' : `${root.cancelled.by} ${valueText(root.cancelled.reason ?? '')}`.trim(),
    ],
  ]
  return [
    [statusPiece(root.status), fixed(' '), piece(printedAddress(run.runId, root.path), 'bold')],
    ...facts
      .filter(([, text]) => text !== '')
      .map(([name, text]) => [fixed(`  ${name.padEnd(12)} `, 'dim'), piece(text)]),
  ]
}

async function lastSteps(
  reader: Reader,
  target: RunTarget & Pick<Address, 'path'>,
  root: AppNode,
): Promise<readonly StepRecord[]> {
  const from = Math.max(0, (root.sequenceId ?? 0) - MOST_STEPS + 1)
  const { items } = await reader.steps({ ...target, from, limit: 1000 })
  return items.filter(({ placed }) => placed === undefined).slice(-MOST_STEPS)
}

const STEP_COLUMNS = [
  { head: 'STEP', right: true },
  { head: 'ACTION', cut: true },
  { head: 'STATUS' },
  { head: 'TIME', right: true },
  { head: 'WROTE', cut: true },
  { head: 'NEXT', cut: true },
] as const

function stepTable(steps: readonly StepRecord[], width: number): readonly Piece[][] {
  const table = new Table(STEP_COLUMNS, width)
  return table.lines(
    steps.map((step): Cell[] => [
      [fixed(String(step.sequenceId), 'dim')],
      [piece(step.action)],
      [statusPiece(step.status), ...((step.attempt ?? 1) > 1 ? [fixed(` ×${step.attempt}`, 'yellow')] : [])],
      [fixed(durationText(step.durationMs), 'dim')],
      [piece(keysOf(step.update).join(', '), 'dim')],
      [
        piece(
          [step.took?.to, step.took?.condition].filter((one) => one !== undefined && one !== 'default').join(' if '),
          'dim',
        ),
      ],
    ]),
    true,
  )
}

/** The keys that an update writes: a log has their names, a store the values. */
export function keysOf(update: Payload | undefined): readonly string[] {
  if (Array.isArray(update)) return update.map(String)
  return typeof update === 'object' && update !== null ? Object.keys(update) : []
}

function mapLines(map: MapNode, runId: string, now: number): readonly Piece[][] {
  const visit = map.visit > 1 ? `#${map.visit}` : ''
  const head = [
    ...spaced(statusPiece(map.status), piece(`${map.map}${visit}`, 'bold')),
    fixed(' '),
    ...countPieces(map.counts),
    fixed(map.total === undefined ? '' : ` of ${map.total} `, 'dim'),
    piece(map.policy ?? '', 'dim'),
  ]
  const sorted = [...map.branches].sort((a, b) => TROUBLE_FIRST.indexOf(a.status) - TROUBLE_FIRST.indexOf(b.status))
  const branches = sorted.flatMap(({ items, more, status }) => [
    ...items.map((one) => branchLine(one, runId, now)),
    ...(more > 0 ? [[fixed(`  … ${more} more ${status}`, 'dim')]] : []),
  ])
  return [head, ...branches]
}

function branchLine(node: AppNode, runId: string, now: number): Piece[] {
  const { status, path, endedAt, step, next, error, title, worker } = node
  return [
    fixed('  '),
    ...spaced(
      markPiece(status),
      piece(printedAddress(runId, path)),
      piece(title ?? ''),
      piece(endedAt === undefined ? (step?.action ?? next ?? '') : '', 'cyan'),
      fixed(timesText(node, now), 'dim'),
      piece(worker === undefined ? '' : placeOf(worker), 'dim'),
      piece(error === undefined ? '' : reasonText(error), 'red'),
    ),
  ]
}

/** `queued 1.2 s, ran 3.4 s`; only the time that it ran where it was hardly in the queue. */
function timesText(node: AppNode, now: number): string {
  const { startedAt } = node
  const queued = queuedMs(node, now) ?? 0
  const ran = startedAt === undefined ? '' : durationText(endOrNow(node, now) - startedAt)
  if (queued < TOLD_MS) return ran
  return `queued ${durationText(queued)}${ran === '' ? '' : `, ran ${ran}`}`
}
