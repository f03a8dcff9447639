import { Graph, layout } from '@dagrejs/dagre'
import { defined } from '../internal/defined.js'
import type { ActionPicture, BranchPicture, EdgePicture, GraphPicture } from './picture.js'
import {
  type Box,
  DOT,
  type LaidAction,
  type LaidBranch,
  type LaidEdge,
  type LaidGraph,
  type LayoutOptions,
  LINE,
  type Place,
  textWidth,
} from './places.js'

// Owns: where things of a picture are, in units of a pixel.
// Does not own: what is drawn (picture.ts), how it looks (drawing.ts).
// G1  A graph is laid out alone, and is one box of its parent. Equal graphs are laid out once: boxes of branches cost little.
// G2  Boxes of one graph do not overlap. Everything of a graph, ways and their labels too, is inside its box.
// G4  Branches of a map are put into rows. A box stays where it is in its row as others follow it.
// G3  A way back runs in a channel of its own beside the graph, so it does not change the order of the others.

const PAD = 12
const GAP = 14
const MARGIN = 10
const CHANNEL = 16
/** The most that a row of branches takes, and a column, where there are more than one. */
const [MOST_WIDTH, MOST_HEIGHT] = [760, 560]

/** Lays a picture out (G1). */
export const layoutOf = (graph: GraphPicture, options: LayoutOptions): LaidGraph => laidOf(graph, options, new Map())

/** Graphs that are laid out, by what their places depend on. */
type Known = Map<string, LaidGraph>

function laidOf(graph: GraphPicture, options: LayoutOptions, known: Known): LaidGraph {
  const key = JSON.stringify(textsIn(graph, options))
  const equal = known.get(key)
  if (equal !== undefined) return over(equal, graph)
  const sheet = new Sheet(graph, options)
  const boxes = graph.actions.map((action) => actionBox(action, options, known))
  const laid = sheet.lay(boxes)
  known.set(key, laid)
  return laid
}

/** All that the places of a graph depend on: its texts and its ways, without addresses. */
function textsIn({ entry, actions, edges }: GraphPicture, options: LayoutOptions): readonly unknown[] {
  const at = new Map(actions.map(({ path }, i) => [path, i]))
  const own = actions.map((action): unknown => [
    options.head(action),
    action.more,
    action.branches.map((one): unknown => [options.name(one), one.graph && textsIn(one.graph, options)]),
  ])
  const ways = edges.map((edge) => [at.get(edge.from), at.get(edge.to ?? ''), edge.isBack, options.label(edge)])
  return [at.get(entry), own, ways]
}

/** The places of an equal graph, for this one. */
function over(laid: LaidGraph, graph: GraphPicture): LaidGraph {
  return {
    ...laid,
    edges: laid.edges.map((one, i) => ({ ...one, edge: graph.edges[i - 1] })), // the first leads to the entry
    actions: laid.actions.map((one, i): LaidAction => {
      const action = graph.actions[i] ?? one.action
      return { ...one, action, branches: one.branches.map((box, j) => overBranch(box, action.branches[j])) }
    }),
  }
}

function overBranch(box: LaidBranch, branch = box.branch): LaidBranch {
  const { graph } = branch
  return { ...box, branch, graph: box.graph && graph && { ...box.graph, laid: over(box.graph.laid, graph) } }
}

type Way = { readonly points?: readonly Place[]; readonly x?: number; readonly y?: number }

/** One graph, while it is laid out by dagre. */
class Sheet {
  readonly #sheet = new Graph<object, Partial<Place>, Way>({ multigraph: true })
  readonly #graph: GraphPicture
  readonly #options: LayoutOptions
  readonly #idOf: ReadonlyMap<string, string>
  /** Where the upper left corner of all of it is. */
  #shift: Place = { x: 0, y: 0 }

  constructor(graph: GraphPicture, options: LayoutOptions) {
    this.#graph = graph
    this.#options = options
    this.#idOf = new Map(graph.actions.map(({ path }, i) => [path, `a${i}`]))
  }

