import type { Path } from '../../action/context.js'
import type { Inputs } from '../../action/inputs.js'
import type { Plan, PlanNode } from '../../graph/plan.js'
import type { State } from '../../state/freeze.js'

/** One committed step, as `iterate` yields it. */
export interface CommittedStep {
  readonly action: string
  readonly update: State
  readonly state: State
  readonly sequenceId: number
  /** Only for a step below the iterated application: its own action; `action` is the application's action. */
  readonly source?: string
  /** Only for a step below: its path. */
  readonly path?: Path
}

/** The application that committed a step. */
export interface StepOrigin {
  readonly path: Path
}

/** The options of one run. */
export interface RunRequest {
  readonly inputs: Inputs
  readonly haltBefore: ReadonlySet<PlanNode>
  readonly haltAfter: ReadonlySet<PlanNode>
  readonly maxSteps: number
  /** Called when the run has begun, before its first step. */
  readonly begun?: (() => void) | undefined
  /** Awaited before its first step. Resolves with the error that refuses the run, if any; never rejects. */
  readonly before?: (() => Promise<Error | undefined>) | undefined
  /** Awaited after each commit, before the next step; used by `iterate` for backpressure. */
  readonly onStep?: ((step: CommittedStep, at: StepOrigin) => Promise<void> | undefined) | undefined
  /** Whether `onStep` is called for applications below, too. */
  readonly deep?: boolean | undefined
  /** Awaited after each chunk and each step, here and below; used by `stream` for backpressure. */
  readonly waitForReader?: (() => Promise<void> | undefined) | undefined
}

const NO_HALTS: ReadonlySet<PlanNode> = new Set()

/**
 * A request without halts or limits, except for the given options. Spelled out, so that all requests have one shape: a
 * request is read several times a step, and each copy by `...` would get a shape of its own.
 */
export function createRequest(
  inputs: Inputs,
  {
    haltBefore = NO_HALTS,
    haltAfter = NO_HALTS,
    maxSteps = Number.POSITIVE_INFINITY,
    begun,
    before,
    onStep,
    deep,
    waitForReader,
  }: Partial<RunRequest> = {},
): RunRequest {
  return { inputs, haltBefore, haltAfter, maxSteps, begun, before, onStep, deep, waitForReader }
}

/** Whether a run ends after an action: at a halt of the request or of the plan, or because nothing comes next. */
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

/** The part of a request that paces a run. */
export type Backpressure = Pick<RunRequest, 'onStep' | 'waitForReader' | 'deep'>

/** The backpressure of an application below one with the request `above`, and with a reader of its own. */
export function backpressureBelow(above: RunRequest | undefined, own: Backpressure = {}): Backpressure {
  if (above?.waitForReader === undefined && above?.deep !== true) return own
  const onStep = above.deep === true ? both(own.onStep, above.onStep) : own.onStep
  return { onStep, waitForReader: both(own.waitForReader, above.waitForReader), deep: own.deep === true || above.deep }
}

type Wait<T extends unknown[]> = ((...args: T) => Promise<void> | undefined) | undefined

function both<T extends unknown[]>(own: Wait<T>, above: Wait<T>): Wait<T> {
  if (own === undefined || above === undefined) return own ?? above
  return (...args) => {
    const first = own(...args)
    const second = above(...args)
    return first === undefined ? second : first.then(() => second)
  }
}
