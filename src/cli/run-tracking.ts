import { consoleReporter } from '../adapters/reporter/console-reporter.js'
import { combineTrackers } from '../tracking/combine-trackers.js'
import type { Tracker } from '../tracking/tracker.js'
import type { Given } from './given.js'
import type { Io } from './io.js'
import type { Program } from './program.js'
import { placesOf } from './run-source.js'

// Owns: where the events of a run of this process go: to the terminal, to a log, to the tracker of its program.

/** What the keys do while a run is watched. */
const KEYS = 'Ctrl+C ends the run · twice: stops at once'

export interface RunTracking {
  readonly tracker: Tracker
  /** The folder of the log; undefined without one. */
  readonly dir: string | undefined
  readonly project: string
  close(): Promise<void>
}

export async function openTracking(program: Program, given: Given, io: Io): Promise<RunTracking> {
  const { dir } = placesOf(given, io)
  const project = given.text('project') ?? 'default'
  // An application that a module has made is not logged: it has its own tracker, and has told of its beginning.
  const isLogged = program.application === undefined && !given.flag('no-track')
  const { fileTracker } = await import('../adapters/file/index.js')
  const files = isLogged ? fileTracker({ dir, project }) : undefined
  const view = given.flag('json')
    ? undefined
    : consoleReporter({
        ...{ name: program.name, stream: io.stderr, keys: KEYS },
        ...(given.flag('plain') && { plain: true }),
      })
  const own = program.options?.['tracker'] as Tracker | undefined
  return {
    tracker: combineTrackers(...[view, files, own].filter((one) => one !== undefined)),
    dir: files === undefined ? undefined : dir,
    project,
    async close() {
      view?.close()
      await files?.dispose()
    },
  }
}
