import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../read/payload.js'
import type { ReadFault } from '../../read/reader.js'
import { type BurrLog, isRecord, type JsonRecord, readBurrLog, recordOf, timeOf } from './burr-log.js'
import { statOf } from './log-files.js'
import { orFault } from './read-faults.js'
import { unlessGone } from './reading.js'

// Owns: the folders of applications of Burr.
// F1  An id that is no name of a folder reads nothing: no path leads out of the project.

/** An application that a step made. */
interface BurrChild {
  readonly appId: string
  /** The step of the parent. */
  readonly sequenceId: number | undefined
}

/** An application of Burr, from the files of its folder. */
export interface BurrApp {
  readonly appId: string
  readonly partitionKey: string | null
  readonly forkedFrom: { readonly appId: string; readonly sequenceId: number } | undefined
  /** The id of the application whose step made it. */
  readonly spawnedBy: string | undefined
  readonly entrypoint: string | undefined
  /** The actions with an edge to another one. */
  readonly from: ReadonlySet<string>
  readonly log: BurrLog
  readonly children: readonly BurrChild[]
  /** When a file of it was last written, epoch milliseconds. */
  readonly writtenAt: number
}

/** Number of applications that are remembered, without their states. */
const MOST_KNOWN = 10_000
const FILES = ['graph.json', 'metadata.json', 'log.jsonl', 'children.jsonl'] as const

/** The applications of one project. */
export class BurrFolder {
  readonly #folder: string
  readonly #known = new Map<string, { readonly stamp: string; readonly app: BurrApp }>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The applications that have a folder, by id. @param faults gets those that cannot be read */
  async all(faults: ReadFault[]): Promise<ReadonlyMap<string, BurrApp>> {
    const found = new Map<string, BurrApp>()
    for (const name of await foldersIn(this.#folder)) {
      const app = await orFault(faults, () => this.app(name), { runId: name })
      if (app !== undefined) found.set(name, app)
    }
    return found
  }

  /** An application, without the states of its steps. Undefined when it has no folder. */
  async app(appId: string): Promise<BurrApp | undefined> {
    if (!isName(appId)) return undefined
    const stats = await Promise.all(FILES.map((file) => statOf(join(this.#folder, appId, file))))
    const stamp = stats.map((stat) => (stat === undefined ? '-' : `${stat.size}:${stat.mtimeMs}`)).join()
    const known = this.#known.get(appId)
    if (known?.stamp === stamp) return known.app
    const writtenAt = stats.reduce((last, stat) => Math.max(last, Math.round(stat?.mtimeMs ?? 0)), 0)
    this.#known.delete(appId)
    if (writtenAt === 0) return undefined
    const app = await readApp(join(this.#folder, appId), appId, writtenAt)
    if (this.#known.size >= MOST_KNOWN) this.#known.clear()
    this.#known.set(appId, { stamp, app })
    return app
  }

  /** The file of the log of an application that has a folder. */
  logPath(appId: string): string {
    return join(this.#folder, appId, 'log.jsonl')
  }

  /** The log of an application, with the states of its steps. */
  log(appId: string): Promise<BurrLog> {
    return readBurrLog(this.logPath(appId), true)
  }
}

/** The most bytes of a name in a folder. */
const MOST_BYTES = 255

/** Whether an id is the name of a folder. */
const isName = (id: string): boolean =>
  id !== '' && id !== '.' && id !== '..' && !/[/\\\0]/.test(id) && Buffer.byteLength(id) <= MOST_BYTES

async function readApp(folder: string, appId: string, writtenAt: number): Promise<BurrApp> {
  const [graph, metadata, children] = await Promise.all(
    ['graph.json', 'metadata.json', 'children.jsonl'].map((file) => textOf(join(folder, file))),
  )
  const { entrypoint, transitions } = recordOf(graph ?? '') ?? {}
  const { partition_key: partition, ...pointers } = recordOf(metadata ?? '') ?? {}
  const [fork, parent] = [pointers['parent_pointer'], pointers['spawning_parent_pointer']]
  return {
    appId,
    partitionKey: typeof partition === 'string' ? partition : null,
    forkedFrom: forkOf(fork),
    spawnedBy: isRecord(parent) && typeof parent['app_id'] === 'string' ? parent['app_id'] : undefined,
    entrypoint: typeof entrypoint === 'string' ? entrypoint : undefined,
    from: new Set(recordsIn(transitions).flatMap(({ from_: from }) => (typeof from === 'string' ? [from] : []))),
    log: await readBurrLog(join(folder, 'log.jsonl'), false),
    children: childrenOf(children ?? ''),
    writtenAt,
  }
}

function forkOf(pointer: Json | undefined): BurrApp['forkedFrom'] {
  if (!isRecord(pointer)) return undefined
  const { app_id: appId, sequence_id: sequenceId } = pointer
  return typeof appId === 'string' && typeof sequenceId === 'number' ? { appId, sequenceId } : undefined
}

const recordsIn = (list: Json | undefined): readonly JsonRecord[] =>
  Array.isArray(list) ? list.filter((one: Json) => isRecord(one)) : []

/** The applications that steps made, each once, in the order of their start. Forks are no children. */
function childrenOf(text: string): readonly BurrChild[] {
  const found = new Map<string, BurrChild>()
  for (const line of text.split('\n').map(recordOf)) {
    const { child, event_type: type, event_time: time, sequence_id: step } = line ?? {}
    const appId = isRecord(child) ? child['app_id'] : undefined
    if (type !== 'spawn_start' || typeof appId !== 'string' || timeOf(time) === undefined) continue
    if (!found.has(appId)) found.set(appId, { appId, sequenceId: typeof step === 'number' ? step : undefined })
  }
  return [...found.values()]
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const entries = await unlessGone(path, () => readdir(path, { withFileTypes: true }))
  return (entries ?? []).filter((one) => one.isDirectory()).map(({ name }) => name)
}

const textOf = (path: string): Promise<string | undefined> => unlessGone(path, () => readFile(path, 'utf8'))
