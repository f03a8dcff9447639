import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { consoleReporter } from '../../adapters/reporter/console-reporter.js'
import { LiveApplication } from '../../application/live-application.js'
import { isPlainObject, messageOf } from '../../internal/guards.js'
import { createId } from '../../internal/ids.js'
import { combineTrackers } from '../../tracking/combine-trackers.js'
import type { TrackedRun, Tracker } from '../../tracking/tracker.js'
import type { CommandCode } from '../command.js'
import { CommandError, usageError } from '../command-error.js'
import type { Given } from '../given.js'
import type { Io } from '../io.js'
import { graphOfProgram, loadProgram, type Program } from '../program.js'
import { openStore, placesOf } from '../run-source.js'
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
  const { dir } = placesOf(given, io)
  const project = given.text('project') ?? 'default'
  const reporter = consoleReporter({
    name: program.name,
    stream: io.stderr,
    ...((given.flag('plain') || given.flag('json')) && { plain: true }),
  })
  const view: Tracker = given.flag('json') ? { track: () => {} } : reporter
  if (program.application !== undefined) {
    assertNone(given, ['state', 'set', 'id', 'title', 'label', 'store'], `${program.name} is an application already`)
    const { application: app } = program
    const heard = app.on('*', (event) => view.track(event))
    const dispose = async (): Promise<void> => {
      heard.unsubscribe()
      reporter.close()
      await app[Symbol.asyncDispose]()
    }
    return { app, runId: app.appId, dir: undefined, project, isStored: false, [Symbol.asyncDispose]: dispose }
  }
  const files = given.flag('no-track')
    ? undefined
    : (await import('../../adapters/file/index.js')).fileTracker({ dir, project })
  const url = given.text('store')
  const persister = url === undefined ? undefined : await openStore(url, io, true)
  const close = async (): Promise<void> => {
    reporter.close()
    await files?.dispose()
    await persister?.[Symbol.asyncDispose]()
  }
  try {
    const runId = given.text('id') ?? createId()
    const facts = { title: given.text('title'), labels: given.pairs('label') }
    const own = program.options?.['tracker'] as Tracker | undefined
    const trackers = [view, ...(files === undefined ? [] : [files]), ...(own === undefined ? [] : [own])]
    const options = {
      ...program.options,
      entrypoint: program.plan.entrypoint.name,
      state: await stateOf(given, io),
      appId: runId,
      tracker: withFacts(combineTrackers(...trackers), facts),
      ...(persister !== undefined && { persister, name: program.name, ...defined(facts) }),
    }
    const app = new LiveApplication(graphOfProgram(program), options)
    const dispose = async (): Promise<void> => {
      await app[Symbol.asyncDispose]()
      await close()
    }
    return {
      app,
      runId,
      dir: files === undefined ? undefined : dir,
      project,
      isStored: persister !== undefined,
      [Symbol.asyncDispose]: dispose,
    }
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
