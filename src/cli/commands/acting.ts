import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ActionRequest, Outcome, RunActions, RunOutcome } from '../../client/api.js'
import { isPlainObject, messageOf } from '../../internal/guards.js'
import { isDamaged } from '../../read/log-error.js'
import type { Json } from '../../read/payload.js'
import type { RunTarget } from '../../read/reader.js'
import { printedAddress } from '../../read/run-address.js'
import type { Pending } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { type Address, addressOf } from '../address.js'
import type { CommandCode } from '../command.js'
import { CommandError, EXIT, type ExitCode, usageError } from '../command-error.js'
import { type Given, parsedValue } from '../given.js'
import type { Io } from '../io.js'
import { fixed, note, piece, print, printJson } from '../print.js'
import { findRun, openSource, type RunSource } from '../run-source.js'

// Owns: the commands that change a run: cancel, answer, fork, resume, rewind, rm.
// Does not own: how it is changed (ui/actions), or a run of it in this process (run-again.ts).

/** A run, and what the address says of it. */
interface Found {
  readonly source: RunSource
  readonly actions: RunActions
  readonly ref: RunTarget
  readonly address: Address
  readonly request: ActionRequest
}

type Act = (found: Found, given: Given, io: Io) => Promise<Outcome>

/** A command on one run. */
const acting =
  (act: Act): CommandCode =>
  async (given, io) => {
    await using source = await openSource(given, io)
    const address = addressOf(given.arg(0))
    const { runId, partitionKey } = await findRun(source, given, address.runId)
    const ref = { runId, partitionKey }
    const request = { ...ref, ...(given.flag('dry-run') && { dryRun: true }) }
    const found = { source, actions: await source.actions(), ref, address, request }
    await told(await act(found, given, io), given, io)
    return EXIT.done
  }

async function told(outcome: Outcome, given: Given, io: Io): Promise<void> {
  if (given.flag('json')) return printJson(io, outcome)
  await print(io, [outcome.done ? fixed('✓ ', 'green') : fixed('· ', 'dim'), piece(outcome.text)])
  const { run } = outcome as Partial<RunOutcome>
  if (run !== undefined && outcome.done) note(io, [piece(`teasel runs show ${printedAddress(run.runId)}`, 'dim')])
}

/** `teasel cancel`. */
export const cancel = acting(({ actions, request, address: { path } }, given) => {
  const [map, reason] = [given.text('map'), given.text('reason')]
  const part = { path, ...(map !== undefined && { map }) }
  return actions.cancel({ ...request, ...part, ...(reason !== undefined && { reason }) })
})

/** `teasel answer`. */
export const answer = acting(async ({ source, actions, ref, request, address }, given, io) => {
  const question = await questionAt(source, address, ref, given)
  const kind = kindOf(question, given.text('kind'))
  const text = given.args[1] ?? (await io.stdin()).trim()
  return actions.answer({ ...request, pending: question.id, kind, body: parsedValue(text) as Json })
})

async function questionAt(
  { reader }: RunSource,
  { path, runId }: Address,
  ref: RunTarget,
  given: Given,
): Promise<Pending> {
  const tree = await reader.describe({ ...ref, path, depth: 1, first: 1 })
  const id = given.text('question')
  const own = tree?.root.pending ?? []
  const below = own.length > 0 || path.length > 0 ? [] : await questionsOf(reader, ref)
  const open = [...own, ...below].filter((one) => id === undefined || one.id === id)
  const [only] = open
  if (only === undefined)
    throw new CommandError('no-question', `${printedAddress(runId, path)} waits for no answer.`, {
      hint: 'teasel pending',
    })
  if (open.length > 1)
    throw usageError(
      `${printedAddress(runId, path)} has ${open.length} open questions.`,
      `Give the address of one, or --question:\n${open.map((one) => `${printedAddress(one.runId, one.path)}  ${one.id}`).join('\n')}`,
    )
  return only
}

