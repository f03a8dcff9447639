import { ContractError } from '../errors.js'
import { describeValue, isPlainObject, messageOf } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import type { State } from '../state/freeze.js'
import {
  conditionName,
  isCondition,
  noCondition,
  type Predicate,
  toPredicate,
  unfitCondition,
  type When,
} from './condition.js'
import type { Edge, PlanNode } from './plan.js'

/** A transition taken when its condition holds. `name` is shown in diagrams and messages. */
export interface Conditional<To, When> {
  readonly to: To
  readonly when: When
  readonly name?: string
}

/** A transition that is always taken. */
export interface Unconditional<To> {
  readonly to: To
  readonly when?: never
}

/** One target, or several with conditions: the first that holds wins; only the last may be unconditional. */
export type TransitionList<To, When> =
  | To
  | readonly [...Conditional<To, When>[], Conditional<To, When> | Unconditional<To>]

/** A list of transitions built from data. */
export type DynamicTransitions<To, When> = readonly (Conditional<To, When> | Unconditional<To>)[]

/**
 * The transitions of one action. With literal action names, the compiler rejects any transition after an unconditional
 * one. With names of type `string` the list may be built from data, and is checked when the graph is made.
 */
export type Transitions<To, When> =
  | TransitionList<To, When>
  | (string extends To ? DynamicTransitions<To, When> : never)

/** A declared transition, in any form. */
export interface DeclaredTransition {
  readonly to: string
  readonly when: When<State> | undefined
  readonly name: string | undefined
  /** Why the transition is invalid. */
  readonly fault: string | undefined
}

type Loose = string | readonly (Conditional<string, unknown> | Unconditional<string>)[]

/** Normalises both forms of a transition list; undefined for any other value. */
export function declaredTransitions(list: Loose | undefined): readonly DeclaredTransition[] | undefined {
  if (list === undefined) return []
  if (typeof list === 'string') return [{ to: list, when: undefined, name: undefined, fault: undefined }]
  if (!Array.isArray(list) || list.some((one) => !isPlainObject(one))) return undefined
  return (list as Exclude<Loose, string>).map(({ to, when, ...rest }) => ({
    to,
    when: when as When<State> | undefined,
    name: 'name' in rest ? rest.name : undefined,
    fault: faultOf(to, when, rest),
  }))
}

const OPTIONS = ['to', 'when', 'name']

function faultOf(to: unknown, when: unknown, rest: object): string | undefined {
  const unknown = Object.keys(rest).find((option) => !OPTIONS.includes(option))
  if (unknown !== undefined) return `A transition has no option "${unknown}". ${suggest(unknown, OPTIONS, 'options')}`
  if (typeof to !== 'string') return 'A transition needs to: the name of an action.'
  if (when !== undefined && !isCondition(when)) return noCondition('Its when', when)
  const unfit = unfitCondition(when)
  return unfit && `Its when ${unfit}`
}

/** Compiles one transition. */
export function toEdge(declared: DeclaredTransition, to: PlanNode): Edge {
  if (declared.when === undefined) return { to, name: declared.name ?? 'default', test: undefined }
  const test: Predicate = toPredicate(declared.when)
  return { to, name: declared.name ?? conditionName(declared.when), test }
}

/**
 * The first transition that holds, in declaration order; undefined when none does.
 * @throws {ContractError} when a condition throws or does not return a boolean
 */
export function chooseEdge(from: PlanNode, edges: readonly Edge[], state: State, error?: unknown): Edge | undefined {
  for (const edge of edges) if (edge.test === undefined || holds(from, edge, edge.test, state, error)) return edge
  return undefined
}

function holds(from: PlanNode, edge: Edge, test: Predicate, state: State, error: unknown): boolean {
  let answer: unknown
  try {
    answer = test({ state: state as never, error })
  } catch (thrown) {
    throw badCondition(from, edge, `threw: ${messageOf(thrown)}`, { cause: thrown })
  }
  if (typeof answer !== 'boolean') {
    throw badCondition(
      from,
      edge,
      `returned ${describeValue(answer)}. A condition must return true or false, synchronously.`,
    )
  }
  return answer
}

function badCondition(from: PlanNode, edge: Edge, reason: string, options?: ErrorOptions): ContractError {
  const message = `chose no transition: the condition "${edge.name}" (${from.name} → ${edge.to.name}) ${reason}`
  return new ContractError(from.subject, { kind: 'condition', message }, message, options)
}
