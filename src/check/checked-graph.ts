import type { Inputs } from '../action/inputs.js'
import { startOf } from '../application/make-app.js'
import { beginAt } from '../application/resume.js'
import { compiledGraphOf } from '../application/runnable.js'
import type { CompiledGraph, Plan } from '../graph/plan.js'
import { systemClock } from '../internal/clock.js'
import { isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { PersisterDriver } from '../persistence/driver.js'
import type { MigratedRecord, ScopeSettings } from '../persistence/scope-settings.js'
import { scopeSettings } from '../persistence/settings.js'
import type { State } from '../state/freeze.js'
import type { StateSchema } from '../state/schema.js'

/** The options of `resumeOrCreate` that the check depends on; others may be present, and are ignored. */
export interface ResumedWith {
  /** The first action of a new run. A resume is refused if the graph lacks it. */
  readonly entrypoint: string
  /** The initial state of a new run. A resume takes the keys of it that are never stored. */
  readonly state: object
  /** Version of the records written by this code. Default 0. */
  readonly version?: number
  /** Converts a record of an older version. Default: records are used unchanged. */
  readonly migrate?: (record: MigratedRecord, fromVersion: number) => MigratedRecord
  /** What happens if the source of an unfinished map gives other branches than before. Default `error`. */
  readonly changedTasks?: 'error' | 'adopt'
  /** Keys that are never stored. Default: none. */
  readonly transient?: readonly string[]
  /** Where a run goes on. Default `next`: at the action chosen when it was stored. */
  readonly resumeAt?: 'next' | 'entrypoint' | { readonly action: string }
}

/** A graph, by the type of its declaration. */
export interface AnyGraph {
  /** Its actions, by name. */
  readonly actions: unknown
  /** Gives it an entrypoint. */
  readonly runnable: (...args: never) => unknown
}

/** A graph, and how its runs are resumed. */
export interface GraphToCheck {
  readonly graph: AnyGraph
  /**
   * The options with which the program calls `resumeOrCreate`. Default: version 0, no `migrate`, and the entrypoint and
   * the initial state are not checked.
   */
  readonly options?: ResumedWith
  /** The inputs with which the program calls `run`. Default: unknown. */
  readonly inputs?: Readonly<Record<string, unknown>>
}

type Settings = Pick<ScopeSettings, 'version' | 'migrate' | 'changedTasks' | 'transient'>

/** A graph to check runs against. */
export interface CheckedGraph {
  readonly name: string
  readonly plan: Plan
  /** The initial state of a new run: a resume takes keys of it that are never stored. */
  readonly first: State
  readonly settings: Settings
  /** The action at which a resume begins, if `resumeAt` names one. */
  readonly begin: string | undefined
  /** The inputs of a run; undefined if they are not known. */
  readonly inputs: Inputs | undefined
  /** The error with which `resumeOrCreate` rejects for every run. */
  readonly fault: { readonly error: unknown } | undefined
}

/**
 * @throws {TypeError} for a value that is no graph, and for unknown options
 * @throws {RangeError} for an invalid version
 */
export function checkedGraph(name: string, given: AnyGraph | GraphToCheck, driver: PersisterDriver): CheckedGraph {
  const wrapped = isPlainObject(given) && 'graph' in given
  if (wrapped) checkOptions(`The graph "${name}"`, given, 'graph options inputs')
  const { graph, options, inputs } = wrapped ? (given as GraphToCheck) : { graph: given as AnyGraph }
  const core = compiledGraphOf(graph)
  const { version, migrate, changedTasks, transient } = options ?? {}
  const settings = scopeSettings(
    { version, migrate, changedTasks, transient, rootId: name, clock: systemClock },
    driver,
  )
  const about = { name, settings, inputs: inputs && Object.freeze({ ...inputs }) }
  if (options === undefined) return { ...about, plan: anyPlan(core), first: {}, begin: undefined, fault: undefined }
  const { entrypoint, state, resumeAt } = options
  try {
    const begin = beginAt(graph, resumeAt, entrypoint)
    const { plan, checkpoint } = startOf(core, entrypoint, state)
    return { ...about, plan, first: checkpoint.state, begin, fault: undefined }
  } catch (error) {
    const first = isPlainObject(state) ? state : {}
    return { ...about, plan: anyPlan(core), first, begin: undefined, fault: { error } }
  }
}

/** A plan for a graph whose entrypoint is not known; a stored run does not return to it. */
function anyPlan(graph: CompiledGraph): Plan {
  const [entrypoint] = graph.list
  if (entrypoint === undefined) throw new TypeError('A graph needs at least one action.')
  return { graph, entrypoint, haltAfter: new Set() }
}

/**
 * Copies of plans for the check of one run. A resume adds keys to the `oneWay` set of a schema; the check of one run
 * must not change the schema for others.
 */
export class IsolatedPlans {
  readonly #plans = new WeakMap<Plan, Plan>()
  readonly #sets = new Map<ReadonlySet<string>, Set<string>>()

  of(plan: Plan): Plan {
    const { schema } = plan.graph.rules
    if (schema === undefined) return plan
    const made = this.#plans.get(plan) ?? this.#copy(plan, schema)
    this.#plans.set(plan, made)
    return made
  }

  #copy(plan: Plan, schema: StateSchema): Plan {
    const oneWay = this.#sets.get(schema.oneWay) ?? new Set(schema.oneWay)
    this.#sets.set(schema.oneWay, oneWay)
    const rules = { ...plan.graph.rules, schema: { ...schema, oneWay } }
    return { ...plan, graph: { ...plan.graph, rules } }
  }
}
