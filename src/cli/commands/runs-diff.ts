import type { Payload } from '../../read/payload.js'
import type { Reader, RunTarget } from '../../read/reader.js'
import { printedAddress } from '../../read/run-address.js'
import type { StepRecord } from '../../read/tree.js'
import { type Address, addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT } from '../command-error.js'
import type { Given } from '../given.js'
import { fixed, type Piece, piece, print, printJson } from '../print.js'
import { findRun, openSource, type RunSource } from '../run-source.js'
import { changesOf, linesOfChanges, patchOf } from '../value-diff.js'
import { findStep } from './step-view.js'

// Owns: `teasel runs diff`.

interface Side {
  readonly target: RunTarget & Pick<Address, 'path'>
  readonly step: number | undefined
  readonly printed: string
}

/** `teasel runs diff`. */
export const runsDiff: CommandCode = async (given, io) => {
  await using source = await openSource(given, io)
  const a = await sideOf(source, given, given.arg(0))
  const b =
    given.args.length > 1
      ? await sideOf(source, given, given.arg(1))
      : { ...a, step: a.step === undefined ? undefined : a.step - 1 }
  const [from, to] = given.args.length > 1 ? [a, b] : [b, a]
  if (given.args.length === 1 && a.step === undefined) return await diffOfStart(source, a, given.flag('json'), io)
  const after = await stateOf(source.reader, to)
  const before = await stateOf(source.reader, from)
  const changes = changesOf(before, after)
  const first = await firstDifference(source.reader, from, to)
  if (given.flag('json')) {
    await printJson(io, { ...(first !== undefined && { steps: first }), patch: patchOf(changes) })
    return EXIT.done
  }
  await print(io, [fixed('--- ', 'red'), piece(from.printed)], [fixed('+++ ', 'green'), piece(to.printed)])
  if (first !== undefined) await print(io, lineOfDifference(first))
  await print(io, ...(changes.length === 0 ? [[fixed('  The states are equal.', 'dim')]] : linesOfChanges(changes)))
  return EXIT.done
}

/** What a whole run has changed. */
async function diffOfStart(source: RunSource, side: Side, json: boolean, io: Parameters<CommandCode>[1]): Promise<0> {
  const after = await stateOf(source.reader, side)
  const before = (await source.reader.state({ ...side.target, sequenceId: -1 })) ?? {}
  const changes = changesOf(before, after)
  if (json) await printJson(io, { patch: patchOf(changes) })
  else await print(io, [fixed('+++ ', 'green'), piece(side.printed)], ...linesOfChanges(changes))
  return EXIT.done
}

async function sideOf(source: RunSource, given: Given, text: string): Promise<Side> {
  const { path, step, runId: named } = addressOf(text)
  const { runId, partitionKey } = await findRun(source, given, named)
  return { target: { runId, partitionKey, path }, step, printed: printedAddress(runId, path, step) }
}

async function stateOf(reader: Reader, { target, step, printed }: Side): Promise<Payload> {
  const state = await reader.state(step === undefined ? target : { ...target, sequenceId: step })
  if (state !== undefined) return state
  if (step !== undefined && step >= 0) await findStep(reader, { ...target, step })
  throw new CommandError('no-state', `The state of ${printed} is not recorded.`)
}

interface Difference {
  /** The number of the first step that differs. */
  readonly at: number
  readonly before?: string
  readonly after?: string
}

/** The first step at which two runs went different ways; undefined for the same run. */
async function firstDifference(reader: Reader, a: Side, b: Side): Promise<Difference | undefined> {
  if (printedAddress(a.target.runId, a.target.path) === printedAddress(b.target.runId, b.target.path)) return undefined
  const [left, right] = [actionsOf(reader, a), actionsOf(reader, b)]
  try {
    for (let at = 0; ; at++) {
      const [one, other] = [await left.next(), await right.next()]
      const [before, after] = [one.value?.action, other.value?.action]
      if (before === undefined && after === undefined) return undefined
      if (before !== after)
        return { at, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
    }
  } finally {
    await left.return(undefined)
    await right.return(undefined)
  }
}

async function* actionsOf(reader: Reader, { target, step }: Side): AsyncGenerator<StepRecord, undefined, void> {
  let after: string | undefined
  do {
    const page = await reader.steps({
      ...target,
      limit: 500,
      after,
      ...(step !== undefined && { to: Math.max(0, step) }),
    })
    for (const one of page.items) if (one.placed === undefined && one.status === 'done') yield one
    after = page.after
  } while (after !== undefined)
  return undefined
}

const lineOfDifference = ({ at, before, after }: Difference): Piece[] => [
  fixed(`  They differ from step ${at}: `, 'dim'),
  piece(before ?? '(end)', 'red'),
  fixed(' → '),
  piece(after ?? '(end)', 'green'),
]
