import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ErrorData } from '../../read/error-data.js'
import type { Payload } from '../../read/payload.js'
import { Copy, Download } from './parts.js'
import { inWords, partsOf } from './value-words.js'
import { bytes, visible } from './words.js'

// Owns: values as a tree. Everything is text; a large one is drawn when it is opened.

const MOST_PARTS = 200

/** A value that can be opened. @param beside what stands behind each name at the top */
export function JsonView(props: {
  readonly value: Payload | undefined
  readonly beside?: ((name: string) => ComponentChildren) | undefined
  readonly find?: string | undefined
}): JSX.Element {
  const { value, beside, find = '' } = props
  const parts = partsOf(value)
  if (parts === undefined) return <Leaf value={value} />
  if (parts.length === 0) return <p class="quiet">{Array.isArray(value) ? 'An empty list.' : 'Nothing in it.'}</p>
  const wanted = find.toLowerCase()
  const shown = wanted === '' ? parts : parts.filter(([name, one]) => has(name, one, wanted))
  return (
    <ul class="json">
      {shown.map(([name, one]) => (
        <Part key={name} name={name} value={one} path={name} isOpen={shown.length < 4} beside={beside} />
      ))}
      {shown.length === 0 && <li class="quiet">Nothing has “{find}” in it.</li>}
    </ul>
  )
}

const has = (name: string, value: unknown, wanted: string): boolean =>
  name.toLowerCase().includes(wanted) ||
  JSON.stringify(value ?? null)
    .toLowerCase()
    .includes(wanted)

function Part(props: {
  readonly name: string
  readonly value: unknown
  readonly path: string
  readonly isOpen?: boolean
  readonly beside?: ((name: string) => ComponentChildren) | undefined
}): JSX.Element {
  const { name, value, path, beside } = props
  const [isOpen, setOpen] = useState(props.isOpen === true)
  const [most, setMost] = useState(MOST_PARTS)
  const parts = partsOf(value)
  const size = parts?.length ?? 0
  return (
    <li>
      {size > 0 ? (
        <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <b>{visible(name)}</b> {isOpen ? <i>{sizeOf(value, size)}</i> : inWords(value)}
        </button>
      ) : (
        <span class="leaf">
          <b>{visible(name)}</b> <Leaf value={value} />
        </span>
      )}
      {beside !== undefined && <span class="beside">{beside(name)}</span>}
      <span class="copies">
        <Copy text={path} label="path" />
        <Copy text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)} label="value" />
      </span>
      {isOpen && parts !== undefined && size > 0 && (
        <ul>
          {parts.slice(0, most).map(([inner, one]) => (
            <Part key={inner} name={inner} value={one} path={`${path}.${inner}`} />
          ))}
          {size > most && (
            <li>
              <button type="button" class="small" onClick={() => setMost(most * 5)}>
                {size - most} more
              </button>
            </li>
          )}
        </ul>
      )}
    </li>
  )
}

const sizeOf = (value: unknown, size: number): string => (Array.isArray(value) ? `[${size}]` : `{${size}}`)

const LONG = 2000

function Leaf({ value }: { readonly value: unknown }): JSX.Element {
  const [isWhole, setWhole] = useState(false)
  if (typeof value !== 'string')
    return <span data-type={typeof value}>{value === undefined ? '–' : inWords(value, 400)}</span>
  if (value === '') return <span class="quiet">""</span>
  if (value.length <= LONG || isWhole) return <span class="text">{visible(value)}</span>
  return (
    <>
      <span class="text">{visible(value.slice(0, LONG))}…</span>{' '}
      <button type="button" class="small" onClick={() => setWhole(true)}>
        all {bytes(value.length)}
      </button>{' '}
      <Download text={value} name="value.txt" />
    </>
  )
}

const MOST_RAW = 200_000

/** A value as its text, which is made when it is opened. */
export function Raw({ value, name }: { readonly value: Payload; readonly name: string }): JSX.Element {
  const [isOpen, setOpen] = useState(false)
  const text = isOpen ? JSON.stringify(value, null, 2) : ''
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Raw</summary>
      {isOpen && (
        <p class="quiet tiny">
          {text.length > MOST_RAW && `The first ${bytes(MOST_RAW)} of `}
          {bytes(text.length)} <Download text={text} name={name} />
        </p>
      )}
      <pre>{text.slice(0, MOST_RAW)}</pre>
    </details>
  )
}

/** The last cause tells the most: a chain of this length is open. */
const OPEN_CAUSES = 6

/** An error, its causes, and those that it collects. */
export function ErrorView({ error, depth = 0 }: { readonly error: ErrorData; readonly depth?: number }): JSX.Element {
  const { name, message, code, stack, cause, errors: all = [] } = error
  // The cause of a failed map is the first that it collects.
  const errors = all.length === 1 && all[0]?.message === cause?.message ? [] : all
  return (
    <div class="error-view">
      <p>
        <strong>{visible(name)}</strong> {code !== undefined && code !== name && <code>{code}</code>}
      </p>
      <p class="text">{visible(message)}</p>
      {cause !== undefined && (
        <details open={depth < OPEN_CAUSES}>
          <summary>Caused by {visible(cause.name)}</summary>
          <ErrorView error={cause} depth={depth + 1} />
        </details>
      )}
      {errors.length > 0 && (
        <details open={depth === 0}>
          <summary>{errors.length} collected</summary>
          {errors.map((one, i) => (
            <ErrorView key={`${one.fingerprint ?? ''}${i}`} error={one} depth={depth + 1} />
          ))}
        </details>
      )}
      {stack !== undefined && (
        <details>
          <summary>Stack</summary>
          <pre>{visible(stack)}</pre>
        </details>
      )}
    </div>
  )
}
