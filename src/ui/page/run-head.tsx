import type { RunTree, StepRecord } from '../../read/tree.js'
import { placeOf } from '../../read/worker-place.js'
import { Abandoned } from './abandoned.js'
import { useCan } from './abilities.js'
import { CancelButton } from './cancel-button.js'
import { isFile } from './client.js'
import { exportHref } from './exports.js'
import { askFork } from './fork.js'
import { timesOf } from './lanes.js'
import { useShownRun } from './live.js'
import { Copy, endOf, nowEachSecond, Status } from './parts.js'
import { href } from './route.js'
import type { RunModel } from './run-model.js'
import { Siblings } from './siblings.js'
import { ago, branchName, duration, isOpen, many, moment, short, titleOf } from './words.js'

// Owns: what stands above a run or a branch: its status, and what can be done with it.

export function Head({
  run,
  tree,
  path,
  shown,
}: {
  readonly run: RunModel
  readonly tree: RunTree
  readonly path: string
  readonly shown: StepRecord | undefined
}) {
  const { project, runId, partitionKey } = run.id
  const { run: summary, root: node, lacks, recordedBy } = tree
  const can = useCan(project)
  const isRoot = path === ''
  const began = node.startedAt ?? (isRoot ? summary.startedAt : undefined)
  const goneAt = summary.status === 'interrupted' ? summary.since : node.since
  const end = endOf(node, goneAt) ?? (isRoot ? summary.endedAt : undefined)
  const ran = began === undefined ? '' : duration((end ?? began) - began)
  const times = isRoot ? ran : timesOf(node, end ?? began ?? 0)
  useShownRun(!isOpen(summary.status), tree.asOf.seq)
  const name = isRoot ? titleOf(summary) : branchName(node)
  const cancelled = node.cancelled ?? (isRoot ? summary.cancelled : undefined)
  const pending = node.pending.length + (isRoot ? summary.pending - node.pending.length : 0)
  return (
    <header class="head">
      <h1>{name}</h1>
      <Status status={node.status} />
      {times !== '' && <span class="quiet">{times}</span>}
      <time class="quiet" title={moment(began)}>
        {ago(began, nowEachSecond())}
      </time>
      {node.attempt > 1 && <span class="quiet">attempt {node.attempt}</span>}
      {node.worker !== undefined && <span class="quiet">on {placeOf(node.worker)}</span>}
      {isRoot && summary.heldBy?.host !== undefined && isOpen(node.status) && (
        <span class="quiet">
          by {summary.heldBy.host}
          {summary.heldBy.pid !== undefined && ` (${summary.heldBy.pid})`}
        </span>
      )}
      {node.status === 'interrupted' && <span class="quiet">process gone {ago(goneAt, nowEachSecond())}</span>}
      {cancelled !== undefined && (
        <span class="quiet">
          by {cancelled.by}
          {typeof cancelled.reason === 'string' && `: ${cancelled.reason}`}
        </span>
      )}
      {pending > 0 && (
        <a class="chip" data-status="waiting" href={href(['p', project, 'inbox'], { run: runId })}>
          {many(pending, 'question')}
        </a>
      )}
      <Abandoned id={run.id} node={node} leaks={isRoot ? summary.leaked : node.leaked.length} />
      {summary.forkedFrom !== undefined && isRoot && (
        <a
          class="quiet"
          href={href(['p', project, 'r', summary.forkedFrom.appId], {
            step: summary.forkedFrom.sequenceId,
            partition: partitionKey,
          })}
        >
          forked from {short(summary.forkedFrom.appId, 16)}@{summary.forkedFrom.sequenceId}
        </a>
      )}
      {recordedBy !== undefined && <span class="chip">recorded by {recordedBy} · read only</span>}
      {lacks.length > 0 && (
        <span class="quiet tiny" title={lacks.join('\n')}>
          {many(lacks.length, 'part')} not recorded
        </span>
      )}
      <span class="grow" />
      {!isRoot && <Siblings run={run} node={node} />}
      <div class="buttons">
        <CancelButton
          key={path}
          project={project}
          target={{ runId, partitionKey, path }}
          name={isRoot ? 'run' : 'branch'}
          label="Cancel"
          isOver={!isOpen(node.status)}
          isCut={node.status === 'interrupted'}
          cancelledAt={cancelled?.at}
          nodes={[node]}
        />
        {isRoot && shown !== undefined && can('fork') === true && (
          <button type="button" onClick={() => askFork(run.id, shown)}>
            Fork…
          </button>
        )}
        {!isFile(project) && (
          <a class="button" href={href(['p', project, 'compare'], { a: runId, pa: partitionKey })}>
            Compare
          </a>
        )}
        {isRoot && !isFile(project) && (
          <a class="button" download={`${runId}.jsonl`} href={exportHref(run.id)}>
            Export
          </a>
        )}
        {summary.graph !== undefined && !isFile(project) && (
          <a class="button" href={href(['g', summary.graph], { project })}>
            Graph
          </a>
        )}
        <Copy text={globalThis.location.href} label="Link" />
      </div>
    </header>
  )
}
