import type { AnyRunnable } from '../action/action.js'
import { markedName, takenText } from './mark-text.js'
import type { ActionPicture, GraphPicture, PictureOptions } from './picture.js'
import { pictureOf } from './picture-of.js'
import { edgeOf, type RunMarks } from './run-marks.js'

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
export function toOutline(branch: AnyRunnable, { depth, run }: OutlineOptions = {}): string {
  return graphLines(pictureOf(branch, depth === undefined ? {} : { depth }), run).join('\n')
}

function graphLines({ entry, actions, edges }: GraphPicture, run: RunMarks | undefined): string[] {
  const nameOf = new Map(actions.map(({ path, name }) => [path, plain(name)]))
  return actions.flatMap((action) => {
    const { path, name, reads, writes } = action
    const mark = path === entry ? ' (entry)' : ''
    const keys = reads.length + writes.length === 0 ? '' : `: ${[...reads].join(', ')} → ${writes.join(', ')}`
    const ways = edges
      .filter(({ from }) => from === path)
      .map(({ to, label }) => {
        const text = [label, takenText(run?.taken[edgeOf(path, to)])].filter((part) => part !== '').join(' ')
        return `  → ${nameOf.get(to ?? '') ?? '(end)'}${text === '' ? '' : `: ${plain(text)}`}`
      })
    const head = `${plain(markedName(name, run?.actions[path]))}${mark}${plain(keys)}`
    return [head, ...branchLines(action, run).map((line) => `  ${line}`), ...ways]
  })
}

function branchLines({ branches, more }: ActionPicture, run: RunMarks | undefined): string[] {
  const lines = branches.flatMap(({ path, name, isMany, graph }) => [
    `∥ ${plain(markedName(name, run?.actions[path]))}${isMany ? ' × N' : ''}`,
    ...(graph === undefined ? [] : graphLines(graph, run).map((line) => `  ${line}`)),
  ])
  return more > 0 ? [...lines, `∥ … ${more} more`] : lines
}

/** A control character could move the cursor of a terminal, or begin a line of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to leave out
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ')
