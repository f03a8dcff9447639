import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Json } from '../../read/payload.js'
import type { Pending } from '../../read/tree.js'
import { useCan } from './abilities.js'
import { type Field, fieldsOf, fieldValue, valueField } from './answer-fields.js'
import { clientOf } from './client.js'
import { keepFocus, notice } from './dialog.js'
import { JsonView } from './json-view.js'
import { reloadAll } from './loaded.js'
import { nowEachSecond, Problem } from './parts.js'
import { duration, moment, visible } from './words.js'

// Owns: one open question: its text, since when and until when it stands, the schemas of its answers, and its answer.

/** Since when a question stands, and when its action stops waiting. */
export function Waits({ question }: { readonly question: Pending }): JSX.Element {
  const { action, since, until } = question
  const now = nowEachSecond()
  return (
    <p class="quiet">
      {visible(action)} waits for <time title={moment(since)}>{duration(now - since)}</time>
      {until !== undefined && (
        <>
          {' · '}
          <time title={moment(until)}>{until > now ? `${duration(until - now)} left` : 'its time is over'}</time>
        </>
      )}
    </p>
  )
}

/** What is asked, and the form of its answer. */
export function Asked({ project, question }: { readonly project: string; readonly question: Pending }): JSX.Element {
  const { runId, partitionKey, kinds, ask: asked, schemas } = question
  const [kind, setKind] = useState(kinds[0] ?? '')
  const can = useCan(project)
  const schema = schemas?.[kind]
  const answer = async (body: Json): Promise<void> => {
    const { text } = await clientOf(project).answer({ runId, partitionKey, pending: question.id, kind, body })
    notice.value = { text }
    reloadAll()
  }
  return (
    <>
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
      {can('answer') && <Answer key={kind} kind={kind} schema={schema} send={answer} />}
      {can('answer') === false && (
        <p class="quiet">
          It takes a <code>{kind}</code>. It is answered in the program that runs it: this page can only read.
        </p>
      )}
      {schema !== undefined && (
        <details class="schema">
          <summary>Schema of {kind}</summary>
          <JsonView value={schema} />
        </details>
      )}
    </>
  )
}

/** @throws {TypeError} for a text that is no JSON */
function jsonOf(text: string): Json {
  try {
    return JSON.parse(text === '' ? 'null' : text) as Json
  } catch (error) {
    throw new TypeError(`This is no JSON: ${(error as Error).message}. A text stands in quotes.`)
  }
}

const first = (field: Field): Json => (field.type === 'boolean' ? false : (field.choices?.[0] ?? ''))

function Answer(props: {
  readonly kind: string
  readonly schema: unknown
  readonly send: (body: Json) => Promise<void>
}) {
  const { kind, schema, send } = props
  const [fields, whole] = [fieldsOf(schema), valueField(kind, schema)]
  const [values, setValues] = useState<Record<string, Json>>(() =>
    Object.fromEntries((fields ?? (whole === undefined ? [] : [whole])).map((one) => [one.name, first(one)])),
  )
  const [text, setText] = useState('')
  const [error, setError] = useState<Error>()
  useEffect(() => () => keepFocus(), [])
  const [isBusy, setBusy] = useState(false)
  const bodyNow = (): Json => {
    if (whole !== undefined) return fieldValue(whole, values[kind] ?? '')
    if (fields === undefined) return jsonOf(text)
    const entries = fields.flatMap((field): [string, Json][] => {
      const value = values[field.name] ?? ''
      return value === '' && !field.isNeeded ? [] : [[field.name, fieldValue(field, value)]]
    })
    return Object.fromEntries(entries)
  }
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (isBusy) return // a disabled button would lose the focus
    setBusy(true)
    try {
      await send(bodyNow())
      setError(undefined)
    } catch (cause) {
      setError(cause as Error)
    }
    setBusy(false)
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      {whole !== undefined ? (
        <FieldView field={whole} value={values[kind] ?? ''} set={(value) => setValues({ [kind]: value })} isWhole />
      ) : fields === undefined ? (
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
      <Problem error={error} />
      <button type="submit" class="primary" aria-disabled={isBusy}>
        Answer
      </button>
    </form>
  )
}

function FieldView({
  field,
  value,
  set,
  isWhole = false,
}: {
  readonly field: Field
  readonly value: Json
  readonly set: (value: Json) => void
  /** Whether it is all of the answer: a text may have lines, and be empty. */
  readonly isWhole?: boolean
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
      {title} {!isNeeded && !isWhole && <span class="quiet">not needed</span>}
      {choices === undefined && type === 'string' && isWhole ? (
        <textarea
          rows={3}
          required={isNeeded}
          value={String(value)}
          onInput={({ currentTarget }) => set(currentTarget.value)}
        />
      ) : choices === undefined ? (
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
