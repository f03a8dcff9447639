import type { ActionName, ActionRequest, CancelOutcome, CancelRequest, Outcome, RunActions } from '../client/api.js'
import { ACTION_NAMES } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import { cancelStored } from '../persistence/cancel-stored.js'
import { isDamaged } from '../read/log-error.js'
import type { RunSummary } from '../read/run-summary.js'
import { printedPath } from '../read/wire-path.js'
import { isHeld, liveOf, noMap, refuseEnded, refuseHeld, refuseOtherMap, storeOf, targetOf } from './action-target.js'
import { answerQuestion, decoded } from './answer-question.js'
import { faultOf } from './answers.js'
import { forkRun, resumeRun, rewindRun } from './go-on.js'
import { type OpenProject, openProject, type Project } from './project.js'

// Owns: what can be done with the runs of a project, without HTTP.
// A1  A dry run changes nothing, and refuses what the action itself would refuse.
// A2  Nothing but a `UiError` is thrown: it tells what to do instead.

/**
 * What can be done with the runs of a project: what the page does, for a command or a server of tools. A method that cannot
 * do it rejects with a {@link UiError}, whose `hint` tells what to do instead.
 * @throws {TypeError} for a project without anything to read
 *
 * @example
 * ```ts no-run
 * const actions = runActions({ persister })
 * const { text } = await actions.cancel({ runId: 'order-7', reason: 'withdrawn', dryRun: true })
 * ```
 */
export const runActions = (project: Project): RunActions => actionsOf(openProject('runs', project))

export function actionsOf(project: OpenProject): RunActions {
  const safely =
    <Request, Done>(act: (project: OpenProject, request: Request) => Promise<Done>) =>
    async (request: Request): Promise<Done> => {
      try {
        return await act(project, request)
      } catch (error) {
        throw faultOf(error)
      }
    }
  return {
    cancel: safely(cancelRun),
    answer: safely(answerQuestion),
    fork: safely(forkRun),
    resume: safely(resumeRun),
    rewind: safely(rewindRun),
    remove: safely(removeRun),
  }
}

/** What a project can do at all: one without a store or a host is only read. */
export function actionsFor({ persister, remove, applications }: OpenProject): readonly ActionName[] {
  if (persister !== undefined) return ACTION_NAMES
  const [app] = applications
  const live: readonly ActionName[] = app === undefined ? [] : ['cancel', 'answer']
  return remove === undefined ? live : [...live, 'remove']
}

async function cancelRun(project: OpenProject, request: CancelRequest): Promise<CancelOutcome> {
  const target = await targetOf(project, request)
  const { run, node } = target
  const { runId, dryRun = false } = request
  refuseEnded(target)
  const { map } = request
  refuseOtherMap(target, map)
  const path = node.path.length > 0 ? printedPath(node.path) : undefined
  const at = { ...(path !== undefined && { path }), ...(map !== undefined && { map }) }
  const what = nameOf(runId, at)
  const cancel = cancelBy(project, run, request, at)
  if (dryRun) return { done: false, text: `Would cancel ${what}.`, status: isHeld(run) ? 'requested' : 'cancelled' }
  const answer = await cancel(request.reason === undefined ? undefined : decoded(request.reason))
  if (answer === 'cancelled') return { done: true, text: `Cancelled ${what}.`, status: answer }
  if (answer === 'requested')
    return { done: true, text: `Asked the process that runs it to cancel ${what}.`, status: answer }
  if (answer === 'unknown' && map !== undefined && liveOf(project, request)) throw noMap(runId, node.path, map)
  if (answer === 'unknown' && isPart(at)) throw noProcess()
  throw new UiError('settled', 'It has ended meanwhile.')
}

/** Who ends it: its application in this process, a host, or the store. @throws {UiError} when nobody can */
function cancelBy(
  project: OpenProject,
  { heldBy }: RunSummary,
  { runId, partitionKey = null }: CancelRequest,
  at: Part,
): (reason: unknown) => Promise<string> {
  const [app, { host }] = [liveOf(project, { runId }), project]
  if (app !== undefined) return (reason) => app.cancel({ reason, ...at })
  const persister = storeOf(project, 'Cancel it')
  if (isPart(at) && heldBy === undefined) throw noProcess()
  if (host !== undefined) return (reason) => host.cancel({ runId, partitionKey, reason, ...at })
  return (reason) => cancelStored({ persister, appId: runId, partitionKey, reason, ...at })
}

/** A part of a run. */
interface Part {
  readonly path?: string
  readonly map?: string
}

function nameOf(runId: string, { path, map }: Part): string {
  if (map !== undefined) return `the map "${map}"${path === undefined ? '' : ` at "${path}"`} of "${runId}"`
  return path === undefined ? `"${runId}" for good` : `the branch "${path}" of "${runId}"`
}

const isPart = ({ path, map }: Part): boolean => path !== undefined || map !== undefined

const noProcess = (): UiError =>
  new UiError('not-live', 'A branch or a map is cancelled by the process that runs it, and no process has this run.', {
    hint: 'Cancel the whole run, or resume it and then cancel that part.',
  })

/** Removes a run; one whose log is damaged too. */
async function removeRun(project: OpenProject, request: ActionRequest): Promise<Outcome> {
  const { runId, partitionKey = null, dryRun = false } = request
  const { persister, remove } = project
  const run = await targetOf(project, request).then(
    (target) => target.run,
    (error: unknown) => {
      if (remove === undefined || !isDamaged(error)) throw error
      return persister?.describe({ runId, partitionKey, depth: 1, first: 1 }).then((tree) => tree?.run)
    },
  )
  if (remove === undefined) storeOf(project, 'Remove it')
  if (run !== undefined) refuseHeld(run, 'remove')
  const text = `"${runId}" and everything below it`
  if (dryRun) return { done: false, text: `Would delete ${text}.` }
  await persister?.delete({ appId: runId, partitionKey })
  await remove?.({ runId, partitionKey })
  return { done: true, text: `Deleted ${text}.` }
}
