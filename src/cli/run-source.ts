import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { folderKind } from '../adapters/file/folder-kind.js'
import type { RunActions } from '../client/api.js'
import { messageOf } from '../internal/guards.js'
import { quote, suggest } from '../internal/nearest.js'
import type { Persister } from '../persistence/persister.js'
import type { Reader, RunTarget } from '../read/reader.js'
import type { RunSummary } from '../read/run-summary.js'
import { openProject, type Project, type ProjectReader } from '../ui/project.js'
import type { Options } from './command.js'
import { CommandError, usageError } from './command-error.js'
import type { Given } from './given.js'
import type { Io } from './io.js'

// Owns: where runs are: a folder of logs, a store, a server, Burr's folder.

/** The options that tell where runs are. */
export const SOURCE: Options = {
  dir: { value: 'DIR', help: 'The folder of a file tracker (default .teasel)' },
  store: { value: 'URL', help: 'A store: sqlite:FILE, postgres://… or redis://…' },
  url: { value: 'URL', help: 'A server of `teasel ui` or of your own: http://host/ui' },
  burr: { value: 'DIR', help: 'The folder of Burr, ~/.burr' },
  project: { value: 'NAME', help: 'The project in the folder (default: the only one, or `default`)' },
  token: { value: 'TEXT', help: 'The token of the server; or TEASEL_TOKEN' },
  partition: { value: 'KEY', help: 'The partition of the run (default: any)' },
}

/** The folder that is read where no option and no variable names one. */
const DEFAULT_DIR = '.teasel'

/** A reader; one of logs and one of a server have events too. */
export type RunReader = Pick<ProjectReader, keyof Reader | 'events' | 'streams'>

/** An open source of runs. */
export interface RunSource extends AsyncDisposable {
  readonly kind: 'files' | 'store' | 'server' | 'burr'
  /** Its place, for people. */
  readonly place: string
  readonly reader: RunReader
  /** A store can be written. */
  readonly persister?: Persister
  /** The name of its project; empty for a store, and for the only one of a server. */
  readonly project: string
  /** What can be done with its runs. */
  actions(): Promise<RunActions>
  /** All that is known of a run, as lines of JSON. */
  exported(ref: RunTarget): AsyncIterable<string>
}

/**
 * The options of a source, as they were given, or as the environment has them.
 * @param folder a folder that was given as an argument
 */
export function placesOf(given: Given, { env, cwd }: Io, folder?: string): Places {
  const own: string[] = NAMES.filter((name) => given.text(name) !== undefined)
  if (folder !== undefined && own.length > 0)
    throw usageError(
      `Runs are in one place: the folder ${folder} and --${own[0]} exclude each other.`,
      'Give one of them.',
    )
  if (own.length > 1)
    throw usageError(`Runs are in one place: --${own.join(' and --')} exclude each other.`, 'Give one of them.')
  const other = (name: (typeof NAMES)[number]): string | undefined =>
    given.text(name) ?? (own.length === 0 ? filled(env[`TEASEL_${name.toUpperCase()}`]) : undefined)
  const dir = resolve(cwd, home(folder ?? given.text('dir') ?? filled(env['TEASEL_DIR']) ?? DEFAULT_DIR))
  if (folder !== undefined) return { dir, url: undefined, store: undefined, burr: burrIn(dir) }
  const [store, url, burr] = [other('store'), other('url'), other('burr')]
  const isDir = store === undefined && url === undefined && burr === undefined
  return {
    dir,
    url,
    store,
    burr: burr === undefined ? (isDir ? burrIn(dir) : undefined) : resolve(cwd, home(burr)),
  }
}

/** A folder that Burr has written is read as one, whatever option names it. */
const burrIn = (dir: string): string | undefined => (folderKind(dir) === 'burr' ? dir : undefined)

/** An argument that is a folder with logs, of whatever tracker; undefined for any other text. */
export function folderIn(text: string | undefined, { cwd }: Pick<Io, 'cwd'>): string | undefined {
  return text === undefined || folderKind(resolve(cwd, home(text))) === undefined ? undefined : text
}

const NAMES = ['dir', 'store', 'url', 'burr'] as const

