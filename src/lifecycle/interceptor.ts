import type { Path } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import { glance, isThenable, nameOf } from '../internal/guards.js'
import type { State } from '../state/freeze.js'

/** What an interceptor gets of the application. */
export interface InterceptedApp {
  /** The application: the root, or a branch. */
  readonly appId: string
  /** Where it stands below the root; empty for the root. */
  readonly path: Path
  /** Its whole state. */
  readonly state: State
}
/** What an interceptor gets of a step. */
export interface InterceptedStep extends InterceptedApp {
  /** The action, by its name in its own graph. */
  readonly action: string
  /** The number of the step in its application; the first is 0. */
  readonly sequenceId: number
  /** What the action gets: its own inputs, parsed, with defaults. */
  readonly inputs: Inputs
}
/** What an interceptor gets of a branch. */
export interface InterceptedBranch {
  /** The map action. */
  readonly map: string
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
  /** The branch's own address. */
  readonly path: Path
}

/** How something ended, for the `after` side. */
export type Outcome =
  | { readonly status: 'done'; readonly state: State }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'cancelled'; readonly reason: unknown }

/**
 * Awaited around runs, steps and branches, in this application and in every one below it.
 *
 * `before…` are awaited in the order registered; one that throws refuses: the step (or branch, or run) fails and
 * nothing is committed. `after…` are awaited in reverse order, after the commit; one that throws is reported as a
 * `fault` event and to the logger, and the run goes on, unless `onFault` is `'fail'`. An `after…` never replaces the
 * error that it gets.
 * @see Burr burr/lifecycle/base.py (PreRunStepHook, PostRunStepHook)
 */
export interface Interceptor {
  /** Names it in reports of its faults. */
  readonly name?: string
  /** What a throwing `after…` does: `'report'`, the default, or `'fail'`, which fails the run. */
  readonly onFault?: 'report' | 'fail'
  /** Before the first step of a run. */
  readonly beforeRun?: (args: InterceptedApp) => void | Promise<void>
  /** When a run has ended, however it did. */
  readonly afterRun?: (args: InterceptedApp, outcome: Outcome) => void | Promise<void>
  /** Before an action runs; its inputs are parsed by then. */
  readonly beforeStep?: (args: InterceptedStep) => void | Promise<void>
  /** When a step has committed, failed or been cancelled. */
  readonly afterStep?: (args: InterceptedStep, outcome: Outcome) => void | Promise<void>
  /** Before a branch starts. */
  readonly beforeBranch?: (args: InterceptedBranch) => void | Promise<void>
  /** When a branch has settled. */
  readonly afterBranch?: (args: InterceptedBranch, outcome: Outcome) => void | Promise<void>
}

/** Who asks interceptors, and may give them up. */
export interface Asker {
  /** The one that is awaited: its name, and which of its functions. */
  awaited: string
  /** True once nobody waits for an answer any more: no further one is asked. */
  readonly over: boolean
  /** Told of an `after…` that threw. */
  fault(where: string, error: unknown): void
}

export type Side = 'Run' | 'Step' | 'Branch'
export type Told<K extends Side> = Parameters<NonNullable<Interceptor[`before${K}`]>>[0]
type Hook = ((args: object, outcome?: Outcome) => void | Promise<void>) | undefined

const hookOf = (one: Interceptor, name: `before${Side}` | `after${Side}`): Hook => one[name] as Hook
const hookNameOf = (one: Interceptor, hook: string): string => `${nameOf(one)} ${hook}`.trimStart()

/**
 * Runs the `before` side, in order.
 * @returns a promise where one has to be waited for
 * @throws what the first that refuses throws; or the promise rejects with it
 */
export function intercept<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: Told<K>,
  asker: Asker,
  from = 0,
): Promise<void> | undefined {
  const hook = `before${side}` as const
  for (let i = from; i < all.length && !asker.over; i++) {
    const one = all[i] as Interceptor
    const waits = hookOf(one, hook)?.call(one, args)
    if (isThenable(waits)) {
      asker.awaited = hookNameOf(one, hook)
      return Promise.resolve(waits).then(() => intercept(side, all, args, asker, i + 1))
    }
  }
  return undefined
}

/** What an interceptor with `onFault: 'fail'` threw. */
export interface Fatal {
  readonly error: unknown
}

/**
 * Runs the `after` side, in reverse order.
 * @returns the first fatal fault, if any; a promise where one has to be waited for
 */
export function conclude<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: Told<K>,
  outcome: Outcome,
  asker: Asker,
): Fatal | undefined | Promise<Fatal | undefined> {
  const hook = `after${side}` as const
  let fatal: Fatal | undefined
  const faulty = (one: Interceptor, error: unknown): void => {
    asker.fault(`interceptor ${hookNameOf(one, hook)}`, error)
    if (glance(() => one.onFault) === 'fail') fatal ??= { error }
  }
  const from = (last: number): Fatal | undefined | Promise<Fatal | undefined> => {
    for (let i = last; i >= 0 && !asker.over; i--) {
      const one = all[i] as Interceptor
      try {
        const waits = hookOf(one, hook)?.call(one, args, outcome)
        if (isThenable(waits)) {
          asker.awaited = hookNameOf(one, hook)
          const told = Promise.resolve(waits).catch((error: unknown) => faulty(one, error))
          return told.then(() => from(i - 1))
        }
      } catch (error) {
        faulty(one, error)
      }
    }
    return fatal
  }
  return from(all.length - 1)
}
