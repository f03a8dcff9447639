import { Requests } from '../../client/requests.js'
import { createRunClient } from '../../client/run-client.js'
import type { LaidPicture } from '../../visualize/places.js'
import type { FileRun, PageClient } from './file-client.js'
import { base } from './route.js'

// Owns: where the page reads a project: from its server, or from a file that was opened in it.

/** The address of the server of this page. */
export const serverUrl = `${globalThis.location.origin}${base}`

const clients = new Map<string, PageClient>()
const files = new Map<string, FileRun>()

/** The client of a project. */
export function clientOf(project: string): PageClient {
  const known = files.get(project)?.client ?? clients.get(project)
  if (known !== undefined) return known
  const client = createRunClient({ baseUrl: serverUrl, ...(project !== '' && { project }) })
  clients.set(project, client)
  return client
}

/** Whether a project is a file that was opened in this page. */
export const isFile = (project: string): boolean => files.has(project)

const FILE = 'file: '
/** Whether an address names a file that this page has not. */
export const isLostFile = (project: string): boolean => project.startsWith(FILE) && !files.has(project)

/** Gives a file a project of its own. */
export function openExport(name: string, run: FileRun): { readonly project: string; readonly runId: string } {
  const project = `${FILE}${name}`
  files.set(project, run)
  return { project, runId: run.tree.run.runId }
}

/** The picture of a graph with its places; undefined where there is none. */
export async function graphOf(project: string, hash: string): Promise<LaidPicture | undefined> {
  return new Requests({ baseUrl: serverUrl, project }).find(`graphs/${encodeURIComponent(hash)}/laid`)
}
