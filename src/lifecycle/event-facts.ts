import type { Path } from '../action/context.js'

/** What every event says. */
export interface EventFacts {
  /** The run of the root application that this happened in. */
  readonly runId: string
  /** Grows with each resume of a run; the first is 0. */
  readonly incarnation: number
  /** Counts the events of a run and incarnation, from 0, without gaps. */
  readonly seq: number
  /** Epoch milliseconds. */
  readonly time: number
  /** The application it happened in: the root, or a branch. */
  readonly appId: string
  /** Where that application stands below the root; empty for the root. */
  readonly path: Path
}

/** A fact about an action. `action` is the root application's own; `source` the one that it really was, deeper down. */
export interface ActionFacts<At extends string = string> extends EventFacts {
  /** The action of the root application in which it happened. */
  readonly action: At
  /** The action itself, by its name in its own graph; of facts about branches, their map. */
  readonly source: string
  /** The number of its step in its own application; the first is 0. */
  readonly sequenceId: number
}
