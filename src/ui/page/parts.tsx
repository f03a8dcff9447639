import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { UiError } from '../../client/ui-error.js'
import type { ReadFault } from '../../read/reader.js'
import type { BranchCounts } from '../../read/status.js'
import { count, isOpen, MARKS, many, visible } from './words.js'

// Owns: the small parts that every screen is made of.

const ticking = signal(Date.now())
setInterval(() => {
  if (!document.hidden) ticking.value = Date.now()
}, 1000)
/** The time, each second. Only what it is read in is drawn again. */
export const nowEachSecond = (): number => ticking.value

/**
 * The end of something, or now while it goes on.
 * @param cutAt the last sign of life of its process, where that is gone: nothing goes on then
 */
export const endOf = (
  { status, endedAt }: { readonly status: string; readonly endedAt?: number | undefined },
  cutAt: number | undefined,
): number | undefined => endedAt ?? (status === 'interrupted' ? cutAt : isOpen(status) ? nowEachSecond() : undefined)

/** The sign of a status. That of a pause is drawn: many fonts have none. */
export const Sign = ({ status }: { readonly status: string }): JSX.Element => (
  <span class={status === 'waiting' ? 'pause-sign' : undefined} aria-hidden="true">
    {MARKS[status] ?? '·'}
  </span>
)

/** The mark of a status, for a row whose word stands elsewhere. */
export const Mark = ({ status }: { readonly status: string }): JSX.Element => (
  <span class="mark" data-status={status} role="img" aria-label={status}>
    <Sign status={status} />
  </span>
)

/** A status in words, with its mark. */
export const Status = ({ status }: { readonly status: string }): JSX.Element => (
  <span class="status" data-status={status}>
    <Sign status={status} /> {status}
  </span>
)

const ORDER = ['done', 'failed', 'cancelled', 'interrupted', 'retrying', 'waiting', 'running', 'queued'] as const

/** Numbers of branches: `✓589 ✕3`. */
export const Counts = ({ counts }: { readonly counts: BranchCounts }): JSX.Element => (
  <span class="counts">
    {ORDER.filter((status) => counts[status] > 0).map((status) => (
      <span key={status} data-status={status} title={`${count(counts[status])} ${status}`}>
        <Sign status={status} />
        {count(counts[status])}
        <span class="unseen"> {status}</span>
      </span>
    ))}
  </span>
)

/** Numbers of branches as a bar. Its numbers stand beside it. */
export function CountBar({ counts, total }: { readonly counts: BranchCounts; readonly total?: number | undefined }) {
  const sum = ORDER.reduce((all, status) => all + counts[status], 0)
  const whole = Math.max(1, total ?? sum)
  return (
    <span class="bar" aria-hidden="true">
      {ORDER.filter((status) => status !== 'queued' && counts[status] > 0).map((status) => (
        <span key={status} data-status={status} style={{ width: `${(100 * counts[status]) / whole}%` }} />
      ))}
    </span>
  )
}

/** Why something is not there, and what to do. */
export const Problem = ({ error }: { readonly error: UiError | Error | undefined }): JSX.Element | null =>
  error === undefined ? null : (
    <div class="problem" role="alert">
      <strong>{error.message}</strong>
      {'hint' in error && error.hint !== undefined && <p>{error.hint}</p>}
      {'issues' in error && error.issues.some((issue) => !error.message.includes(issue)) && (
        <ul>
          {error.issues.map((issue) => (
            <li key={issue}>{issue}</li>
          ))}
        </ul>
      )}
    </div>
  )

/** What of a list could not be read. */
export const Faults = ({ faults = [] }: { readonly faults: readonly ReadFault[] | undefined }): JSX.Element | null =>
  faults.length === 0 ? null : (
    <details class="problem" open={faults.length <= 3}>
      <summary>
        <strong>{many(faults.length, 'part')} of this list cannot be read.</strong> The rest is complete.
      </summary>
      <ul>
        {faults.map(({ runId, error }) => (
          <li key={error.message}>
            {runId !== undefined && <strong>{visible(runId)}: </strong>}
            {visible(error.message)}
          </li>
        ))}
      </ul>
    </details>
  )

export const Empty = ({ children }: { readonly children: ComponentChildren }): JSX.Element => (
  <div class="empty">{children}</div>
)

/** Copies a text. */
export function Copy({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }): JSX.Element {
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    const timer = isDone ? setTimeout(() => setDone(false), 1500) : undefined
    return () => clearTimeout(timer)
  }, [isDone])
  return (
    <button type="button" class="small" onClick={() => void copy(text).then(() => setDone(true))}>
      {isDone ? 'Copied' : label}
    </button>
  )
}

/** Without HTTPS a page has no clipboard, but for a selection. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

/** Saves a text as a file. */
export function Download({ text, name }: { readonly text: string; readonly name: string }): JSX.Element {
  const save = (): void => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([text]))
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href))
  }
  return (
    <button type="button" class="small" onClick={save}>
      Download
    </button>
  )
}

/** One of several views of a thing. */
export interface Tab {
  readonly id: string
  readonly name: ComponentChildren
}

/** Tabs; arrow keys move between them. */
export function Tabs(props: {
  readonly label: string
  readonly tabs: readonly Tab[]
  readonly chosen: string
  readonly choose: (id: string) => void
}): JSX.Element {
  const { label, tabs, chosen, choose } = props
  const move = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    event.stopPropagation()
    const at = tabs.findIndex(({ id }) => id === chosen)
    const next = tabs[(at + step + tabs.length) % tabs.length]
    if (next === undefined) return
    choose(next.id)
    const list = (event.currentTarget as Element).closest('[role=tablist]')
    requestAnimationFrame(() => list?.querySelector<HTMLElement>('[aria-selected=true]')?.focus())
  }
  return (
    <div class="tabs" role="tablist" aria-label={label}>
      {tabs.map(({ id, name }) => (
        <button
          key={id}
          type="button"
          role="tab"
          aria-selected={id === chosen}
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => choose(id)}
          onKeyDown={move}
        >
          {name}
        </button>
      ))}
    </div>
  )
}
