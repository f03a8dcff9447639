import type { JSX } from 'preact'
import type { AppNode, Due, StepRecord } from '../../read/tree.js'
import { placeOf } from '../../read/worker-place.js'
import { AbandonedFacts } from './abandoned.js'
import { endOf, Status } from './parts.js'
import { duration, isOpen, moment, visible } from './words.js'

// Owns: what is told of a step above its tabs.

/** What a step waits for besides an answer. */
const DUE: Readonly<Record<Due['kind'], string | undefined>> = {
  sleep: 'sleeps until',
  retry: 'next attempt at',
  timeout: 'time limit at',
  wait: undefined,
}

/** The facts of a step, in one line. */
export function Facts(props: {
  readonly step: StepRecord
  readonly node: AppNode | undefined
  readonly cutAt: number | undefined
}): JSX.Element {
  const { step, node, cutAt } = props
  const { status, startedAt, endedAt, durationMs, attempt, took, progress, once } = step
  const end = startedAt === undefined ? undefined : endOf(step, cutAt)
  return (
    <div class="facts">
      <Status status={status} />{' '}
      <span class="quiet">{duration(durationMs ?? (end === undefined ? undefined : end - (startedAt ?? end)))}</span>
      {attempt !== undefined && attempt > 1 && <span class="quiet">attempt {attempt}</span>}
      {step.recovered === true && <span class="quiet">by its fallback</span>}
      {(startedAt ?? endedAt) !== undefined && <time class="quiet">{moment(startedAt ?? endedAt)}</time>}
      {took !== undefined && (
        <span class="quiet">
          → {visible(took.to)}
          {took.condition !== undefined && took.condition !== 'default' && ` (${took.condition})`}
        </span>
      )}
      {isOpen(status) &&
        node?.due
          .filter(({ kind, sequenceId }) => sequenceId === step.sequenceId && DUE[kind] !== undefined)
          .map(({ kind, at }) => (
            <span key={`${kind} ${at}`} class="quiet">
              {DUE[kind]} <time>{moment(at)}</time>
            </span>
          ))}
      {once !== undefined && once.length > 0 && <span class="quiet">once: {once.join(', ')}</span>}
      {node?.worker !== undefined && <span class="quiet">on {placeOf(node.worker)}</span>}
      <AbandonedFacts leaks={(node?.leaked ?? []).filter(({ sequenceId }) => sequenceId === step.sequenceId)} />
      {progress !== undefined && isOpen(status) && (
        <span class="progress">
          <progress
            aria-label="Progress"
            max={1}
            value={progress.fraction ?? (progress.done ?? 0) / (progress.total || 1)}
          />{' '}
          {progress.message ?? ''} {progress.total !== undefined && `${progress.done ?? 0} of ${progress.total}`}
        </span>
      )}
    </div>
  )
}
