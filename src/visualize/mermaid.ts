import type { AnyRunnable } from '../action/action.js'
import { FINISHED, type MachineConfig, type MachineState } from '../runtime/actor/machine-config.js'
import { toMachine } from './machine.js'

/** Options of a diagram. */
export interface MermaidOptions {
  /** Layout direction. Default `'TB'`, from top to bottom. */
  readonly direction?: 'TB' | 'LR'
  /** Number of levels of branches drawn inside map actions. Default 1; 0 draws none. */
  readonly depth?: number
}

/** Maximum number of branches drawn per map; the rest are shown as a count. Renderers take seconds for hundreds. */
const MOST_BRANCHES = 12

/**
 * Renders a runnable graph as Mermaid text, a `stateDiagram-v2`, which GitHub and many editors draw.
 *
 * Transitions are labelled with their conditions, numbered when order matters; error transitions are marked. Ids are
 * generated (`n0`, `n1` …), so that names may contain any character.
 * @see https://mermaid.js.org/syntax/stateDiagram.html
 */
export function toMermaid(branch: AnyRunnable, { direction = 'TB', depth = 1 }: MermaidOptions = {}): string {
  const drawing = new Drawing()
  drawing.graph(toMachine(branch), 1, depth)
  return ['stateDiagram-v2', `  direction ${direction}`, ...drawing.lines].join('\n')
}

class Drawing {
  readonly lines: string[] = []
  #count = 0

  graph(config: Pick<MachineConfig, 'initial' | 'states'>, level: number, depth: number): void {
    const ids = new Map<string, string>()
    for (const [name, { id }] of Object.entries(config.states)) {
      if (name !== FINISHED) ids.set(id, this.#id())
    }
    const idOf = (state: MachineState | undefined): string => ids.get(state?.id ?? '') ?? '[*]'
    for (const [name, state] of Object.entries(config.states)) {
      if (name !== FINISHED) this.#state(name, state, idOf(state), level, depth)
    }
    this.#line(level, `[*] --> ${idOf(config.states[config.initial])}`)
    for (const [name, state] of Object.entries(config.states)) {
      // Below a branch, the name of a guard starts with a path that the diagram already shows.
      const { length } = state.id.slice(state.id.indexOf('/') + 1, -name.length)
      for (const [event, transitions] of Object.entries(state.on ?? {})) {
        transitions.forEach(({ target, guard }, i) => {
          const to = ids.get(target.slice(1).replace(/\\(.)/g, '$1')) ?? '[*]'
          if (to === '[*]' && guard === undefined && state.meta.halts === true) return // its halt is drawn
          const order = transitions.length > 2 && guard !== undefined ? `${i + 1}. ` : ''
          const otherwise = transitions.length > 1 && guard === undefined ? 'otherwise' : ''
          const label = [
            event.startsWith('error.') ? 'error' : '',
            guard === undefined ? otherwise : `${order}${guard.slice(length)}`,
          ]
          const text = label.filter((part) => part !== '').join(': ')
          this.#line(level, `${idOf(state)} --> ${to}${text === '' ? '' : ` : ${escaped(text)}`}`)
        })
      }
      if (state.meta.halts === true) this.#line(level, `${idOf(state)} --> [*] : halt`)
    }
  }

  #state(name: string, state: MachineState, id: string, level: number, depth: number): void {
    const regions = Object.entries(state.states ?? {})
    if (regions.length === 0 || depth === 0) return this.#line(level, `state "${escaped(name)}" as ${id}`)
    this.#line(level, `state "${escaped(name)}" as ${id} {`)
    regions.slice(0, MOST_BRANCHES).forEach(([key, region], i) => {
      if (i > 0) this.#line(level + 1, '--')
      this.#region(key, region, level + 1, depth - 1)
    })
    if (regions.length > MOST_BRANCHES) {
      this.#line(level + 1, '--')
      this.#line(level + 1, `state "… ${regions.length - MOST_BRANCHES} more" as ${this.#id()}`)
    }
    this.#line(level, '}')
  }

  /** Regions have no names in Mermaid, so a branch is drawn as a state around its graph. */
  #region(key: string, { initial, states }: MachineState, level: number, depth: number): void {
    const name = key === '*' ? 'each branch' : key === '(graph)' ? 'graph' : key
    const single = Object.keys(states ?? {}).length <= 2
    if (single || states === undefined || initial === undefined) {
      return this.#line(level, `state "${escaped(name)}" as ${this.#id()}`)
    }
    this.#line(level, `state "${escaped(name)}" as ${this.#id()} {`)
    this.graph({ initial, states }, level + 1, depth)
    this.#line(level, '}')
  }

  #id(): string {
    return `n${this.#count++}`
  }

  #line(level: number, text: string): void {
    this.lines.push(`${'  '.repeat(level)}${text}`)
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '"': '#quot;', ';': '#59;', '\n': ' ' }

/** Quotes end a name, and semicolons a statement. */
const escaped = (text: string): string => text.replace(/[";\n]/g, (sign) => ENTITIES[sign] ?? sign)
