import type { ForkRequest, ResumeRequest, RunOutcome, StepRequest } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import { ContractError } from '../errors.js'
import { storeFork } from '../host/fork-run.js'
import type { Hosted } from '../host/hosted.js'
import { isInstance, isPlainObject, messageOf } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { rewind } from '../persistence/rewind.js'
import { addressInShell, shellWord } from '../read/run-address.js'
import type { RunSummary } from '../read/run-summary.js'
import { isOpen } from '../read/status.js'
import { goOnHint, refuseHeld, storeOf, summaryOf, targetOf } from './action-target.js'
import { decoded } from './answer-question.js'
import { isHosted, type OpenProject } from './project.js'

// Owns: letting a run go on: again from where it stands, from an earlier step, or as another run.
// Does not own: who runs it then. That is a host; a project may have one.

const isHostedHere = ({ host }: OpenProject, { name }: RunSummary): boolean =>
  host !== undefined && name !== undefined && Object.hasOwn(host.graphs, name)

/** The graph of a run, with all that a run of it takes. @throws {UiError} where there is none */
function graphOfRun({ graphs }: OpenProject, run: RunSummary, command: string): Readonly<Record<string, Hosted>> {
  const { name } = run
  const graph = name !== undefined && Object.hasOwn(graphs, name) ? graphs[name] : undefined
  if (name !== undefined && graph !== undefined && isHosted(graph)) return { [name]: graph }
  throw new UiError('not-live', `The code of the run "${run.runId}" is not here.`, { hint: `Run: ${command}` })
}

/** The command that forks as the request asks, in a process that has the code. */
function forkCommand(request: ForkRequest): string {
  const { patch, newId } = request
  const more = [
    ...(isPlainObject(patch) && Object.keys(patch).length > 0 ? ['--patch', shellWord(JSON.stringify(patch))] : []),
    ...(newId === undefined ? [] : ['--id', shellWord(newId)]),
  ]
  return ['teasel fork', stepOf(request), ...more, '--run APP.ts'].join(' ')
}

/** A step in a command: `run@7`. */
const stepOf = ({ runId, at }: StepRequest): string => addressInShell(runId, [], at)

export async function forkRun(project: OpenProject, request: ForkRequest): Promise<RunOutcome> {
  const { run, node } = await targetOf(project, request)
  const { runId, partitionKey = null, at, epoch, newId = createId(), dryRun = false } = request
  const persister = storeOf(project, 'Fork it')
  if (node.path.length > 0)
    throw new UiError('not-live', 'A branch is forked by the program that has its graph.', {
      hint: `Run: resumeOrCreate(graph, { appId, persister, entrypoint, forkFrom: { appId: "${node.appId}", sequenceId: ${at} } })`,
    })
  const graphs = graphOfRun(project, run, forkCommand(request))
  const patch = patchOf(request)
  await findStep(project, request)
  if ((await persister.driver.find({ partitionKey, rootId: newId })) !== undefined)
    throw new UiError('bad-query', `There is a run "${newId}" already.`)
  const hosted = isHostedHere(project, run)
  const text = `a run "${newId}" from step ${at} of "${runId}". Steps up to ${at} are not run again; later ones are`
  if (dryRun) return { done: false, text: `Would store ${text}.`, run, hosted }
  const { name = '', title, labels } = run
  const fork = { from: { runId, partitionKey, name }, newId, sequenceId: at, epoch, patch, title, labels }
  await fitting(storeFork({ persister, graphs }, fork))
  return { done: true, text: `Stored ${text}.`, run: await summaryOf(project, { runId: newId, partitionKey }), hosted }
}

export async function rewindRun(project: OpenProject, request: StepRequest): Promise<RunOutcome> {
  const { run, node } = await targetOf(project, request)
  const { runId, partitionKey = null, at, epoch, dryRun = false } = request
  const persister = storeOf(project, 'Rewind it')
  refuseHeld(run, 'rewind')
  const patch = patchOf(request)
  await findStep(project, request)
  const hosted = isHostedHere(project, run)
  const text = `"${runId}"${node.path.length === 0 ? '' : `, branch "${node.key ?? ''}",`} to step ${at}. Later steps run again`
  if (dryRun) return { done: false, text: `Would rewind ${text}.`, run, hosted }
  await fitting(
    rewind({
      persister,
      appId: node.appId,
      partitionKey,
      sequenceId: at,
      ...(epoch !== undefined && { epoch }),
      ...(Object.keys(patch).length > 0 && { patch }),
    }),
  )
  return { done: true, text: `Rewound ${text}.`, run: await summaryOf(project, request), hosted }
}

export async function resumeRun(project: OpenProject, request: ResumeRequest): Promise<RunOutcome> {
  const { run } = await targetOf(project, request)
  const { runId, partitionKey = null, dryRun = false } = request
  storeOf(project, 'Resume it')
  refuseHeld(run, 'resume')
  if (run.status === 'finished' || run.status === 'cancelled')
    throw new UiError('settled', `The run has ended: it is ${run.status}.`, { hint: goOnHint(run) })
  const hosted = isHostedHere(project, run)
  const command = `teasel resume ${addressInShell(runId)} --run APP.ts`
  if (!hosted && (!isOpen(run.status) || run.name === undefined))
    throw new UiError('not-live', 'No host is here that has the graph of the run.', { hint: `Run: ${command}` })
  if (dryRun) return { done: false, text: `Would run "${runId}" from its next step.`, run, hosted }
  if (!hosted) return { done: true, text: `"${runId}" is due: a host with its graph takes it.`, run, hosted }
  const answer = await project.host?.resume({ runId, partitionKey })
  if (answer === 'held') throw new UiError('held', `A process runs "${runId}" now.`)
  if (answer !== 'resumed') throw new UiError('settled', 'The run has ended meanwhile.')
  return { done: true, text: `"${runId}" runs from its next step.`, run: await summaryOf(project, request), hosted }
}

/** The update over the state of a step. @throws {UiError} for one that is no record */
function patchOf({ patch = {} }: StepRequest): Readonly<Record<string, unknown>> {
  const value = decoded(patch)
  if (!isPlainObject(value)) throw new UiError('unfit', 'patch takes a record of keys of the state.')
  return value
}

/** @throws {UiError} when the step is not stored */
async function findStep(project: OpenProject, { runId, partitionKey, path, at, epoch }: StepRequest): Promise<void> {
  const reader = project.persister ?? project.reader
  const place = { runId, partitionKey, path, sequenceId: at, ...(epoch !== undefined && { epoch }) }
  if ((await reader.state(place)) !== undefined) return
  throw new UiError('no-step', `The step ${at} of "${runId}" is not stored.`, {
    hint: `List its steps: teasel runs show ${addressInShell(runId)}`,
  })
}

/** @throws {UiError} for a patch that does not fit, or a step that is gone */
async function fitting(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (ContractError.is(error)) throw new UiError('unfit', error.message, { issues: [error.message] })
    if (isInstance(error, RangeError)) throw new UiError('no-step', messageOf(error), {}, { cause: error })
    throw error
  }
}
