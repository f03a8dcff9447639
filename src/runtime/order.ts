import type { Inputs } from '../action/inputs.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import type { State } from '../state/freeze.js'
import type { Cancellation } from './cancellation.js'
import type { Standing } from './standing.js'

/** One committed step, as `iterate` yields it. */
export interface CommittedStep {
  readonly action: string
  readonly update: State
  readonly state: State
  readonly sequenceId: number
}

/** What one run is asked to do. */
export interface RunOrder {
  readonly inputs: Inputs
  readonly haltBefore: ReadonlySet<PlanNode>
  readonly haltAfter: ReadonlySet<PlanNode>
  readonly maxSteps: number
  /** Awaited after each commit, before the next step: who reads step by step paces here. */
  readonly pace?: ((step: CommittedStep) => Promise<void> | undefined) | undefined
  /** Awaited before each further chunk: who reads a stream paces here. */
  readonly room?: (() => Promise<void> | undefined) | undefined
}

/** Code that was given up because it ignored its signal beyond the grace period. */
export interface Leak {
  readonly path: string
  readonly action: string
  readonly sinceMs: number
}

/** How a run ended. */
export type RunEnd =
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

/** An order without halts or limits. */
export function createOrder(inputs: Inputs, options: Partial<RunOrder> = {}): RunOrder {
  return { inputs, haltBefore: NO_HALTS, haltAfter: NO_HALTS, maxSteps: Number.POSITIVE_INFINITY, ...options }
}

/** Whether a run ends after an action: at a halt of the order or of the plan, or because nothing comes next. */
export function endsAt(
  { graph, haltAfter }: Plan,
  order: RunOrder,
  node: PlanNode,
  next: string | undefined,
): 'halted' | 'finished' | undefined {
  const after = next === undefined ? undefined : graph.nodes.get(next)
  if (after !== undefined && order.haltBefore.has(after)) return 'halted'
  if (order.haltAfter.has(node) || haltAfter.has(node)) return 'halted'
  return next === undefined ? 'finished' : undefined
}

/** The end of a run that was neither cancelled nor failed. */
export function plainEnd(
  status: 'halted' | 'finished',
  { state, sequenceId, position = '', next }: Standing,
  leaked: readonly Leak[],
): RunEnd {
  return status === 'halted'
    ? { status, action: position, next, state, sequenceId, leaked }
    : { status, action: position, next: undefined, state, sequenceId, leaked }
}
