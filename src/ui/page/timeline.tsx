import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { AppNode, MapNode, StepRecord } from '../../read/tree.js'
import { clientOf } from './client.js'
import { branchSpan, lanesOf, type Span, stepSpan } from './lanes.js'
import { useLoaded } from './loaded.js'
import type { RunModel } from './run-model.js'
import { duration, many } from './words.js'

// Owns: when steps and branches ran, as lanes of a time axis.
// Branches that ran at the same time are in different lanes, and a lane is used again when it is free: as many
// lanes as ran at once, whatever their number.
// A branch has its own times and its worker. Its time in the queue is hatched, and told in words.

const LANE_PX = 22
const LEFT_PX = 120
/** Room for the text of a time. Nearer to the edge it stands before its line. */
const TICK_PX = 60
const MOST = 1000

export function Timeline(props: {
  readonly run: RunModel
  readonly path: string
  readonly steps: readonly StepRecord[]
  readonly node: AppNode | undefined
  /** When it began, where its first steps are not read yet. Epoch milliseconds. */
  readonly began: number | undefined
  /** When it ended, or last did something; now while it goes on. Epoch milliseconds. */
  readonly ended: number
  readonly chosen: number | undefined
  readonly openStep: (step: StepRecord) => void
  readonly openBranch: (path: string) => void
}): JSX.Element {
  const { run, path, steps, node, began, ended, chosen, openStep, openBranch } = props
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(700)
  const [range, setRange] = useState<{ from: number; to: number } | undefined>()
  const drag = useRef<number | undefined>(undefined)
  useEffect(() => {
    const at = box.current
    if (at === null) return undefined
    const observer = new ResizeObserver(() => setWidth(Math.max(300, at.clientWidth - 12)))
    observer.observe(at)
    return () => observer.disconnect()
  }, [])
  const maps = (node?.maps ?? []).slice(0, 6).reverse()
  const branches = useBranches(run, path, maps)
  const own = steps.flatMap((step) => stepSpan(step, ended))
  const groups = maps.map((map, i) => ({
    map,
    lanes: lanesOf((branches?.[i] ?? []).flatMap((branch) => branchSpan(branch, ended))),
  }))
  const all = [...own, ...groups.flatMap(({ lanes }) => lanes.flat())]
  const first = all.reduce((least, { from }) => Math.min(least, from), began ?? Number.POSITIVE_INFINITY)
  const last = all.reduce((most, { to }) => Math.max(most, to), first + 1)
  const { from, to } = range ?? { from: first, to: last }
  const inner = width - LEFT_PX
  const x = (time: number): number => LEFT_PX + (inner * (time - from)) / Math.max(1, to - from)
  const timeAt = (px: number): number => from + ((px - LEFT_PX) / inner) * (to - from)
  const rows: { label: string; spans: readonly Span[]; kind: 'step' | 'branch' }[] = [
    { label: 'steps', spans: own, kind: 'step' },
    ...groups.flatMap(({ map, lanes }) =>
      lanes.map((spans, i) => ({
        label: i === 0 ? `${map.map}${map.visit > 1 ? ` #${map.visit}` : ''}` : '',
        spans,
        kind: 'branch' as const,
      })),
    ),
  ]
  const height = rows.length * LANE_PX + 26
  const placeOf = (event: PointerEvent): number => event.clientX - (box.current?.getBoundingClientRect().left ?? 0)
  const shown = groups.reduce((sum, { lanes }) => sum + lanes.flat().length, 0)
  return (
    <div class="timeline" ref={box}>
      <p class="quiet tiny">
        {duration(to - from)}
        {groups.length > 0 && ` · ${many(shown, 'branch', 'branches')} in ${many(rows.length - 1, 'lane')}`}
        {began !== undefined && ' · not all steps are read yet'} · drag to zoom{' '}
        {range !== undefined && (
          <button type="button" class="small" onClick={() => setRange(undefined)}>
            All of it
          </button>
        )}
      </p>
      {groups.some(({ lanes }) => lanes.some((spans) => spans.some(({ from, began }) => began > from))) && <Legend />}
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`Timeline of ${many(own.length, 'step')} and ${many(shown, 'branch', 'branches')}. The list of steps has the same times.`}
        onPointerDown={(event) => {
          drag.current = timeAt(placeOf(event))
        }}
        onPointerUp={(event) => {
          const start = drag.current
          const end = timeAt(placeOf(event))
          drag.current = undefined
          if (start !== undefined && Math.abs(x(start) - x(end)) > 8)
            setRange({ from: Math.min(start, end), to: Math.max(start, end) })
        }}
      >
        <Hatching id="queue" />
        {ticksOf(from, to).map((time) => (
          <g key={time} class="tick">
            <line x1={x(time)} x2={x(time)} y1={18} y2={height} />
            <text
              x={x(time) + (x(time) > width - TICK_PX ? -3 : 3)}
              y={12}
              text-anchor={x(time) > width - TICK_PX ? 'end' : 'start'}
            >
              {duration(time - first)}
            </text>
          </g>
        ))}
        {rows.map(({ label, spans, kind }, i) => (
          <g key={`${label} ${i}`} transform={`translate(0 ${i * LANE_PX + 22})`}>
            <text x={4} y={14} class="lane">
              {label.length > 17 ? `${label.slice(0, 16)}…` : label}
            </text>
            {spans
              .filter((span) => span.to >= from && span.from <= to)
              .map((span) => (
                <Bar
                  key={span.id}
                  span={span}
                  left={Math.max(LEFT_PX, x(span.from))}
                  began={Math.min(width, Math.max(LEFT_PX, x(span.began)))}
                  right={Math.min(width, x(span.to))}
                  isChosen={kind === 'step' && span.id === String(chosen)}
                  open={() => {
                    const step = steps.find(({ sequenceId }) => String(sequenceId) === span.id)
                    if (kind === 'branch') openBranch(span.id)
                    else if (step !== undefined) openStep(step)
                  }}
                />
              ))}
          </g>
        ))}
      </svg>
    </div>
  )
}

