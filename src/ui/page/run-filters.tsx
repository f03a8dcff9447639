import type { JSX } from 'preact'
import type { RunFilter } from '../../read/reader.js'
import { RUN_STATUSES, type RunStatus } from '../../read/status.js'
import { Sign } from './parts.js'
import { ask, setQuery } from './route.js'
import { count, moment } from './words.js'

// Owns: the filter of a list of runs, which stands in its address.

const HOUR_MS = 3_600_000
/** The spans that a list can be kept to, by their names in an address. They end now, whenever it is opened. */
const SPANS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS } as const

/** The span in the address, milliseconds. */
export const spanNow = (): number | undefined => Object.entries(SPANS).find(([name]) => name === ask('since'))?.[1]

const timeNow = (name: 'from' | 'to'): number | undefined => {
  const time = Number(ask(name) ?? Number.NaN)
  return Number.isFinite(time) ? time : undefined
}

/** The filter in the address, but for its span. */
export function filterNow(): RunFilter {
  const status = (ask('status') ?? '').split(',').filter((one): one is RunStatus => RUN_STATUSES.some((s) => s === one))
  const label = ask('label')?.split(':')
  const [from, to] = [timeNow('from'), timeNow('to')]
  return {
    partitionKey: ask('partition') ?? '*',
    ...(status.length > 0 && { status }),
    ...(ask('q') !== undefined && { text: ask('q') }),
    ...(ask('name') !== undefined && { name: ask('name') }),
    ...(label?.[0] !== undefined && { labels: { [label[0]]: label.slice(1).join(':') } }),
    ...(from !== undefined && { createdFrom: from }),
    ...(to !== undefined && { createdTo: to }),
    ...Object.fromEntries(Object.keys(FACTS).flatMap((name) => (ask(name) === undefined ? [] : [[name, true]]))),
  }
}

/** What runs can be looked for by besides their status. */
const FACTS = { pending: 'open questions', retrying: 'retrying now', leaked: 'abandoned code' } as const

/** Its names there. */
export const FILTERS = 'status q label name partition since from to pending retrying leaked'.split(' ')

/** The fields of the filter. */
export function Filters({
  numbers,
}: {
  readonly numbers: { readonly [status: string]: unknown } | undefined
}): JSX.Element {
  const chosen = new Set((ask('status') ?? '').split(',').filter((one) => one !== ''))
  const toggle = (status: string): void => {
    if (!chosen.delete(status)) chosen.add(status)
    setQuery({ status: [...chosen].join(',') })
  }
  const label = ask('label')
  const [from, to] = [timeNow('from'), timeNow('to')]
  return (
    <search class="filters">
      <input
        id="filter"
        type="search"
        placeholder="Filter by id or title"
        aria-label="Filter runs by id or title"
        value={ask('q') ?? ''}
        onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
      />
      <select
        aria-label="Time in which runs were created"
        value={ask('since') ?? ''}
        onChange={({ currentTarget }) => setQuery({ since: currentTarget.value })}
      >
        <option value="">any time</option>
        {Object.keys(SPANS).map((name) => (
          <option key={name} value={name}>
            last {name}
          </option>
        ))}
      </select>
      <fieldset class="chips">
        <legend class="unseen">Status</legend>
        {RUN_STATUSES.filter((status) => chosen.has(status) || Number(numbers?.[status] ?? 0) > 0).map((status) => (
          <button
            key={status}
            type="button"
            class="chip"
            data-status={status}
            aria-pressed={chosen.has(status)}
            onClick={() => toggle(status)}
          >
            <Sign status={status} /> {status} {typeof numbers?.[status] === 'number' && count(numbers[status])}
          </button>
        ))}
      </fieldset>
      <fieldset class="chips">
        <legend class="unseen">With</legend>
        {Object.entries(FACTS).map(([name, words]) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={ask(name) !== undefined}
            onClick={() => setQuery({ [name]: ask(name) === undefined ? 'true' : undefined })}
          >
            {words}
          </button>
        ))}
      </fieldset>
      {(from !== undefined || to !== undefined) && (
        <button type="button" class="chip" onClick={() => setQuery({ from: undefined, to: undefined })}>
          {from !== undefined && `from ${moment(from)}`} {to !== undefined && `until ${moment(to)}`} ✕
        </button>
      )}
      {label !== undefined && (
        <button type="button" class="chip" onClick={() => setQuery({ label: undefined })}>
          {label} ✕
        </button>
      )}
    </search>
  )
}
