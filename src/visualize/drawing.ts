import type { BranchStatus } from '../read/status.js'
import { toDataPath } from './data-path.js'
import { DASHED_STATUSES, markedName, STATUS_COLORS, takenText } from './mark-text.js'
import {
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
import { edgeOf, markAt, type RunMarks } from './run-marks.js'

// Owns: how a laid out picture looks, as SVG. It needs neither the graph nor the engine.
// V1  Nothing of the graph is markup: every text is escaped, and what XML cannot hold is left out.
// V2  An action can be found by `data-path`, a way by `data-from` and `data-to`: a page lights them as a run goes on.

/** Options of a drawing. */
export interface DrawOptions {
  readonly theme?: 'light' | 'dark'
  /** Whether actions show the keys that they read and write. */
  readonly state?: boolean
  readonly run?: RunMarks | undefined
}

/** The texts of a picture. */
export type Texts = Omit<LayoutOptions, 'direction'>

/** The texts of a picture with the marks of a run. */
export function textsOf({ state = false, run }: Pick<DrawOptions, 'state' | 'run'>): Texts {
  return {
    label: ({ label, from, to }) =>
      [shortened(label), takenText(run?.taken[edgeOf(from, to)])].filter((part) => part !== '').join(' '),
    name: (one) => {
      const name = markedName(shortened(one.name), markAt(run, one.path))
      return one.isMany ? `${name} × N` : name
    },
    head: (action) => [
      markedName(shortened(action.name), markAt(run, action.path)),
      ...(state && action.reads.length > 0 ? [shortened(`reads ${action.reads.join(', ')}`)] : []),
      ...(state && action.writes.length > 0 ? [shortened(`writes ${action.writes.join(', ')}`)] : []),
    ],
  }
}

/** The texts of a picture with room for the marks of a run, so that they can be drawn into it later. */
export function roomyTexts(): Texts {
  const texts = textsOf({ state: true })
  return {
    name: (branch) => `▶ ${texts.name(branch)}${branch.path.endsWith('.*') ? ' (✓0000 ▶00 ✕00)' : ''}`,
    head: (action) => {
      const [name = '', ...rest] = texts.head(action)
      const counts = /\*\//.test(action.path) ? ' (✓0000 ▶00 ✕00 ⊘00)' : action.isMap ? ' (✓0000 ▶00 ✕00)' : ' ×0000'
      return [`▶ ${name}${counts}`, ...rest]
    },
    label: (edge) => `${texts.label(edge)} ×00`,
  }
}

/** Draws a picture whose places are known. Its texts may be other ones than it was laid out for. */
export function drawLaid(laid: LaidGraph, options: DrawOptions): string {
  const { theme = 'light', run } = options
  const [width, height] = [round(laid.width), round(laid.height)]
  const drawing = new Drawing(COLORS[theme], run, textsOf(options))
  drawing.graph(laid, COLORS[theme].paper)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(titleOf(laid.actions))}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="${COLORS[theme].paper}"/>`,
    ...drawing.lines,
    '</svg>',
  ].join('\n')
}

const MOST_SIGNS = 40
const shortened = (text: string): string => {
  const signs = [...text]
  return signs.length > MOST_SIGNS ? `${signs.slice(0, MOST_SIGNS - 1).join('')}…` : text
}

const titleOf = (actions: readonly LaidAction[]): string =>
  `Graph of ${actions.map(({ action }) => action.name).join(', ')}`

interface Colors {
  readonly ink: string
  readonly quiet: string
  readonly paper: string
  readonly inner: string
  readonly status: Readonly<Record<BranchStatus, string>>
}

class Drawing {
  readonly lines: string[] = []
  readonly #colors: Colors
  readonly #run: RunMarks | undefined
  readonly #texts: Texts

  constructor(colors: Colors, run: RunMarks | undefined, texts: Texts) {
    this.#colors = colors
    this.#run = run
    this.#texts = texts
  }

  /** @param ground the colour that it is on */
  graph({ actions, edges, start, end }: LaidGraph, ground: string): void {
    const { ink } = this.#colors
    for (const action of actions) this.#action(action)
    for (const edge of edges) this.#edge(edge, ground)
    if (start !== undefined)
      this.lines.push(`<circle cx="${round(start.x)}" cy="${round(start.y)}" r="${DOT}" fill="${ink}"/>`)
    if (end !== undefined)
      this.lines.push(
        `<circle cx="${round(end.x)}" cy="${round(end.y)}" r="${DOT + 2}" fill="none" stroke="${ink}"/>`,
        `<circle cx="${round(end.x)}" cy="${round(end.y)}" r="${DOT - 2}" fill="${ink}"/>`,
      )
  }

  #action({ action, x, y, width, height, branches, more }: LaidAction): void {
    const { facts, border } = this.#status(action.path)
    this.lines.push(
      `<g data-path="${escaped(toDataPath(action.path))}"${facts} transform="translate(${round(x)} ${round(y)})">`,
      `<title>${escaped(action.name)}</title>`,
      `<rect width="${round(width)}" height="${round(height)}" rx="8" fill="${this.#colors.paper}" ${border}/>`,
    )
    for (const [i, line] of this.#texts.head(action).entries())
      this.#text(line, { x: width / 2, y: 17 + i * LINE }, i > 0)
    for (const one of branches) this.#branch(one)
    if (more !== undefined) this.#text(`… ${action.more} more`, more, true)
    this.lines.push('</g>')
  }

  #branch({ branch, x, y, width, height, graph }: LaidBranch): void {
    const { inner, quiet } = this.#colors
    // Many branches have no status of their own.
    const { facts, border } = branch.isMany
      ? { facts: ' data-many=""', border: `stroke="${quiet}" stroke-dasharray="4 3"` }
      : this.#status(branch.path)
    this.lines.push(
      `<g data-path="${escaped(toDataPath(branch.path))}"${facts} transform="translate(${round(x)} ${round(y)})">`,
      `<title>${escaped(branch.name)}</title>`,
      `<rect width="${round(width)}" height="${round(height)}" rx="6" fill="${inner}" ${border}/>`,
    )
    this.#text(this.#texts.name(branch), { x: width / 2, y: 18 }, false)
    if (graph !== undefined) {
      this.lines.push(`<g transform="translate(${round(graph.x)} ${round(graph.y)})">`)
      this.graph(graph.laid, inner)
      this.lines.push('</g>')
    }
    this.lines.push('</g>')
  }

  /** How the status at an address is drawn: its sign is in the name. */
  #status(path: string): { readonly facts: string; readonly border: string } {
    const { quiet, status } = this.#colors
    const own = markAt(this.#run, path)?.status
    if (own === undefined) return { facts: '', border: `stroke="${quiet}"` }
    const dashed = DASHED_STATUSES.has(own) ? ' stroke-dasharray="5 3"' : ''
    return { facts: ` data-status="${escaped(own)}"`, border: `stroke="${status[own]}" stroke-width="2"${dashed}` }
  }

  #edge({ edge, points, label }: LaidEdge, ground: string): void {
    const { ink, quiet } = this.#colors
    const times = edge && this.#run?.taken[edgeOf(edge.from, edge.to)]
    const color = this.#run !== undefined && times === undefined ? quiet : ink
    const width = times === undefined ? 1.2 : 2.4
    const dash = edge?.kind === 'error' ? ' stroke-dasharray="2 3"' : ''
    const ends =
      edge === undefined
        ? ''
        : ` data-from="${escaped(toDataPath(edge.from))}" data-to="${escaped(toDataPath(edge.to ?? ''))}"${times === undefined ? '' : ` data-taken="${escaped(`${times}`)}"`}`
    const way = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join(' ')
    this.lines.push(
      `<path${ends} d="${way}" fill="none" stroke="${color}" stroke-width="${width}" stroke-linejoin="round"${dash}/>`,
      `<path d="${arrow(points)}" fill="${color}"/>`,
    )
    if (edge === undefined || label === undefined) return
    const text = this.#texts.label(edge)
    if (text === '') return
    const wide = textWidth(text)
    const box = `x="${round(label.x - wide / 2)}" y="${round(label.y - 8)}" width="${round(wide)}" height="16"`
    this.lines.push(
      `<rect ${box} fill="${ground}"/>`,
      `<text x="${round(label.x)}" y="${round(label.y + 4)}" text-anchor="middle" font-size="11" fill="${ink}">${escaped(text)}</text>`,
    )
  }

  #text(text: string, { x, y }: Place, isSmall: boolean): void {
    const size = isSmall ? ` font-size="11" fill="${this.#colors.quiet}"` : ` fill="${this.#colors.ink}"`
    this.lines.push(`<text x="${round(x)}" y="${round(y)}" text-anchor="middle"${size}>${escaped(text)}</text>`)
  }
}

/** The head of an arrow at the last point. */
function arrow(points: readonly Place[]): string {
  const to = points.at(-1) ?? { x: 0, y: 0 }
  const from = points.findLast(({ x, y }) => x !== to.x || y !== to.y) ?? { x: to.x, y: to.y - 1 }
  const length = Math.hypot(to.x - from.x, to.y - from.y)
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length]
  const back = { x: to.x - 7 * dx, y: to.y - 7 * dy }
  const corner = (side: number): string => `${round(back.x - side * 3.5 * dy)} ${round(back.y + side * 3.5 * dx)}`
  return `M${round(to.x)} ${round(to.y)} L${corner(1)} L${corner(-1)} Z`
}

const round = (value: number): number => Math.round(value * 10) / 10

const COLORS: Readonly<Record<'light' | 'dark', Colors>> = {
  light: {
    ink: '#1f2328',
    quiet: '#59636e',
    paper: '#ffffff',
    inner: '#f6f8fa',
    status: STATUS_COLORS,
  },
  dark: {
    ink: '#f0f6fc',
    quiet: '#9198a1',
    paper: '#0d1117',
    inner: '#151b23',
    status: {
      queued: '#9198a1',
      running: '#4493f8',
      waiting: '#d29922',
      retrying: '#f0883e',
      interrupted: '#ab7df8',
      done: '#3fb950',
      failed: '#f85149',
      cancelled: '#9198a1',
    },
  },
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** V1 */
const escaped = (text: string): string =>
  text
    .replace(/\p{Surrogate}/gu, '�')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that XML cannot hold
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '�')
    .replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign)
