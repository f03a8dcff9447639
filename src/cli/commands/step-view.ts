import type { ErrorData } from '../../read/error-data.js'
import type { Reader, RunTarget } from '../../read/reader.js'
import { printedAddress } from '../../read/run-address.js'
import type { StepRecord } from '../../read/tree.js'
import type { Address } from '../address.js'
import { CommandError, EXIT } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { fixed, jsonText, type Piece, piece, print, printJson, write } from '../print.js'
import { changesOf, linesOfChanges } from '../value-diff.js'
import { durationText, reasonText, statusPiece, valueText } from '../words.js'

// Owns: one step of a run on the terminal, and the error of what failed.

/** The cause, and where it led. */
export const errorLines = (error: ErrorData): readonly Piece[][] => [
  [fixed('✕ ', 'red'), piece(reasonText(error), 'red')],
  ...(error.cause === undefined ? [] : [[fixed('  '), piece(error.message, 'dim')]]),
]

/** Prints a step, its change and its state. */
export async function showStep(
  reader: Reader,
  { step: number = 0, ...place }: RunTarget & Address,
  given: Given,
  io: Io,
): Promise<0> {
  const target = { runId: place.runId, partitionKey: place.partitionKey, path: place.path }
  const step = number < 0 ? undefined : await findStep(reader, { ...target, step: number })
  const state = await reader.state({ ...target, sequenceId: number })
  if (given.flag('json')) {
    await printJson(io, { ...(step !== undefined && { step }), state: state ?? null })
    return EXIT.done
  }
  if (step === undefined) {
    await write(io, `${jsonText(state ?? null, 2)}\n`)
    return EXIT.done
  }
  await print(
    io,
    [statusPiece(step.status), fixed(' '), piece(printedAddress(target.runId, target.path, number), 'bold')],
    [fixed('  action   ', 'dim'), piece(step.action)],
    ...(step.durationMs === undefined ? [] : [[fixed('  time     ', 'dim'), fixed(durationText(step.durationMs))]]),
    ...(step.inputs === undefined ? [] : [[fixed('  inputs   ', 'dim'), piece(valueText(step.inputs))]]),
    ...(step.took === undefined ? [] : [[fixed('  then     ', 'dim'), piece(step.took.to)]]),
    ...(step.error === undefined ? [] : errorLines(step.error)),
  )
  const before = await reader.state({ ...target, sequenceId: number - 1 })
  const changes = before === undefined || state === undefined ? [] : linesOfChanges(changesOf(before, state))
  if (changes.length > 0) await print(io, [], [fixed('change', 'bold')], ...changes)
  await print(io, [], [fixed('state', 'bold')])
  await write(io, `${jsonText(state ?? null, 2)}\n`)
  return EXIT.done
}

/** @throws {CommandError} `no-step` */
export async function findStep(
  reader: Reader,
  { step, ...target }: RunTarget & Pick<Address, 'path'> & { readonly step: number },
): Promise<StepRecord> {
  const { items } = await reader.steps({ ...target, from: step, to: step, limit: 1000 })
  const found = items.filter(({ placed, sequenceId }) => placed === undefined && sequenceId === step).at(-1)
  if (found !== undefined) return found
  const place = printedAddress(target.runId, target.path)
  const known = (await reader.steps({ ...target, from: 0, limit: 12 })).items.map(({ sequenceId }) => sequenceId)
  throw new CommandError('no-step', `There is no step ${step} of ${place}.`, {
    hint: known.length === 0 ? 'It has no steps.' : `It begins with ${[...new Set(known)].join(', ')}.`,
  })
}
