import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { AppNode, Pending, StepRecord } from '../../read/tree.js'
import { clientOf, isFile } from './client.js'
import { Command, commandOn } from './command.js'
import { ErrorView, JsonView, Raw } from './json-view.js'
import { useLoaded } from './loaded.js'
import { Empty, Problem, Tabs } from './parts.js'
import { Asked, Waits } from './question.js'
import { ask, setQuery } from './route.js'
import type { RunModel } from './run-model.js'
import { type Change, changesOf } from './state-diff.js'
import { Stream, Told } from './step-events.js'
import { Facts } from './step-facts.js'
import { isOpen, visible } from './words.js'

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
    TABS.find((id) => id === ask('tab')) ??
    (error !== undefined ? 'error' : step === undefined || step.status === 'waiting' ? 'state' : 'diff')
  const name = visible(step === undefined ? 'Start' : step.action === '' ? (step.placed ?? 'state') : step.action)
  return (
    <section class="inspector" aria-label="Details">
      <h2>
        {name} {step !== undefined && <span class="quiet">#{step.sequenceId}</span>}
      </h2>
      {step !== undefined && <Facts step={step} node={node} cutAt={run.app(path).tree.value?.run.since} />}
      {step?.status === 'done' && !isFile(run.id.project) && (
        <details>
          <summary>Make a test of it</summary>
          <p class="quiet tiny">From a terminal: it writes a test that runs the action with what it had here.</p>
          <Command text={commandOn('test-case', run.id, { path, step: step.sequenceId })} />
        </details>
      )}
      {questionsOf(step, node).map((question) => (
        <section key={question.id} class="question" aria-label="Question" data-question={question.id}>
          <Waits question={question} />
          <Asked project={run.id.project} question={question} />
        </section>
      ))}
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

/** The open questions of a step. */
const questionsOf = (step: StepRecord | undefined, node: AppNode | undefined): readonly Pending[] =>
  step === undefined || !isOpen(step.status)
    ? []
    : (node?.pending ?? []).filter(({ sequenceId }) => sequenceId === step.sequenceId)

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

/** The state after a step; nothing is asked for where none is stored. */
function useStateAt(run: RunModel, path: string, step: { readonly sequenceId: number; readonly epoch: number }) {
  const { project, ...ref } = run.id
  const { sequenceId, epoch } = step
  const key = run.app(path).hasState(sequenceId, epoch)
    ? `state ${JSON.stringify([run.id, path, sequenceId, epoch])}`
    : undefined
  return useLoaded(key, () => clientOf(project).state({ ...ref, path, sequenceId, epoch }))
}

/** The last step at or before a step whose state it left. */
const committed = ({ sequenceId, status }: StepRecord): number => (status === 'done' ? sequenceId : sequenceId - 1)

function State({ run, path, step, node, writer, readers }: BodyProps): JSX.Element {
  const [find, setFind] = useState('')
  const at = step === undefined ? -1 : committed(step)
  const { data, error, isLoading } = useStateAt(run, path, { sequenceId: at, epoch: step?.epoch ?? node?.epoch ?? 0 })
  if (error !== undefined) return <Problem error={error} />
  if (data === undefined) return isLoading ? <p class="quiet">Loading…</p> : <Empty>This state is not stored.</Empty>
  return (
    <>
      {step !== undefined && step.status !== 'done' && (
        <p class="quiet">The state before it: it has committed nothing.</p>
      )}
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
                  by {visible(by.step.action)} #{by.step.sequenceId}
                </button>
              )}
              {read.length > 0 && <span class="quiet tiny">read by {read.join(', ')}</span>}
            </>
          )
        }}
      />
      <Raw value={data} name={`${run.id.runId}@${at}.json`} />
    </>
  )
}

function Diff({ run, path, step }: BodyProps): JSX.Element {
  if (step === undefined) return <Empty>The state at the start is under State.</Empty>
  if (step.status !== 'done') return <Empty>It has committed nothing.</Empty>
  return <Committed run={run} path={path} step={step} />
}

function Committed({ run, path, step }: { readonly run: RunModel; readonly path: string; readonly step: StepRecord }) {
  const { sequenceId, epoch } = step
  const after = useStateAt(run, path, step)
  const before = useStateAt(run, path, { sequenceId: sequenceId - 1, epoch })
  const error = after.error ?? before.error
  if (error !== undefined) return <Problem error={error} />
  if (after.isLoading || before.isLoading) return <p class="quiet">Loading…</p>
  if (after.data === undefined) return <Empty>The state after it is not stored.</Empty>
  if (before.data === undefined) return <Written run={run} path={path} step={step} />
  return <Changes changes={changesOf(before.data, after.data)} />
}

/** What a step wrote, where the state before it is not stored. */
function Written({ run, path, step }: { readonly run: RunModel; readonly path: string; readonly step: StepRecord }) {
  const whole = useWhole(run, path, step)
  if (whole?.update === undefined)
    return (
      <Empty>
        The state before it is not stored, so what it changed is not known. The state after it is under State.
      </Empty>
    )
  return (
    <>
      <p class="quiet">The state before it is not stored. It wrote:</p>
      <Changes changes={changesOf({}, whole.update)} />
    </>
  )
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
