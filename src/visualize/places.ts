import { isWide } from '../internal/wide-signs.js'
import type { ActionPicture, BranchPicture, EdgePicture, GraphPicture } from './picture.js'

// Owns: the form of a picture whose places are known, in units of a pixel. It is plain JSON.
// Does not own: how the places are found (layout.ts), or how it looks (drawing.ts).

/** A picture, and its places. */
export interface LaidPicture {
  readonly picture: GraphPicture
  readonly laid: LaidGraph
}

/** A place, relative to the graph that it is in. */
export interface Place {
  readonly x: number
  readonly y: number
}

/** A box, by its upper left corner. */
export interface Box extends Place {
  readonly width: number
  readonly height: number
}

/** An action, with its place. */
export interface LaidAction extends Box {
  readonly action: ActionPicture
  readonly branches: readonly LaidBranch[]
  /** The line `… 3 more`, if there are more. */
  readonly more: Place | undefined
}

/** A branch of a map, with its place. */
export interface LaidBranch extends Box {
  readonly branch: BranchPicture
  readonly graph: (Place & { readonly laid: LaidGraph }) | undefined
}

/** A transition or a halt, with its points. */
export interface LaidEdge {
  /** Undefined for the way from the start to the entry. */
  readonly edge: EdgePicture | undefined
  readonly points: readonly Place[]
  /** The middle of its label. */
  readonly label: Place | undefined
}

/** A graph, with the places of all that is in it. */
export interface LaidGraph {
  readonly width: number
  readonly height: number
  readonly actions: readonly LaidAction[]
  readonly edges: readonly LaidEdge[]
  /** Undefined for a part of a graph. */
  readonly start: Place | undefined
  /** Undefined when nothing leads to the end. */
  readonly end: Place | undefined
}

export interface LayoutOptions {
  readonly direction: 'TB' | 'LR'
  /** The lines of the head of an action. */
  readonly head: (action: ActionPicture) => readonly string[]
  /** The name of a branch. */
  readonly name: (branch: BranchPicture) => string
  /** The label of a way. */
  readonly label: (edge: EdgePicture) => string
}

export const LINE = 17
export const DOT = 5
/** The width of a text, about: its font is that of the reader. */
export function textWidth(text: string): number {
  let width = 0
  for (const sign of text) width += isWide(sign.codePointAt(0) ?? 0) ? 14 : /[iljtf.,:;'|!()[\] ]/.test(sign) ? 4.5 : 8
  return width
}
