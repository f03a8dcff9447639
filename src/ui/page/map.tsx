import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { printMap } from '../../action/context.js'
import { runTopic } from '../../client/run-client.js'
import { actionOf } from '../../read/action-of.js'
import type { AppNode, MapNode, RunTree } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { Attention } from './attention.js'
import { BranchRow, Chosen } from './branch-row.js'
import { CancelButton } from './cancel-button.js'
import { useLoaded } from './loaded.js'
import { MapPicture } from './map-picture.js'
import { countsOf, type MapRef, type ReadMap, readMap } from './map-read.js'
import { atOnceWords, etaOf, policyWords, unknownWords } from './map-words.js'
import { Mosaic } from './mosaic.js'
import { CountBar, Counts, Empty, nowEachSecond, Problem, Sign, Status } from './parts.js'
import { productGrid } from './product-grid.js'
import { MOST_IN_TABLE, ProductTable } from './product-table.js'
import { ask, go, href, setQuery } from './route.js'
import { VirtualList } from './virtual-list.js'
import { branchName, count, duration, isOpen, many, visible } from './words.js'

// Owns: one visit of a map with any number of branches.
// The list of branches has what the mosaic has, in the same order.
// Failures are grouped by what failed, so that a thousand of them are a few lines.

const KINDS: Readonly<Record<string, string>> = {
  states: 'one branch a state',
  actions: 'one branch an action',
  product: 'each action on each state',
  tasks: 'tasks',
  subgraph: 'a sub-graph',
}

