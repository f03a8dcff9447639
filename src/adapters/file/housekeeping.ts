import { promises as disk } from 'node:fs'
import { join } from 'node:path'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen } from '../../read/status.js'
import { type IndexLine, parseIndexLine } from './index-file.js'
import { IndexReader } from './index-reader.js'
import { type Log, LogFiles, namesIn, statOf } from './log-files.js'
import { nameOfRun, type PartFile, type Places } from './places.js'
import { orFault } from './read-faults.js'
import { removing, unlessGone } from './reading.js'
import { removeLogs } from './removal.js'
import { RunList } from './run-list.js'
import type { Retention } from './tracker-options.js'

// Owns: what a tracker tidies in its project: indexes of processes that are gone, runs beyond the limits.
// H1  By the limits, only the log of a run that has ended is removed. One that may go on stays.
// H2  Of several processes one tidies the indexes; one that dies while it does leaves nothing that is lost.

/** An index that has not changed for so long is nobody's, milliseconds. */
const NOBODYS_MS = 60_000

/** Removes a file that may be gone. */
const remove = (path: string): Promise<void> => removing(path, () => disk.unlink(path))

/** Joins the indexes of processes that are gone into one, without runs that have no log any more. @param own stays */
export async function joinIndexes({ index, runs }: Places, own: string): Promise<void> {
  const now = Date.now()
  const dead: { readonly path: string; readonly mtimeMs: number }[] = []
  for (const name of await namesIn(index)) {
    const path = join(index, name)
    const mtimeMs = name.endsWith('.jsonl') && name !== `${own}.jsonl` ? (await statOf(path))?.mtimeMs : undefined
    if (mtimeMs !== undefined && now - mtimeMs > NOBODYS_MS) dead.push({ path, mtimeMs })
  }
  if (dead.length < 2) return
  const lock = join(index, 'join.lock')
  if (!(await takeLock(lock, now))) return
  try {
    const logs = await new LogFiles({ index, runs, blobs: '', graphs: '' }).all()
    const kept: string[] = []
    const texts = new Map<string, string>() // One that cannot be read stays.
    for (const { path } of dead) {
      const text = await orFault([], () => unlessGone(path, () => disk.readFile(path, 'utf8')))
      if (text !== undefined) texts.set(path, text)
    }
    for (const { path, mtimeMs } of dead) {
      const last = new Map<string, IndexLine>()
      for (const text of texts.get(path)?.split('\n') ?? []) {
        const line = parseIndexLine(text)
        if (line !== undefined) last.set(nameOfRun(line.run.runId, line.run.partitionKey), line)
      }
      for (const [name, line] of last) if (logs.has(name)) kept.push(JSON.stringify({ beat: mtimeMs, ...line }))
    }
    const joined = join(index, `joined-${own}.jsonl`)
    await disk.writeFile(`${joined}.new`, [...kept, ''].join('\n'))
    await disk.rename(`${joined}.new`, joined)
    for (const path of texts.keys()) if (path !== joined) await remove(path)
  } finally {
    await remove(lock)
  }
}

async function takeLock(lock: string, now: number): Promise<boolean> {
  const age = now - ((await statOf(lock))?.mtimeMs ?? now)
  if (age > NOBODYS_MS) await remove(lock) // Its process died.
  try {
    await disk.writeFile(lock, '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

/** A run that has ended, with its files. */
interface EndedRun {
  readonly run: RunSummary
  readonly parts: readonly PartFile[]
  readonly bytes: number
}

/** Removes the logs of runs beyond the limits, the oldest first, and large values that no log names any more. */
export async function retain(
  places: Places,
  { runs = Infinity, ageMs = Infinity, bytes = Infinity }: Retention,
): Promise<void> {
  const files = new LogFiles(places)
  const logs = await files.all()
  const ended: EndedRun[] = []
  let [count, size] = [0, 0]
  for (const run of (await new RunList(files, new IndexReader(places)).all()).runs) {
    const parts = logs.get(nameOfRun(run.runId, run.partitionKey)) ?? []
    let own = 0
    for (const part of parts) own += (await statOf(files.path(part)))?.size ?? 0
    size += own
    count += 1
    if (!isOpen(run.status)) ended.push({ run, parts, bytes: own })
  }
  const now = Date.now()
  ended.sort((a, b) => timeOf(a) - timeOf(b))
  const surplus: Log[] = []
  for (const one of ended) {
    if (count <= runs && size <= bytes && now - timeOf(one) <= ageMs) continue
    surplus.push({ parts: one.parts, marks: [] })
    count -= 1
    size -= one.bytes
  }
  if (surplus.length > 0) await removeLogs(files, surplus)
}

const timeOf = ({ run: { endedAt, updatedAt } }: EndedRun): number => endedAt ?? updatedAt
