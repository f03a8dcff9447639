import type { AnyRunnable } from '../action/action.js'
import { withPassed } from './branch-counts.js'
import { flatText } from './data-path.js'
import { markedName, takenText } from './mark-text.js'
import type { ActionPicture, BranchPicture, GraphPicture, PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import { edgeOf, markAt, type RunMarks } from './run-marks.js'
import { pictureOfRun } from './run-picture.js'

/** Options of a diagram. */
export interface MermaidOptions extends PictureOptions {
  /** Layout direction. Default `'TB'`, from top to bottom. */
  readonly direction?: 'TB' | 'LR'
  /** What a run did, from `readMarks`: statuses as signs and classes, numbers of steps, branches and ways taken. */
  readonly run?: RunMarks | undefined
}

/**
 * Renders a runnable graph as Mermaid text, a `stateDiagram-v2`, which GitHub and many editors draw.
 *
 * Transitions are labelled with their conditions, numbered when order matters; error transitions are marked. Ids are
 * generated (`n0`, `n1` …), so that names may contain any character. At most twelve branches of a map are drawn.
 * @see https://mermaid.js.org/syntax/stateDiagram.html
 */
export function toMermaid(branch: AnyRunnable, { direction = 'TB', depth = 1, run }: MermaidOptions = {}): string {
  const picture = pictureOfRun(pictureOf(branch, { depth }), run, { depth })
  const drawing = new Drawing(run && withPassed(picture, run))
  drawing.graph(picture, 1)
  return ['stateDiagram-v2', `  direction ${direction}`, ...drawing.lines, ...drawing.classes].join('\n')
}

class Drawing {
  readonly lines: string[] = []
  readonly #run: RunMarks | undefined
  readonly #byClass = new Map<string, string[]>()
  #count = 0

  constructor(run: RunMarks | undefined) {
    this.#run = run
  }

  get classes(): readonly string[] {
    return [...this.#byClass].flatMap(([name, ids]) => [
      `  classDef ${name} ${STYLES[name]}`,
      `  class ${ids.join(',')} ${name}`,
    ])
  }

  graph({ entry, actions, edges }: GraphPicture, level: number): void {
    const ids = new Map(actions.map(({ path }) => [path, this.#id()]))
    const idOf = (path: string | undefined): string => ids.get(path ?? '') ?? '[*]'
    for (const action of actions) this.#action(action, idOf(action.path), level)
    this.#line(level, `[*] --> ${idOf(entry)}`)
    for (const { from, to, label } of edges) {
      const text = [label, takenText(this.#run?.taken[edgeOf(from, to)])].filter((part) => part !== '').join(' ')
      this.#line(level, `${idOf(from)} --> ${idOf(to)}${text === '' ? '' : ` : ${escaped(text)}`}`)
    }
  }

  #action(action: ActionPicture, id: string, level: number): void {
    const { branches, more } = action
    const head = this.#head(action.name, action.path, id)
    if (branches.length === 0) return this.#line(level, head)
    this.#line(level, `${head} {`)
    branches.forEach((one, i) => {
      if (i > 0) this.#line(level + 1, '--')
      this.#branch(one, level + 1)
    })
    if (more > 0) {
      this.#line(level + 1, '--')
      this.#line(level + 1, `state "… ${more} more" as ${this.#id()}`)
    }
    this.#line(level, '}')
  }

  /** Regions have no names in Mermaid, so a branch is drawn as a state around its graph. */
  #branch({ path, name, isMany, graph }: BranchPicture, level: number): void {
    const head = this.#head(isMany ? `${name} × N` : name, path, this.#id(), isMany)
    if (graph === undefined) return this.#line(level, head)
    this.#line(level, `${head} {`)
    this.graph(graph, level + 1)
    this.#line(level, '}')
  }

  /** @param isMany whether it stands for branches of different statuses, so that none is its own */
  #head(name: string, path: string, id: string, isMany = false): string {
    const mark = markAt(this.#run, path)
    if (mark !== undefined && !isMany) this.#byClass.set(mark.status, [...(this.#byClass.get(mark.status) ?? []), id])
    return `state "${escaped(markedName(name, mark))}" as ${id}`
  }

  #id(): string {
    return `n${this.#count++}`
  }

  #line(level: number, text: string): void {
    this.lines.push(`${'  '.repeat(level)}${text}`)
  }
}

/** Styles that fit a light and a dark theme: the border tells, beside the sign in the name. */
const STYLES: Readonly<Record<string, string>> = {
  queued: 'stroke:#8c959f,stroke-dasharray:2 2',
  running: 'stroke:#0969da,stroke-width:3px',
  waiting: 'stroke:#9a6700,stroke-width:2px',
  retrying: 'stroke:#bc4c00,stroke-width:2px',
  interrupted: 'stroke:#8250df,stroke-dasharray:6 3',
  done: 'stroke:#1a7f37,stroke-width:2px',
  failed: 'stroke:#cf222e,stroke-width:3px',
  cancelled: 'stroke:#8c959f,stroke-dasharray:6 3',
}

const ENTITIES: Readonly<Record<string, string>> = { '"': '#quot;', ';': '#59;' }

/** Quotes end a name, and semicolons a statement. */
const escaped = (text: string): string => flatText(text).replace(/[";]/g, (sign) => ENTITIES[sign] ?? sign)
