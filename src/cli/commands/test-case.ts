import { writeFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { encode } from '../../codec/encode.js'
import { reviveKnown } from '../../codec/revive.js'
import { isPlainObject } from '../../internal/guards.js'
import type { Payload } from '../../read/payload.js'
import { printedAddress } from '../../read/run-address.js'
import { printedPath } from '../../read/wire-path.js'
import { createTestCase } from '../../testing/test-case.js'
import { addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT, usageError } from '../command-error.js'
import { fixed, note, piece, printJson, write } from '../print.js'
import { findRun, openSource } from '../run-source.js'
import { keysOf } from './runs-show.js'
import { findStep } from './step-view.js'

// Owns: `teasel test-case`.

type Values = Readonly<Record<string, unknown>>

/** `teasel test-case`. */
export const testCase: CommandCode = async (given, io) => {
  const { runId: named, path, step: sequenceId } = addressOf(given.arg(0))
  if (sequenceId === undefined) throw usageError('`teasel test-case` needs a step: RUN@STEP.', 'teasel runs show RUN')
  await using source = await openSource(given, io)
  const { runId, partitionKey } = await findRun(source, given, named)
  const { reader } = source
  const target = { runId, partitionKey, path }
  const place = printedAddress(runId, path, sequenceId)
  const step = await findStep(reader, { ...target, step: sequenceId })
  if (step.status !== 'done')
    throw new CommandError('no-step', `The step ${place} is ${step.status}, and has no update to expect.`)
  const before = recordOf(await reader.state({ ...target, sequenceId: sequenceId - 1 }))
  const after = recordOf(await reader.state({ ...target, sequenceId }))
  if (before === undefined || after === undefined)
    throw new CommandError('no-state', `The state before or after ${place} is not recorded.`, {
      hint: 'recordRun() of teasel/testing records all that a test needs.',
    })
  const update = recordOf(step.update) ?? changedIn(before, after, keysOf(step.update))
  const [name, from] = importOf(given.text('import'), step.action)
  const recorded = {
    path: printedPath(path),
    action: step.action,
    sequenceId,
    state: before,
    inputs: recordOf(step.inputs) ?? {},
    status: 'done' as const,
    update,
  }
  const recording = { version: 1 as const, entrypoint: step.action, state: before, steps: [recorded] }
  const made = createTestCase(recording, { path: recorded.path, sequenceId, action: { name, from } })
  const out = given.text('output')
  const test = resolve(io.cwd, out ?? `${made.name}.test.ts`)
  const fixture = resolve(dirname(test), `${made.name}.json`)
  const lacks = (await reader.describe({ ...target, first: 1, depth: 1 }))?.lacks ?? []
  if (step.inputs === undefined && lacks.includes('inputs'))
    note(io, [
      piece(`The inputs of ${place} are not recorded: add those that ${name} takes to ${basename(fixture)}.`, 'yellow'),
    ])
  if (given.flag('json')) {
    await printJson(io, { ...made, ...(given.flag('dry-run') ? {} : { files: [test, fixture] }) })
  } else if (given.flag('dry-run')) await write(io, made.test)
  if (given.flag('dry-run')) return EXIT.done
  await writeFile(test, made.test, { flag: given.flag('force') ? 'w' : 'wx' }).catch((cause: unknown) => {
    throw new CommandError('exists', `${test} is there already.`, { hint: 'Give --force to replace it.', cause })
  })
  await writeFile(fixture, made.fixture)
  if (!given.flag('json')) note(io, ...[test, fixture].map((file) => [fixed('✓ ', 'green'), piece(file)]))
  return EXIT.done
}

/** The update of a step, where a source has its keys, or has not even those: then it is all that has changed. */
function changedIn(before: Values, after: Values, written: readonly string[]): Values {
  const textOf = (value: unknown): string => encode(value ?? null)
  const changed = Object.keys(after).filter((key) => textOf(before[key]) !== textOf(after[key]))
  return Object.fromEntries((written.length > 0 ? written : changed).map((key) => [key, after[key]]))
}

function recordOf(payload: Payload | undefined): Values | undefined {
  if (payload === undefined) return undefined
  const value = reviveKnown(payload)
  return isPlainObject(value) ? value : undefined
}

/** `ask:./actions.js`. */
function importOf(text: string | undefined, action: string): readonly [string, string] {
  if (text === undefined) return [action, './actions.js']
  const at = text.indexOf(':')
  return at < 0 ? [action, text] : [text.slice(0, at), text.slice(at + 1)]
}
