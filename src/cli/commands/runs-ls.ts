import type { RunFilter } from '../../read/reader.js'
import { printedAddress } from '../../read/run-address.js'
import type { RunSummary } from '../../read/run-summary.js'
import type { RunStatus } from '../../read/status.js'
import type { CommandCode } from '../command.js'
import { EXIT, usageError } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { type Cell, fixed, note, piece, print, printFaults, printJson, Table, widthOfOutput } from '../print.js'
import { openSource, partitionOf } from '../run-source.js'
import { agoText, countPieces, durationText, endOrNow, reasonText, statusPiece } from '../words.js'

// Owns: `teasel runs ls`.

const PAGE = 500

/** `teasel runs ls`. It fails when a run could not be read, after the others. */
export const runsLs: CommandCode = async (given, io) => {
  const filter = filterOf(given, io)
  const most = given.flag('all') ? Number.POSITIVE_INFINITY : (given.whole('limit', 1) ?? 50)
  await using source = await openSource(given, io)
  const table = new Table(COLUMNS, widthOfOutput(io))
  let [shown, after, isWhole] = [0, given.text('after'), true]
  do {
    const limit = Math.min(PAGE, most - shown)
    const page = await source.reader.list({ ...filter, limit, after })
    if (printFaults(io, page.faults, given.flag('json'))) isWhole = false
    if (given.flag('json')) for (const run of page.items) await printJson(io, run)
    else if (page.items.length > 0)
      await print(
        io,
        ...table.lines(
          page.items.map((run) => rowOf(run, io.now())),
          shown === 0,
        ),
      )
    shown += page.items.length
    after = page.after
  } while (after !== undefined && shown < most)
  if (!given.flag('json')) {
    if (shown === 0) note(io, [piece(`No run in ${source.place}${isFiltered(given) ? ' fits' : ''}.`, 'dim')])
    else if (after !== undefined) note(io, [fixed(`… and more: --all, or --after ${after}`, 'dim')])
  }
  return isWhole ? EXIT.done : EXIT.failed
}

const isFiltered = (given: Given): boolean =>
  ['status', 'label', 'name', 'text', 'since'].some((name) => given.texts(name).length > 0) ||
  ['pending', 'retrying', 'leaked'].some((name) => given.flag(name))

/** The runs that the options choose. */
export function filterOf(given: Given, io: Io): RunFilter {
  const status = given.texts('status').flatMap((text) => text.split(',')) as RunStatus[]
  const since = given.text('since')
  return {
    partitionKey: partitionOf(given) ?? '*',
    ...(status.length > 0 && { status }),
    name: given.text('name'),
    labels: given.pairs('label'),
    text: given.text('text'),
    ...(since !== undefined && { createdFrom: timeOf(since, io.now()) }),
    ...(given.flag('pending') && { pending: true }),
    ...(given.flag('retrying') && { retrying: true }),
    ...(given.flag('leaked') && { leaked: true }),
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `2h` ago, or a date. */
function timeOf(text: string, now: number): number {
  const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const time = number === undefined ? Date.parse(text) : now - Number(number) * (UNITS[unit] ?? 0)
  if (Number.isFinite(time)) return time
  throw usageError(`--since is "${text}"; it takes 30m, 2h, 7d or a date.`)
}

const COLUMNS = [
  { head: 'STATUS' },
  { head: 'RUN' },
  { head: 'PARTITION', cut: true },
  { head: 'TITLE', cut: true },
  { head: 'AT', cut: true },
  { head: 'STEPS', right: true },
  { head: 'BRANCHES', cut: true },
  { head: 'TIME', right: true },
  { head: 'STARTED' },
  { head: 'NOTE', cut: true },
] as const

function rowOf(run: RunSummary, now: number): readonly Cell[] {
  const { status, runId, title, name, sequenceId, branches, startedAt, createdAt, endedAt, partitionKey } = run
  const begun = startedAt ?? createdAt
  const isOver = endedAt !== undefined && status !== 'failed' && status !== 'cancelled' // those ended at the next one
  return [
    [statusPiece(status)],
    [piece(printedAddress(runId))],
    [piece(partitionKey ?? '')],
    [piece(title ?? name ?? '')],
    [piece((isOver ? run.position : (run.next ?? run.position)) ?? '', 'dim')],
    [fixed(String(sequenceId + 1))],
    countPieces(branches),
    [fixed(status === 'queued' ? '' : durationText(Math.max(0, endOrNow(run, now) - begun)))],
    [fixed(agoText(begun, now), 'dim')],
    noteOf(run),
  ]
}

function noteOf({ pending, retrying, leaked, error, forkedFrom }: RunSummary): Cell {
  const parts = [
    pending > 0 ? piece(`${pending} ${pending === 1 ? 'question' : 'questions'}`, 'yellow') : undefined,
    retrying > 0 ? piece(`${retrying} retrying`, 'yellow') : undefined,
    leaked > 0 ? piece(`${leaked} abandoned`, 'yellow') : undefined,
    error === undefined ? undefined : piece(reasonText(error), 'red'),
    forkedFrom === undefined
      ? undefined
      : piece(`fork of ${printedAddress(forkedFrom.appId, [], forkedFrom.sequenceId)}`, 'dim'),
  ].filter((part) => part !== undefined)
  return parts.flatMap((part, i) => (i === 0 ? [part] : [fixed(' · ', 'dim'), part]))
}
