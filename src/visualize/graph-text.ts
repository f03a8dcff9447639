import type { AnyRunnable } from '../action/action.js'
import { hashId } from '../internal/ids.js'
import type { GraphPicture } from './picture.js'
import { pictureOf } from './picture-of.js'

// Owns: the picture of a graph as a text, and the hash that names it.
// G1  A graph has one text and one hash, in each process of the same code.
// G2  The text has every level of branches, or as many as stay within a thousand actions.

/** The picture of a graph as a text. */
export interface GraphText {
  /** The hash of the text. */
  readonly hash: string
  /** The JSON of its {@link GraphPicture}. */
  readonly json: string
}

const MOST_ACTIONS = 1000

/** Draws a graph once, and keeps its text as long as the graph. */
export function graphTextOf(graph: AnyRunnable): GraphText {
  const known = texts.get(graph)
  if (known !== undefined) return known
  const json = JSON.stringify(wholePicture(graph))
  const text = { hash: hashId(json), json }
  texts.set(graph, text)
  return text
}

const texts = new WeakMap<AnyRunnable, GraphText>()

/** Goes one level deeper as long as that shows more: a level may be many times as large as the one above. */
function wholePicture(graph: AnyRunnable): GraphPicture {
  let picture = pictureOf(graph, { depth: 0 })
  let size = sizeOf(picture)
  for (let depth = 1; ; depth++) {
    const deeper = pictureOf(graph, { depth })
    const next = sizeOf(deeper)
    if (next === size || next > MOST_ACTIONS) return picture
    picture = deeper
    size = next
  }
}

/** The number of actions, and of branches. */
function sizeOf({ actions }: GraphPicture): number {
  return actions.reduce(
    (sum, { branches, more }) =>
      branches.reduce((below, { graph }) => below + 1 + (graph === undefined ? 0 : sizeOf(graph)), sum + more),
    actions.length,
  )
}
