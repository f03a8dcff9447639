import { UiError } from '../client/ui-error.js'
import { json } from './answers.js'
import { graphOf, laidOf, runPictureOf } from './graph-of.js'
import type { OpenProject } from './project.js'
import { missing, type ReadCall, refOf } from './run-ref.js'
import { SearchQuery } from './search-query.js'

// Owns: the addresses of pictures.

const FOREVER = { 'cache-control': 'private, max-age=31536000, immutable' }

const ofGraph =
  (find: (project: OpenProject, hash: string) => Promise<object | undefined>) =>
  async ({ project, params }: ReadCall, hash: string): Promise<Response> => {
    new SearchQuery(params, '').done()
    const found = await find(project, hash)
    if (found === undefined) throw new UiError('no-graph', `The project "${project.name}" has no graph "${hash}".`)
    return json(found, 200, Object.hasOwn(project.graphs, hash) ? {} : FOREVER)
  }

/** A graph before any run. */
export const graph = ofGraph(graphOf)
/** The same with its places, with room for the marks of a run. */
export const laid = ofGraph(laidOf)

/** An application of a run with its marks. Its places are left out where the client has them. */
export async function picture({ project, params }: ReadCall, runId: string): Promise<Response> {
  const query = new SearchQuery(params, 'partition path below shape')
  const asked = { ...refOf(query, runId), below: query.flag('below'), shape: query.text('shape') }
  query.done()
  const found = await runPictureOf(project, asked)
  if (found === undefined) {
    const { runId: _, partitionKey, path } = asked
    throw await missing(project, { runId, partitionKey, path })
  }
  return json(found)
}
