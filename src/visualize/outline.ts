import type { AnyRunnable } from '../action/action.js'
import { withPassed } from './branch-counts.js'
import { flatText } from './data-path.js'
import { markedName, takenText } from './mark-text.js'
import type { ActionPicture, GraphPicture, PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import { edgeOf, markAt, type RunMarks } from './run-marks.js'
import { pictureOfRun } from './run-picture.js'

// Owns: a graph as a tree of text, for terminals, and for readers that cannot see a picture.

/** Options of an outline. */
export interface OutlineOptions extends PictureOptions {
  /** What a run did, from `readMarks`: statuses as signs, numbers of steps, branches and ways taken. */
  readonly run?: RunMarks | undefined
}

/**
 * Renders a runnable graph as a tree of text: each action with its keys, its transitions in their order, and its branches.
 * At most twelve branches of a map are drawn.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] } })
 * console.log(toOutline(graph.runnable({ entrypoint: 'add' })))
 * // add (entry): n → n
 * //   → add: state.n < 3
 * //   → (end): otherwise
 * ```
 */
export function toOutline(branch: AnyRunnable, { depth = 1, run }: OutlineOptions = {}): string {
  const picture = pictureOfRun(pictureOf(branch, { depth }), run, { depth })
  return graphLines(picture, run && withPassed(picture, run)).join('\n')
}

function graphLines({ entry, actions, edges }: GraphPicture, run: RunMarks | undefined): string[] {
  const nameOf = new Map(actions.map(({ path, name }) => [path, flatText(name)]))
  return actions.flatMap((action) => {
    const { path, name, reads, writes } = action
    const mark = path === entry ? ' (entry)' : ''
    const keys = reads.length + writes.length === 0 ? '' : `: ${[...reads].join(', ')} → ${writes.join(', ')}`
    const ways = edges
      .filter(({ from }) => from === path)
      .map(({ to, label }) => {
        const text = [label, takenText(run?.taken[edgeOf(path, to)])].filter((part) => part !== '').join(' ')
        return `  → ${nameOf.get(to ?? '') ?? '(end)'}${text === '' ? '' : `: ${flatText(text)}`}`
      })
    const head = `${flatText(markedName(name, markAt(run, path)))}${mark}${flatText(keys)}`
    return [head, ...branchLines(action, run).map((line) => `  ${line}`), ...ways]
  })
}

function branchLines({ branches, more }: ActionPicture, run: RunMarks | undefined): string[] {
  const lines = branches.flatMap(({ path, name, isMany, graph }) => [
    `∥ ${flatText(markedName(name, markAt(run, path)))}${isMany ? ' × N' : ''}`,
    ...(graph === undefined ? [] : graphLines(graph, run).map((line) => `  ${line}`)),
  ])
  return more > 0 ? [...lines, `∥ … ${more} more`] : lines
}
