import type * as teasel from 'teasel'
import type { Action, ActionContext, AnyRunnable, Limit } from 'teasel'
import { doAct, doAtOnce, type Given, perform, performAtOnce, type S, type Site } from './code.js'
import { folderOf, reducerOf, watcherOf } from './folds.js'
import type { Child, GraphNest, Leaf, MapNest, Mercy, Nest } from './plan.js'
import type { Life, World } from './world.js'

/** The package, or a changed copy of it. */
export type Engine = typeof teasel

type Made = Action<S, Pick<S, 'n'>>

/** Makes actions and graphs of a plan, which report to a world. */
export class Builder {
  readonly #engine: Engine
  readonly #kit: teasel.StateKit<S>
  readonly #limits: readonly Limit[]
  readonly #site: Site
  readonly #world: World

  constructor(
    engine: Engine,
    world: World,
    limits: readonly number[],
    pathOf: ReadonlyMap<string, string>,
    cancel: Site['cancel'],
  ) {
    this.#engine = engine
    this.#world = world
    this.#kit = engine.defineState<S>()
    this.#limits = limits.map((max) => engine.createLimit(max))
    const note = engine.defineMessage('note', engine.type<{ readonly serial: number }>())
    this.#site = { world, note, cancel, pathOf, byHand: (nest, life, context) => this.#byHand(nest, life, context) }
  }

  get site(): Site {
    return this.#site
  }

