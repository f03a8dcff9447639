import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { StepRecord } from '../../read/tree.js'
import { aligned, type Pair } from './aligned.js'
import { clientOf } from './client.js'
import { Changes } from './inspector.js'
import { useLoaded } from './loaded.js'
import { Empty, Mark, Problem } from './parts.js'
import { ask, href, setQuery } from './route.js'
import { changesOf } from './state-diff.js'
import { duration, short } from './words.js'

// Owns: two runs beside each other: their steps, aligned by action and occurrence, and the difference of two states.

const PAGE = 1000
const MOST_STEPS = 2000

async function stepsOf(project: string, runId: string): Promise<readonly StepRecord[]> {
  const items: StepRecord[] = []
  for (let after: string | undefined; items.length < MOST_STEPS; ) {
    const page = await clientOf(project).steps({ runId, limit: PAGE, ...(after !== undefined && { after }) })
    for (const step of page.items) if (step.placed === undefined) items.push(step)
    after = page.after
    if (after === undefined) break
  }
  return items
}

const isOther = ({ a, b }: Pair): boolean =>
  a?.action !== b?.action || a?.status !== b?.status || JSON.stringify(a?.update) !== JSON.stringify(b?.update)

export function Compare({ project }: { readonly project: string }): JSX.Element {
  const [a, b] = [ask('a'), ask('b')]
  if (a === undefined || b === undefined) return <Choose project={project} a={a} />
  return <Compared project={project} a={a} b={b} />
}

function Choose({ project, a }: { readonly project: string; readonly a: string | undefined }): JSX.Element {
  const { data, error } = useLoaded(`compare ${project}`, () =>
    clientOf(project).list({ partitionKey: '*', limit: 50 }),
  )
  const [text, setText] = useState('')
  return (
    <div class="page">
      <h1>Compare {a === undefined ? 'two runs' : short(a)}</h1>
      <Problem error={error} />
      <label>
        With the run
        <input value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} placeholder="id" />
      </label>
      <button
        type="button"
        disabled={text === ''}
        onClick={() => setQuery(a === undefined ? { a: text } : { b: text })}
      >
        Compare
      </button>
      <ul class="plain">
        {data?.items
          .filter(({ runId }) => runId !== a)
          .map(({ runId, title, status }) => (
            <li key={runId}>
              <Mark status={status} />{' '}
              <a href={href(['p', project, 'compare'], a === undefined ? { a: runId } : { a, b: runId })}>
                {title ?? short(runId)}
              </a>
            </li>
          ))}
      </ul>
    </div>
  )
}

function Compared({
  project,
  a,
  b,
}: {
  readonly project: string
  readonly a: string
  readonly b: string
}): JSX.Element {
  const left = useLoaded(`steps ${project} ${a}`, () => stepsOf(project, a))
  const right = useLoaded(`steps ${project} ${b}`, () => stepsOf(project, b))
  const pairs = left.data === undefined || right.data === undefined ? [] : aligned(left.data, right.data)
  const first = pairs.findIndex(isOther)
  const at = ask('at') === undefined ? (first < 0 ? pairs.length - 1 : first) : Number(ask('at'))
  return (
    <div class="page wide">
      <h1>Compare</h1>
      <p>
        <a href={href(['p', project, 'r', a])}>{short(a)}</a> with <a href={href(['p', project, 'r', b])}>{short(b)}</a>
        <span class="quiet">
          {pairs.length > 0 &&
            (first < 0 ? ' · every step is the same' : ` · the first difference is in row ${first + 1}`)}
        </span>
      </p>
      <Problem error={left.error ?? right.error} />
      <div class="compare">
        <div class="table-box">
          <table>
            <thead>
              <tr>
                <th class="number">Row</th>
                <th>{short(a, 18)}</th>
                <th class="number">Duration</th>
                <th>{short(b, 18)}</th>
                <th class="number">Duration</th>
              </tr>
            </thead>
            <tbody>
              {pairs.slice(0, 500).map((pair, i) => (
                <tr
                  key={`${pair.a?.sequenceId} ${pair.b?.sequenceId}`}
                  data-other={isOther(pair)}
                  aria-current={i === at ? 'true' : undefined}
                >
                  <td class="number">
                    <button type="button" class="small" onClick={() => setQuery({ at: i })}>
                      {i + 1}
                      <span class="unseen">: difference of the states</span>
                    </button>
                  </td>
                  <Side step={pair.a} />
                  <Side step={pair.b} />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <section aria-label="Difference of the states">
          <h2>After row {at + 1}</h2>
          <StateDiff project={project} a={a} b={b} pair={pairs[at]} />
        </section>
      </div>
    </div>
  )
}

const Side = ({ step }: { readonly step: StepRecord | undefined }): JSX.Element => (
  <>
    <td>
      {step === undefined ? (
        <span class="quiet">–</span>
      ) : (
        <>
          <Mark status={step.status} /> {step.action} <span class="quiet">#{step.sequenceId}</span>
        </>
      )}
    </td>
    <td class="number">{duration(step?.durationMs)}</td>
  </>
)

function StateDiff({
  project,
  a,
  b,
  pair,
}: {
  readonly project: string
  readonly a: string
  readonly b: string
  readonly pair: Pair | undefined
}) {
  const [x, y] = [pair?.a?.sequenceId, pair?.b?.sequenceId]
  const key = x === undefined || y === undefined ? undefined : `states ${JSON.stringify([project, a, x, b, y])}`
  const { data, error } = useLoaded(key, async () => {
    const client = clientOf(project)
    return Promise.all([client.state({ runId: a, sequenceId: x ?? 0 }), client.state({ runId: b, sequenceId: y ?? 0 })])
  })
  if (key === undefined) return <Empty>Only one of the runs has this step.</Empty>
  if (error !== undefined) return <Problem error={error} />
  return data === undefined ? (
    <p class="quiet">Loading…</p>
  ) : (
    <Changes changes={changesOf(data[0] ?? {}, data[1] ?? {})} />
  )
}
