import { resumeLoose } from '../../application/resume.js'
import { reviveKnown } from '../../codec/revive.js'
import { createId } from '../../internal/ids.js'
import { printedAddress } from '../../read/run-address.js'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { usageError } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { note, piece } from '../print.js'
import { graphOfProgram, loadProgram } from '../program.js'
import { findRun, openSource, type RunSource } from '../run-source.js'
import { openTracking } from '../run-tracking.js'
import { watched } from '../watched-run.js'
import { forked, patchOf, resumed } from './acting.js'

// Owns: the commands that go on with a run of a store in this process, with the code of a module.

/** `teasel resume`. */
export const resume: CommandCode = async (given, io) => {
  const target = given.text('run')
  if (target === undefined) return resumed(given, io)
  if (given.flag('dry-run')) return resumed(given, io)
  await using source = await openSource(given, io)
  const { runId, partitionKey } = await findRun(source, given, addressOf(given.arg(0)).runId)
  return await goOn({ target, source, given, io }, { appId: runId, partitionKey })
}

/** `teasel fork`. */
export const fork: CommandCode = async (given, io) => {
  const target = given.text('run')
  if (target === undefined || given.flag('dry-run')) return forked(given, io)
  await using source = await openSource(given, io)
  const { runId: named, step, path } = addressOf(given.arg(0))
  if (step === undefined) throw usageError(`Name the step: ${printedAddress(named, path)}@STEP.`)
  if (path.length > 0) throw usageError('A branch is forked by a host, and not by --run.', 'Leave --run out.')
  const { runId, partitionKey } = await findRun(source, given, named)
  const patch = await patchOf(given, io)
  const appId = given.text('id') ?? createId()
  note(io, [piece(`${printedAddress(appId)} goes on behind step ${step}: later steps run again.`, 'dim')])
  const forkFrom = {
    appId: runId,
    partitionKey,
    sequenceId: step,
    ...(patch !== undefined && { patch: reviveKnown(patch) }),
  }
  return await goOn({ target, source, given, io }, { appId, partitionKey, forkFrom })
}

interface Setting {
  readonly target: string
  readonly source: RunSource
  readonly given: Given
  readonly io: Io
}

async function goOn(
  { target, source, given, io }: Setting,
  at: Readonly<Record<string, unknown>> & { readonly appId: string },
): Promise<0 | 130> {
  const { persister } = source
  if (persister === undefined)
    throw usageError('A run goes on from a store; a log has no place to go on from.', 'Give --store.')
  const program = await loadProgram(target, io, given.text('entry'))
  const { dir, project, tracker, close } = await openTracking(program, given, io)
  try {
    const options = {
      state: undefined,
      ...program.options,
      entrypoint: program.plan.entrypoint.name,
      persister,
      ...at,
      tracker,
    }
    const app = await resumeLoose(graphOfProgram(program), options)
    await using _ = app
    return await watched(
      { app, runId: at.appId, dir, project, isStored: true, stopTracking: close },
      program,
      given,
      io,
    )
  } finally {
    await close()
  }
}
