import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { GroupButton, IterationRow } from './iteration-row.js'
import { byIteration, loopHead } from './iterations.js'
import { isUnread, listedSteps } from './listed-steps.js'
import { Counts, endOf, Mark } from './parts.js'
import { ask, href } from './route.js'
import type { RunModel } from './run-model.js'
import { type Row, rowsOf } from './step-rows.js'
import { Bar } from './time-bar.js'
import { UnreadRow } from './unread-row.js'
import { VirtualList } from './virtual-list.js'
import { count, duration, many, visible } from './words.js'

// Owns: the list of steps, as a tree that can be walked by keys.

const ROW_PX = 28

/** Why there is no step. */
const NONE: Readonly<Record<string, string>> = {
  queued: 'Created, and not started.',
  running: 'It has begun. None of its steps is recorded yet.',
}

/** The rows that can be chosen. */
const CHOSEN: ReadonlySet<Row['kind'] | undefined> = new Set(['step', 'branch', 'unread'])

/** Names for the list, of what keys of the page ask of it. No key has them. */
export const NEXT_FAILURE = 'NextFailure'
export const PREVIOUS_FAILURE = 'PreviousFailure'

const isFailed = (row: Row): boolean =>
  (row.kind === 'step' && row.step.status === 'failed') || (row.kind === 'branch' && row.node.status === 'failed')

export interface StepListProps {
  readonly run: RunModel
  readonly path: string
  /** The time axis of the bars: epoch milliseconds. */
  readonly from: number
  readonly to: number
  /** The row that is chosen; undefined while the newest is followed. */
  readonly chosen: string | undefined
  readonly isFollowing: boolean
  readonly choose: (row: Row) => void
  readonly follow: (isOn: boolean) => void
}

export function StepList(props: StepListProps): JSX.Element {
  const { run, path, from, to, chosen, isFollowing, choose, follow } = props
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set())
  const [wanted, setWanted] = useState('')
  const app = run.app(path)
  const [steps, tree, unread] = [app.steps.value, app.tree.value, app.reading.unread.value]
  const all = listedSteps(steps, unread).filter((step) => isUnread(step) || step.placed === undefined)
  const head = unread === undefined && wanted === '' ? loopHead(steps) : undefined
  const isGrouped = ask('group') !== undefined && head !== undefined
  const rows = useRows(run, path, open, wanted, isGrouped ? { head, chosen } : undefined)
  const at =
    chosen === undefined ? rows.findLastIndex(({ kind }) => kind === 'step') : rows.findIndex(({ id }) => id === chosen)
  const toggle = (id: string, isOn: boolean): void => {
    const next = new Set(open)
    if (isOn) next.add(id)
    else next.delete(id)
    setOpen(next)
  }
  const move = (to: number, by: number): void => {
    let next = to
    while (rows[next] !== undefined && !CHOSEN.has(rows[next]?.kind)) next += by
    const row = rows[next]
    if (row !== undefined) choose(row)
  }
  const fail = (by: number): void => {
    const next = rows.map((_, i) => rows[(at + by * (i + 1) + 2 * rows.length) % rows.length])
    const row = next.find((one) => one !== undefined && isFailed(one))
    if (row !== undefined) choose(row)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows[at]
    if (event.target instanceof HTMLInputElement || event.metaKey || event.ctrlKey || event.altKey) return
    const isUnfolded = row !== undefined && open.has(row.id)
    const moves = new Map<string, () => void>([
      ['ArrowDown', () => move(at + 1, 1)],
      ['ArrowUp', () => move(at - 1, -1)],
      ['Home', () => move(0, 1)],
      ['End', () => move(rows.length - 1, -1)],
      [NEXT_FAILURE, () => fail(1)],
      [PREVIOUS_FAILURE, () => fail(-1)],
      ['ArrowRight', () => row?.opens === true && toggle(row.id, true)],
      ['ArrowLeft', () => (isUnfolded ? toggle(row.id, false) : move(parentOf(rows, at), -1))],
    ])
    const found = moves.get(event.key)
    if (found === undefined) return
    event.preventDefault()
    event.stopPropagation()
    found()
  }
  return (
    <section class="steps" aria-label="Steps" onKeyDown={onKeyDown}>
      <div class="pane-head">
        <input
          id="filter"
          type="search"
          placeholder="Filter: action or status"
          aria-label="Filter steps by action or status"
          value={wanted}
          onInput={({ currentTarget }) => setWanted(currentTarget.value)}
        />
        <span class="quiet">
          {wanted !== '' && unread !== undefined
            ? `${count(all.filter((step) => !isUnread(step)).length)} of ${count(all.length)} read`
            : many(all.length, 'step')}
        </span>
        {head !== undefined && <GroupButton isGrouped={isGrouped} />}
        <button type="button" class="small" aria-pressed={isFollowing} onClick={() => follow(!isFollowing)}>
          {isFollowing ? '● following' : 'follow'}
        </button>
      </div>
      {rows.length === 0 ? (
        <p class="quiet pad">
          {wanted === ''
            ? (NONE[tree?.root.status ?? ''] ?? 'No step is recorded.')
            : `No step ${unread === undefined ? '' : 'that is read so far '}fits “${wanted}”.`}
        </p>
      ) : (
        <VirtualList
          count={rows.length}
          rowPx={ROW_PX}
          label="Steps"
          role="tree"
          reveal={at}
          isFollowing={isFollowing}
          idOf={(i) => rows[i]?.id}
          onScroll={(isAtEnd) => {
            if (isFollowing && !isAtEnd && chosen === undefined && rows.length * ROW_PX > 2000) follow(false)
          }}
          render={(i) => {
            const row = rows[i]
            return row === undefined ? null : (
              <RowView
                key={row.id}
                row={row}
                at={i}
                of={rows.length}
                isChosen={i === at}
                isOpen={open.has(row.id)}
                project={run.id.project}
                runId={run.id.runId}
                axis={{ from, to }}
                toggle={toggle}
                choose={choose}
                look={(sequenceId) => run.app(row.app).reading.look(sequenceId)}
              />
            )
          }}
        />
      )}
    </section>
  )
}

