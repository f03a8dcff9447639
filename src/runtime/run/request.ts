import type { Path } from '../../action/context.js'
import type { Inputs } from '../../action/inputs.js'
import type { Plan, PlanNode } from '../../graph/plan.js'
import type { State } from '../../state/freeze.js'
import type { Cancellation } from '../cancel/cancellation.js'

/** One committed step, as `iterate` yields it. */
export interface CommittedStep {
  readonly action: string
  readonly update: State
  readonly state: State
  readonly sequenceId: number
  /** Of a step below the application that is iterated: its own action's name; `action` is that application's. */
  readonly source?: string
  /** Of a step below: where. */
  readonly path?: Path
}

/** Where a step was committed. */
export interface StepOrigin {
  readonly path: Path
}

/** What one run is asked to do. */
export interface RunRequest {
  readonly inputs: Inputs
  readonly haltBefore: ReadonlySet<PlanNode>
  readonly haltAfter: ReadonlySet<PlanNode>
  readonly maxSteps: number
  /** Called when the run has begun, before its first step. */
  readonly begun?: (() => void) | undefined
  /** Awaited before its first step. Answers what refuses the run, if anything does; never rejects. */
  readonly before?: (() => Promise<Error | undefined>) | undefined
  /** Awaited after each commit, before the next step: who reads step by step paces here. */
  readonly pace?: ((step: CommittedStep, at: StepOrigin) => Promise<void> | undefined) | undefined
  /** Whether `pace` is asked by the applications below, too. */
  readonly deep?: boolean | undefined
  /** Awaited after each chunk and each step, here and below: who reads a stream paces here. */
  readonly room?: (() => Promise<void> | undefined) | undefined
}

/** Code that was given up because it ignored its signal beyond the grace period. */
export interface Leak {
  /** The application that ran it, printed: `compare/gpt4`; empty for the root. */
  readonly path: string
  /** The action, by its name there. */
  readonly action: string
  /** How long ago it had been cancelled when it was given up, milliseconds. */
  readonly sinceMs: number
  /** Where the action had ended or not begun: the interceptor that did not answer: its name, and which of its functions. */
  readonly interceptor?: string
}

export const NO_LEAKS: readonly Leak[] = Object.freeze([])

/** How a run ended. */
export type RunResult =
  | {
      readonly status: 'halted'
      readonly action: string
      readonly next: string | undefined
      readonly state: State
      readonly sequenceId: number
      readonly leaked: readonly Leak[]
    }
  | {
      readonly status: 'finished'
      readonly action: string
      readonly next: undefined
      readonly state: State
      readonly sequenceId: number
      readonly leaked: readonly Leak[]
    }
  | {
      readonly status: 'cancelled'
      readonly action: string
      readonly next: string | undefined
      readonly state: State
      readonly sequenceId: number
      readonly cancellation: Cancellation
      readonly leaked: readonly Leak[]
    }
  | { readonly status: 'failed'; readonly error: Error; readonly state: State; readonly sequenceId: number }

const NO_HALTS: ReadonlySet<PlanNode> = new Set()

/**
 * A request without halts or limits, but for the given parts. Spelled out, so that all requests have one shape: it is
 * read several times a step, and copies by `...` get a shape of their own each.
 */
export function createRequest(
  inputs: Inputs,
  {
    haltBefore = NO_HALTS,
    haltAfter = NO_HALTS,
    maxSteps = Number.POSITIVE_INFINITY,
    begun,
    before,
    pace,
    deep,
    room,
  }: Partial<RunRequest> = {},
): RunRequest {
  return { inputs, haltBefore, haltAfter, maxSteps, begun, before, pace, deep, room }
}

/** Whether a run ends after an action: at a halt of the order or of the plan, or because nothing comes next. */
export function endsAt(
  { graph, haltAfter }: Plan,
  request: RunRequest,
  node: PlanNode,
  next: string | undefined,
): 'halted' | 'finished' | undefined {
  if (next !== undefined && request.haltBefore.size > 0) {
    const after = graph.nodes.get(next)
    if (after !== undefined && request.haltBefore.has(after)) return 'halted'
  }
  if (request.haltAfter.has(node) || haltAfter.has(node)) return 'halted'
  return next === undefined ? 'finished' : undefined
}

type Pacing = Pick<RunRequest, 'pace' | 'room' | 'deep'>

/** What paces an application below one that runs by `above`, and that may have a reader of its own. */
export function pacedBelow(above: RunRequest | undefined, own: Pacing = {}): Pacing {
  if (above?.room === undefined && above?.deep !== true) return own
  const pace = above.deep === true ? both(own.pace, above.pace) : own.pace
  return { pace, room: both(own.room, above.room), deep: own.deep === true || above.deep }
}

type Ask<T extends unknown[]> = ((...told: T) => Promise<void> | undefined) | undefined

function both<T extends unknown[]>(own: Ask<T>, above: Ask<T>): Ask<T> {
  if (own === undefined || above === undefined) return own ?? above
  return (...told) => {
    const first = own(...told)
    const second = above(...told)
    return first === undefined ? second : first.then(() => second)
  }
}
