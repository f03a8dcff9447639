import { escapeName } from '../action/context.js'

// Owns: what a picture of a graph shows, whatever its format, as plain JSON without the engine.
// Does not own: how it is made of a graph (picture-of.ts), how a format writes it (mermaid.ts, dot.ts, outline.ts, drawing.ts),
// or what a run adds (run-marks.ts).
// D1  Every action, transition and halt of the drawn levels is in the picture once, in the order of the graph.
// D2  An address is printed as the path of an application is, without visits: `compare/gpt4/draft`. Branches that are
//     known only when the map runs are one, whose key is `*`; `gpt4.*` for those of one action of a product.

/** Options of every picture. */
export interface PictureOptions {
  /** Number of levels of branches drawn inside map actions. Default 1; 0 draws none. */
  readonly depth?: number
}

/** A graph, as it is drawn: plain JSON. */
export interface GraphPicture {
  /** The address of its entry. */
  readonly entry: string
  readonly actions: readonly ActionPicture[]
  readonly edges: readonly EdgePicture[]
}

/** An action, as it is drawn. */
export interface ActionPicture {
  /** Its address: `draft`, `compare/gpt4/draft`. */
  readonly path: string
  readonly name: string
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly tags: readonly string[]
  readonly isMap: boolean
  /** The branches of a map, as far as they are drawn. */
  readonly branches: readonly BranchPicture[]
  /** How many branches follow. */
  readonly more: number
}

/** A branch of a map, as it is drawn. */
export interface BranchPicture {
  readonly path: string
  /** Its key; that of its action in a product, `each branch` where no key is known, `graph` for a sub-graph. */
  readonly name: string
  /** Whether it stands for any number of branches. */
  readonly isMany: boolean
  /** Its graph; undefined where that is one action, or deeper than asked for. */
  readonly graph?: GraphPicture | undefined
}

/** A transition, or a halt. */
export interface EdgePicture {
  /** The address of an action. */
  readonly from: string
  /** The address of an action; undefined for the end. */
  readonly to?: string | undefined
  readonly kind: 'done' | 'error' | 'halt'
  /** Its condition, numbered where the order matters; empty for the only way. */
  readonly label: string
  /** Whether it leads back to an action that leads to it. */
  readonly isBack: boolean
}

/** As in a printed path. */
export const printedName = (name: string): string => (name === '' ? '~' : escapeName(name))

/** The key that stands for the branches of one action of a product. @param name the key of the action */
export const manyOf = (name: string): string => printedName(`${name}.*`)

/** The action of a branch of a product: the one with the longest key that its key begins with. */
export const actionOfKey = (actions: readonly string[], key: string): string | undefined =>
  actions
    .filter((name) => key.startsWith(`${name}.`))
    .reduce<string | undefined>((best, one) => (best === undefined || one.length > best.length ? one : best), undefined)
