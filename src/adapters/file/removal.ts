import { readFile, rename, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { LogError } from '../../read/log-error.js'
import { type Log, LogFiles } from './log-files.js'
import { blobFile, MARK, nameOfRun, type Places } from './places.js'
import { removing } from './reading.js'

// Owns: removing logs, and the large values that no other log names.
// M1  A log that is removed in part is in no list: its first part is renamed first and removed last, and hides the others.
//     What is left of it goes with the next removal of it, or when a tracker tidies.
// M2  A large value is removed only where every other log was read, and none names it.

/** Removes the log of one run, whatever its status. @returns whether there was one @throws {LogError} */
export async function removeRun(places: Places, runId: string, partitionKey: string | null): Promise<boolean> {
  const files = new LogFiles(places)
  const log = await files.logOf(nameOfRun(runId, partitionKey))
  if (log === undefined) return false
  await removeLogs(files, [log])
  return true
}

/** Removes what is left of logs whose removal has failed, or was cut off. What cannot be removed stays hidden. */
export async function finishRemovals(places: Places): Promise<void> {
  const files = new LogFiles(places)
  const left = await files.left()
  if (left.length > 0) await removeLogs(files, left).catch(refusedAgain)
}

/** Whoever has removed it was told. */
function refusedAgain(error: unknown): void {
  if (!LogError.is(error)) throw error
}

/**
 * Removes logs: each as far as possible.
 * @throws {LogError} the first refusal, after the others were tried
 */
export async function removeLogs(files: LogFiles, logs: readonly Log[]): Promise<void> {
  const refused: unknown[] = []
  const tried = async (path: string, act: () => Promise<void>): Promise<boolean> => {
    try {
      await removing(path, act)
      return true
    } catch (error) {
      refused.push(error)
      return false
    }
  }
  const marked: { readonly others: readonly string[]; readonly mark: string }[] = []
  const named = new Set<string>()
  for (const { parts, marks } of logs) {
    const all = [...marks, ...parts.map(({ file }) => file)].map((file) => join(files.places.runs, file))
    for (const path of all) for (const hash of await blobsIn(path).catch(() => [])) named.add(hash)
    const [first = '', ...others] = all
    if (marks.length > 0) marked.push({ others, mark: first })
    else if (await tried(first, () => markRemoved(first))) marked.push({ others, mark: `${first}${MARK}` })
  }
  for (const path of await unnamed(files, named)) await tried(path, () => unlink(path))
  for (const { others, mark } of marked) {
    let isWhole = true
    for (const path of others) isWhole = (await tried(path, () => unlink(path))) && isWhole
    if (isWhole) await tried(mark, () => unlink(mark))
  }
  if (refused.length > 0) throw refused[0]
}

/** Its time is that of the removal: parts that are written later are of another log. */
async function markRemoved(path: string): Promise<void> {
  const now = Date.now() / 1000
  await utimes(path, now, now).catch(() => {}) // A rename changes the other time of the file.
  await rename(path, `${path}${MARK}`)
}

/** The hashes of the large values that a log names. */
async function blobsIn(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8')
  return Array.from(text.matchAll(/"\$":"ref","h":"([\da-f]{64})"/g), ([, hash]) => hash ?? '')
}

/** The files of large values that no log names any more; none where a log cannot be read. M2 */
async function unnamed(files: LogFiles, hashes: ReadonlySet<string>): Promise<readonly string[]> {
  const left = new Set(hashes)
  if (left.size === 0) return []
  try {
    for (const parts of (await files.all()).values())
      for (const part of parts) for (const hash of await blobsIn(files.path(part))) left.delete(hash)
  } catch {
    return []
  }
  return [...left].map((hash) => blobFile(files.places.blobs, hash))
}
