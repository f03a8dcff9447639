import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { AppNode, RunTree, StepRecord } from '../../read/tree.js'
import { printedName } from '../../visualize/picture.js'
import { joined, marksUpTo, targetOf } from './boxes.js'
import { Fields } from './data-view.js'
import { graphSeen, marksOf, withoutNumbers } from './graph-marks.js'
import { GraphView, Outline } from './graph-view.js'
import { whenIdle } from './idle.js'
import { Inspector } from './inspector.js'
import { isPartUntil, isUnread, listedSteps } from './listed-steps.js'
import { Empty, endOf, Problem, Tabs } from './parts.js'
import { ask, go, href, setQuery } from './route.js'
import { Head } from './run-head.js'
import { type AppModel, type RunId, RunModel } from './run-model.js'
import { type PlacedPicture, useRunPicture } from './run-picture.js'
import { type Moment, Scrubber } from './scrubber.js'
import { Splitter } from './splitter.js'
import { mapHref, StepList } from './step-list.js'
import { type Row, rowIdOf } from './step-rows.js'
import { Timeline } from './timeline.js'
import { isOpen, many, short, visible } from './words.js'

// Owns: the screen of a run, and of a branch at any depth: they are the same.
// Without a chosen step the newest is shown. A step that is chosen stays; going back to the newest is said.
// While steps are still read, nothing is told that could be wrong: numbers of a moment are left out until all of it is read.

export function Run({ project, runId }: { readonly project: string; readonly runId: string }): JSX.Element {
  const partitionKey = ask('partition') ?? null
  const run = useMemo(() => new RunModel({ project, runId, partitionKey }), [project, runId, partitionKey])
  useEffect(() => {
    run.start()
    return () => run.stop()
  }, [run])
  const path = ask('path') ?? ''
  const app = run.app(path, { at: asked()?.sequenceId })
  const tree = app.tree.value
  // Asked for together with the tree.
  const topic = (tree?.root.maps.length ?? 0) > 0 ? run.topic : undefined
  const picture = useRunPicture(project, run.id, { path, node: tree?.root, topic })
  if (tree === undefined)
    return app.isLoaded.value || app.error.value !== undefined ? (
      <NoRun id={run.id} path={path} error={app.error.value} />
    ) : (
      <p class="quiet page">Loading…</p>
    )
  return <App key={path} run={run} app={app} tree={tree} path={path} drawn={picture} />
}

const NoRun = ({
  id,
  path,
  error,
}: {
  readonly id: RunId
  readonly path: string
  readonly error: Error | undefined
}) => (
  <div class="page">
    <h1>{short(id.runId)}</h1>
    {error === undefined ? (
      <Empty>
        <p>
          There is no {path === '' ? 'run' : 'branch'} <code>{path === '' ? id.runId : path}</code> here. It may have
          been deleted, or be in another partition.
        </p>
        <a class="button" href={href(['p', id.project])}>
          All runs of {id.project}
        </a>
      </Empty>
    ) : (
      <Problem error={error} />
    )}
  </div>
)

const VIEWS = ['graph', 'timeline', 'outline', 'data'] as const
const PANES = ['steps', 'middle', 'details'] as const

interface AppProps {
  readonly run: RunModel
  readonly app: AppModel
  readonly tree: RunTree
  readonly path: string
  readonly drawn: PlacedPicture
}

/** The moment of the query; without an epoch it is the newest one that has the step. */
function asked(): { readonly sequenceId: number; readonly epoch: number | undefined } | undefined {
  const [step, epoch] = [ask('step'), ask('epoch')]
  if (step === undefined || !/^-?\d{1,15}$/.test(step)) return undefined
  return { sequenceId: Number(step), epoch: epoch === undefined ? undefined : Number(epoch) }
}

