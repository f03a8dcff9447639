import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PageOf, ReadFault } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { AbandonedChip } from './abandoned.js'
import { useCan } from './abilities.js'
import { doEach } from './actions.js'
import { clientOf, isFile } from './client.js'
import { downloadEach } from './exports.js'
import { useTopic } from './live.js'
import { useLoaded } from './loaded.js'
import { Copy, Counts, Empty, endOf, Faults, nowEachSecond, Problem, Status } from './parts.js'
import { sumOf } from './projects.js'
import { ask, href } from './route.js'
import { FILTERS, Filters, filterNow, spanNow } from './run-filters.js'
import { ago, count, duration, isOpen, many, moment, short, titleOf, visible } from './words.js'

// Owns: the list of the runs of a project.
// A run that begins does not move the list under the hand: it waits until the list stands at its top.

const PAGE = 100

/** The runs of a project, newest first. */
export function Runs({ project }: { readonly project: string }): JSX.Element {
  const filter = filterNow()
  const span = spanNow()
  const key = `runs ${project} ${JSON.stringify([filter, span])}`
  const [pages, setPages] = useState(1)
  useEffect(() => setPages(1), [key])
  const client = clientOf(project)
  const load = async (): Promise<PageOf<RunSummary>> => {
    const items: RunSummary[] = []
    const recent = span === undefined ? {} : { createdFrom: Date.now() - span }
    let faults: readonly ReadFault[] = []
    let after: string | undefined
    for (let i = 0; i < pages; i++) {
      const page = await client.list({ ...filter, ...recent, limit: PAGE, ...(after !== undefined && { after }) })
      for (const item of page.items) items.push(item)
      faults = page.faults ?? faults
      after = page.after
      if (after === undefined) break
    }
    return { items, faults, ...(after !== undefined && { after }) }
  }
  const { data, error, isLoading } = useLoaded(`${key} ${pages}`, load, { project, topic: 'runs' })
  const counts = useLoaded(`counts ${project}`, () => client.count({ partitionKey: '*' }), { project, topic: 'runs' })
  const rows = useHeldTop(data?.items, key)
  const isFiltered = FILTERS.some((name) => ask(name) !== undefined)
  return (
    <div class="page wide">
      <h1>{project}</h1>
      <Filters numbers={counts.data} />
      <Problem error={error} />
      <Faults faults={data?.faults} />
      {rows.fresh > 0 && (
        <button type="button" class="pill" onClick={rows.show}>
          {many(rows.fresh, 'new run')}
        </button>
      )}
      {data === undefined && isLoading && <p class="quiet">Loading…</p>}
      {data?.items.length === 0 && (
        <Empty>
          {isFiltered ? (
            <>
              <p>
                No run fits this filter. Without it there{' '}
                {counts.data === undefined ? 'may be some' : are(sumOf(counts.data))}.
              </p>
              <a class="button" href={href(['p', project])}>
                Clear the filter
              </a>
            </>
          ) : (
            <p>No run of this project is recorded.</p>
          )}
        </Empty>
      )}
      {rows.items.length > 0 && <Table project={project} runs={rows.items} />}
      {data?.after !== undefined && (
        <button type="button" onClick={() => setPages(pages + 1)}>
          Older runs
        </button>
      )}
    </div>
  )
}

const are = (n: number): string => (n === 1 ? 'is 1' : `are ${count(n)}`)

function useHeldTop(items: readonly RunSummary[] = [], key: string) {
  const seen = useRef<{ key: string; ids: Set<string> }>({ key: '', ids: new Set() })
  const [, redraw] = useState(0)
  const isTop = globalThis.scrollY < 80
  if (seen.current.key !== key || isTop) seen.current = { key, ids: new Set(items.map(({ runId }) => runId)) }
  const oldest = items.findIndex(({ runId }) => seen.current.ids.has(runId))
  const fresh = Math.max(0, oldest)
  const show = (): void => {
    seen.current = { key: '', ids: new Set() }
    scrollTo(0, 0)
    redraw((n) => n + 1)
  }
  return { items: items.slice(fresh), fresh, show }
}

