import { existsSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { messageOf } from '../internal/guards.js'
import { quote, suggest } from '../internal/nearest.js'
import type { Persister } from '../persistence/persister.js'
import type { Reader } from '../read/reader.js'
import type { RunSummary } from '../read/run-summary.js'
import type { WireEvent } from '../wire/events.js'
import type { Options } from './command.js'
import { CommandError, usageError } from './command-error.js'
import type { Given } from './given.js'
import type { Io } from './io.js'

// Owns: where runs are read: a folder of logs, a store, Burr's folder.

/** The options that tell where runs are. */
export const SOURCE: Options = {
  dir: { value: 'DIR', help: 'The folder of a file tracker (default .teasel)' },
  store: { value: 'URL', help: 'A store: sqlite:FILE, postgres://… or redis://…' },
  burr: { value: 'DIR', help: 'The folder of Burr, ~/.burr' },
  project: { value: 'NAME', help: 'The project in the folder (default: the only one, or `default`)' },
  partition: { value: 'KEY', help: 'The partition of the run (default: any)' },
}

/** The folder that is read where no option and no variable names one. */
const DEFAULT_DIR = '.teasel'

/** A reader; one of logs has events too. */
export type RunReader = Reader & {
  events?(query: {
    readonly runId: string
    readonly partitionKey?: string | null
    readonly after?: string
    readonly types?: readonly string[]
    readonly follow?: boolean
    readonly signal?: AbortSignal
  }): AsyncIterable<WireEvent>
}

/** An open source of runs. */
export interface RunSource extends AsyncDisposable {
  readonly kind: 'files' | 'store' | 'burr'
  /** Its place, for people. */
  readonly place: string
  readonly reader: RunReader
  /** A store can be written. */
  readonly persister?: Persister
  readonly project?: string
}

/** The options of a source, as they were given, or as the environment has them. */
export function placesOf(
  given: Given,
  { env, cwd }: Io,
): { readonly dir: string; readonly store: string | undefined; readonly burr: string | undefined } {
  const own = ['dir', 'store', 'burr'].filter((name) => given.text(name) !== undefined)
  if (own.length > 1)
    throw usageError(`Runs are in one place: --${own.join(' and --')} exclude each other.`, 'Give one of them.')
  const store = given.text('store') ?? (own.length === 0 ? filled(env['TEASEL_STORE']) : undefined)
  const burr = given.text('burr')
  return {
    dir: resolve(cwd, home(given.text('dir') ?? filled(env['TEASEL_DIR']) ?? DEFAULT_DIR)),
    store,
    burr: burr === undefined ? undefined : resolve(cwd, home(burr)),
  }
}

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
const home = (path: string): string => (/^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path)

/** Opens what the options name. */
export async function openSource(given: Given, io: Io): Promise<RunSource> {
  const { dir, store, burr } = placesOf(given, io)
  if (store !== undefined) {
    const persister = await openStore(store, io)
    return {
      kind: 'store',
      place: withoutPassword(store),
      reader: persister,
      persister,
      [Symbol.asyncDispose]: () => persister[Symbol.asyncDispose](),
    }
  }
  const { burrReader, fileReader } = await import('../adapters/file/index.js')
  const place = burr ?? dir
  if (!isFolder(place))
    throw new CommandError(
      'no-runs',
      `There is no folder ${place}.`,
      burr === undefined
        ? {
            hint: 'Give --dir, --store or --burr; or record runs: fileTracker({ dir: ".teasel" }) as `tracker` of an application, or `teasel run app.ts`.',
          }
        : { hint: 'Burr writes to ~/.burr, unless it is told otherwise.' },
    )
  const project = projectIn(place, given.text('project'))
  const dispose = { [Symbol.asyncDispose]: () => Promise.resolve() }
  return burr === undefined
    ? { kind: 'files', place, project, reader: fileReader({ dir, project }), ...dispose }
    : { kind: 'burr', place, project, reader: burrReader({ dir: burr, project }), ...dispose }
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** The projects of a folder. */
function projectsOf(dir: string): readonly string[] {
  if (!isFolder(dir)) return []
  const entries = readdirSync(dir, { withFileTypes: true }).filter((one) => one.isDirectory())
  return entries.map(({ name }) => unescaped(name)).sort()
}

function unescaped(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function projectIn(dir: string, given: string | undefined): string {
  const all = projectsOf(dir)
  if (given !== undefined) {
    if (all.includes(given)) return given
    throw new CommandError(
      'no-project',
      `There is no project ${quote(given)} in ${dir}. ${suggest(given, all, 'projects')}`,
    )
  }
  if (all.length <= 1) return all[0] ?? 'default'
  if (all.includes('default')) return 'default'
  throw usageError(`${dir} has several projects.`, `Give --project: ${all.slice(0, 12).join(', ')}.`)
}

/** Opens a store. The package of its database is loaded only then. @param mayMake whether a missing file is made */
export async function openStore(url: string, { cwd }: Pick<Io, 'cwd'>, mayMake = false): Promise<Persister> {
  const [, scheme = ''] = /^([a-z]+):/i.exec(url) ?? []
  switch (scheme.toLowerCase()) {
    case 'sqlite': {
      const file = resolve(cwd, home(url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')))
      const { sqlitePersister } = await import('../adapters/sqlite/index.js')
      if (!mayMake && !existsSync(file)) throw new CommandError('no-store', `There is no file ${file}.`)
      return opened(url, 'libsql', async () => sqlitePersister({ file }))
    }
    case 'postgres':
    case 'postgresql':
      return opened(url, 'pg', async () => (await import('../adapters/postgres/index.js')).postgresPersister({ url }))
    case 'redis':
    case 'rediss':
      return opened(url, 'ioredis', async () =>
        (await import('../adapters/redis/index.js')).redisPersister({ connection: url }),
      )
    default:
      throw usageError(
        `"${withoutPassword(url)}" is no store.`,
        'It takes sqlite:FILE, postgres://user@host/database or redis://host:6379.',
      )
  }
}

async function opened(url: string, peer: string, open: () => Promise<Persister>): Promise<Persister> {
  try {
    return await open()
  } catch (error) {
    const missing = messageOf(error)
    if (!missing.includes(peer)) throw error
    throw new CommandError('no-package', `The store ${withoutPassword(url)} needs the package ${peer}.`, {
      hint: `npm install ${peer}`,
      cause: error,
    })
  }
}

/** A URL for people: without its password. */
const withoutPassword = (url: string): string => url.replace(/(:\/\/[^/@:]*):[^/@]*@/, '$1:***@')

/** The partition that is meant; undefined for any. */
export const partitionOf = (given: Given): string | undefined => given.text('partition')

/**
 * The run with an id, in whatever partition.
 * @throws {CommandError} `no-run`
 */
export async function findRun(source: RunSource, given: Given, runId: string): Promise<RunSummary> {
  const { reader, place } = source
  const partition = given.text('partition')
  const found = await reader.describe({ runId, partitionKey: partition ?? null, depth: 1, first: 1 })
  if (found !== undefined) return found.run
  const alike = { partitionKey: partition ?? '*', limit: 1000 }
  const named = (await reader.list({ ...alike, text: runId })).items
  const exact = named.filter((run) => run.runId === runId)
  if (exact.length > 1)
    throw usageError(
      `There are runs "${runId}" in several partitions.`,
      `Give --partition: ${exact.map(({ partitionKey }) => partitionKey ?? '').join(', ')}.`,
    )
  if (exact[0] !== undefined) return exact[0]
  const begun = named.filter((run) => run.runId.startsWith(runId))
  if (begun.length === 1 && begun[0] !== undefined && runId.length >= 4) return begun[0]
  const known = (await reader.list({ ...alike, limit: 200 })).items.map((run) => run.runId)
  throw new CommandError('no-run', `There is no run "${runId}" in ${place}. ${suggest(runId, known, 'runs')}`, {
    hint: 'teasel runs ls',
  })
}
