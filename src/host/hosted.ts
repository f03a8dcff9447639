import type { ApplicationOptions } from '../application/application.js'
import { compiledGraphOf, type Graph, type GraphInputs, type InitialKeys } from '../application/runnable.js'
import { describeValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import type { Name } from '../internal/type-tools.js'
import type { GivenTo } from '../state/spec.js'

// Owns: a graph with everything that a host needs to run it again in another process.

/** Options of {@link hosted}: those of an application, but for what each run brings. */
export type HostedOptions<S, Names, Entry> = Omit<
  ApplicationOptions<S, Names, Entry, never>,
  | 'appId'
  | 'claim'
  | 'key'
  | 'labels'
  | 'leaseMs'
  | 'name'
  | 'parent'
  | 'partitionKey'
  | 'persister'
  | 'save'
  | 'state'
  | 'title'
>

/** A graph that a host runs. `State`: the state that a run starts with. `Inputs`: what its actions take. */
export interface Hosted<out State = object, out Inputs = object> {
  /** The graph, as it was given. */
  readonly graph: object
  /** The options, as they were given. */
  readonly options: { readonly entrypoint: string }
  /** Types only, absent at run time. */
  readonly '~start'?: { readonly state: State; readonly inputs: Inputs }
}

type StateOf<S, In extends GivenTo<S>, Needed extends keyof S> = Pick<In, Extract<Needed, keyof In>> & Partial<In>

/**
 * A graph for a host: where a run begins, and the options of its applications.
 *
 * Every host on a store declares a name with the same graph: any of them may resume a run.
 * @throws {TypeError} for unknown options, and an entrypoint that the graph lacks
 *
 * @example
 * ```ts
 * const kit = defineState<{ order: string; refunded: boolean }>()
 * const refund = kit.action({ reads: ['order'], writes: ['refunded'], run: () => ({ refunded: true }) })
 * const refunds = hosted(kit.graph({ actions: { refund } }), { entrypoint: 'refund' })
 * ```
 */
export function hosted<S extends object, A, D, In extends GivenTo<S>, const Entry extends Name<A>>(
  graph: Graph<S, A, D, In>,
  options: HostedOptions<S, Name<A>, Entry> & { readonly entrypoint: Entry },
): Hosted<StateOf<S, In, Extract<InitialKeys<A, Entry, D>, keyof S>>, GraphInputs<A>> {
  checkOptions(
    'hosted',
    options,
    'entrypoint concurrency interceptors tracker executor logger clock random graceMs inspect transient version migrate whenUnavailable changedTasks inboxPollMs',
  )
  const { entrypoint } = options
  const { nodes } = compiledGraphOf(graph)
  if (typeof entrypoint !== 'string' || !nodes.has(entrypoint))
    throw new TypeError(
      `hosted: there is no action ${describeValue(entrypoint)}. ${suggest(String(entrypoint), nodes.keys(), 'actions')}`,
    )
  return Object.freeze({ graph, options: Object.freeze({ ...options }) })
}