function App({ run, app, tree, path, drawn }: AppProps): JSX.Element {
  const { project } = run.id
  const [steps, unread] = [app.steps.value, app.reading.unread.value]
  const node = tree.root
  const [pane, setPane] = useState<(typeof PANES)[number]>('middle')
  const real = useMemo(() => steps.filter(({ placed }) => placed === undefined), [steps])
  const at = asked()
  const chosen = real.findLast(
    ({ sequenceId, epoch }) => sequenceId === at?.sequenceId && epoch === (at.epoch ?? epoch),
  )
  const awaited = chosen === undefined ? unreadAt(app, at) : undefined
  useEffect(() => {
    if (awaited !== undefined) app.reading.look(awaited.sequenceId)
  }, [awaited?.sequenceId])
  /** The moment that is shown; undefined: now. */
  const moment: Moment | undefined = chosen ?? awaited
  const shown = chosen ?? (awaited === undefined ? real.at(-1) : undefined)
  const all = useMemo(() => listedSteps(real, unread), [real, unread])
  const isFollowing = ask('step') === undefined
  const choose = (step: Moment | undefined): void =>
    setQuery({ step: step?.sequenceId, epoch: step === undefined || step.epoch === 0 ? undefined : step.epoch })
  const onRow = (row: Row): void => {
    const to = row.kind === 'step' ? row.step : row.kind === 'unread' ? row : undefined
    if (to !== undefined && row.app === path) choose(to)
    else if (to !== undefined) go(branchHref(run.id, row.app, to.sequenceId))
    else if (row.kind === 'branch') go(branchHref(run.id, row.app))
  }
  const view = VIEWS.find((one) => one === ask('view')) ?? 'graph'
  const [isNow, isPart] = [moment === undefined, isPartUntil(moment, unread)]
  const past = useMemo(() => {
    if (isNow) return real
    return shown === undefined ? [] : real.slice(0, real.indexOf(shown) + 1)
  }, [real, shown, isNow])
  const picture = usePicture(drawn, node, unread === undefined ? real : undefined)
  // What is on the screen comes first: it is asked for, and drawn, before the page has nothing to do.
  useEffect(() => (drawn.isLoading ? undefined : whenIdle(() => app.reading.release())), [drawn.isLoading])
  const { above } = picture
  const marks = useMemo(() => {
    const own = marksOf(past, isNow ? node : undefined, above)
    const below = isNow ? picture.marks : marksUpTo(picture.marks, node, above, past)
    return joined(isPart ? withoutNumbers(own) : own, below)
  }, [past, node, isNow, isPart, picture.marks, above])
  const current = shown && `${picture.above}${printedName(shown.action)}`
  const began =
    node.startedAt ??
    (unread === undefined ? real[0]?.startedAt : undefined) ??
    tree.run.startedAt ??
    tree.run.createdAt
  const end = endOf(node, tree.run.since) ?? real.at(-1)?.endedAt ?? began + 1
  const openAction = (address: string): void => {
    const name = [...real].reverse().find(({ action }) => `${picture.above}${printedName(action)}` === address)
    if (name !== undefined) return choose(name)
    const to = targetOf(address, path, above, picture.marks)
    if (to !== undefined && to.map === undefined) return go(branchHref(run.id, to.path))
    const map = to?.map ?? node.maps.find((one) => address === `${above}${printedName(one.map)}`)
    if (map !== undefined) go(mapHref(project, run.id.runId, to?.path ?? path, map))
  }
  const writer = (field: string) => {
    const step = past.findLast((one) => writes(one, field))
    if (step === undefined || shown === undefined) return undefined
    // A step between them that is not read may have written it.
    const isKnown = !all.slice(all.indexOf(step), all.indexOf(shown)).some(isUnread)
    return isKnown ? { step, go: () => choose(step) } : undefined
  }
  const readers = (field: string): readonly string[] =>
    (picture.graph?.picture.actions ?? []).filter(({ reads }) => reads.includes(field)).map(({ name }) => name)
  return (
    <div class="run">
      <Head run={run} tree={tree} path={path} shown={shown} />
      <div class="pane-tabs">
        <Tabs
          label="Parts of the run"
          tabs={PANES.map((id) => ({ id, name: { steps: 'Steps', middle: 'Graph', details: 'Details' }[id] }))}
          chosen={pane}
          choose={(id) => setPane(PANES.find((one) => one === id) ?? 'middle')}
        />
      </div>
      <div class="panes" data-pane={pane}>
        <StepList
          run={run}
          path={path}
          from={began}
          to={end}
          chosen={moment && rowIdOf(path, moment)}
          isFollowing={isFollowing}
          choose={onRow}
          follow={(isOn) => choose(isOn ? undefined : shown)}
        />
        <Splitter name="--left" sign={1} label="Width of the steps" />
        <section class="middle" aria-label="Picture">
          <div class="pane-head">
            <Tabs
              label="Picture"
              tabs={VIEWS.map((id) => ({ id, name: `${id[0]?.toUpperCase()}${id.slice(1)}` }))}
              chosen={view}
              choose={(id) => setQuery({ view: id === 'graph' ? undefined : id })}
            />
          </div>
          <MapLinks run={run} node={node} path={path} />
          {/* A text that is longer than its pane is scrolled by keys. A picture has boxes that take the focus. */}
          <div class="view" tabIndex={view === 'outline' || view === 'data' ? 0 : undefined}>
            {view === 'timeline' ? (
              <Timeline
                run={run}
                path={path}
                steps={real}
                node={node}
                began={isPart ? began : undefined}
                ended={node.endedAt ?? tree.run.endedAt ?? end}
                chosen={chosen?.sequenceId}
                openStep={choose}
                openBranch={(to) => go(branchHref(run.id, to))}
              />
            ) : view === 'data' ? (
              <Fields {...{ graph: picture.graph, marks, current, open: openAction, writer }} steps={past} />
            ) : picture.graph === undefined && picture.isLoading ? (
              <p class="quiet pad">Loading…</p>
            ) : picture.graph === undefined ? (
              <Empty>Its graph is not recorded, and no step has run yet.</Empty>
            ) : view === 'outline' ? (
              <Outline graph={picture.graph.picture} marks={marks} />
            ) : (
              <GraphView graph={picture.graph} marks={marks} current={current} open={openAction} />
            )}
          </div>
          <Scrubber steps={all} chosen={moment} isOver={!isOpen(node.status)} choose={choose} />
        </section>
        <Splitter name="--right" sign={-1} label="Width of the details" />
        {awaited === undefined ? (
          <Inspector run={run} path={path} step={shown} node={node} writer={writer} readers={readers} />
        ) : (
          <section class="inspector" aria-label="Details">
            <p class="quiet">Loading step {awaited.sequenceId}…</p>
          </section>
        )}
      </div>
    </div>
  )
}

