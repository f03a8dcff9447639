import type { AnyAction } from '../action/action.js'
import { printPath } from '../action/context.js'
import type { Executor } from '../action/executor.js'
import { createApplication } from '../application/application.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { Logger } from '../lifecycle/logger.js'
import { kit } from './executor-graphs.js'

// Fixtures for the cases of the executor contract.

/** An executor that a case has opened. */
export interface Opened {
  readonly executor: Executor
  /** Ends all workers at once, as a crash would. */
  kill(): Promise<void>
}

/** One case of the contract. */
export interface ExecutorCase {
  /** What the executor has to be able to do; the case is left out where it cannot. */
  readonly needs?: 'kill' | 'preempt'
  /** The tasks that run at a time. Default: as many as the executor likes. */
  readonly concurrency?: number
  check(opened: Opened): Promise<void>
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** The maps of the cases: their entries, their options, and a fold of the ends of their branches. */
export const collect = ({ results }: { readonly results: readonly Settled[] }): { ends: readonly string[] } => ({
  ends: results.map(endOf),
})

type Settled = { readonly key: string; readonly state: { readonly n?: number; readonly seen?: readonly unknown[] } } & (
  | { readonly status: 'done' }
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'cancelled'; readonly reason: unknown }
)

/** `a done 2`, `b failed TypeError: It fails.`, `c cancelled no longer needed` */
function endOf(result: Settled): string {
  const { key, status, state } = result
  if (status === 'failed') return `${key} failed ${String(result.error)}`
  if (status === 'cancelled') return `${key} cancelled ${String(result.reason)}`
  return `${key} done ${state.seen === undefined ? state.n : JSON.stringify(state.seen)}`
}

/** An application whose map runs its branches in the executor. */
export const appOf = (
  executor: Executor,
  map: AnyAction,
  more: { readonly graceMs?: number; readonly appId?: string } = {},
) =>
  createApplication(kit.graph({ actions: { map } }), {
    entrypoint: 'map',
    state: {},
    executor,
    logger: silent,
    ...more,
  })

export type ContractApp = ReturnType<typeof appOf>

/** Runs a map to its end. @returns the ends of its branches */
export async function endsOf(executor: Executor, map: AnyAction): Promise<readonly string[]> {
  const { state } = await appOf(executor, map).run()
  return state.ends
}

/** Resolves at the next event of a type from a path. */
export const next = <T extends AnyEvent['type']>(
  app: ContractApp,
  type: T,
  path: string,
): Promise<Extract<AnyEvent, { readonly type: T }>> =>
  new Promise((resolve) => {
    const subscription = app.on('*', (event) => {
      if (event.type !== type || printPath(event.path) !== path) return
      subscription.unsubscribe()
      resolve(event as Extract<AnyEvent, { readonly type: T }>)
    })
  })

/** Collects all events. */
export function heard(app: ContractApp): AnyEvent[] {
  const events: AnyEvent[] = []
  app.on('*', (event) => void events.push(event as AnyEvent))
  return events
}

/** The types of the events from a path, in order. */
export const typesAt = (events: readonly AnyEvent[], path: string): readonly string[] =>
  events.filter((event) => printPath(event.path) === path).map(({ type }) => type)
