import type { Accepts, ActionBody, AnyRunnable } from '../action/action.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import { policyOf } from '../action/retry.js'
import { inputsOf, planOf } from '../graph/plan-of.js'
import { assertNever, describeValue, isPlainObject } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { freezeAll, type State, stateOfView } from '../state/freeze.js'
import { type ParsedEntry, sourceFault } from './entries.js'
import { isBranch, isFanOut } from './fan-out.js'
import type { BranchTask } from './task.js'

/** Makes the initial states of branches: updates over the reads of the map. */
export class BranchStates {
  readonly #subject: string
  readonly #base: State

  /** @param view reads of the map action */
  constructor(subject: string, view: State) {
    this.#subject = subject
    this.#base = stateOfView(view)
  }

  /**
   * @param update update of the entry; its keys are keys of the branch or of the map's reads
   * @throws {ContractError} for a value that is not an update, an unknown key, or a value that state cannot hold
   */
  over(option: string, branch: AnyRunnable, update: unknown): State {
    if (update === undefined || update === null) return this.#base
    const changes = checkBranchUpdate(this.#subject, option, planOf(branch).plan.graph.keys, this.#base, update)
    return Object.freeze({ ...this.#base, ...changes })
  }
}

/**
 * Checks and freezes an update over the state of a branch.
 * @param keys keys that the branch's actions read or write
 * @param base state below the update
 * @returns the update, or a new one when a value was copied on entry
 * @throws {ContractError} for a value that is not an update, an unknown key, or a value that state cannot hold
 */
export function checkBranchUpdate(
  subject: string,
  option: string,
  keys: ReadonlySet<string>,
  base: State,
  update: unknown,
): State {
  if (!isPlainObject(update)) {
    throw sourceFault(
      subject,
      `${option} gave ${describeValue(update)} where an update of the branch's state belongs. Give a plain object.`,
    )
  }
  for (const key of Object.keys(update)) {
    if (!keys.has(key) && !Object.hasOwn(base, key)) {
      const known = [...keys, ...Object.keys(base)]
      throw sourceFault(
        subject,
        `${option} gave an update with the key "${key}", which the branch does not have. ${suggest(key, known, 'keys')}`,
      )
    }
  }
  return freezeAll(update, subject)
}

/**
 * Converts an entry to a task.
 * @param named its key in a record of actions
 */
export function toTask(
  parsed: ParsedEntry,
  index: number,
  branch: AnyRunnable,
  state: State,
  named: string | undefined = undefined,
): BranchTask {
  return {
    key: parsed.key ?? String(index),
    index,
    branch,
    named,
    state,
    inputs: parsed.inputs ?? NO_INPUTS,
    policy: policyOf(parsed),
    executor: parsed.executor,
  }
}

/** @throws {ContractError} when an entry is neither an action nor a runnable graph */
export function assertRunnable(subject: string, option: string, thing: unknown): AnyRunnable {
  if (isBranch(thing)) return thing
  const graph = isPlainObject(thing) && typeof thing['runnable'] === 'function'
  const hint = graph ? ' It is a graph; give it an entrypoint: graph.runnable({ entrypoint }).' : ''
  throw sourceFault(
    subject,
    `${option} gave ${describeValue(thing)}, which is neither an action nor a runnable graph.${hint}`,
  )
}

const NOTHING: Accepts = { names: new Set(), open: false }

/** The inputs that branches take, as far as known before the map runs. */
export function acceptedBy(source: unknown): Accepts {
  if (isBranch(source)) return inputsOf(source)
  const items = Array.isArray(source)
    ? (source as readonly unknown[])
    : isPlainObject(source)
      ? Object.values(source)
      : undefined
  if (items === undefined) return { names: new Set(), open: true }
  return items.reduce<Accepts>((all, entry) => merge(all, entryAccepts(entry)), NOTHING)
}

function entryAccepts(entry: unknown): Accepts {
  const [thing, options] = Array.isArray(entry) ? (entry as readonly unknown[]) : [entry]
  if (!isBranch(thing)) return NOTHING
  const { names, open } = inputsOf(thing)
  const own = isPlainObject(options) && isPlainObject(options['inputs']) ? options['inputs'] : NO_INPUTS
  return { names: new Set([...names].filter((name) => !Object.hasOwn(own, name))), open }
}

function merge(a: Accepts, b: Accepts): Accepts {
  return { names: new Set([...a.names, ...b.names]), open: a.open || b.open }
}

/** Calls a source function; any other source is the list of items already. */
export function callSource(
  source: unknown,
  args: { readonly state: State; readonly inputs: Inputs; readonly signal: AbortSignal },
): unknown {
  if (typeof source !== 'function') return source
  return (source as (given: typeof args) => unknown)(args)
}

/** A branch that a fan-out will have. */
interface Outlined {
  /** Key of the branch; the key of its action in a product; `*` where no key is known. */
  readonly key: string
  /** Whether it stands for any number of similar branches. */
  readonly isMany: boolean
  readonly branch: AnyRunnable
  /** Its key in a record of actions. */
  readonly named?: string | undefined
}

/** The branches of a map, as far as known before it runs, for diagrams. */
export function outlineOf(body: ActionBody): readonly Outlined[] {
  if (!isFanOut(body)) return []
  const { source } = body
  switch (source.kind) {
    case 'graph':
      return [{ key: '', branch: source.branch, isMany: false }]
    case 'states':
      return [{ key: '*', branch: source.branch, isMany: true }]
    case 'tasks':
      return []
    case 'actions':
    case 'product':
      return outlineOfActions(source.actions, source.kind === 'product')
    default:
      return assertNever(source)
  }
}

function outlineOfActions(actions: unknown, isMany: boolean): readonly Outlined[] {
  if (isBranch(actions)) return [{ key: '*', branch: actions, isMany: true }]
  if (!Array.isArray(actions) && !isPlainObject(actions)) return []
  return Object.entries(actions).flatMap(([name, entry]: [string, unknown]): Outlined[] => {
    const [thing, options] = Array.isArray(entry) ? (entry as readonly unknown[]) : [entry]
    const key = isPlainObject(options) && typeof options['key'] === 'string' ? options['key'] : name
    return isBranch(thing) ? [{ key, branch: thing, isMany, named: Array.isArray(actions) ? undefined : name }] : []
  })
}
