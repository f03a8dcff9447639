import { UiError } from '../client/ui-error.js'
import type { Persister } from '../persistence/persister.js'
import type { AppTarget, Reader, RunTarget } from '../read/reader.js'
import { addressInShell } from '../read/run-address.js'
import type { RunSummary } from '../read/run-summary.js'
import { isOpen } from '../read/status.js'
import type { AppNode, MapNode } from '../read/tree.js'
import { printedPath, readMap, type WirePath } from '../read/wire-path.js'
import type { OpenProject, ProjectApplication } from './project.js'

// Owns: what an action is about, as it is when the action is asked for.

/** What an action is about. */
export interface ActionTarget {
  readonly run: RunSummary
  /** The application at the path: the root without one. */
  readonly node: AppNode
}

/** The store decides, where there is one: a log may be behind. */
const readerOf = ({ persister, reader }: OpenProject): Reader => persister ?? reader

/** @throws {UiError} when there is no such run or path */
export async function targetOf(
  project: OpenProject,
  { runId, partitionKey = null, path }: AppTarget,
): Promise<ActionTarget> {
  const reader = readerOf(project)
  const ref = { runId, partitionKey }
  const tree = await reader.describe({ ...ref, path, first: 1, depth: 1 })
  if (tree !== undefined) return { run: tree.run, node: tree.root }
  const root = path === undefined ? undefined : await reader.describe({ ...ref, first: 1, depth: 1 })
  throw root === undefined ? noRun(project, runId) : noPath(runId, printedPath(path ?? ''))
}

/** There is no such run. */
export const noRun = ({ name }: Pick<OpenProject, 'name'>, runId: string): UiError =>
  new UiError('no-run', `There is no run "${runId}" in the project "${name}".`, {
    hint: 'It may have been deleted, or be in another partition. List the runs: teasel runs ls',
  })

/** A run has no such branch. @param path printed */
export const noPath = (runId: string, path: string): UiError =>
  new UiError('no-path', `The run "${runId}" has nothing at "${path}".`, {
    hint: `Look at its branches: teasel runs show ${addressInShell(runId)}`,
  })

/** The run of a finished action. */
export const summaryOf = async (project: OpenProject, ref: RunTarget): Promise<RunSummary> =>
  (await targetOf(project, { runId: ref.runId, partitionKey: ref.partitionKey })).run

/** @throws {UiError} where the project has no store */
export function storeOf({ persister, name }: OpenProject, what: string): Persister {
  if (persister !== undefined) return persister
  throw new UiError('not-live', `The project "${name}" has no store: its runs can only be read.`, {
    hint: `${what} in the program that runs it, or give its store, too: --store sqlite:FILE.`,
  })
}

/** The application of a run, if it lives in this process. */
export function liveOf({ applications }: OpenProject, { runId }: RunTarget): ProjectApplication | undefined {
  for (const app of applications) if (app.appId === runId) return app
  return undefined
}

/** Whether a process has the run now, and it works. */
export const isHeld = ({ status, heldBy }: RunSummary): boolean =>
  heldBy !== undefined && (status === 'running' || status === 'retrying')

/** @throws {UiError} while a process has the run */
export function refuseHeld(run: RunSummary, what: string): void {
  if (isHeld(run))
    throw new UiError('held', `A process runs "${run.runId}" now.`, {
      hint: `Cancel it first, or stop its process; then ${what} it.`,
    })
}

/**
 * Refuses a map that has ended, or at which the application does not stand. A store may not know yet that it stands there.
 * @throws {UiError}
 */
export function refuseOtherMap({ run, node }: ActionTarget, map: string | undefined): void {
  if (map === undefined) return
  const asked = readMap(map)
  if (asked === undefined)
    throw new UiError('bad-query', `map is ${JSON.stringify(map)}; it takes a map and its visit: fan#2.`)
  const isAsked = (one: MapNode): boolean =>
    one.map === asked.map && one.visit === asked.visit && one.epoch === node.epoch
  const found = node.maps.find(isAsked)
  if (found === undefined && node.maps.some(({ status }) => status === 'running' || status === 'reducing'))
    throw noMap(run.runId, node.path, map)
  if (found !== undefined && found.status !== 'running')
    throw new UiError('settled', `The map "${map}" of "${run.runId}" is ${found.status}.`)
}

/** There is no such map. */
export const noMap = (runId: string, path: WirePath, map: string): UiError =>
  new UiError('no-path', `"${runId}" has no map "${map}"${path.length === 0 ? '' : ` at "${printedPath(path)}"`}.`)

/** @throws {UiError} for a run, or an application of it, that has ended */
export function refuseEnded({ run, node }: ActionTarget): void {
  if (isOpen(node.status) && isOpen(run.status)) return
  const [what, status] = isOpen(run.status)
    ? [`The branch "${printedPath(node.path)}"`, node.status]
    : ['The run', run.status]
  throw new UiError('settled', `${what} has ended: it is ${status}.`, { hint: goOnHint(run) })
}

/** How work that has ended is done again. */
export const goOnHint = ({ runId, sequenceId }: RunSummary): string =>
  `Fork it, or rewind it to a step: teasel fork ${addressInShell(runId, [], sequenceId)}`