/** Drawn again when any signal in it changes: `rowsOf` reads them. */
function useRows(
  run: RunModel,
  path: string,
  open: ReadonlySet<string>,
  wanted: string,
  loop: { readonly head: string; readonly chosen: string | undefined } | undefined,
): readonly Row[] {
  const all = rowsOf(run, path, open, wanted)
  const shown = loop?.chosen ?? all.findLast(({ kind, level }) => kind === 'step' && level === 1)?.id
  const rows = loop === undefined ? all : byIteration(all, loop.head, open, shown)
  const key = rows.length
  return useMemo(() => rows, [rows, key])
}

function parentOf(rows: readonly Row[], at: number): number {
  const level = rows[at]?.level ?? 1
  for (let i = at - 1; i >= 0; i--) if ((rows[i]?.level ?? 1) < level) return i
  return at
}

interface RowProps {
  readonly row: Row
  readonly at: number
  readonly of: number
  readonly isChosen: boolean
  readonly isOpen: boolean
  readonly project: string
  readonly runId: string
  readonly axis: { readonly from: number; readonly to: number }
  readonly toggle: (id: string, isOn: boolean) => void
  readonly choose: (row: Row) => void
  readonly look: (sequenceId: number) => void
}

function RowView({ row, at, of, isChosen, isOpen: isUnfolded, project, runId, axis, toggle, choose, look }: RowProps) {
  const item = {
    role: 'treeitem',
    'aria-level': row.level,
    'aria-posinset': at + 1,
    'aria-setsize': of,
    style: { height: `${ROW_PX}px`, paddingLeft: `${8 + (row.level - 1) * 16}px` },
  } as const
  if (row.kind === 'pause')
    return (
      <div {...item} class="row pause">
        pause of {duration(row.ms)}
      </div>
    )
  if (row.kind === 'unread') return <UnreadRow {...{ row, item, isChosen, look }} choose={() => choose(row)} />
  if (row.kind === 'loading')
    return (
      <div {...item} class="row pause">
        Loading branches…
      </div>
    )
  if (row.kind === 'iteration') return <IterationRow {...{ row, item, axis, toggle }} />
  if (row.kind === 'map')
    return (
      <div {...item} class="row pause">
        <a href={mapHref(project, runId, row.app, row.map)}>
          {row.more > 0 ? `${many(row.more, 'more branch', 'more branches')}: ` : ''}all of {visible(row.map.map)}
        </a>
      </div>
    )
  const { status, startedAt, endedAt } = row.kind === 'step' ? row.step : row.node
  const name = visible(row.kind === 'step' ? row.step.action : row.name)
  const now = startedAt === undefined ? undefined : endOf({ status, endedAt }, axis.to)
  const known = row.kind === 'step' ? row.step.durationMs : undefined
  const ms = known ?? (startedAt !== undefined && now !== undefined ? now - startedAt : undefined)
  const number = row.kind === 'step' ? row.step.sequenceId : undefined
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys of all rows
    <div
      {...item}
      class={`row ${row.kind}`}
      data-status={status}
      aria-selected={isChosen}
      aria-expanded={row.opens ? isUnfolded : undefined}
      tabIndex={isChosen ? 0 : -1}
      onClick={() => choose(row)}
    >
      {row.opens ? (
        <button
          type="button"
          class="twist"
          tabIndex={-1}
          aria-label={isUnfolded ? 'Fold' : 'Unfold'}
          onClick={(event) => {
            event.stopPropagation()
            toggle(row.id, !isUnfolded)
          }}
        >
          {isUnfolded ? '▾' : '▸'}
        </button>
      ) : (
        <span class="twist" />
      )}
      <span class="seq">{number}</span>
      <Mark status={status} />
      <span class="name" title={name}>
        {name}
        {row.kind === 'step' && (row.step.attempt ?? 1) > 1 && <i> ↻{row.step.attempt}</i>}
        {row.kind === 'step' && row.step.recovered === true && <i> fallback</i>}
        {row.kind === 'step' && row.step.placed !== undefined && <i> {row.step.placed}</i>}
      </span>
      {row.kind === 'step' && row.map !== undefined && <Counts counts={row.map.counts} />}
      <Bar from={startedAt} to={now} axis={axis} status={status} />
      <span class="ms">{duration(ms)}</span>
    </div>
  )
}

/** The screen of a map. */
export const mapHref = (
  project: string,
  runId: string,
  path: string,
  { map, visit, epoch = 0 }: { readonly map: string; readonly visit: number; readonly epoch?: number },
): string =>
  href(['p', project, 'r', runId, 'm', visit === 1 ? map : `${map}#${visit}`], {
    ...{ path, partition: ask('partition') },
    epoch: epoch === 0 ? undefined : epoch,
  })
