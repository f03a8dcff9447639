import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { StepRecord } from '../../read/tree.js'
import { aligned, didSame, type Pair } from './aligned.js'
import { clientOf } from './client.js'
import { Changes } from './inspector.js'
import { useLoaded } from './loaded.js'
import { Empty, Mark, Problem } from './parts.js'
import { ask, href, setQuery } from './route.js'
import { changesOf } from './state-diff.js'
import { count, duration, many, short, titleOf, visible } from './words.js'

// Owns: two runs beside each other: their steps, aligned by action and occurrence, and the difference of two states.

const PAGE = 1000
const MOST_STEPS = 2000
const MOST_ROWS = 500

/** A run that is compared. */
interface Side {
  readonly runId: string
  readonly partitionKey: string | null
}

interface Steps {
  readonly items: readonly StepRecord[]
  /** The numbers of steps after which a state is stored. */
  readonly stored: ReadonlySet<string>
  readonly isWhole: boolean
}

const placeOf = ({ epoch, sequenceId }: Pick<StepRecord, 'epoch' | 'sequenceId'>): string => `${epoch} ${sequenceId}`

async function stepsOf(project: string, side: Side): Promise<Steps> {
  const all: StepRecord[] = []
  let after: string | undefined
  do {
    const page = await clientOf(project).steps({ ...side, limit: PAGE, ...(after !== undefined && { after }) })
    for (const step of page.items) all.push(step)
    after = page.after
  } while (after !== undefined && all.length < MOST_STEPS)
  return {
    items: all.filter(({ placed }) => placed === undefined),
    stored: new Set(all.filter(({ status }) => status === 'done').map(placeOf)),
    isWhole: after === undefined,
  }
}

export function Compare({ project }: { readonly project: string }): JSX.Element {
  const [a, b] = [ask('a'), ask('b')]
  if (a === undefined || b === undefined) return <Choose project={project} a={a} />
  const sideOf = (runId: string, partition: string | undefined): Side => ({ runId, partitionKey: partition ?? null })
  return <Compared project={project} a={sideOf(a, ask('pa'))} b={sideOf(b, ask('pb'))} />
}

function Choose({ project, a }: { readonly project: string; readonly a: string | undefined }): JSX.Element {
  const { data, error } = useLoaded(`compare ${project}`, () =>
    clientOf(project).list({ partitionKey: '*', limit: 50 }),
  )
  const [text, setText] = useState('')
  const member = a === undefined ? 'a' : 'b'
  return (
    <div class="page">
      <h1>Compare {a === undefined ? 'two runs' : short(a)}</h1>
      <Problem error={error} />
      <form
        class="choose"
        onSubmit={(event) => {
          event.preventDefault()
          setQuery({ [member]: text }, false)
          setText('')
        }}
      >
        <label>
          {a === undefined ? 'The first run' : 'With the run'}
          <input value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} placeholder="id" />
        </label>
        <button type="submit" disabled={text === ''}>
          {a === undefined ? 'Next' : 'Compare'}
        </button>
      </form>
      {data?.items.every(({ runId }) => runId === a) && (
        <Empty>This project has no {a === undefined ? '' : 'other '}run.</Empty>
      )}
      <ul class="plain">
        {data?.items
          .filter(({ runId, partitionKey }) => runId !== a || partitionKey !== (ask('pa') ?? null))
          .map(({ runId, partitionKey, title, status }) => (
            <li key={`${partitionKey} ${runId}`}>
              <Mark status={status} />{' '}
              <a
                href={href(['p', project, 'compare'], {
                  ...(a !== undefined && { a, pa: ask('pa') }),
                  [member]: runId,
                  [`p${member}`]: partitionKey,
                })}
              >
                {titleOf({ title, runId })}
              </a>
              {title !== undefined && <span class="quiet tiny"> {short(runId)}</span>}
            </li>
          ))}
      </ul>
    </div>
  )
}

interface ComparedProps {
  readonly project: string
  readonly a: Side
  readonly b: Side
}

function Compared({ project, a, b }: ComparedProps): JSX.Element {
  const left = useLoaded(`steps ${JSON.stringify([project, a])}`, () => stepsOf(project, a))
  const right = useLoaded(`steps ${JSON.stringify([project, b])}`, () => stepsOf(project, b))
  const linkTo = ({ runId, partitionKey }: Side): JSX.Element => (
    <a href={href(['p', project, 'r', runId], { partition: partitionKey })}>{short(runId)}</a>
  )
  return (
    <div class="page wide">
      <h1>Compare</h1>
      <p>
        {linkTo(a)} with {linkTo(b)}
      </p>
      <Problem error={left.error ?? right.error} />
      {left.data !== undefined && right.data !== undefined ? (
        <Beside project={project} a={a} b={b} left={left.data} right={right.data} />
      ) : (
        left.error === undefined && right.error === undefined && <p class="quiet">Loading…</p>
      )}
    </div>
  )
}

interface BesideProps extends ComparedProps {
  readonly left: Steps
  readonly right: Steps
}

/** What the rows tell, in one line. */
function summaryOf(pairs: readonly Pair[], isWhole: boolean): string {
  const first = pairs.findIndex((pair) => didSame(pair) === false)
  const part = isWhole ? '' : ` · the first ${count(MOST_STEPS)} steps are compared`
  if (first >= 0) return `The first difference is in row ${count(first + 1)}${part}`
  return pairs.every((pair) => didSame(pair) === true)
    ? `Every step wrote the same. The states differ where the runs began with other ones${part}`
    : `The same actions in the same order. What some of them wrote is told by the states alone${part}`
}