function Bar(props: {
  readonly span: Span
  readonly left: number
  readonly began: number
  readonly right: number
  readonly isChosen: boolean
  readonly open: () => void
}): JSX.Element {
  const { span, left, began, right, isChosen, open } = props
  const width = Math.max(2, right - left - 1)
  const queued = Math.min(width, began - left)
  // The name stands where it ran, unless there is more room in the queue.
  const isInQueue = queued > width / 2
  const room = Math.floor(((isInQueue ? queued : width - queued) - 8) / 6.5)
  return (
    <g class="span" data-status={span.status} data-chosen={isChosen} onClick={open}>
      <title>{span.title}</title>
      <rect x={left} y={1} width={width} height={LANE_PX - 4} rx={3} />
      {queued >= 1 && <rect class="queue" x={left} y={1} width={queued} height={LANE_PX - 4} rx={3} />}
      {room >= 3 && (
        <text class={isInQueue ? 'hatched' : undefined} x={(isInQueue ? left : left + queued) + 4} y={14}>
          {span.name.length > room ? `${span.name.slice(0, room - 1)}…` : span.name}
        </text>
      )}
    </g>
  )
}

/** The lines of a bar while its branch is in the queue. */
const Hatching = ({ id }: { readonly id: string }): JSX.Element => (
  <pattern id={id} width={6} height={6} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
    <path d="M0 0h6v6h-6z" class="hatch-ground" />
    <line x1={0} x2={0} y1={0} y2={6} class="hatch" />
  </pattern>
)

const Legend = (): JSX.Element => (
  <p class="quiet tiny legend">
    <svg width={28} height={12} aria-hidden="true">
      <Hatching id="queue-legend" />
      <rect class="queue" x={0.5} y={0.5} width={27} height={11} rx={3} />
    </svg>{' '}
    in the queue{' '}
    <svg width={28} height={12} aria-hidden="true">
      <rect class="ran" x={0.5} y={0.5} width={27} height={11} rx={3} />
    </svg>{' '}
    ran
  </p>
)

function useBranches(
  run: RunModel,
  path: string,
  maps: readonly MapNode[],
): readonly (readonly AppNode[])[] | undefined {
  const { project, ...ref } = run.id
  const key =
    maps.length === 0
      ? undefined
      : `lanes ${JSON.stringify([run.id, path, maps.map(({ map, visit, epoch }) => [map, visit, epoch])])}`
  const load = (): Promise<readonly (readonly AppNode[])[]> =>
    Promise.all(
      maps.map(async ({ map, visit, epoch }) => {
        const query = { ...ref, path, map, visit, epoch, limit: MOST }
        return (await clientOf(project).branches(query)).items
      }),
    )
  return useLoaded(key, load, { project, topic: run.topic }).data
}

/** Round times between two moments. */
function ticksOf(from: number, to: number): readonly number[] {
  if (!(to > from)) return []
  const rough = (to - from) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough
  return Array.from({ length: 8 }, (_, i) => from + i * step).filter((time) => time < to)
}