/** The moment of the query, if its step is not read yet. */
function unreadAt({ reading }: AppModel, at: ReturnType<typeof asked>): Moment | undefined {
  const range = reading.unread.value
  if (at === undefined || range === undefined) return undefined
  const moment = { sequenceId: at.sequenceId, epoch: at.epoch ?? range.epoch }
  return reading.isUnread(moment) ? moment : undefined
}

/** Whether a step changed a field of the state. */
function writes({ patch, update, status }: StepRecord, field: string): boolean {
  if (status !== 'done') return false
  if (patch?.[0] === '{') return field in patch[1] || patch[2].includes(field)
  if (Array.isArray(update)) return update.includes(field)
  return typeof update === 'object' && update !== null && field in update
}

const branchHref = ({ project, runId, partitionKey }: RunId, path: string, step?: number): string =>
  href(['p', project, 'r', runId], { path, step, partition: partitionKey })

/** @param steps undefined until all are read: a graph that is only seen would grow meanwhile */
function usePicture(picture: PlacedPicture, node: AppNode, steps: readonly StepRecord[] | undefined): PlacedPicture {
  const key = steps && graphKey(node, steps)
  const seen = useMemo(() => steps && graphSeen(steps, node.maps, picture.above), [key])
  const isLoading = picture.isLoading || steps === undefined
  return { ...picture, isLoading, graph: picture.graph ?? (isLoading ? undefined : seen) }
}

/** Steps that run again do not change a graph that is only seen. */
const graphKey = (node: AppNode, steps: readonly StepRecord[]): string =>
  JSON.stringify([
    node.path,
    node.maps.map(({ map }) => map),
    [...new Set(steps.map(({ action, took }) => `${action} ${took?.to}`))],
  ])

/** The maps of an application, each with the way to its screen. */
function MapLinks({ run, node, path }: { readonly run: RunModel; readonly node: AppNode; readonly path: string }) {
  if (node.maps.length === 0) return null
  const { project, runId } = run.id
  return (
    <p class="chips pad">
      {node.maps.slice(0, 8).map((map) => (
        <a
          key={`${map.map} ${map.visit} ${map.epoch}`}
          class="chip"
          data-status={map.status === 'reducing' ? 'running' : map.status}
          href={mapHref(project, runId, path, map)}
        >
          {visible(map.map)}
          {map.visit > 1 && ` #${map.visit}`}:{' '}
          {many(
            Object.values(map.counts).reduce((sum, n) => sum + n, 0),
            'branch',
            'branches',
          )}{' '}
          →
        </a>
      ))}
    </p>
  )
}
