import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { BRANCH_STATUSES, type BranchCounts } from '../../read/status.js'
import { fromDataPath, toDataPath } from '../../visualize/data-path.js'
import { drawLaid } from '../../visualize/drawing.js'
import { takenText } from '../../visualize/mark-text.js'
import type { GraphPicture } from '../../visualize/picture.js'
import type { LaidPicture } from '../../visualize/places.js'
import { edgeOf, markAt, type RunMarks } from '../../visualize/run-marks.js'
import { count, many } from './words.js'

// Owns: the picture of a graph on the page.
// The server lays it out. What a run adds is drawn into the room that was left for it, so nothing moves but when boxes come
// or go: then what was in the middle of attention stays where it was, and the focus stays on its box.
// It is a tree of one tab stop: arrow keys move in it, Enter opens, and each action has its name and status.

const LEAST = 0.25
/** The least to which a picture is fitted: its texts can be read, and the rest is scrolled to. */
const READABLE = 0.6
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
  const before = box.current === null ? undefined : viewOf(box.current, current)
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
  const scale = zoom ?? Math.max(READABLE, Math.min(1, width / laid.width))
  useLayoutEffect(() => {
    const svg = box.current?.querySelector('svg')
    if (svg == null) return
    svg.setAttribute('width', String(laid.width * scale))
    svg.setAttribute('height', String(laid.height * scale))
  }, [html, scale])
  useLayoutEffect(() => {
    if (box.current !== null) asTree(box.current, picture, marks, current, lit)
  }, [html, current, lit])
  useLayoutEffect(() => {
    if (box.current !== null && before !== undefined) restore(box.current, before)
  }, [html])
  useLayoutEffect(() => {
    if (box.current !== null && current !== undefined) reveal(box.current, current)
  }, [current, width])
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

const pathAt = (target: EventTarget | null): string | undefined => {
  const path = (target as Element).closest<SVGGElement>('g[data-path]')?.dataset['path']
  return path === undefined ? undefined : fromDataPath(path)
}

/** What a reader looks at. */
interface View {
  /** The address of the box with the focus. */
  readonly focus: string | undefined
  /** The address of the box that stays where it is, and how far below the upper edge it is. */
  readonly anchor: string | undefined
  readonly top: number
}

const boxAt = (box: Element, path: string): SVGGElement | undefined =>
  [...box.querySelectorAll<SVGGElement>('g[data-path]')].find((g) => g.dataset['path'] === toDataPath(path))

const topIn = (box: Element, g: Element): number => g.getBoundingClientRect().top - box.getBoundingClientRect().top

function viewOf(box: Element, current: string | undefined): View {
  const { activeElement } = document
  const focus = activeElement !== null && box.contains(activeElement) ? pathAt(activeElement) : undefined
  const anchor = focus ?? current
  const g = anchor === undefined ? undefined : boxAt(box, anchor)
  return { focus, anchor, top: g === undefined ? 0 : topIn(box, g) }
}

/** A box that is gone is followed by the one that it was in. */
function restore(box: HTMLElement, { focus, anchor, top }: View): void {
  for (let path = focus; path !== undefined && document.activeElement === document.body; ) {
    boxAt(box, path)?.querySelector<SVGElement>(':scope > rect')?.focus({ preventScroll: true })
    path = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : undefined
  }
  const g = anchor === undefined ? undefined : boxAt(box, anchor)
  if (g !== undefined) box.scrollTop += topIn(box, g) - top
}

/** Scrolls to a box that is out of sight, but not away from one that has the focus. */
function reveal(box: HTMLElement, path: string): void {
  const g = boxAt(box, path)
  if (g === undefined || box.contains(document.activeElement)) return
  const [top, { height }] = [topIn(box, g), g.getBoundingClientRect()]
  if (top >= 0 && top + height <= box.clientHeight) return
  box.scrollTop += height < box.clientHeight ? top - (box.clientHeight - height) / 2 : top
}

/** The name of each box of a picture, as it is read aloud. */
function namesIn(graph: GraphPicture, names = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const { path, name, branches } of graph.actions) {
    names.set(path, name)
    for (const [i, branch] of branches.entries()) {
      const place = branch.isMany ? 'any number of branches' : `branch ${i + 1} of ${branches.length}`
      names.set(branch.path, [branch.name, place].filter((one, n) => n === 0 || one !== branch.name).join(', '))
      if (branch.graph !== undefined) namesIn(branch.graph, names)
    }
  }
  return names
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
  const names = namesIn(picture)
  for (const g of box.querySelectorAll<SVGGElement>('g[data-path]')) {
    const path = pathAt(g) ?? ''
    const item = g.querySelector(':scope > rect')
    const mark = marks === undefined ? undefined : markAt(marks, path)
    const facts = [
      names.get(path) ?? path,
      mark?.status ?? 'not run',
      mark !== undefined && mark.steps > 1 ? many(mark.steps, 'step') : '',
      ...countWords(mark?.at ?? mark?.branches),
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

/** `14 done`, `2 running`: how many branches. */
const countWords = (counts: BranchCounts | undefined): readonly string[] =>
  counts === undefined
    ? []
    : BRANCH_STATUSES.flatMap((status) => (counts[status] > 0 ? [`${count(counts[status])} ${status}`] : []))

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

const StatusAt = ({ marks, path }: { readonly marks: RunMarks | undefined; readonly path: string }) => {
  const status = marks && markAt(marks, path)?.status
  return (
    <span class="status" data-status={status ?? 'queued'}>
      {status ?? 'not run'}
    </span>
  )
}

/** The same as a nested list. */
export function Outline({ graph, marks }: { readonly graph: GraphPicture; readonly marks: RunMarks | undefined }) {
  const nameOf = new Map(graph.actions.map(({ path, name }) => [path, name]))
  return (
    <ul class="outline">
      {graph.actions.map(({ path, name, reads, writes, branches, more }) => (
        <li key={path}>
          <strong>{name}</strong> {path === graph.entry && <span class="quiet">entry</span>}{' '}
          <StatusAt marks={marks} path={path} />
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
                  {` ${takenText(marks?.taken[edgeOf(path, to)])}`}
                </li>
              ))}
            {branches.map((branch) => (
              <li key={branch.path}>
                ∥ {branch.name}
                {branch.isMany ? ' × N' : ' '}
                {!branch.isMany && <StatusAt marks={marks} path={branch.path} />}
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