  lay(boxes: readonly Omit<LaidAction, 'x' | 'y'>[]): LaidGraph {
    const { entry, edges } = this.#graph
    const ends = edges.some(({ to }) => to === undefined)
    this.#sheet.setGraph({ rankdir: this.#options.direction, nodesep: 28, ranksep: 34, edgesep: 14 })
    for (const [i, { width, height }] of boxes.entries()) this.#sheet.setNode(`a${i}`, { width, height } as object)
    this.#sheet.setNode('start', { width: 2 * DOT, height: 2 * DOT } as object)
    if (ends) this.#sheet.setNode('end', { width: 2 * DOT + 4, height: 2 * DOT + 4 } as object)
    this.#sheet.setEdge('start', this.#id(entry), {}, 'start')
    for (const [i, edge] of edges.entries()) if (!edge.isBack) this.#add(edge, i) // G3
    layout(this.#sheet)
    const size = this.#fit(boxes)
    const actions = boxes.map((box, i): LaidAction => {
      const { x, y } = this.#at(`a${i}`)
      return { ...box, x: x - box.width / 2, y: y - box.height / 2 }
    })
    const byPath = new Map(actions.map((one) => [one.action.path, one]))
    const channels = new Channels(size.width, size.height, this.#options.direction)
    const ways = edges.map((edge, i): LaidEdge => {
      const from = byPath.get(edge.from)
      const to = byPath.get(edge.to ?? '')
      const way =
        edge.isBack && from !== undefined && to !== undefined
          ? channels.way(from, to, textWidth(this.#options.label(edge)))
          : this.#placed(this.#way(edge, i), this.#options.label(edge) !== '')
      return { edge, ...way }
    })
    const first = this.#placed(this.#sheet.edge('start', this.#id(entry), 'start'), false)
    const marks = { start: this.#at('start'), end: ends ? this.#at('end') : undefined }
    return { ...channels.size, ...marks, actions, edges: [{ edge: undefined, ...first }, ...ways] }
  }

  #id(path: string | undefined): string {
    return path === undefined ? 'end' : (this.#idOf.get(path) ?? 'start')
  }

  #add(edge: EdgePicture, i: number): void {
    const label = this.#options.label(edge)
    const size = label === '' ? {} : { width: textWidth(label) + 8, height: LINE, labelpos: 'c' }
    this.#sheet.setEdge(this.#id(edge.from), this.#id(edge.to), size, `e${i}`)
  }

  #way(edge: EdgePicture, i: number): Way | undefined {
    return this.#sheet.edge(this.#id(edge.from), this.#id(edge.to), `e${i}`)
  }

  /** Dagre does not count the bends of ways: they are measured here, so that all is inside (G2). */
  #fit(boxes: readonly Omit<LaidAction, 'x' | 'y'>[]): { readonly width: number; readonly height: number } {
    const all: Place[] = []
    const box = ({ x = 0, y = 0 }: Partial<Place>, width: number, height: number): void =>
      void all.push({ x: x - width / 2, y: y - height / 2 }, { x: x + width / 2, y: y + height / 2 })
    for (const id of ['start', 'end']) if (this.#sheet.hasNode(id)) box(this.#sheet.node(id), 2 * DOT + 4, 2 * DOT + 4)
    for (const [i, { width, height }] of boxes.entries()) box(this.#sheet.node(`a${i}`), width, height)
    for (const [i, edge] of this.#graph.edges.entries()) {
      if (edge.isBack) continue
      const { points = [], x, y } = this.#way(edge, i) ?? {}
      for (const point of points) all.push(point)
      const label = this.#options.label(edge)
      if (label !== '') box({ ...defined({ x, y }) }, textWidth(label) + 8, LINE)
    }
    let [left, top, right, bottom] = [0, 0, 0, 0]
    for (const { x, y } of all) {
      left = Math.min(left, x)
      top = Math.min(top, y)
      right = Math.max(right, x)
      bottom = Math.max(bottom, y)
    }
    this.#shift = { x: MARGIN - left, y: MARGIN - top }
    return { width: right - left + 2 * MARGIN, height: bottom - top + 2 * MARGIN }
  }

  #at(id: string): Place {
    return this.#shifted(this.#sheet.node(id))
  }

  #placed({ points = [], x, y }: Way = {}, hasLabel: boolean): Pick<LaidEdge, 'points' | 'label'> {
    const label = hasLabel && x !== undefined && y !== undefined ? this.#shifted({ x, y }) : undefined
    return { points: points.map((point) => this.#shifted(point)), label }
  }

  #shifted({ x = 0, y = 0 }: Partial<Place>): Place {
    return { x: x + this.#shift.x, y: y + this.#shift.y }
  }
}

const greatest = (numbers: readonly number[], start = 0): number =>
  numbers.reduce((found, one) => Math.max(found, one), start)

/** The ways back, each in a channel beside the graph (G3). */
class Channels {
  #width: number
  #height: number
  readonly #isDown: boolean

  constructor(width: number, height: number, direction: 'TB' | 'LR') {
    this.#width = width
    this.#height = height
    this.#isDown = direction === 'TB'
  }

  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#width, height: this.#height }
  }

  way(from: Box, to: Box, label: number): Pick<LaidEdge, 'points' | 'label'> {
    return this.#isDown ? this.#right(from, to, label) : this.#below(from, to, label)
  }

  #right(from: Box, to: Box, label: number): Pick<LaidEdge, 'points' | 'label'> {
    const x = this.#width + CHANNEL / 2
    this.#width += CHANNEL + (label > 0 ? label + 8 : 0)
    const [a, b] = from === to ? [0.7, 0.3] : [0.6, 0.4]
    const [top, bottom] = [to.y + to.height * b, from.y + from.height * a]
    const points = [
      { x: from.x + from.width, y: bottom },
      { x, y: bottom },
      { x, y: top },
      { x: to.x + to.width, y: top },
    ]
    return { points, label: label > 0 ? { x: x + 6 + label / 2, y: (top + bottom) / 2 } : undefined }
  }

  #below(from: Box, to: Box, label: number): Pick<LaidEdge, 'points' | 'label'> {
    const y = this.#height + CHANNEL / 2
    this.#height += CHANNEL + (label > 0 ? LINE : 0)
    const [a, b] = from === to ? [0.7, 0.3] : [0.6, 0.4]
    const [left, right] = [to.x + to.width * b, from.x + from.width * a]
    const points = [
      { x: right, y: from.y + from.height },
      { x: right, y },
      { x: left, y },
      { x: left, y: to.y + to.height },
    ]
    // A label may be wider than its way: it stays inside.
    const middle = Math.max(label / 2 + 4, (left + right) / 2)
    this.#width = Math.max(this.#width, middle + label / 2 + 4)
    return { points, label: label > 0 ? { x: middle, y: y + LINE / 2 + 2 } : undefined }
  }
}

function actionBox(action: ActionPicture, options: LayoutOptions, known: Known): Omit<LaidAction, 'x' | 'y'> {
  const lines = options.head(action)
  const head = { width: greatest(lines.map(textWidth), 24) + 2 * PAD, height: lines.length * LINE + PAD }
  if (action.branches.length === 0) return { action, ...head, branches: [], more: undefined }
  const sizes = action.branches.map((branch) => branchBox(branch, options, known))
  const branches = inRows(sizes, head.height, options.direction)
  const right = greatest(branches.map(({ x, width }) => x + width))
  const bottom = greatest(branches.map(({ y, height }) => y + height))
  const width = Math.max(head.width, right + PAD)
  const isMore = action.more > 0
  const more = isMore ? { x: width / 2, y: bottom + LINE } : undefined
  return { action, width, height: bottom + PAD + (isMore ? LINE : 0), branches, more }
}

type Sized = Omit<LaidBranch, 'x' | 'y'>

/** Rows from left to right, or columns where the picture goes that way (G4). The boxes of a row are equally high. */
function inRows(boxes: readonly Sized[], top: number, direction: LayoutOptions['direction']): LaidBranch[] {
  const isDown = direction === 'TB'
  const most = isDown ? MOST_WIDTH : MOST_HEIGHT
  const rows: { readonly boxes: Sized[]; long: number }[] = []
  for (const box of boxes) {
    const long = (isDown ? box.width : box.height) + GAP
    const last = rows.at(-1)
    if (last === undefined || last.long + long > most + GAP) rows.push({ boxes: [box], long })
    else {
      last.boxes.push(box)
      last.long += long
    }
  }
  let across = 0
  return rows.flatMap((row) => {
    const size = greatest(row.boxes.map((box) => (isDown ? box.height : box.width)))
    let along = 0
    const placed = row.boxes.map((box): LaidBranch => {
      const place = isDown ? { x: PAD + along, y: top + across } : { x: PAD + across, y: top + along }
      along += (isDown ? box.width : box.height) + GAP
      return { ...box, ...(isDown ? { height: size } : widened(box, size)), ...place }
    })
    across += size + GAP
    return placed
  })
}

/** A wider box, whose graph stays in its middle. */
function widened({ graph, width: before }: Sized, width: number): Pick<LaidBranch, 'graph' | 'width'> {
  return { width, graph: graph && { ...graph, x: graph.x + (width - before) / 2 } }
}

function branchBox(branch: BranchPicture, options: LayoutOptions, known: Known): Omit<LaidBranch, 'x' | 'y'> {
  const text = options.name(branch)
  const name = textWidth(text) + 2 * PAD
  if (branch.graph === undefined) return { branch, width: name, height: LINE + PAD, graph: undefined }
  const laid = laidOf(branch.graph, options, known)
  const width = Math.max(name, laid.width)
  return {
    branch,
    width,
    height: LINE + PAD + laid.height,
    graph: { laid, x: (width - laid.width) / 2, y: LINE + PAD },
  }
}
