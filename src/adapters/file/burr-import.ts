import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../internal/guards.js'
import { RunFold } from '../../log/fold.js'
import { foldedSummary } from '../../log/fold-tree.js'
import { isHead, type LogLine, parseLine } from '../../log/lines.js'
import type { RunStatus } from '../../read/status.js'
import { Blobs, isLarge } from './blobs.js'
import { type BurrApp, BurrFolder } from './burr-folder.js'
import { BURR_WRITER, burrLines } from './burr-lines.js'
import { type BurrLog, recordOf } from './burr-log.js'
import { nodeOf, nodesIn } from './burr-tree.js'
import { IndexFile } from './index-file.js'
import { Pace } from './pace.js'
import { nameOfPart, nameOfRun, placesIn, realFs, writeWhole } from './places.js'

// Owns: logs of Teasel, made of what Burr has tracked.
// H1  A file of Burr is never written. A log that something else has written is never replaced.
// H2  A second import writes only runs that have changed since.
// H3  A run that cannot be read does not keep the others from being imported.

/** What an import has made of one run, or would make. */
export interface BurrImport {
  readonly project: string
  readonly runId: string
  readonly partitionKey: string | null
  /** `empty`: it has no steps, and gets no log. `refused`: there is a log of such a run that is no import. `failed`: its files cannot be read, or its log not written. */
  readonly outcome: 'new' | 'changed' | 'same' | 'empty' | 'refused' | 'failed'
  readonly status?: RunStatus
  readonly steps?: number
  /** Applications below it. */
  readonly below?: number
  /** What of its files was passed over, and why it failed. */
  readonly faults: readonly string[]
}

/** From where to where. */
export interface BurrImportOptions {
  /** The folder of Burr. */
  readonly from: string
  readonly project: string
  /** The folder of a file tracker. */
  readonly to: string
  /** Writes nothing. */
  readonly dryRun: boolean
  /** A run whose process may be alive: nothing was written for less than this, milliseconds. */
  readonly goneAfterMs?: number
}

/** Imports the runs of a project, one after the other. */
export async function* importRuns(options: BurrImportOptions): AsyncGenerator<BurrImport> {
  const { from, project, to } = options
  const place = join(from, project)
  const folder = new BurrFolder(place)
  const apps = new Map<string, BurrApp>()
  const names = (await readdir(place, { withFileTypes: true })).filter((one) => one.isDirectory())
  for (const { name: runId } of names) {
    try {
      const app = await folder.app(runId)
      if (app !== undefined) apps.set(runId, app)
    } catch (error) {
      yield { project, runId, partitionKey: null, outcome: 'failed', faults: [messageOf(error)] } // H3
    }
  }
  const index = new IndexFile(realFs, placesIn(to, project).index, BURR_WRITER, () => {})
  const below = new Set([...apps.values()].flatMap(({ children }) => children.map(({ appId }) => appId)))
  const roots = [...apps.values()].filter(({ appId }) => !below.has(appId))
  try {
    for (const app of roots.sort((a, b) => (a.appId < b.appId ? -1 : 1)))
      yield await imported(app, { apps, folder, index, options })
  } finally {
    await index.settled()
    index.close()
  }
}

interface Importing {
  readonly apps: ReadonlyMap<string, BurrApp>
  readonly folder: BurrFolder
  readonly index: IndexFile
  readonly options: BurrImportOptions
}

const GONE_MS = 600_000

async function imported(app: BurrApp, { apps, folder, index, options }: Importing): Promise<BurrImport> {
  const { from, project, to, dryRun, goneAfterMs = GONE_MS } = options
  const { appId: runId, partitionKey, writtenAt } = app
  const faults: string[] = []
  const base = { project, runId, partitionKey, faults }
  try {
    const root = nodeOf(app, apps, Date.now() - writtenAt < goneAfterMs)
    const logs = new Map<string, BurrLog>()
    for (const { app: one } of nodesIn(root)) {
      logs.set(one.appId, await folder.log(one.appId))
      const name = one.appId === runId ? '' : `${one.appId}/`
      for (const fault of await faultsIn(join(from, project, one.appId), name)) faults.push(fault)
    }
    const facts = { ...base, status: root.status, steps: app.log.steps.length, below: nodesIn(root).length - 1 }
    if (facts.steps === 0) return { ...facts, outcome: 'empty' }
    const lines = burrLines(root, { runId, partitionKey }, (id) => logs.get(id) ?? { steps: [], updatedAt: 0 })
    const places = placesIn(to, project)
    const file = join(places.runs, nameOfPart(nameOfRun(runId, partitionKey), 0, 0))
    const blobs = new Blobs(dryRun ? { ...realFs, existsSync: () => true } : realFs, places.blobs, new Pace())
    const text = lines.map((line) => `${writtenLine(line, blobs)}\n`).join('')
    const before = await textOf(file)
    if (before === text) return { ...facts, outcome: 'same' } // H2
    if (before !== undefined && !isImport(before)) return { ...facts, outcome: 'refused' } // H1
    if (!dryRun) {
      writeWhole(realFs, file, text)
      const fold = new RunFold(false)
      for (const line of lines) fold.add(line)
      const run = foldedSummary(fold, { alive: root.status === 'running', seenAt: writtenAt })
      if (run !== undefined) index.write([{ run, beat: writtenAt }])
    }
    return { ...facts, outcome: before === undefined ? 'new' : 'changed' }
  } catch (error) {
    return { ...base, outcome: 'failed', faults: [...faults, messageOf(error)] } // H3
  }
}

function writtenLine(line: LogLine, blobs: Blobs): string {
  const text = JSON.stringify(line)
  return isLarge(text) ? JSON.stringify(blobs.shortened(line)) : text
}

function isImport(text: string): boolean {
  const head = parseLine(text.slice(0, text.indexOf('\n')))
  return head !== undefined && isHead(head) && head.worker.id === BURR_WRITER
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What of the files of an application is passed over. */
async function faultsIn(folder: string, name: string): Promise<readonly string[]> {
  const faults: string[] = []
  for (const file of ['graph.json', 'metadata.json'])
    if (recordOf((await textOf(join(folder, file))) ?? '{}') === undefined) faults.push(`${name}${file} is no JSON.`)
  for (const file of ['log.jsonl', 'children.jsonl']) {
    const lines = ((await textOf(join(folder, file))) ?? '').split('\n')
    const wrong = lines.flatMap((line, i) => (line === '' || recordOf(line) !== undefined ? [] : [i + 1]))
    if (wrong.length > 0) {
      const [first = 0] = wrong
      const which = wrong.length === 1 ? `Line ${first}` : `${wrong.length} lines, the first ${first},`
      faults.push(`${which} of ${name}${file} cannot be read.`)
    }
  }
  return faults
}
