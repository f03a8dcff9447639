import type { UiError } from '../client/ui-error.js'
import { printedPath, type WirePath } from '../read/wire-path.js'
import { noPath, noRun } from './action-target.js'
import type { OpenProject } from './project.js'
import type { SearchQuery } from './search-query.js'

// Owns: which application of a run an address names.

/** A request for something of a project. */
export interface ReadCall {
  readonly project: OpenProject
  readonly params: URLSearchParams
}

/** An application of a run. */
export interface AppRef {
  readonly runId: string
  readonly partitionKey: string | null
  readonly path: WirePath
}

export const refOf = (query: SearchQuery, runId: string): AppRef => ({
  runId,
  partitionKey: query.partition(),
  path: query.path(),
})

/** Which part of an address is not there. */
export async function missing({ reader, name }: OpenProject, { path, ...ref }: AppRef): Promise<UiError> {
  const run = path.length === 0 ? undefined : await reader.describe({ ...ref, path: [], first: 1, depth: 1 })
  return run === undefined ? noRun({ name }, ref.runId) : noPath(ref.runId, printedPath(path))
}
