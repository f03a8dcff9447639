import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Json } from '../../read/payload.js'
import type { PageOf } from '../../read/reader.js'
import type { Pending } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { act } from './actions.js'
import { type Field, fieldsOf } from './answer-fields.js'
import { clientOf } from './client.js'
import { JsonView } from './json-view.js'
import { useLoaded } from './loaded.js'
import { Empty, Faults, nowEachSecond, Problem } from './parts.js'
import { ask, href, setQuery } from './route.js'
import { duration, moment, short } from './words.js'

// Owns: everything that waits for an answer, and its answer.
// A question that was answered elsewhere leaves the list; its half-written answer does not reach another question.

export function Inbox({ project }: { readonly project: string }): JSX.Element {
  const load = (): Promise<PageOf<Pending>> => clientOf(project).pending({ partitionKey: '*', limit: 200 })
  const { data, error, isLoading } = useLoaded(`inbox ${project}`, load, { project, topic: 'pending' })
  const run = ask('run')
  const shown = data?.items.filter(({ runId }) => run === undefined || runId === run)
  return (
    <div class="page">
      <h1>Questions</h1>
      {run !== undefined && (
        <button type="button" class="chip" onClick={() => setQuery({ run: undefined })}>
          run {short(run)} ✕
        </button>
      )}
      <Problem error={error} />
      <Faults faults={data?.faults} />
      {data === undefined && isLoading && <p class="quiet">Loading…</p>}
      {shown?.length === 0 && <Empty>Nothing waits for an answer{run !== undefined && ' in this run'}.</Empty>}
      <ul class="cards questions">
        {shown?.map((one) => (
          <Question key={one.id} project={project} question={one} />
        ))}
      </ul>
    </div>
  )
}

function Question({ project, question }: { readonly project: string; readonly question: Pending }): JSX.Element {
  const { runId, partitionKey, path, action, sequenceId, kinds, ask: asked, schemas, since, until, title } = question
  const [kind, setKind] = useState(kinds[0] ?? '')
  const now = nowEachSecond()
  const place = printedPath(path)
  const answer = (body: Json): Promise<boolean> =>
    act(() => clientOf(project).answer({ runId, partitionKey, pending: question.id, kind, body }))
  return (
    <li class="card" data-question={question.id}>
      <h2>
        <a href={href(['p', project, 'r', runId], { path: place, step: sequenceId, partition: partitionKey })}>
          {title ?? short(runId)}
          {place !== '' && ` / ${place}`}
        </a>
      </h2>
      <p class="quiet">
        {action} waits for <time title={moment(since)}>{duration(now - since)}</time>
        {until !== undefined && ` · until ${until > now ? `in ${duration(until - now)}` : 'now'}`}
      </p>
      {asked !== undefined && (
        <div class="asked">{typeof asked === 'string' ? <p class="text">{asked}</p> : <JsonView value={asked} />}</div>
      )}
      {kinds.length > 1 && (
        <fieldset class="chips">
          <legend>Answer as</legend>
          {kinds.map((one) => (
            <button key={one} type="button" class="chip" aria-pressed={one === kind} onClick={() => setKind(one)}>
              {one}
            </button>
          ))}
        </fieldset>
      )}
      <Answer key={kind} kind={kind} schema={schemas?.[kind]} send={answer} />
    </li>
  )
}

const first = (field: Field): Json => (field.type === 'boolean' ? false : (field.choices?.[0] ?? ''))

function Answer(props: {
  readonly kind: string
  readonly schema: unknown
  readonly send: (body: Json) => Promise<boolean>
}) {
  const { kind, schema, send } = props
  const fields = fieldsOf(schema)
  const [values, setValues] = useState<Record<string, Json>>(() =>
    Object.fromEntries((fields ?? []).map((one) => [one.name, first(one)])),
  )
  const [text, setText] = useState('')
  const [fault, setFault] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const bodyNow = (): Json => {
    if (fields === undefined) return JSON.parse(text === '' ? 'null' : text) as Json
    const entries = fields.flatMap(({ name, type, isNeeded }): [string, Json][] => {
      const value = values[name] ?? ''
      if (value === '' && !isNeeded) return []
      return [[name, type === 'number' ? Number(value) : value]]
    })
    return Object.fromEntries(entries)
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    try {
      const body = bodyNow()
      setFault(undefined)
      setBusy(true)
      await send(body)
    } catch (error) {
      setFault(`This is no JSON: ${(error as Error).message}`)
    }
    setBusy(false)
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      {fields === undefined ? (
        <label>
          {kind}, as JSON
          <textarea
            rows={3}
            spellcheck={false}
            placeholder={'"yes", { "ok": true }'}
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
      ) : (
        fields.map((field) => (
          <FieldView
            key={field.name}
            field={field}
            value={values[field.name] ?? ''}
            set={(value) => setValues({ ...values, [field.name]: value })}
          />
        ))
      )}
      {fault !== undefined && (
        <p class="failed-text" role="alert">
          {fault}
        </p>
      )}
      <button type="submit" class="primary" disabled={isBusy}>
        Answer
      </button>
    </form>
  )
}

function FieldView({
  field,
  value,
  set,
}: {
  readonly field: Field
  readonly value: Json
  readonly set: (value: Json) => void
}) {
  const { type, choices, title, isNeeded } = field
  if (type === 'boolean')
    return (
      <label class="check">
        <input type="checkbox" checked={value === true} onChange={({ currentTarget }) => set(currentTarget.checked)} />{' '}
        {title}
      </label>
    )
  return (
    <label>
      {title} {!isNeeded && <span class="quiet">not needed</span>}
      {choices === undefined ? (
        <input
          type={type === 'number' ? 'number' : 'text'}
          step="any"
          required={isNeeded}
          value={String(value)}
          onInput={({ currentTarget }) => set(currentTarget.value)}
        />
      ) : (
        <select value={String(value)} onChange={({ currentTarget }) => set(currentTarget.value)}>
          {!isNeeded && <option value="" />}
          {choices.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      )}
    </label>
  )
}