export function MapScreen({
  project,
  runId,
  map,
}: {
  readonly project: string
  readonly runId: string
  readonly map: string
}) {
  const [name = '', visit] = [map.replace(/#\d+$/, ''), Number(/#(\d+)$/.exec(map)?.[1] ?? 1)]
  const path = ask('path') ?? ''
  const partitionKey = ask('partition') ?? null
  const epoch = ask('epoch') === undefined ? undefined : Number(ask('epoch'))
  const ref: MapRef = { runId, partitionKey, path, map: name, visit, epoch }
  const key = `map ${JSON.stringify([project, ref])}`
  const topic = runTopic({ runId, partitionKey })
  const { data, error, isLoading } = useLoaded(key, () => readMap(project, ref), { project, topic })
  if (data?.map === undefined)
    return (
      <div class="page">
        <h1>{map}</h1>
        <Problem error={error} />
        {isLoading && data === undefined ? (
          <p class="quiet">Loading…</p>
        ) : (
          error === undefined && <NoMap project={project} at={ref} tree={data?.tree} />
        )}
      </div>
    )
  return <Shown project={project} runId={runId} partitionKey={partitionKey} path={path} read={data} />
}

/** A run that goes on may come to its map, which then is shown. */
function NoMap({
  project,
  at,
  tree,
}: {
  readonly project: string
  readonly at: MapRef
  readonly tree?: RunTree | undefined
}) {
  const { runId, partitionKey, path, map } = at
  const isRunning = tree !== undefined && isOpen(tree.root.status)
  return (
    <Empty>
      {tree === undefined ? (
        <p>There is no {path === '' ? 'run' : 'branch'} here that could have this map. It may have been deleted.</p>
      ) : isRunning ? (
        <p>
          <Status status={tree.root.status} /> The run goes on, and <code>{map}</code> has not begun. It appears here as
          soon as it does.
        </p>
      ) : (
        <p>
          The run has ended without a map <code>{map}</code>.
        </p>
      )}
      {tree !== undefined && (
        <a class="button" href={href(['p', project, 'r', runId], { path, partition: partitionKey })}>
          The {path === '' ? 'run' : 'branch'}
        </a>
      )}
    </Empty>
  )
}

function Shown(props: {
  readonly project: string
  readonly runId: string
  readonly partitionKey: string | null
  readonly path: string
  readonly read: ReadMap
}): JSX.Element {
  const { project, runId, partitionKey, path, read } = props
  const { map, letters, unrecorded, branches } = read
  const [at, setAt] = useState<string | undefined>()
  const counts = letters === '' ? map.counts : countsOf(letters)
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0)
  const settled = counts.done + counts.failed + counts.cancelled
  const end = map.endedAt ?? (map.status === 'running' || map.status === 'reducing' ? nowEachSecond() : undefined)
  const elapsed = map.startedAt === undefined || end === undefined ? undefined : end - map.startedAt
  const chosen = ask('b') === undefined ? undefined : Number(ask('b'))
  const branchAt = (index: number): AppNode | undefined =>
    branches[index]?.index === index ? branches[index] : branches.find((one) => one.index === index)
  const hrefOf = (branch: AppNode): string =>
    href(['p', project, 'r', runId], { path: printedPath(branch.path), partition: partitionKey })
  const open = (index: number): void => {
    const branch = branchAt(index)
    if (branch !== undefined) go(hrefOf(branch))
  }
  const status = ask('status')
  const wanted = (ask('q') ?? '').toLowerCase()
  const shown = branches.filter(
    (one) =>
      (status === undefined || one.status === status) &&
      (at === undefined || actionOf(one) === at) &&
      (wanted === '' || `${branchName(one)} ${one.error?.message ?? ''}`.toLowerCase().includes(wanted)),
  )
  return (
    <div class="map">
      <header class="head">
        <h1>
          {visible(map.map)}
          {map.visit > 1 && ` #${map.visit}`}
        </h1>
        <Status status={map.status} />
        <span class="quiet">{map.kind !== undefined && KINDS[map.kind]}</span>
        <span class="grow" />
        <CancelButton
          project={project}
          target={{ runId, partitionKey, path, map: printMap(map.map, map.visit) }}
          name="map"
          label="Cancel map"
          isOver={map.status !== 'running'}
          isCut={false}
          cancelledAt={undefined}
          nodes={branches}
        />
      </header>
      <div class="map-sum">
        <strong>
          {count(settled)} of{' '}
          {map.total === undefined && isOpen(map.status)
            ? `${count(all)} so far`
            : many(map.total ?? all, 'branch', 'branches')}
        </strong>{' '}
        <Counts counts={counts} />
        <span class="quiet">
          {atOnceWords(map)}
          {elapsed !== undefined && ` · ${duration(elapsed)}`}
          {etaOf(map, branches, counts, all)}
          {map.policy !== undefined && ` · ${policyWords(map.policy)}`}
          {!isOpen(map.status) && map.status !== 'reducing' && unknownWords(map, elapsed)}
        </span>
        <CountBar counts={counts} total={map.total ?? all} />
      </div>
      <div class="map-panes">
        <MapPicture
          {...{ project, run: { runId, partitionKey }, tree: read.tree, map, branches, path }}
          topic={runTopic({ runId, partitionKey })}
          at={at}
          choose={setAt}
          open={(to) => go(href(['p', project, 'r', runId], { path: to, partition: partitionKey }))}
        />
        <section class="mosaic-box" aria-label="Every branch">
          <h2>Every branch</h2>
          {letters === '' ? (
            <Empty>No branch has been made yet.</Empty>
          ) : (
            <Cells {...{ map, branches, letters, chosen, open }} />
          )}
          {chosen !== undefined && (
            <Chosen branch={branchAt(chosen)} index={chosen} isOver={!isOpen(map.status)} hrefOf={hrefOf} />
          )}
          <Attention branches={branches} hrefOf={hrefOf} />
        </section>
      </div>
      <section aria-label="Branches" class="branch-list">
        <h2>
          Branches{' '}
          <span class="quiet">
            {count(shown.length)}
            {branches.length + unrecorded < all && ` of the first ${count(branches.length)}`}
            {unrecorded > 0 && ` · ${count(unrecorded)} more never started`}
          </span>
        </h2>
        <search class="filters">
          <input
            id="filter"
            type="search"
            aria-label="Filter branches by name or error"
            placeholder="Filter by name or error"
            value={ask('q') ?? ''}
            onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
          />
          <fieldset class="chips">
            <legend class="unseen">Status</legend>
            {Object.entries(counts)
              .filter(([one, n]) => n > 0 || one === status)
              .map(([one, n]) => (
                <button
                  key={one}
                  type="button"
                  class="chip"
                  data-status={one}
                  aria-pressed={status === one}
                  onClick={() => setQuery({ status: status === one ? undefined : one })}
                >
                  <Sign status={one} /> {one} {count(n)}
                </button>
              ))}
          </fieldset>
        </search>
        <VirtualList
          count={shown.length}
          rowPx={30}
          label="Branches"
          role="list"
          reveal={chosen === undefined ? undefined : shown.findIndex(({ index }) => index === chosen)}
          render={(i) => {
            const one = shown[i]
            return one === undefined ? null : (
              <BranchRow key={one.appId} branch={one} at={i} of={shown.length} to={hrefOf(one)} />
            )
          }}
        />
      </section>
    </div>
  )
}

/** Every branch: of a product in a table, of any other map as a mosaic. */
function Cells(props: {
  readonly map: MapNode
  readonly branches: readonly AppNode[]
  readonly letters: string
  readonly chosen: number | undefined
  readonly open: (index: number) => void
}) {
  const { map, branches, ...cells } = props
  const choose = (b: number): void => setQuery({ b })
  const isWhole = branches.length === cells.letters.length && branches.every(({ index }, i) => index === i)
  const grid = map.kind === 'product' && isWhole ? productGrid(branches.map(({ key = '' }) => key)) : undefined
  return grid !== undefined && Math.max(grid.actions.length, grid.states.length) <= MOST_IN_TABLE ? (
    <ProductTable {...cells} grid={grid} choose={choose} />
  ) : (
    <Mosaic {...cells} choose={choose} />
  )
}