function Table({ project, runs }: { readonly project: string; readonly runs: readonly RunSummary[] }): JSX.Element {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const can = useCan(project)
  const some = runs.filter(({ runId }) => chosen.has(runId))
  const open = some.filter(({ status }) => isOpen(status))
  const choose = (ids: readonly string[], isOn: boolean): void => {
    const next = new Set(chosen)
    for (const id of ids) {
      if (isOn) next.add(id)
      else next.delete(id)
    }
    setChosen(next)
  }
  useTopic(project, 'runs', () => {})
  return (
    <>
      {some.length > 0 && (
        <div class="toolbar" role="toolbar" aria-label="Chosen runs">
          <strong>{many(some.length, 'run')}</strong>
          {can('cancel') === true && open.length > 0 && (
            <button type="button" onClick={() => doEach(project, open, 'cancel')}>
              Cancel{open.length < some.length && ` ${open.length}`}
            </button>
          )}
          {can('remove') === true && (
            <button type="button" onClick={() => doEach(project, some, 'remove')}>
              Delete
            </button>
          )}
          {!isFile(project) && (
            <button type="button" onClick={() => downloadEach(some.map((run) => ({ project, ...run })))}>
              Export
            </button>
          )}
          {some.length === 2 && (
            <a
              class="button"
              href={href(['p', project, 'compare'], {
                ...{ a: some[1]?.runId, pa: some[1]?.partitionKey },
                ...{ b: some[0]?.runId, pb: some[0]?.partitionKey },
              })}
            >
              Compare
            </a>
          )}
          <button type="button" onClick={() => setChosen(new Set())}>
            None
          </button>
        </div>
      )}
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th>
                <input
                  type="checkbox"
                  aria-label="Choose all"
                  checked={some.length === runs.length}
                  onChange={({ currentTarget }) =>
                    choose(
                      runs.map(({ runId }) => runId),
                      currentTarget.checked,
                    )
                  }
                />
              </th>
              <th>Status</th>
              <th>Run</th>
              <th>Action</th>
              <th class="number">Steps</th>
              <th>Branches</th>
              <th class="number">Duration</th>
              <th>Started</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row
                key={`${run.partitionKey} ${run.runId}`}
                project={project}
                run={run}
                isChosen={chosen.has(run.runId)}
                choose={(isOn) => choose([run.runId], isOn)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

const runHref = (project: string, { runId, partitionKey }: Pick<RunSummary, 'runId' | 'partitionKey'>): string =>
  href(['p', project, 'r', runId], { partition: partitionKey })

function Row(props: {
  readonly project: string
  readonly run: RunSummary
  readonly isChosen: boolean
  readonly choose: (isOn: boolean) => void
}): JSX.Element {
  const { project, run, isChosen, choose } = props
  const began = run.startedAt ?? run.createdAt
  const end = run.endedAt ?? endOf(run, run.since) ?? run.updatedAt
  return (
    <tr data-status={run.status}>
      <td>
        <input
          type="checkbox"
          aria-label={`Choose ${titleOf(run)}`}
          checked={isChosen}
          onChange={({ currentTarget }) => choose(currentTarget.checked)}
        />
      </td>
      <td>
        <Status status={run.status} />{' '}
        {run.pending > 0 && (
          <a class="chip" data-status="waiting" href={href(['p', project, 'inbox'], { run: run.runId })}>
            {many(run.pending, 'question')}
          </a>
        )}
        <AbandonedChip leaks={run.leaked} />
      </td>
      <td class="run-name">
        <a href={runHref(project, run)}>{titleOf(run)}</a>
        {run.title !== undefined && <span class="quiet tiny">{short(run.runId)}</span>}
        <span class="copies">
          <Copy text={run.runId} label="Copy id" />
        </span>
        {run.forkedFrom !== undefined && (
          <a
            class="quiet tiny"
            href={href(['p', project, 'r', run.forkedFrom.appId], {
              step: run.forkedFrom.sequenceId,
              partition: run.partitionKey,
            })}
          >
            forked from {short(run.forkedFrom.appId, 14)}@{run.forkedFrom.sequenceId}
          </a>
        )}
        {Object.entries(run.labels).map(([name, value]) => (
          <a key={name} class="chip" href={href(['p', project], { label: `${name}:${value}` })}>
            {visible(`${name}: ${value}`)}
          </a>
        ))}
      </td>
      <td>
        {run.next !== undefined && (isOpen(run.status) || ['failed', 'cancelled'].includes(run.status))
          ? visible(run.next)
          : visible(run.position ?? '')}
        {run.error !== undefined && (
          <div class="tiny failed-text two-lines" title={visible(run.error.message)}>
            {visible(run.error.message.slice(0, 400))}
          </div>
        )}
      </td>
      <td class="number">{count(run.sequenceId + 1)}</td>
      <td>{run.branches !== undefined && <Counts counts={run.branches} />}</td>
      <td class="number">{run.startedAt === undefined ? '' : duration(end - began)}</td>
      <td class="when">
        <time title={moment(began)}>{ago(began, nowEachSecond())}</time>
      </td>
    </tr>
  )
}