interface Places {
  readonly dir: string
  readonly store: string | undefined
  readonly url: string | undefined
  readonly burr: string | undefined
}

const filled = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
const home = (path: string): string => (/^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path)

/** Opens what the options name. */
export async function openSource(given: Given, io: Io): Promise<RunSource> {
  const places = placesOf(given, io)
  if (places.url !== undefined) return openServer(places.url, given, io)
  if (places.store !== undefined) {
    const persister = await openStore(places.store, io)
    const dispose = async (): Promise<void> => persister[Symbol.asyncDispose]()
    return local('store', withoutPassword(places.store), '', { persister }, dispose)
  }
  const dir = places.burr ?? places.dir
  if (!isFolder(dir))
    throw new CommandError('no-runs', `There is no folder ${dir}.`, {
      hint:
        places.burr === undefined
          ? 'Give --dir, --store, --url or --burr; or record runs: `teasel run app.ts`, or fileTracker({ dir: ".teasel" }) as `tracker` of an application.'
          : 'Burr writes to ~/.burr, unless it is told otherwise.',
    })
  const { projectsIn } = await import('../ui/projects-in.js')
  const all = projectsIn(dir, { kind: places.burr === undefined ? 'teasel' : 'burr' })
  const name = projectIn(dir, await all.names(), given.text('project'))
  const { fileReader } = await import('../adapters/file/file-reader.js')
  const project = (await all.open(name)) ?? { reader: fileReader({ dir, project: name }) }
  return local(places.burr === undefined ? 'files' : 'burr', dir, name, project)
}

async function openServer(url: string, given: Given, { env, fetch: own }: Io): Promise<RunSource> {
  const { createRunClient } = await import('../client/run-client.js')
  const token = given.text('token') ?? filled(env['TEASEL_TOKEN'])
  const project = given.text('project')
  const client = createRunClient({
    baseUrl: url,
    ...(project !== undefined && { project }),
    ...(token !== undefined && { token }),
    ...(own !== undefined && { fetch: own }),
  })
  return {
    kind: 'server',
    place: url,
    project: project ?? '',
    reader: client,
    actions: () => Promise.resolve(client),
    async *exported(ref) {
      const decoder = new TextDecoder()
      for await (const bytes of await client.exportRun(ref)) yield decoder.decode(bytes, { stream: true })
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** A source of this machine. */
function local(
  kind: RunSource['kind'],
  place: string,
  project: string,
  given: Project,
  dispose: () => Promise<void> = () => Promise.resolve(),
): RunSource {
  const opened = openProject(project, given)
  const { persister, reader } = opened
  return {
    kind,
    place,
    project,
    reader,
    ...(persister !== undefined && { persister }),
    async actions() {
      const { actionsOf } = await import('../ui/actions.js')
      return actionsOf(opened)
    },
    async *exported(ref) {
      const { exportLines } = await import('../ui/export-run.js')
      yield* exportLines(opened, ref)
    },
    [Symbol.asyncDispose]: dispose,
  }
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

function projectIn(dir: string, all: readonly string[], given: string | undefined): string {
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

/** The file of `sqlite:FILE`. */
export const fileOf = (url: string, { cwd }: Pick<Io, 'cwd'>): string =>
  resolve(cwd, home(url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')))

/** Opens a store. The package of its database is loaded only then. @param mayMake whether a missing file is made */
export async function openStore(url: string, { cwd }: Pick<Io, 'cwd'>, mayMake = false): Promise<Persister> {
  const [, scheme = ''] = /^([a-z]+):/i.exec(url) ?? []
  switch (scheme.toLowerCase()) {
    case 'sqlite': {
      const file = fileOf(url, { cwd })
      const { sqlitePersister } = await import('../adapters/sqlite/index.js')
      if (!mayMake && !existsSync(file))
        throw new CommandError('no-store', `There is no file ${file}.`, {
          hint: `A run makes it: teasel run APP.ts --store ${url}`,
        })
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
export const withoutPassword = (url: string): string => url.replace(/(:\/\/[^/@:]*):[^/@]*@/, '$1:***@')

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
