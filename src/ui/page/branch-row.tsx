import { actionOf } from '../../read/action-of.js'
import { queuedMs } from '../../read/queued.js'
import type { AppNode } from '../../read/tree.js'
import { placeOf } from '../../read/worker-place.js'
import { timesOf } from './lanes.js'
import { endOf, Mark, Status } from './parts.js'
import { branchName, duration, visible } from './words.js'

// Owns: one branch of a map, in a row and in words.

/** A time in the queue is told from this length on, milliseconds. */
const TOLD_MS = 100

export function BranchRow({
  branch,
  at,
  of,
  to,
}: {
  readonly branch: AppNode
  readonly at: number
  readonly of: number
  readonly to: string
}) {
  const { status, startedAt, index, error, cancelled, worker } = branch
  const now = endOf(branch, branch.since)
  const queued = now === undefined ? undefined : queuedMs(branch, now)
  const reason = typeof cancelled?.reason === 'string' ? cancelled.reason : cancelled?.by
  return (
    // biome-ignore lint/a11y/useSemanticElements: only the rows in sight are there
    <div role="listitem" class="row branch" aria-posinset={at + 1} aria-setsize={of} data-status={status}>
      <span class="seq">{(index ?? at) + 1}</span>
      <Mark status={status} />
      <a class="name" href={to}>
        {branchName(branch)}
      </a>
      <span class="quiet ellipsis">{visible(error?.message ?? reason ?? actionOf(branch) ?? '')}</span>
      {worker !== undefined && <span class="quiet tiny">{placeOf(worker)}</span>}
      {branch.attempt > 1 && <span class="quiet tiny">↻{branch.attempt}</span>}
      {queued !== undefined && queued >= TOLD_MS && <span class="quiet tiny">queued {duration(queued)}</span>}
      <span class="ms">{startedAt === undefined || now === undefined ? '' : duration(now - startedAt)}</span>
    </div>
  )
}

export function Chosen({
  branch,
  index,
  isOver,
  hrefOf,
}: {
  readonly branch: AppNode | undefined
  readonly index: number
  /** Whether its map is. */
  readonly isOver: boolean
  readonly hrefOf: (one: AppNode) => string
}) {
  if (branch === undefined)
    return (
      <p class="quiet">
        Branch {index + 1} {isOver ? 'never started' : 'has no record yet'}.
      </p>
    )
  const { status, error, endedAt } = branch
  return (
    <p class="chosen">
      <Status status={status} /> <a href={hrefOf(branch)}>{branchName(branch)}</a>{' '}
      <span class="quiet">
        branch {index + 1} · {actionOf(branch)}
        {endedAt !== undefined && ` · ${timesOf(branch, endedAt)}`}
        {error !== undefined && ` · ${error.message.slice(0, 160)}`}
      </span>
    </p>
  )
}
