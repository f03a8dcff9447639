import type { AnyRunnable } from '../action/action.js'
import { markedName, STATUS_COLORS, takenText } from './mark-text.js'
import type { ActionPicture, BranchPicture, GraphPicture, PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import { edgeOf, type RunMarks } from './run-marks.js'

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
  const { direction = 'TB', depth } = options
  const drawing = new Drawing(options)
  drawing.graph(pictureOf(branch, depth === undefined ? {} : { depth }), 1, '')
  return [
    'digraph {',
    `  compound=true; rankdir=${direction}; fontname="Helvetica";`,
    '  node [shape=box, style=rounded, fontname="Helvetica"];',
    '  edge [fontname="Helvetica", fontsize=11];',
    ...drawing.lines,
    '}',
  ].join('\n')
}

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
    this.#line(level, `${quoted(start)} [shape=circle, style=filled, fillcolor=black, label="", width=0.15];`)
    if (edges.some(({ to }) => to === undefined))
      this.#line(level, `${quoted(end)} [shape=doublecircle, style=filled, fillcolor=black, label="", width=0.1];`)
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
      this.#line(level, `${quoted(path)} [label=${label}${this.#style(path)}];`)
      return { node: path, cluster: undefined }
    }
    const cluster = `cluster_${this.#clusters++}`
    this.#line(level, `subgraph ${cluster} {`)
    this.#line(level + 1, `label=${label}; style=rounded; id=${quoted(path)};`)
    const nodes = branches.map((one): string => {
      if (one.graph === undefined) {
        this.#line(level + 1, `${quoted(one.path)} [label=${quoted(this.#name(one))}];`)
        return one.path
      }
      this.#line(level + 1, `subgraph cluster_${this.#clusters++} {`)
      this.#line(level + 2, `label=${quoted(this.#name(one))}; style="rounded,dashed";`)
      const node = this.graph(one.graph, level + 2, `${one.path}/`)
      this.#line(level + 1, '}')
      return node
    })
    if (more > 0)
      this.#line(level + 1, `${quoted(`${path}/#more`)} [label=${quoted(`… ${more} more`)}, shape=plaintext];`)
    this.#line(level, '}')
    return { node: nodes[Math.floor((nodes.length - 1) / 2)] ?? path, cluster }
  }

  #name({ path, name, isMany }: BranchPicture): string {
    return markedName(isMany ? `${name} × N` : name, this.#options.run?.actions[path])
  }

  #label(action: ActionPicture): string {
    const { path, name, reads, writes } = action
    const head = markedName(name, this.#options.run?.actions[path])
    if (this.#options.state !== true) return head
    const keys = [
      reads.length > 0 ? `reads ${reads.join(', ')}` : '',
      writes.length > 0 ? `writes ${writes.join(', ')}` : '',
    ]
    return [head, ...keys].filter((part) => part !== '').join('\n')
  }

  #style(path: string): string {
    const status = this.#options.run?.actions[path]?.status
    if (status === undefined) return ''
    return `, color=${quoted(STATUS_COLORS[status])}, penwidth=2`
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
    this.#line(level, `${quoted(from.node)} -> ${quoted(to.node)}${attributes};`)
  }

  #line(level: number, text: string): void {
    this.lines.push(`${'  '.repeat(level)}${text}`)
  }
}

/** A quoted text of Graphviz: a backslash begins an escape, a quote ends it, and a control character has no place in it. */
const quoted = (text: string): string =>
  `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to leave out
    .replace(/[\u0000-\u001f\u007f]/g, ' ')}"`
