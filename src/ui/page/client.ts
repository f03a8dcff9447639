import { Requests } from '../../client/requests.js'
import { createRunClient, type RunClient } from '../../client/run-client.js'
import type { LaidPicture } from '../../visualize/places.js'
import { base } from './route.js'

/** The address of the server of this page. */
export const serverUrl = `${globalThis.location.origin}${base}`

const clients = new Map<string, RunClient>()

/** The client of a project. */
export function clientOf(project: string): RunClient {
  const known = clients.get(project)
  if (known !== undefined) return known
  const client = createRunClient({ baseUrl: serverUrl, ...(project !== '' && { project }) })
  clients.set(project, client)
  return client
}

/** The picture of a graph with its places; undefined where there is none. */
export const graphOf = (project: string, hash: string): Promise<LaidPicture | undefined> =>
  new Requests({ baseUrl: serverUrl, project }).find(`graphs/${encodeURIComponent(hash)}/laid`)
