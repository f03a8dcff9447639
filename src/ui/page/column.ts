import { roomyTexts } from '../../visualize/drawing.js'
import type { ActionPicture, GraphPicture } from '../../visualize/picture.js'
import { DOT, type LaidEdge, type LaidPicture, LINE, textWidth } from '../../visualize/places.js'

// Owns: the places of a graph of which only the steps are known: its actions, one below the other.
// Does not own: the layout of a graph that is recorded; the server makes it.

const GAP = 46
const PAD = 12
const TOP = 44
const CHANNEL = 22

/** An action of which only the name is known. */
export const plainAction = (path: string, name: string, isMap = false): ActionPicture => ({
  ...{ path, name, reads: [], writes: [], tags: [], isMap, branches: [], more: 0 },
})

/** Lays a graph out as a column. Other ways than to the next action run beside it. */
export function inColumn(picture: GraphPicture): LaidPicture {
  const texts = roomyTexts()
  const sizes = picture.actions.map((action) => textWidth(texts.head(action)[0] ?? '') + 2 * PAD)
  const wide = sizes.reduce((most, one) => Math.max(most, one), 60)
  const height = LINE + PAD
  const middle = PAD + wide / 2
  const y = (i: number): number => TOP + i * (height + GAP)
  const places = new Map(picture.actions.map(({ path }, i) => [path, i]))
  let right = PAD + wide
  const edges = picture.edges.map((edge): LaidEdge => {
    const [from, to] = [places.get(edge.from) ?? 0, places.get(edge.to ?? '') ?? picture.actions.length]
    const label = textWidth(texts.label(edge))
    if (to === from + 1)
      return {
        edge,
        points: [
          { x: middle, y: y(from) + height },
          { x: middle, y: y(to) },
        ],
        label: { x: middle + label / 2 + 6, y: y(to) - GAP / 2 },
      }
    right += CHANNEL
    const x = right
    right += label
    const [start, end] = [y(from) + height * 0.7, y(to) + height * 0.3]
    const edgeOf = (i: number): number => middle + (sizes[i] ?? wide) / 2
    return {
      edge,
      points: [
        { x: edgeOf(from), y: start },
        { x, y: start },
        { x, y: end },
        { x: edgeOf(to), y: end },
      ],
      label: { x: x + 6 + label / 2, y: (start + end) / 2 },
    }
  })
  const entry = places.get(picture.entry) ?? 0
  const start = { x: middle, y: 14 }
  return {
    picture,
    laid: {
      width: right + PAD,
      height: y(picture.actions.length),
      start,
      end: undefined,
      edges: [
        {
          edge: undefined,
          points: [
            { x: middle, y: 14 + DOT },
            { x: middle, y: y(entry) },
          ],
          label: undefined,
        },
        ...edges,
      ],
      actions: picture.actions.map((action, i) => {
        const width = sizes[i] ?? wide
        return { action, x: middle - width / 2, y: y(i), width, height, branches: [], more: undefined }
      }),
    },
  }
}
