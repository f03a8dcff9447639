import type { State } from '../state/freeze.js'

// Owns: the JSON of a state that a store has encoded, until the log of the same step takes it: both need the same text.
// T1  A text belongs to one state, and the text of a change also to the state before it; both are found by identity.
// T2  A process without logs keeps no text; one with logs keeps at most the last one of an application.

/** JSON in the form of the codec. */
export interface SharedText {
  /** The state that it is a change of; undefined where it is a whole state. */
  readonly before: State | undefined
  readonly json: string
}

const texts = new WeakMap<State, SharedText>()
let isShared = false

/** Called by a log: from now on texts are kept for it. */
export function shareTexts(): void {
  isShared = true
}

/** Called by a store with each text. @param held the state of the text, held */
export function keepText(held: State, before: State | undefined, json: string): void {
  if (!isShared) return
  if (before !== undefined) texts.delete(before) // else each state would keep the one before it
  texts.set(held, { before, json })
}

/** The text of a state, if its store has just encoded it. It is not kept any longer. */
export function takeText(held: State): SharedText | undefined {
  const found = texts.get(held)
  if (found !== undefined) texts.delete(held)
  return found
}
