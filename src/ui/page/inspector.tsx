import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { AppNode, StepRecord } from '../../read/tree.js'
import { placeOf } from '../../read/worker-place.js'
import { clientOf } from './client.js'
import { ErrorView, JsonView } from './json-view.js'
import { useLoaded } from './loaded.js'
import { Empty, nowEachSecond, Problem, Status, Tabs } from './parts.js'
import { ask, setQuery } from './route.js'
import type { RunModel } from './run-model.js'
import { type Change, changesOf } from './state-diff.js'
import { Stream, Told } from './step-events.js'
import { duration, isOpen, moment, visible } from './words.js'

// Owns: all that is known of one step.
// The tab of a failure opens by itself; a tab that was chosen stays.

const TABS = ['state', 'diff', 'inputs', 'result', 'error', 'logs', 'spans', 'stream'] as const
type TabId = (typeof TABS)[number]

export interface InspectorProps {
  readonly run: RunModel
  readonly path: string
  readonly step: StepRecord | undefined
  readonly node: AppNode | undefined
  /** Goes to the step that last wrote a field before the one that is shown; undefined where no step did. */
  readonly writer: (field: string) => { readonly step: StepRecord; readonly go: () => void } | undefined
  readonly readers: (field: string) => readonly string[]
}

export function Inspector(props: InspectorProps): JSX.Element {
  const { run, path, step, node } = props
  const error = step?.error ?? (step === undefined ? node?.error : undefined)
  const chosen =
    TABS.find((id) => id === ask('tab')) ?? (error !== undefined ? 'error' : step === undefined ? 'state' : 'diff')
  const name = visible(step === undefined ? 'Start' : step.action === '' ? (step.placed ?? 'state') : step.action)
  return (
    <section class="inspector" aria-label="Details">
      <h2>
        {name} {step !== undefined && <span class="quiet">#{step.sequenceId}</span>}
      </h2>
      {step !== undefined && <Facts step={step} node={node} />}
      <Tabs
        label="Details of the step"
        tabs={TABS.map((id) => ({
          id,
          name: `${id[0]?.toUpperCase()}${id.slice(1)}${id === 'error' && error ? ' ✕' : ''}`,
        }))}
        chosen={chosen}
        choose={(tab) => setQuery({ tab })}
      />
      <div class="tab-body" role="tabpanel" aria-label={chosen}>
        <TabBody key={`${chosen} ${path}`} {...props} tab={chosen} error={error} />
      </div>
      {run.app(path).error.value !== undefined && <Problem error={run.app(path).error.value} />}
    </section>
  )
}

function Facts({ step, node }: { readonly step: StepRecord; readonly node: AppNode | undefined }): JSX.Element {
  const { status, startedAt, endedAt, durationMs, attempt, took, progress, once } = step
  const now = isOpen(status) && startedAt !== undefined ? nowEachSecond() - startedAt : undefined
  return (
    <div class="facts">
      <Status status={status} /> <span class="quiet">{duration(durationMs ?? now)}</span>
      {attempt !== undefined && attempt > 1 && <span class="quiet">attempt {attempt}</span>}
      {step.recovered === true && <span class="quiet">by its fallback</span>}
      {(startedAt ?? endedAt) !== undefined && <time class="quiet">{moment(startedAt ?? endedAt)}</time>}
      {took !== undefined && (
        <span class="quiet">
          → {took.to}
          {took.condition !== undefined && took.condition !== 'default' && ` (${took.condition})`}
        </span>
      )}
      {once !== undefined && once.length > 0 && <span class="quiet">once: {once.join(', ')}</span>}
      {node?.worker !== undefined && <span class="quiet">on {placeOf(node.worker)}</span>}
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

type BodyProps = InspectorProps & { readonly tab: TabId; readonly error: StepRecord['error'] }

function TabBody(props: BodyProps): JSX.Element {
  const { run, path, step, tab, error } = props
  const whole = useWhole(run, path, tab === 'inputs' || tab === 'result' ? step : undefined)
  switch (tab) {
    case 'state':
      return <State {...props} />
    case 'diff':
      return <Diff {...props} />
    case 'inputs':
      return whole?.inputs === undefined ? (
        <Empty>
          {step?.status === 'running'
            ? 'Its inputs are not recorded yet.'
            : 'It had no inputs, or they are not recorded.'}
        </Empty>
      ) : (
        <JsonView value={whole.inputs} />
      )
    case 'result':
      return whole?.update === undefined ? (
        <Empty>
          {step !== undefined && isOpen(step.status) ? 'It has not ended yet.' : 'It has no recorded result.'}
        </Empty>
      ) : (
        <JsonView value={whole.update} />
      )
    case 'error':
      return error === undefined ? <Empty>It did not fail.</Empty> : <ErrorView error={error} />
    case 'stream':
      return <Stream run={run} path={path} step={step} />
    default:
      return <Told run={run} path={path} step={step} isLogs={tab === 'logs'} />
  }
}

/** A step with its payloads. */
function useWhole(run: RunModel, path: string, step: StepRecord | undefined): StepRecord | undefined {
  const { project, ...ref } = run.id
  const at = step?.sequenceId
  const key = step && `step ${JSON.stringify([run.id, path, at, step.epoch, step.status, step.attempt])}`
  const load = async (): Promise<StepRecord | undefined> =>
    (await clientOf(project).steps({ ...ref, path, from: at, to: at })).items.find(({ epoch }) => epoch === step?.epoch)
  return useLoaded(key, load).data
}

/** The last committed step at or before a step. */
function useStateAt(
  run: RunModel,
  path: string,
  sequenceId: number | undefined,
  epoch: number | undefined,
  fresh: string,
) {
  const { project, ...ref } = run.id
  const isLacking =
    sequenceId === undefined ||
    (sequenceId < 0 && run.apps.get(path)?.tree.value?.lacks.includes('first states') === true)
  const key = isLacking ? undefined : `state ${JSON.stringify([run.id, path, sequenceId, epoch, fresh])}`
  return useLoaded(key, () =>
    clientOf(project).state({
      ...ref,
      path,
      ...(sequenceId !== undefined && { sequenceId }),
      ...(epoch !== undefined && { epoch }),
    }),
  )
}

const committed = (step: StepRecord | undefined): number =>
  step === undefined ? -1 : step.status === 'done' ? step.sequenceId : step.sequenceId - 1

function State({ run, path, step, writer, readers }: BodyProps): JSX.Element {
  const [find, setFind] = useState('')
  const at = committed(step)
  const { data, error, isLoading } = useStateAt(run, path, at, step?.epoch, step?.status ?? '')
  if (error !== undefined) return <Problem error={error} />
  if (data === undefined) return isLoading ? <p class="quiet">Loading…</p> : <Empty>This state is not stored.</Empty>
  return (
    <>
      <input
        type="search"
        placeholder="Search the state"
        aria-label="Search the state"
        value={find}
        onInput={({ currentTarget }) => setFind(currentTarget.value)}
      />
      <JsonView
        value={data}
        find={find}
        beside={(field) => {
          const by = writer(field)
          const read = readers(field)
          return (
            <>
              {by !== undefined && (
                <button type="button" class="small" title="Go to the step that wrote it" onClick={by.go}>
                  by {by.step.action} #{by.step.sequenceId}
                </button>
              )}
              {read.length > 0 && <span class="quiet tiny">read by {read.join(', ')}</span>}
            </>
          )
        }}
      />
      <details>
        <summary>Raw</summary>
        <pre>{JSON.stringify(data, null, 2).slice(0, 200_000)}</pre>
      </details>
    </>
  )
}

function Diff({ run, path, step }: BodyProps): JSX.Element {
  const isDone = step?.status === 'done'
  const after = useStateAt(run, path, isDone ? step.sequenceId : undefined, step?.epoch, 'done')
  const before = useStateAt(run, path, isDone ? step.sequenceId - 1 : undefined, step?.epoch, 'done')
  if (!isDone)
    return <Empty>{step === undefined ? 'The state at the start is under State.' : 'It has committed nothing.'}</Empty>
  const error = after.error ?? before.error
  if (error !== undefined) return <Problem error={error} />
  if (after.isLoading || before.isLoading) return <p class="quiet">Loading…</p>
  if (after.data === undefined) return <Empty>This state is not stored.</Empty>
  return <Changes changes={changesOf(before.data ?? {}, after.data)} />
}

const SIGNS = { added: '+', removed: '−', changed: '~', grown: '+' } as const

/** Changes, line by line. */
export function Changes({ changes }: { readonly changes: readonly Change[] }): JSX.Element {
  if (changes.length === 0) return <Empty>Nothing changed.</Empty>
  return (
    <ul class="changes">
      {changes.map(({ path, kind, before, after }) => (
        <li key={`${kind} ${path}`} data-kind={kind}>
          <b>
            <span aria-hidden="true">{SIGNS[kind]} </span>
            {path} <i>{kind}</i>
          </b>
          {before !== undefined && <del>{before}</del>}
          {after !== undefined && <ins>{kind === 'grown' ? `…${after}` : after}</ins>}
        </li>
      ))}
    </ul>
  )
}