  /** @param limit the limit that its leaves run under, by its name */
  graph(nest: GraphNest, limit: string | undefined): teasel.Graph<S, Record<string, Made>> {
    const { steps, rescue, laps } = nest
    const actions: Record<string, Made> = Object.fromEntries(
      steps.map((step) => [step.name, this.#action(step, limit)]),
    )
    const transitions: Record<string, unknown> = {}
    steps.slice(1).forEach((step, i) => {
      transitions[steps[i]?.name ?? ''] = step.name
    })
    const [first, second] = steps
    if (rescue !== undefined) {
      actions[rescue.name] = this.#action(rescue, limit)
      if (second !== undefined) transitions[rescue.name] = second.name
    }
    if (laps > 1) {
      actions['lap'] = this.#lap() as unknown as Made
      transitions[steps.at(-1)?.name ?? ''] = 'lap'
      transitions['lap'] = [{ to: first?.name, when: ({ state }: { readonly state: S }) => state.lap < laps }]
    }
    const onError = rescue === undefined || first === undefined ? {} : { onError: { [first.name]: rescue.name } }
    return this.#kit.graph({ actions, transitions, ...onError } as never)
  }

  #lap(): Action<Pick<S, 'lap'>, Pick<S, 'lap'>> {
    return this.#kit.action({ reads: ['lap'], writes: ['lap'], run: ({ state }) => ({ lap: state.lap + 1 }) })
  }

  #action(nest: Nest, limit: string | undefined): Made {
    switch (nest.kind) {
      case 'leaf':
        return this.#leaf(nest, limit)
      case 'map':
        return this.#map(nest, limit)
      case 'graph':
        return this.#kit.subgraph({
          reads: ['n', 'lap'],
          writes: ['n'],
          graph: this.#branch(nest, limit) as never,
          state: ({ state }: { readonly state: Pick<S, 'n'> }) => ({ n: state.n, lap: 0 }) as never,
          reduce: ({ branch }: { readonly branch: { readonly state: S } }) => ({ n: branch.state.n }),
        } as never) as unknown as Made
    }
  }

  #branch(nest: Nest, limit: string | undefined): AnyRunnable {
    if (nest.kind !== 'graph') return this.#action(nest, limit)
    return this.graph(nest, limit).runnable({
      entrypoint: nest.steps[0]?.name ?? '',
    } as never) as unknown as AnyRunnable
  }

  #leaf(leaf: Leaf, limit: string | undefined): Made {
    const site = this.#site
    const run = {
      sync: (given: Given) => performAtOnce(site, leaf, limit, given),
      async: async (given: Given) => (await perform(site, leaf, limit, given).next()).value as { n: number },
      stream: (given: Given) => perform(site, leaf, limit, given),
    }[leaf.mode]
    const mercy = mercyOf(leaf.mercy, { n: 0 })
    return this.#kit.action({ reads: ['n', 'lap'], writes: ['n'], run, ...mercy } as never) as unknown as Made
  }

  #map(nest: MapNest, above: string | undefined): Made {
    const { form, policy, window, graceMs, watch } = nest
    const limit = nest.limit === undefined ? above : `limit ${nest.limit}`
    const children = nest.children.map((child) => ({ child, branch: this.#branch(child.nest, limit) }))
    const concurrency = nest.limit === undefined ? window : this.#limits[nest.limit]
    const options = {
      reads: ['n', 'lap'],
      writes: ['n'],
      settle: policy,
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(watch.length === 0 ? {} : { watch: watcherOf(this.#site, nest) }),
      ...(nest.fold === 'all' ? { reduce: reducerOf(this.#site, nest) } : folderOf(this.#site, nest, nest.fold)),
    }
    const source = this.#source(nest, children)
    if (form === 'actions')
      return this.#kit.mapActions({ ...options, state: () => ({ lap: 0 }), actions: source } as never) as never
    if (form === 'tasks') return this.#kit.parallel({ ...options, tasks: source } as never) as never
    const action =
      children[0]?.branch ??
      this.#leaf({ kind: 'leaf', name: 'none', mode: 'sync', acts: [], cleanup: [], mercy: undefined }, limit)
    return this.#kit.mapStates({ ...options, action, states: source } as never) as never
  }

  #entry({ form }: MapNest, { key, mercy }: Child, branch: AnyRunnable, n: number, named: boolean): unknown {
    const extras = { ...(named ? { key } : {}), ...mercyOf(mercy, { n: 0, lap: 0 }) }
    if (form === 'tasks') return this.#engine.task({ action: branch, state: { n, lap: 0 }, ...extras } as never)
    const thing = form === 'actions' ? branch : { n, lap: 0 }
    return Object.keys(extras).length === 0 ? thing : [thing, extras]
  }

  #source(nest: MapNest, children: readonly { readonly child: Child; readonly branch: AnyRunnable }[]): unknown {
    const entries = (n: number): unknown[] =>
      children.map(({ child, branch }) => this.#entry(nest, child, branch, n, false))
    const again = (n: number): unknown => {
      const first = children[0]
      return first === undefined ? undefined : this.#entry(nest, first.child, first.branch, n, true)
    }
    type Args = { readonly state: Pick<S, 'n'>; readonly signal: AbortSignal }
    switch (nest.source) {
      case 'array':
        return ({ state }: Args) => entries(state.n)
      case 'record':
        return ({ state }: Args) => Object.fromEntries(entries(state.n).map((one, i) => [children[i]?.child.key, one]))
      case 'generator':
        return ({ state, signal }: Args) => this.#pulled(nest, entries(state.n), again(state.n), signal)
      case 'async generator':
        return ({ state, signal }: Args) => this.#pulledLater(nest, entries(state.n), again(state.n), signal)
    }
  }

  *#pulled(
    nest: MapNest,
    entries: readonly unknown[],
    again: unknown,
    signal: AbortSignal,
  ): Generator<unknown, void, void> {
    const life = this.#world.begin({ path: '', name: `source of ${nest.name}`, of: 'source', limit: undefined, signal })
    let end: 'returned' | 'threw' | 'left' = 'left'
    try {
      yield* entries
      if (nest.fault === 'duplicate') yield again
      if (nest.fault === 'throws') throw new Error(`source of ${nest.name} throws`)
      end = 'returned'
    } catch (error) {
      end = 'threw'
      throw error
    } finally {
      this.#world.end(life, end)
      for (const act of nest.closing) doAtOnce(this.#site, life, act)
    }
  }

  async *#pulledLater(
    nest: MapNest,
    entries: readonly unknown[],
    again: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<unknown, void, void> {
    const life = this.#world.begin({ path: '', name: `source of ${nest.name}`, of: 'source', limit: undefined, signal })
    let end: 'returned' | 'threw' | 'left' = 'left'
    try {
      for (const entry of entries) {
        for (const act of nest.before) await doAct(this.#site, life, act, signal)
        yield entry
      }
      if (nest.fault === 'duplicate') yield again
      if (nest.fault === 'throws') throw new Error(`source of ${nest.name} throws`)
      end = 'returned'
    } catch (error) {
      end = 'threw'
      throw error
    } finally {
      try {
        for (const act of nest.closing) await doAct(this.#site, life, act, undefined)
      } finally {
        this.#world.end(life, end)
      }
    }
  }

  async #byHand(nest: Nest, life: Life, context: ActionContext): Promise<unknown> {
    const graph = this.graph({ kind: 'graph', name: 'hand', steps: [nest], laps: 1, rescue: undefined }, life.limit)
    // The text differs at each attempt.
    const state = { n: context.attempt, lap: 0 }
    const options = { entrypoint: nest.name, state, parent: context, key: `h${nest.name}` }
    return this.#engine.createApplication(graph, options as never).run()
  }
}

function mercyOf(mercy: Mercy | undefined, saved: object): object {
  if (mercy === undefined) return {}
  const { attempts, delayMs, timeoutMs, fallback } = mercy
  return {
    ...(attempts === 1 ? {} : { retry: { attempts, delayMs, jitter: 0 } }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(fallback ? { fallback: () => saved } : {}),
  }
}
