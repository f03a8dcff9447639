import { type Path, printPath } from '../action/context.js'
import type { LiveApplication } from '../application/live-application.js'
import { messageOf } from '../internal/guards.js'
import { payloadOf } from '../read/payload.js'
import { printedAddress } from '../read/run-address.js'
import { CommandError, EXIT } from './command-error.js'
import type { Given } from './given.js'
import type { Io } from './io.js'
import { runLink } from './page-link.js'
import { fixed, jsonText, note, OutputClosed, piece, printJson, write } from './print.js'
import type { Program } from './program.js'
import { valueText } from './words.js'

// Owns: one run of an application in this process, from its start to the printed outcome.
// R1  The first Ctrl+C cancels the run and waits for its end; the second one ends the process. A run in a store is
//     interrupted instead, so that it can be resumed.
// R2  A run that waits in a store when this process leaves it waits in the view and in the log too: that this process
//     disposes of it is told nowhere.

/** An application that is about to run. */
export interface WatchedRun {
  readonly app: LiveApplication
  readonly runId: string
  /** The folder of the log; undefined without one. */
  readonly dir: string | undefined
  readonly project: string
  /** Whether it is in a store. */
  readonly isStored: boolean
  /** Ends the view and the log. A second call does nothing. */
  readonly stopTracking: () => Promise<void>
}

/** Runs it. @throws {CommandError} when it fails */
export async function watched(
  opened: WatchedRun,
  program: Program,
  given: Given,
  io: Io,
): Promise<typeof EXIT.done | typeof EXIT.cancelled> {
  const { app, isStored } = opened
  let interrupts = 0
  const end = io.onInterrupt(() => {
    interrupts += 1
    if (interrupts > 1) process.exit(EXIT.cancelled) // R1
    note(io, [piece(`${isStored ? 'Interrupting' : 'Cancelling'}. Press Ctrl+C again to stop at once.`, 'yellow')])
    void (isStored ? app.shutdown('Ctrl+C') : app.cancel({ reason: 'Ctrl+C' }))
  })
  const heard = isStored || program.application !== undefined ? undefined : tellUnanswerable(app, io)
  try {
    const options = runOptions(given, program)
    const first = (await app.run({ ...options, ...(isStored && { whenWaiting: 'return' }) })) as unknown as Outcome
    // What waits for a time goes on by itself; what waits for a person is left to the store.
    const isSleeping = first.status === 'waiting' && first.nextAt !== undefined
    const outcome = isSleeping ? ((await app.run()) as unknown as Outcome) : first
    if (outcome.status === 'waiting') await opened.stopTracking() // R2
    await told(outcome, opened, given, io)
    return outcome.status === 'cancelled' ? EXIT.cancelled : EXIT.done
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.done
    throw failureOf(error, opened)
  } finally {
    end()
    heard?.unsubscribe()
  }
}

/** Tells once that nobody can answer a question: no other process finds a run that is in no store. */
function tellUnanswerable(app: LiveApplication, io: Io): { unsubscribe(): void } {
  const heard = app.on('wait', ({ from }) => {
    if (from !== 'outside') return
    heard.unsubscribe()
    note(io, [
      piece('Nobody can answer it: `teasel answer` needs a run with --store, as --store sqlite:runs.db.', 'yellow'),
    ])
  })
  return heard
}

interface Outcome {
  readonly status: 'finished' | 'halted' | 'cancelled' | 'waiting'
  readonly state: Readonly<Record<string, unknown>>
  readonly action: string
  readonly next?: string
  readonly nextAt?: number
  readonly pending?: readonly { readonly path: Path; readonly kinds: readonly string[]; readonly ask?: unknown }[]
}

function runOptions(given: Given, { bound }: Program): object {
  const haltAfter = given.texts('halt-after')
  const maxSteps = given.whole('max-steps', 1)
  return {
    inputs: { ...bound, ...given.values('input') },
    ...(haltAfter.length > 0 && { haltAfter }),
    ...(maxSteps !== undefined && { maxSteps }),
  }
}

async function told(outcome: Outcome, opened: WatchedRun, given: Given, io: Io): Promise<void> {
  const { status, state, action, next, pending = [] } = outcome
  const { runId, dir } = opened
  const link = runLink(opened)
  if (given.flag('json'))
    return printJson(io, {
      ...{ runId, status, action, next, state: payloadOf(state) },
      ...(dir !== undefined && { dir, page: link }),
    })
  await write(io, `${jsonText(payloadOf(state), 2)}\n`)
  for (const { path, kinds, ask } of pending) {
    const address = `${printedAddress(runId)}${path.length === 0 ? '' : `/${printPath(path)}`}`
    const question = ask === undefined ? '' : `: ${valueText(payloadOf(ask))}`
    note(io, [fixed('⏸ ', 'yellow'), piece(`${kinds.join(', ')}${question}`)])
    note(io, [
      piece(`teasel answer ${address} BODY, then teasel resume ${printedAddress(runId)} --run ${given.arg(0)}`, 'dim'),
    ])
  }
  if (dir !== undefined)
    note(io, [piece(`teasel runs show ${printedAddress(runId)}`, 'dim')], [piece(`teasel ui, then ${link}`, 'dim')])
}

function failureOf(error: unknown, { runId, dir }: WatchedRun): CommandError {
  const code = (error as { readonly code?: unknown } | null)?.code
  return new CommandError(typeof code === 'string' ? code : 'failed', messageOf(error), {
    ...(dir !== undefined && { hint: `teasel runs show ${printedAddress(runId)}` }),
    cause: error,
  })
}