async function questionsOf(
  reader: RunSource['reader'],
  { runId, partitionKey }: RunTarget,
): Promise<readonly Pending[]> {
  const found: Pending[] = []
  let after: string | undefined
  do {
    const page = await reader.pending({ partitionKey: partitionKey ?? null, limit: 1000, after })
    for (const one of page.items) if (one.runId === runId) found.push(one)
    after = page.after
  } while (after !== undefined && found.length < 12)
  return found
}

function kindOf({ kinds }: Pending, given: string | undefined): string {
  const [only = ''] = kinds
  if (given === undefined && kinds.length === 1) return only
  if (given !== undefined && kinds.includes(given)) return given
  throw usageError(
    given === undefined ? 'The question takes several kinds.' : `The question does not take "${given}".`,
    `Give --kind: ${kinds.join(', ')}.`,
  )
}

/** `teasel resume`, by a host of another process. */
export const resumed = acting(({ actions, request }) => actions.resume(request))

/** `teasel fork`. */
export const forked = acting(async ({ actions, request, ref, address }, given, io) =>
  actions.fork({
    ...(await stepOf(request, ref, address, given, io)),
    ...(given.text('id') !== undefined && { newId: given.text('id') }),
  }),
)

/** `teasel rewind`. */
export const rewound = acting(async ({ actions, request, ref, address }, given, io) => {
  if (address.step === undefined) throw usageError('`teasel rewind` needs a step: RUN@STEP.')
  return actions.rewind(await stepOf(request, ref, address, given, io))
})

async function stepOf(request: ActionRequest, ref: RunTarget, address: Address, given: Given, io: Io) {
  const patch = await patchOf(given, io)
  const at = address.step
  if (at === undefined) throw usageError(`Name the step: ${printedAddress(ref.runId, address.path)}@STEP.`)
  const { path } = address
  return { ...request, at, ...(path.length > 0 && { path: printedPath(path) }), ...(patch !== undefined && { patch }) }
}

/** The update over a state: JSON, or a file of it, and single keys. */
export async function patchOf(given: Given, { cwd, stdin }: Io): Promise<{ readonly [key: string]: Json } | undefined> {
  const file = given.text('patch')
  const pairs = given.values('set')
  if (file === undefined)
    return Object.keys(pairs).length === 0 ? undefined : (pairs as { readonly [key: string]: Json })
  const isText = file.startsWith('{')
  const text = isText ? file : file === '-' ? await stdin() : await readText(resolve(cwd, file))
  try {
    const value: unknown = JSON.parse(text)
    if (isPlainObject(value)) return { ...value, ...pairs } as { readonly [key: string]: Json }
  } catch (cause) {
    throw usageError(`${isText ? 'The patch' : file} is no JSON. ${messageOf(cause)}`)
  }
  throw usageError(`${file} holds no record of keys.`, 'It takes { "key": value }.')
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CommandError('no-file', `There is no file ${file}.`, { cause })
  }
}

/** A run as it is found; of one whose log is damaged, its name alone. */
async function removable(source: RunSource, given: Given, runId: string): Promise<RunTarget> {
  try {
    return await findRun(source, given, runId)
  } catch (error) {
    if (!isDamaged(error)) throw error
    return { runId, partitionKey: given.text('partition') ?? null }
  }
}

/** `teasel runs rm`: several runs, and the faults of all. */
export const runsRm: CommandCode = async (given, io) => {
  await using source = await openSource(given, io)
  const actions = await source.actions()
  let code: ExitCode = EXIT.done
  for (const text of given.args) {
    try {
      const { runId, partitionKey } = await removable(source, given, addressOf(text).runId)
      await told(
        await actions.remove({ runId, partitionKey, ...(given.flag('dry-run') && { dryRun: true }) }),
        given,
        io,
      )
    } catch (error) {
      if (given.args.length === 1) throw error
      note(io, [fixed('✕ ', 'red'), piece(messageOf(error))])
      code = EXIT.failed
    }
  }
  return code
}
