import type { Path } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import { isThenable, nameOf, tryGet } from '../internal/guards.js'
import type { State } from '../state/freeze.js'

/** The application, as passed to an interceptor. */
export interface InterceptedApp {
  /** The id of the application: the root, or a branch. */
  readonly appId: string
  /** Its path below the root; empty for the root. */
  readonly path: Path
  /** Its whole state. */
  readonly state: State
}
/** A step, as passed to an interceptor. */
export interface InterceptedStep extends InterceptedApp {
  /** The action, by its name in its own graph. */
  readonly action: string
  /** The number of the step in its application; the first is 0. */
  readonly sequenceId: number
  /** The inputs of the action: its own, parsed, with defaults. */
  readonly inputs: Inputs
}
/** A branch, as passed to an interceptor. */
export interface InterceptedBranch {
  /** The map action. */
  readonly map: string
  /** The key of the branch. */
  readonly key: string
  /** Its position in declaration order, from 0. */
  readonly index: number
  /** The path of the branch. */
  readonly path: Path
}

/** The end of a run, step or branch, for the `after` side. */
export type Outcome =
  | { readonly status: 'done'; readonly state: State }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'cancelled'; readonly reason: unknown }

/**
 * Awaited around runs, steps and branches, in this application and in every one below it.
 *
 * `before…` are awaited in registration order; a throw refuses: the step (or branch, or run) fails and nothing is
 * committed. `after…` are awaited in reverse order, after the commit; a throw is reported as a `fault` event and to the
 * logger, and the run continues, unless `onFault` is `'fail'`. An `after…` never replaces the error that it gets.
 * @see Burr burr/lifecycle/base.py (PreRunStepHook, PostRunStepHook)
 */
export interface Interceptor {
  /** Name used in reports of its faults. */
  readonly name?: string
  /** Effect of a throwing `after…`: `'report'`, the default, or `'fail'`, which fails the run. */
  readonly onFault?: 'report' | 'fail'
  /** Called before the first step of a run. */
  readonly beforeRun?: (args: InterceptedApp) => void | Promise<void>
  /** Called when a run has ended, with any outcome. */
  readonly afterRun?: (args: InterceptedApp, outcome: Outcome) => void | Promise<void>
  /** Called before an action runs, with parsed inputs. */
  readonly beforeStep?: (args: InterceptedStep) => void | Promise<void>
  /** Called when a step has committed, failed or been cancelled. */
  readonly afterStep?: (args: InterceptedStep, outcome: Outcome) => void | Promise<void>
  /** Called before a branch starts. */
  readonly beforeBranch?: (args: InterceptedBranch) => void | Promise<void>
  /** Called when a branch has settled. */
  readonly afterBranch?: (args: InterceptedBranch, outcome: Outcome) => void | Promise<void>
}

/** The caller of interceptors, which may abandon them. */
export interface InterceptorCaller {
  /** The pending interceptor: its name, and which of its functions. */
  awaited: string
  /** True once the result is no longer needed: no further interceptor is called. */
  readonly over: boolean
  /** Reports an `after…` that threw. */
  fault(where: string, error: unknown): void
}

export type Side = 'Run' | 'Step' | 'Branch'
export type HookArgs<K extends Side> = Parameters<NonNullable<Interceptor[`before${K}`]>>[0]
type Hook = ((args: object, outcome?: Outcome) => void | Promise<void>) | undefined

const hookOf = (one: Interceptor, name: `before${Side}` | `after${Side}`): Hook => one[name] as Hook
const hookNameOf = (one: Interceptor, hook: string): string => `${nameOf(one)} ${hook}`.trimStart()

/**
 * Runs the `before` side, in order.
 * @returns a promise when an interceptor is asynchronous
 * @throws the error of the first interceptor that refuses; or rejects with it
 */
export function intercept<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: HookArgs<K>,
  caller: InterceptorCaller,
  from = 0,
): Promise<void> | undefined {
  const hook = `before${side}` as const
  for (let i = from; i < all.length && !caller.over; i++) {
    const one = all[i] as Interceptor
    const waits = hookOf(one, hook)?.call(one, args)
    if (isThenable(waits)) {
      caller.awaited = hookNameOf(one, hook)
      return Promise.resolve(waits).then(() => intercept(side, all, args, caller, i + 1))
    }
  }
  return undefined
}

/** The error of an interceptor with `onFault: 'fail'`. */
export interface Fatal {
  readonly error: unknown
}

/**
 * Runs the `after` side, in reverse order.
 * @returns the first fatal error, if any; a promise when an interceptor is asynchronous
 */
export function conclude<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: HookArgs<K>,
  outcome: Outcome,
  caller: InterceptorCaller,
): Fatal | undefined | Promise<Fatal | undefined> {
  const hook = `after${side}` as const
  let fatal: Fatal | undefined
  const faulty = (one: Interceptor, error: unknown): void => {
    caller.fault(`interceptor ${hookNameOf(one, hook)}`, error)
    if (tryGet(() => one.onFault) === 'fail') fatal ??= { error }
  }
  const from = (last: number): Fatal | undefined | Promise<Fatal | undefined> => {
    for (let i = last; i >= 0 && !caller.over; i--) {
      const one = all[i] as Interceptor
      try {
        const waits = hookOf(one, hook)?.call(one, args, outcome)
        if (isThenable(waits)) {
          caller.awaited = hookNameOf(one, hook)
          const settled = Promise.resolve(waits).catch((error: unknown) => faulty(one, error))
          return settled.then(() => from(i - 1))
        }
      } catch (error) {
        faulty(one, error)
      }
    }
    return fatal
  }
  return from(all.length - 1)
}
