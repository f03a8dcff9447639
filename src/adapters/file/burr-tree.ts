import { type ErrorData, errorData } from '../../read/error-data.js'
import { type Payload, payloadOf } from '../../read/payload.js'
import type { RunSummary } from '../../read/run-summary.js'
import { type BranchStatus, isOpen, type RunStatus, type StepStatus } from '../../read/status.js'
import type { AppNode, Pending, StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import { errorOfTraceback } from './burr-error.js'
import type { BurrApp } from './burr-folder.js'
import type { BurrStep } from './burr-log.js'

// Owns: an application of Burr and those that its steps made, in the form of readers.
// T1  An application is in a tree once, also if files name it twice or in a circle.

/** An application, and those below it. */
export interface BurrNode {
  readonly app: BurrApp
  readonly path: WirePath
  readonly status: RunStatus
  readonly below: readonly BurrNode[]
}

/**
 * The tree below an application.
 * @param alive whether the process of the whole tree may be alive
 */
export function nodeOf(root: BurrApp, apps: ReadonlyMap<string, BurrApp>, alive: boolean): BurrNode {
  const seen = new Set([root.appId])
  const grow = (app: BurrApp, path: WirePath): BurrNode => {
    const mine = app.children.filter(({ appId }) => apps.has(appId) && !seen.has(appId))
    for (const { appId } of mine) seen.add(appId)
    const below = mine.flatMap(({ appId, sequenceId }) => {
      const child = apps.get(appId)
      return child === undefined ? [] : [grow(child, [...path, [...stepAt(app, sequenceId), appId]])]
    })
    return { app, path, status: statusOf(app, alive), below }
  }
  return grow(root, [])
}

/** The ids of all applications that can be below one, and its own. */
export function idsBelow(root: BurrApp, appOf: (id: string) => BurrApp | undefined): ReadonlySet<string> {
  const ids = new Set([root.appId])
  for (const id of ids) for (const { appId } of appOf(id)?.children ?? []) ids.add(appId)
  return ids
}

/** The action of a step, and how often its application had come to it. */
export function stepAt({ log }: BurrApp, sequenceId: number | undefined): [action: string, visit: number] {
  const step = log.steps.find((one) => one.sequenceId === sequenceId)
  if (step === undefined) return ['unknown', 1]
  const visits = log.steps.filter((one) => one.action === step.action && one.sequenceId <= step.sequenceId)
  return [step.action, visits.length]
}

const hasEnded = ({ endedAt }: BurrStep): boolean => endedAt !== undefined
const hasFailed = ({ exception }: BurrStep): boolean => exception !== undefined

function statusOf({ log, from }: BurrApp, alive: boolean): RunStatus {
  const last = log.steps.at(-1)
  if (last === undefined) return 'queued'
  if (hasFailed(last)) return 'failed'
  if (hasEnded(last)) return from.has(last.action) ? 'halted' : 'finished'
  if (last.suspension !== undefined) return 'waiting'
  return alive ? 'running' : 'interrupted'
}

const branchStatus = (status: RunStatus): BranchStatus =>
  status === 'halted' || status === 'finished' ? 'done' : status

/** A step in the form of readers. @param status that of its application */
export function stepRecordOf(node: BurrNode, step: BurrStep): StepRecord {
  const { app, path, status } = node
  const { sequenceId, action, startedAt, endedAt, inputs, exception, firstItemAt, stream } = step
  const ended: StepStatus = hasFailed(step) ? 'failed' : 'done'
  return {
    ...{ appId: app.appId, path, action, sequenceId, epoch: 0 },
    status: hasEnded(step) ? ended : openStatus(status),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(startedAt !== undefined && endedAt !== undefined && { durationMs: Math.max(0, endedAt - startedAt) }),
    ...(inputs !== undefined && { inputs: payloadOf(inputs) }),
    ...(exception !== undefined && { error: errorData(errorOfTraceback(exception)) }),
    ...(stream !== undefined && {
      chunks: { count: stream.count, firstAt: firstItemAt ?? stream.lastAt, lastAt: stream.lastAt },
    }),
  }
}

/** The status of a step without an end. One that was left behind by later steps was interrupted. */
const openStatus = (status: RunStatus): StepStatus =>
  status === 'running' || status === 'waiting' ? status : 'interrupted'

/** The state of a step. */
export const stateOfStep = ({ state }: BurrStep): Payload | undefined =>
  state === undefined ? undefined : payloadOf(state)

/** A node in the form of readers. @param depth number of levels, this one included */
export function appNodeOf(run: RunSummary, node: BurrNode, depth: number): AppNode {
  const { app, path, status, below } = node
  const { steps } = app.log
  const done = lastDone(app)
  const last = steps.at(-1)
  const isBehind = status === 'finished' || status === 'halted' || last === undefined
  const facts = factsOf(node)
  return {
    ...{ appId: app.appId, path },
    ...(path.length > 0 && { key: app.appId }),
    status: path.length === 0 ? status : branchStatus(status),
    ...facts,
    epoch: 0,
    sequenceId: done?.sequenceId ?? -1,
    attempt: steps.length === 0 ? 0 : 1,
    ...(!isBehind && { step: stepRecordOf(node, last) }),
    pending: questionsOf(run, node),
    due: [],
    leaked: [],
    maps: [],
    children: depth < 1 ? [] : below.map((one) => appNodeOf(run, one, depth - 1)),
  }
}

const lastDone = ({ log }: BurrApp): BurrStep | undefined =>
  log.steps.findLast((step) => hasEnded(step) && !hasFailed(step))

interface Facts {
  readonly since: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly position?: string
  readonly next?: string
  readonly error?: ErrorData
}

/** What a node and a run have in common. */
function factsOf({ app, status }: BurrNode): Facts {
  const { log, entrypoint, writtenAt } = app
  const last = log.steps.at(-1)
  const startedAt = log.steps.find((step) => step.startedAt !== undefined)?.startedAt
  const position = lastDone(app)?.action
  const next = last === undefined ? entrypoint : last.endedAt === undefined ? last.action : undefined
  const since = last?.endedAt ?? last?.suspension?.at ?? (status === 'interrupted' ? log.updatedAt : last?.startedAt)
  return {
    since: since ?? writtenAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(last?.endedAt !== undefined && { endedAt: last.endedAt }),
    ...(position !== undefined && { position }),
    ...(next !== undefined && { next }),
    ...(last?.exception !== undefined && { error: errorData(errorOfTraceback(last.exception)) }),
  }
}

/** All nodes at and below one. */
export const nodesIn = (node: BurrNode): readonly BurrNode[] => [node, ...node.below.flatMap(nodesIn)]

/** A run, without its state. @param above the run and the step that made it */
export function summaryOf(root: BurrNode, above: BurrApp | undefined): RunSummary {
  const { app, status } = root
  const { appId: runId, partitionKey, log, forkedFrom } = app
  const facts = factsOf(root)
  const { startedAt, since } = facts
  const waiting = nodesIn(root).filter((node) => suspensionOf(node) !== undefined)
  const place = above?.children.find(({ appId }) => appId === runId)
  return {
    ...{ runId, partitionKey, labels: {}, status },
    ...facts,
    createdAt: startedAt ?? since,
    updatedAt: log.updatedAt || app.writtenAt,
    ...{ sequenceId: lastDone(app)?.sequenceId ?? -1, epoch: 0, incarnation: 0 },
    ...{ pending: isOpen(status) ? waiting.length : 0, retrying: 0, leaked: 0 },
    ...(forkedFrom !== undefined && { forkedFrom }),
    ...(above !== undefined && {
      partOf: {
        runId: above.appId,
        partitionKey: above.partitionKey,
        path: [[...stepAt(above, place?.sequenceId), runId]],
      },
    }),
  }
}

const suspensionOf = ({ app, status }: BurrNode): BurrStep['suspension'] =>
  status === 'waiting' ? app.log.steps.at(-1)?.suspension : undefined

/** The open question of one node. */
export function questionsOf({ runId, partitionKey }: RunSummary, node: BurrNode): readonly Pending[] {
  const { app, path } = node
  const last = app.log.steps.at(-1)
  const suspension = suspensionOf(node)
  if (last === undefined || suspension === undefined) return []
  const { id, channel, metadata, at } = suspension
  const { action, sequenceId } = last
  return [
    {
      ...{ runId, partitionKey, appId: app.appId, path, action, sequenceId, id },
      ...{ kinds: [channel], ask: payloadOf(metadata), since: at, answered: false },
    },
  ]
}
