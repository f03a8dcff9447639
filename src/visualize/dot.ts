import type { AnyRunnable } from '../action/action.js'
import { withPassed } from './branch-counts.js'
import { flatText, toDataPath } from './data-path.js'
import { DASHED_STATUSES, markedName, STATUS_COLORS, takenText } from './mark-text.js'
import type { ActionPicture, BranchPicture, GraphPicture, PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import { edgeOf, markAt, type RunMarks } from './run-marks.js'
import { pictureOfRun } from './run-picture.js'

// Owns: the text of a graph for Graphviz.
// Does not own: what is drawn (picture.ts).

/** Options of a picture for Graphviz. */
export interface DotOptions extends PictureOptions {
  /** Layout direction. Default `'TB'`, from top to bottom. */
  readonly direction?: 'TB' | 'LR'
  /** Whether transitions carry their conditions. Default true. */
  readonly conditions?: boolean
  /** Whether actions show the keys that they read and write. Default false. */
  readonly state?: boolean
  /** What a run did, from `readMarks`: statuses as signs, numbers of steps, branches and ways taken. */
  readonly run?: RunMarks | undefined
}

/**
 * Renders a runnable graph as text for Graphviz. A map action is a cluster of its branches.
 *
 * The id of a node is its address, `compare/gpt4/draft`; dashed ways have a condition, and those of errors are dotted. At
 * most twelve branches of a map are drawn.
 * @see https://graphviz.org/doc/info/lang.html
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * toDot(counter.graph({ actions: { add } }).runnable({ entrypoint: 'add' })).split('\n')[0] // digraph {
 * ```
 */
export function toDot(branch: AnyRunnable, options: DotOptions = {}): string {
  const { direction = 'TB', depth = 1, run } = options
  const picture = pictureOfRun(pictureOf(branch, { depth }), run, { depth })
  const drawing = new Drawing({ ...options, run: run && withPassed(picture, run) })
  drawing.graph(picture, 1, '')
  return [
    'digraph {',
    `  compound=true; rankdir=${direction}; fontname="Helvetica";`,
    '  node [shape=box, style=rounded, fontname="Helvetica"];',
    '  edge [fontname="Helvetica", fontsize=11];',
    ...drawing.lines,
    '}',
  ].join('\n')
}

const IN_CLUSTER = { separator: '; ' } as const

/** Where edges of an action begin and end: Graphviz joins nodes, and cuts the edge at the border of a cluster. */
interface Anchor {
  readonly node: string
  readonly cluster: string | undefined
}

class Drawing {
  readonly lines: string[] = []
  readonly #options: DotOptions
  #clusters = 0

  constructor(options: DotOptions) {
    this.#options = options
  }

  /** @param above the address of the branch, with a slash behind it; of its start and end */
  graph({ entry, actions, edges }: GraphPicture, level: number, above: string): string {
    const anchors = new Map(actions.map((action) => [action.path, this.#action(action, level)]))
    // A printed address has no `#` of its own.
    const start = `${above}#start`
    const end = `${above}#end`
    this.#line(level, `${idOf(start)} [shape=circle, style=filled, fillcolor=black, label="", width=0.15];`)
    if (edges.some(({ to }) => to === undefined))
      this.#line(level, `${idOf(end)} [shape=doublecircle, style=filled, fillcolor=black, label="", width=0.1];`)
    const at = (path: string | undefined): Anchor =>
      anchors.get(path ?? '') ?? { node: path === undefined ? end : path, cluster: undefined }
    this.#edge({ node: start, cluster: undefined }, at(entry), [], level)
    for (const { from, to, kind, label, isBack } of edges) {
      const { conditions = true, run } = this.#options
      const text = [conditions ? label : '', takenText(run?.taken[edgeOf(from, to)])].filter((part) => part !== '')
      const isConditional = kind === 'done' && label !== '' && label !== 'otherwise'
      const facts = [
        ...(text.length > 0 ? [`label=${quoted(text.join(' '))}`] : []),
        ...(kind === 'error' ? ['style=dotted'] : isConditional ? ['style=dashed'] : []),
        ...(isBack ? ['constraint=false'] : []),
        ...(run?.taken[edgeOf(from, to)] === undefined ? [] : ['penwidth=2']),
      ]
      this.#edge(at(from), at(to), facts, level)
    }
    return anchors.get(entry)?.node ?? start
  }

  #action(action: ActionPicture, level: number): Anchor {
    const { path, branches, more } = action
    const label = quoted(this.#label(action))
    if (branches.length === 0) {
      this.#line(level, `${idOf(path)} [label=${label}${this.#style(path)}];`)
      return { node: path, cluster: undefined }
    }
    const cluster = `cluster_${this.#clusters++}`
    this.#line(level, `subgraph ${cluster} {`)
    this.#line(level + 1, `label=${label}; style=rounded; id=${idOf(path)}${this.#style(path, IN_CLUSTER)};`)
    const nodes = branches.map((one): string => {
      if (one.graph === undefined) {
        this.#line(
          level + 1,
          `${idOf(one.path)} [label=${quoted(this.#name(one))}${this.#style(one.path, { isMany: one.isMany })}];`,
        )
        return one.path
      }
      this.#line(level + 1, `subgraph cluster_${this.#clusters++} {`)
      const style = this.#style(one.path, { ...IN_CLUSTER, isMany: one.isMany })
      this.#line(level + 2, `label=${quoted(this.#name(one))}; style=rounded; id=${idOf(one.path)}${style};`)
      const node = this.graph(one.graph, level + 2, `${one.path}/`)
      this.#line(level + 1, '}')
      return node
    })
    if (more > 0)
      this.#line(level + 1, `${idOf(`${path}/#more`)} [label=${quoted(`… ${more} more`)}, shape=plaintext];`)
    this.#line(level, '}')
    return { node: nodes[Math.floor((nodes.length - 1) / 2)] ?? path, cluster }
  }

  #name({ path, name, isMany }: BranchPicture): string {
    return markedName(isMany ? `${name} × N` : name, markAt(this.#options.run, path))
  }

  #label(action: ActionPicture): string {
    const { path, name, reads, writes } = action
    const head = markedName(name, markAt(this.#options.run, path))
    if (this.#options.state !== true) return head
    const keys = [
      reads.length > 0 ? `reads ${reads.join(', ')}` : '',
      writes.length > 0 ? `writes ${writes.join(', ')}` : '',
    ]
    return [head, ...keys].filter((part) => part !== '').join('\n')
  }

  /** @param isMany whether it stands for branches of different statuses */
  #style(path: string, { separator = ', ', isMany = false } = {}): string {
    const status = isMany ? undefined : markAt(this.#options.run, path)?.status
    const isDashed = isMany || (status !== undefined && DASHED_STATUSES.has(status))
    return [
      ...(status === undefined ? [] : [`color=${quoted(STATUS_COLORS[status])}`, 'penwidth=2']),
      ...(isDashed ? ['style="rounded,dashed"'] : []),
    ]
      .map((fact) => `${separator}${fact}`)
      .join('')
  }

  #edge(from: Anchor, to: Anchor, facts: readonly string[], level: number): void {
    const all = [
      ...facts,
      ...(from.cluster === undefined ? [] : [`ltail=${from.cluster}`]),
      ...(to.cluster === undefined ? [] : [`lhead=${to.cluster}`]),
    ]
    // Within one cluster, its border cannot be both ends of an edge.
    const kept = from.cluster !== undefined && from.cluster === to.cluster ? facts : all
    const attributes = kept.length === 0 ? '' : ` [${kept.join(', ')}]`
    this.#line(level, `${idOf(from.node)} -> ${idOf(to.node)}${attributes};`)
  }

  #line(level: number, text: string): void {
    this.lines.push(`${'  '.repeat(level)}${text}`)
  }
}

/** A quoted text of Graphviz: a backslash begins an escape, and a quote ends it. A line of it is one of the picture. */
const quoted = (text: string): string =>
  `"${text.split('\n').map(flatText).join('\n').replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`

/** Two addresses are two ids. */
const idOf = (path: string): string => quoted(toDataPath(path))
