import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LiveApplication } from '../../application/live-application.js'
import { isPlainObject, messageOf } from '../../internal/guards.js'
import { createId } from '../../internal/ids.js'
import type { TrackedRun, Tracker } from '../../tracking/tracker.js'
import type { CommandCode } from '../command.js'
import { CommandError, usageError } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { graphOfProgram, loadProgram, type Program } from '../program.js'
import { openStore } from '../run-source.js'
import { openTracking } from '../run-tracking.js'
import { type WatchedRun, watched } from '../watched-run.js'

// Owns: `teasel run`.

type Opened = WatchedRun & AsyncDisposable

/** `teasel run`. */
export const run: CommandCode = async (given, io) => {
  const program = await loadProgram(given.arg(0), io, given.text('entry'))
  await using opened = await open(program, given, io)
  return await watched(opened, program, given, io)
}

async function open(program: Program, given: Given, io: Io): Promise<Opened> {
  if (program.application !== undefined)
    assertNone(given, ['state', 'set', 'id', 'title', 'label', 'store'], `${program.name} is an application already`)
  const url = given.text('store')
  const persister = url === undefined ? undefined : await openStore(url, io, true)
  const tracking = await openTracking(program, given, io)
  const close = async (): Promise<void> => {
    await tracking.close()
    await persister?.[Symbol.asyncDispose]()
  }
  const { dir, project, tracker } = tracking
  const place = { dir, project, isStored: persister !== undefined, stopTracking: tracking.close }
  try {
    if (program.application !== undefined) {
      const { application: app } = program
      const heard = app.on('*', (event) => tracker.track(event))
      const dispose = async (): Promise<void> => {
        heard.unsubscribe()
        await close()
        await app[Symbol.asyncDispose]()
      }
      return { app, runId: app.appId, ...place, [Symbol.asyncDispose]: dispose }
    }
    const runId = given.text('id') ?? createId()
    const facts = { title: given.text('title'), labels: given.pairs('label') }
    const options = {
      ...program.options,
      entrypoint: program.plan.entrypoint.name,
      state: await stateOf(given, io),
      appId: runId,
      tracker: withFacts(tracker, facts),
      ...(persister !== undefined && { persister, name: program.name, ...defined(facts) }),
    }
    const app = new LiveApplication(graphOfProgram(program), options)
    const dispose = async (): Promise<void> => {
      await app[Symbol.asyncDispose]()
      await close()
    }
    return { app, runId, ...place, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await close()
    throw error
  }
}

function assertNone(given: Given, names: readonly string[], why: string): void {
  const one = names.find((name) => given.texts(name).length > 0)
  if (one !== undefined) throw usageError(`${why}, and takes no --${one}.`, 'Name the export of its graph.')
}

interface Facts {
  readonly title: string | undefined
  readonly labels: Readonly<Record<string, string>> | undefined
}

/** Without a store an application has no title and no labels: the log gets them here. */
function withFacts(tracker: Tracker, { title, labels = {} }: Facts): Tracker {
  return {
    ...tracker,
    begin: (run: TrackedRun) =>
      tracker.begin?.({ ...run, ...(title !== undefined && { title }), labels: { ...run.labels, ...labels } }),
  }
}

const defined = ({ title, labels }: Facts): object => ({
  ...(title !== undefined && { title }),
  ...(labels !== undefined && { labels }),
})

async function stateOf(given: Given, io: Io): Promise<object> {
  const file = given.text('state')
  const text = file === undefined ? '{}' : file === '-' ? await io.stdin() : await readText(resolve(io.cwd, file))
  const state = parsed(text, file ?? '')
  return { ...state, ...given.values('set') }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new CommandError('no-file', `There is no file ${file}.`, { cause })
  }
}

function parsed(text: string, file: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (isPlainObject(value)) return value
  } catch (cause) {
    throw usageError(`${file} is no JSON. ${messageOf(cause)}`)
  }
  throw usageError(`${file} holds no record of keys.`, 'It takes { "key": value }.')
}
