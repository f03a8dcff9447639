import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { AppNode, MapNode, StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { clientOf } from './client.js'
import { lanesOf } from './lanes.js'
import { useLoaded } from './loaded.js'
import { nowEachSecond } from './parts.js'
import type { RunModel } from './run-model.js'
import { branchName } from './step-rows.js'
import { duration, isOpen, many, placeOf } from './words.js'

// Owns: when steps and branches ran, as lanes of a time axis.
// Branches that ran at the same time are in different lanes, and a lane is used again when it is free: as many
// lanes as ran at once, whatever their number.
// A branch has its own times and its worker.

/** Something with a beginning and an end. */
interface Span {
  readonly id: string
  readonly name: string
  readonly title: string
  readonly status: string
  readonly from: number
  readonly to: number
}

const LANE_PX = 22
const LEFT_PX = 120
const MOST = 1000

export function Timeline(props: {
  readonly run: RunModel
  readonly path: string
  readonly steps: readonly StepRecord[]
  readonly node: AppNode | undefined
  readonly chosen: number | undefined
  readonly openStep: (step: StepRecord) => void
  readonly openBranch: (path: string) => void
}): JSX.Element {
  const { run, path, steps, node, chosen, openStep, openBranch } = props
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
  const isAlive = node !== undefined && isOpen(node.status)
  const now = isAlive ? nowEachSecond() : 0
  const spanOf = (step: StepRecord): Span[] => {
    const { action: name, status, startedAt: from, endedAt, sequenceId } = step
    const to = endedAt ?? (isOpen(status) ? now : undefined)
    if (from === undefined || to === undefined) return []
    return [
      {
        id: String(sequenceId),
        name,
        title: `#${sequenceId} ${name}, ${status}, ${duration(to - from)}`,
        status,
        from,
        to,
      },
    ]
  }
  const own = steps.flatMap(spanOf)
  const groups = maps.map((map, i) => ({
    map,
    lanes: lanesOf((branches?.[i] ?? []).flatMap((branch) => branchSpan(branch, now))),
  }))
  const all = [...own, ...groups.flatMap(({ lanes }) => lanes.flat())]
  const first = all.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY)
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
        {groups.length > 0 && ` · ${many(shown, 'branch', 'branches')} in ${many(rows.length - 1, 'lane')}`} · drag to
        zoom{' '}
        {range !== undefined && (
          <button type="button" class="small" onClick={() => setRange(undefined)}>
            All of it
          </button>
        )}
      </p>
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
        {ticksOf(from, to).map((time) => (
          <g key={time} class="tick">
            <line x1={x(time)} x2={x(time)} y1={18} y2={height} />
            <text x={x(time) + 3} y={12}>
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
  readonly right: number
  readonly isChosen: boolean
  readonly open: () => void
}): JSX.Element {
  const { span, left, right, isChosen, open } = props
  const width = Math.max(2, right - left - 1)
  const room = Math.floor((width - 8) / 6.5)
  return (
    <g class="span" data-status={span.status} data-chosen={isChosen} onClick={open}>
      <title>{span.title}</title>
      <rect x={left} y={1} width={width} height={LANE_PX - 4} rx={3} />
      {room >= 3 && (
        <text x={left + 4} y={14}>
          {span.name.length > room ? `${span.name.slice(0, room - 1)}…` : span.name}
        </text>
      )}
    </g>
  )
}

function branchSpan(branch: AppNode, now: number): Span[] {
  const { status, startedAt: from, endedAt, worker } = branch
  const to = endedAt ?? (isOpen(status) ? now : undefined)
  if (from === undefined || to === undefined) return []
  const where = worker === undefined ? '' : `, on ${placeOf(worker)}`
  const name = branchName(branch)
  return [
    {
      id: printedPath(branch.path),
      name,
      status,
      from,
      to,
      title: `${name}, ${status}, ${duration(to - from)}${where}`,
    },
  ]
}

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
