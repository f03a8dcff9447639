import type { Mutable } from '../../internal/type-tools.js'
import { payloadOf } from '../../read/payload.js'
import { queuedBefore } from '../../read/queued.js'
import { type BranchStatus, isOpen, type RunStatus, STEP_STATUSES, type StepStatus } from '../../read/status.js'
import type { AppNode, Due, Pending, StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import { parseFacts } from '../facts.js'
import type { StoredRecord } from '../replay.js'
import type { OpenQuestion } from '../summary.js'
import type { BeatBranch, WaitFacts } from '../summary-facts.js'
import { derivedWaits } from './derived.js'
import { type BareBranch, UNKNOWN_INDEX } from './open-branches.js'
import type { KnownApp } from './source.js'
import { isOutdated, openMapOf, placeIn } from './standing.js'

// Owns: one application as a node of a tree, without what is below it.

/** What a tree adds to a node. */
export interface NodeContext {
  readonly path: WirePath
  readonly status: RunStatus | BranchStatus
  readonly since: number
  readonly pending: readonly Pending[]
  /** Its entry in the last heartbeat. */
  readonly beat: BeatBranch | undefined
}

/** The node of a stored application. */
export function nodeOf(app: KnownApp, context: NodeContext): AppNode {
  const { appId, summary, facts, last } = app
  const { path, status, since, pending, beat } = context
  const { parent, title } = summary
  const {
    queuedAt = beat?.queuedAt,
    startedAt,
    endedAt,
    attempt,
    delivery,
    recovered,
    error,
    cancelled,
    due = [],
  } = facts
  const { position, next } = placeIn(app)
  const started = startedAt ?? beat?.startedAt
  const queued = queuedBefore(queuedAt, started)
  const step = stepOf(app, context)
  return {
    appId,
    path,
    ...(parent !== undefined && { key: parent.key }),
    ...(parent !== undefined && parent.index >= 0 && { index: parent.index }),
    ...(title !== undefined && { title }),
    status,
    since,
    ...(queued !== undefined && { queuedAt: queued }),
    ...(started !== undefined && { startedAt: started }),
    ...(endedAt !== undefined && !isOpen(status) && { endedAt }),
    epoch: last?.epoch ?? facts.epoch,
    sequenceId: last?.sequenceId ?? -1,
    ...(position !== undefined && { position }),
    ...(next !== undefined && { next }),
    attempt: attempt ?? beat?.attempt ?? 1,
    ...(delivery !== undefined && { delivery }),
    ...(recovered !== undefined && { recovered }),
    ...(step !== undefined && { step }),
    ...(error !== undefined && { error }),
    ...(cancelled !== undefined && { cancelled }),
    pending,
    due: isOutdated(facts, last) || !isOpen(status) ? [] : due.map((one): Due => ({ appId, path, ...one })),
    leaked: [],
    maps: [],
    children: [],
    ...(isOpen(status) && beat?.worker !== undefined && { worker: beat.worker }),
  }
}

/** The node of a branch without a summary: it is queued, or its first step runs. */
export function bareNode(bare: BareBranch | undefined, path: WirePath, status: AppNode['status']): AppNode {
  const { appId = '', key = '', index = UNKNOWN_INDEX, beat } = bare ?? {}
  const { attempt = 0, startedAt, action, sequenceId = 0 } = beat ?? {}
  const queuedAt = queuedBefore(beat?.queuedAt, startedAt)
  const step = action !== undefined && isOfStep(status) && { appId, path, action, sequenceId, epoch: 0, status }
  return {
    appId,
    path,
    key,
    ...(index < UNKNOWN_INDEX && { index }),
    status,
    ...(queuedAt !== undefined && { queuedAt }),
    ...(startedAt !== undefined && { startedAt }),
    epoch: 0,
    sequenceId: sequenceId - 1,
    ...(action !== undefined && { next: action }),
    attempt,
    ...(step !== false && { step: { ...step, ...progressOf(beat) } }),
    pending: [],
    due: [],
    leaked: [],
    maps: [],
    children: [],
    ...(isOpen(status) && beat?.worker !== undefined && { worker: beat.worker }),
  }
}

/** Whether a step is under way, or did not commit. */
export const isOfStep = (status: AppNode['status']): status is Exclude<StepStatus, 'done'> =>
  (STEP_STATUSES as readonly string[]).includes(status) && status !== 'done'

const progressOf = (beat: BeatBranch | undefined): Pick<StepRecord, 'progress'> =>
  beat?.progress === undefined ? {} : { progress: beat.progress }

/** The step that is under way, or did not commit. */
function stepOf(app: KnownApp, { path, status, beat }: NodeContext): StepRecord | undefined {
  const { appId, facts, last } = app
  if (!isOfStep(status)) return undefined
  const { next: action = beat?.action } = placeIn(app)
  if (action === undefined) return undefined
  const open = isOutdated(facts, last) ? undefined : facts
  const map = openMapOf(app)
  return {
    appId,
    path,
    action,
    sequenceId: (last?.sequenceId ?? -1) + 1,
    epoch: last?.epoch ?? facts.epoch,
    status,
    ...(open?.error !== undefined && { error: open.error }),
    ...(map !== undefined && { map: { map: map.map, visit: map.visit } }),
    ...progressOf(beat),
  }
}

/** An open question, as readers give it. */
export function pendingOf(question: OpenQuestion): Pending {
  const { partitionKey, rootId, appId, title, labels, answered } = question
  const { action, path, ask, schemas } = parseFacts<WaitFacts>(
    question.facts,
    `The question ${question.id}`,
    question.appId,
  )
  const { id, sequenceId, kinds, since, until } = question
  // Optional members are set one by one: on a page, spreading them takes longer than all else.
  const pending: Mutable<Pending> = {
    runId: rootId,
    partitionKey,
    appId,
    path,
    action,
    sequenceId,
    id,
    kinds,
    since,
    answered,
    labels,
  }
  if (ask !== undefined) pending.ask = ask
  if (schemas !== undefined) pending.schemas = schemas
  if (until !== null) pending.until = until
  if (title !== undefined) pending.title = title
  return pending
}

/** The open questions of an application without a summary, from its record. */
export function derivedPending(
  record: StoredRecord,
  { partitionKey, rootId }: { readonly partitionKey: string | null; readonly rootId: string },
  path: WirePath,
): readonly Pending[] {
  const { appId, inbox } = record
  return derivedWaits(record).map(({ id, action, kinds, since, until, ask, schemas }) => ({
    runId: rootId,
    partitionKey,
    appId,
    path,
    action,
    sequenceId: record.sequenceId + 1,
    id,
    kinds,
    ...(ask !== undefined && { ask: payloadOf(ask) }),
    ...(schemas !== undefined && { schemas: payloadOf(schemas) as NonNullable<Pending['schemas']> }),
    since,
    ...(until !== undefined && { until }),
    answered: inbox.some(({ kind }) => kinds.includes(kind)),
  }))
}
