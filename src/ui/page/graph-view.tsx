import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { drawLaid } from '../../visualize/drawing.js'
import type { ActionPicture, GraphPicture } from '../../visualize/picture.js'
import type { LaidPicture } from '../../visualize/places.js'
import type { RunMarks } from '../../visualize/run-marks.js'
import { many } from './words.js'

// Owns: the picture of a graph on the page.
// It is laid out once, by the server. What a run adds is drawn into the room that was left for it, so nothing moves.
// It is a tree of one tab stop: arrow keys move in it, Enter opens, and each action has its name and status.

const LEAST = 0.25
const MOST = 3

export function GraphView(props: {
  readonly graph: LaidPicture
  readonly marks: RunMarks | undefined
  /** The address of the action that is outlined. */
  readonly current?: string | undefined
  /** Called with the address of an action. */
  readonly open?: ((path: string) => void) | undefined
  readonly lit?: ReadonlySet<string> | undefined
}): JSX.Element {
  const { graph, marks, current, open, lit } = props
  const { picture, laid } = graph
  const box = useRef<HTMLDivElement>(null)
  const [zoom, setZoom] = useState<number | undefined>()
  const [width, setWidth] = useState(600)
  const html = useMemo(
    () => drawLaid(laid, { state: true, run: marks ?? { actions: {}, taken: {} } }).replaceAll('⏸', '‖'),
    [laid, marks],
  )
  useEffect(() => {
    const at = box.current
    if (at === null) return undefined
    const observer = new ResizeObserver(() => setWidth(at.clientWidth - 16))
    observer.observe(at)
    return () => observer.disconnect()
  }, [])
  const scale = zoom ?? Math.max(LEAST, Math.min(1, width / laid.width))
  useLayoutEffect(() => {
    const svg = box.current?.querySelector('svg')
    if (svg == null) return
    svg.setAttribute('width', String(laid.width * scale))
    svg.setAttribute('height', String(laid.height * scale))
  }, [html, scale])
  useLayoutEffect(() => {
    if (box.current !== null) asTree(box.current, picture, marks, current, lit)
  }, [html, current, lit])
  const change = (by: number): void => setZoom(Math.min(MOST, Math.max(LEAST, scale * by)))
  return (
    <div class="graph">
      <fieldset class="graph-tools">
        <legend class="unseen">Size of the graph</legend>
        <button type="button" class="small" data-key="-" aria-label="Smaller" onClick={() => change(0.8)}>
          −
        </button>
        <button type="button" class="small" data-key="0" onClick={() => setZoom(undefined)}>
          Fit
        </button>
        <button type="button" class="small" data-key="+" aria-label="Larger" onClick={() => change(1.25)}>
          +
        </button>
      </fieldset>
      <div
        class="graph-box"
        ref={box}
        onClick={({ target }) => {
          const path = pathAt(target)
          if (path !== undefined) open?.(path)
        }}
        onKeyDown={(event) => moveInTree(event, open)}
        // biome-ignore lint/security/noDangerouslySetInnerHtml: drawing.ts escapes every text of a graph
        dangerouslySetInnerHTML={{ __html: html }}
      />
    </div>
  )
}

const pathAt = (target: EventTarget | null): string | undefined =>
  (target as Element).closest<SVGGElement>('g[data-path]')?.dataset['path']

function actionsIn(graph: GraphPicture): readonly ActionPicture[] {
  return graph.actions.flatMap((action) => [
    action,
    ...action.branches.flatMap((branch) => (branch.graph === undefined ? [] : actionsIn(branch.graph))),
  ])
}

function asTree(
  box: Element,
  picture: GraphPicture,
  marks: RunMarks | undefined,
  current: string | undefined,
  lit: ReadonlySet<string> | undefined,
): void {
  const svg = box.querySelector('svg')
  svg?.setAttribute('role', 'tree')
  for (const text of box.querySelectorAll('text, title')) text.setAttribute('aria-hidden', 'true')
  const actions = new Map(actionsIn(picture).map((action) => [action.path, action]))
  for (const g of box.querySelectorAll<SVGGElement>('g[data-path]')) {
    const path = g.dataset['path'] ?? ''
    const item = g.querySelector(':scope > rect')
    const action = actions.get(path)
    const mark = marks?.actions[path]
    const name = action?.name ?? `branch ${path.split('/').at(-1) ?? ''}`
    const facts = [
      name,
      mark?.status ?? 'not run',
      mark !== undefined && mark.steps > 1 ? many(mark.steps, 'step') : '',
    ]
    item?.setAttribute('role', 'treeitem')
    item?.setAttribute('aria-label', facts.filter((fact) => fact !== '').join(', '))
    item?.setAttribute('aria-level', String(path.split('/').length - picture.entry.split('/').length + 1))
    item?.setAttribute('tabindex', path === (current ?? picture.entry) ? '0' : '-1')
    item?.setAttribute('aria-selected', String(path === current))
    g.toggleAttribute('data-current', path === current)
    g.toggleAttribute('data-lit', lit?.has(path) === true)
  }
  if (box.querySelector('[tabindex="0"]') === null) box.querySelector('[role=treeitem]')?.setAttribute('tabindex', '0')
}

function moveInTree(event: KeyboardEvent, open: ((path: string) => void) | undefined): void {
  const items = [...(event.currentTarget as Element).querySelectorAll<SVGElement>('[role=treeitem]')]
  const at = items.indexOf(event.target as SVGElement)
  if (at < 0) return
  if (event.key === 'Enter') {
    const path = pathAt(event.target)
    if (path !== undefined) open?.(path)
    return
  }
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
  if (step === undefined) return
  event.preventDefault()
  event.stopPropagation()
  const next = items[Math.min(items.length - 1, Math.max(0, at + step))]
  items[at]?.setAttribute('tabindex', '-1')
  next?.setAttribute('tabindex', '0')
  next?.focus()
}

/** The same as a nested list. */
export function Outline({ graph, marks }: { readonly graph: GraphPicture; readonly marks: RunMarks | undefined }) {
  const nameOf = new Map(graph.actions.map(({ path, name }) => [path, name]))
  return (
    <ul class="outline">
      {graph.actions.map(({ path, name, reads, writes, branches, more }) => (
        <li key={path}>
          <strong>{name}</strong> {path === graph.entry && <span class="quiet">entry</span>}{' '}
          <span class="status" data-status={marks?.actions[path]?.status ?? 'queued'}>
            {marks?.actions[path]?.status ?? 'not run'}
          </span>
          {reads.length + writes.length > 0 && (
            <span class="quiet">
              {' '}
              {reads.join(', ')} → {writes.join(', ')}
            </span>
          )}
          <ul>
            {graph.edges
              .filter(({ from }) => from === path)
              .map(({ to, label }) => (
                <li key={`${to} ${label}`} class="quiet">
                  → {nameOf.get(to ?? '') ?? 'the end'}
                  {label !== '' && `: ${label}`}
                  {marks?.taken[`${path} > ${to ?? ''}`] !== undefined && ` ×${marks.taken[`${path} > ${to ?? ''}`]}`}
                </li>
              ))}
            {branches.map((branch) => (
              <li key={branch.path}>
                ∥ {branch.name}
                {branch.isMany && ' × N'}
                {branch.graph !== undefined && <Outline graph={branch.graph} marks={marks} />}
              </li>
            ))}
            {more > 0 && <li class="quiet">{many(more, 'more branch', 'more branches')}</li>}
          </ul>
        </li>
      ))}
    </ul>
  )
}