function Beside({ project, a, b, left, right }: BesideProps): JSX.Element {
  const pairs = useMemo(() => aligned(left.items, right.items), [left, right])
  const none = [a, b].filter((_, i) => [left, right][i]?.items.length === 0)
  if (none.length > 0)
    return (
      <Empty>
        {none.map(({ runId }) => short(runId)).join(' and ')}: no step is recorded. Such a run has not begun, or is not
        in this project.
      </Empty>
    )
  const first = pairs.findIndex((pair) => didSame(pair) === false)
  const chosen = Number(ask('at') ?? Number.NaN)
  const at = pairs[chosen] === undefined ? (first < 0 ? pairs.length - 1 : first) : chosen
  return (
    <>
      <p class="quiet">{summaryOf(pairs, left.isWhole && right.isWhole)}</p>
      <div class="compare">
        <div class="table-box">
          <table>
            <thead>
              <tr>
                <th class="number">Row</th>
                <th>{short(a.runId, 18)}</th>
                <th class="number">Duration</th>
                <th>{short(b.runId, 18)}</th>
                <th class="number">Duration</th>
              </tr>
            </thead>
            <tbody>
              {pairs.slice(0, MOST_ROWS).map((pair, i) => (
                <tr
                  key={`${pair.a && placeOf(pair.a)}·${pair.b && placeOf(pair.b)}`}
                  data-other={didSame(pair) === false}
                  aria-current={i === at ? 'true' : undefined}
                >
                  <td class="number">
                    <button type="button" class="small" onClick={() => setQuery({ at: i })}>
                      {i + 1}
                      <span class="unseen">: difference of the states</span>
                    </button>
                  </td>
                  <Cells step={pair.a} />
                  <Cells step={pair.b} />
                </tr>
              ))}
            </tbody>
          </table>
          {pairs.length > MOST_ROWS && (
            <p class="quiet pad">{many(pairs.length - MOST_ROWS, 'row')} more are not shown.</p>
          )}
        </div>
        <section aria-label="Difference of the states">
          <h2>After row {at + 1}</h2>
          <StateDiff {...{ project, a, b, left, right }} pair={pairs[at]} />
        </section>
      </div>
    </>
  )
}

const Cells = ({ step }: { readonly step: StepRecord | undefined }): JSX.Element => (
  <>
    <td>
      {step === undefined ? (
        <span class="quiet">–</span>
      ) : (
        <>
          <Mark status={step.status} /> {visible(step.action)} <span class="quiet">#{step.sequenceId}</span>
        </>
      )}
    </td>
    <td class="number">{duration(step?.durationMs)}</td>
  </>
)

/** The last state at or before a step; undefined where it is not stored. */
function stateBy(
  step: StepRecord,
  { stored }: Steps,
): { readonly sequenceId: number; readonly epoch: number } | undefined {
  const { epoch, status } = step
  const sequenceId = status === 'done' ? step.sequenceId : step.sequenceId - 1
  const known = Array.from({ length: epoch + 1 }, (_, i) => epoch - i).some((one) =>
    stored.has(placeOf({ epoch: one, sequenceId })),
  )
  return known ? { sequenceId, epoch } : undefined
}

function StateDiff({ project, a, b, left, right, pair }: BesideProps & { readonly pair: Pair | undefined }) {
  if (pair?.a === undefined || pair.b === undefined)
    return <Empty>Only {short((pair?.a === undefined ? b : a).runId)} has this step.</Empty>
  const [x, y] = [stateBy(pair.a, left), stateBy(pair.b, right)]
  const notes = [
    [a, pair.a],
    [b, pair.b],
  ] as const
  const lacking = [...(x === undefined ? [a] : []), ...(y === undefined ? [b] : [])]
  return (
    <>
      {notes.map(([{ runId }, step], i) =>
        step.status === 'done' ? null : (
          <p key={String(i)} class="quiet">
            {short(runId)}: {visible(step.action)} has committed nothing. This is the state before it.
          </p>
        ),
      )}
      {x === undefined || y === undefined ? (
        <Empty>This state of {lacking.map(({ runId }) => short(runId)).join(' and ')} is not stored.</Empty>
      ) : (
        <Difference project={project} a={{ ...a, ...x }} b={{ ...b, ...y }} />
      )}
    </>
  )
}

type StateRef = Side & { readonly sequenceId: number; readonly epoch: number }

function Difference({ project, a, b }: { readonly project: string; readonly a: StateRef; readonly b: StateRef }) {
  const { data, error } = useLoaded(`states ${JSON.stringify([project, a, b])}`, () =>
    Promise.all([clientOf(project).state(a), clientOf(project).state(b)]),
  )
  if (error !== undefined) return <Problem error={error} />
  if (data === undefined) return <p class="quiet">Loading…</p>
  const [before, after] = data
  if (before === undefined || after === undefined) return <Empty>One of the states is not stored.</Empty>
  const changes = changesOf(before, after)
  return changes.length === 0 ? <Empty>The states are equal.</Empty> : <Changes changes={changes} />
}
