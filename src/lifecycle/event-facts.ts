import type { Path } from '../action/context.js'

/** Fields of every event. */
export interface EventFacts {
  /** The id of the run of the root application. */
  readonly runId: string
  /** Number of resumes of the run; the first incarnation is 0. */
  readonly incarnation: number
  /** Number of the event in its run and incarnation, from 0, without gaps. */
  readonly seq: number
  /** Epoch milliseconds. */
  readonly time: number
  /** The id of the application that emitted it: the root, or a branch. */
  readonly appId: string
  /** The path of that application below the root; empty for the root. */
  readonly path: Path
}

/**
 * Fields of an event about an action. `action` belongs to the root application; `source` is the actual action, at any
 * depth.
 */
export interface ActionFacts<At extends string = string> extends EventFacts {
  /** The action of the root application. */
  readonly action: At
  /** The action itself, by its name in its own graph; for branch events, their map. */
  readonly source: string
  /** The number of the step in its own application; the first is 0. */
  readonly sequenceId: number
}
