import type { Path } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { State } from '../state/freeze.js'

/** What an interceptor is told of the application. */
export interface InterceptedApp {
  readonly appId: string
  readonly path: Path
  readonly state: State
}
export interface InterceptedStep extends InterceptedApp {
  readonly action: string
  readonly sequenceId: number
  readonly inputs: Inputs
}
export interface InterceptedBranch {
  readonly map: string
  readonly key: string
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
 * error that it is told of.
 * @see Burr burr/lifecycle/base.py (PreRunStepHook, PostRunStepHook)
 */
export interface Interceptor {
  readonly name?: string
  readonly onFault?: 'report' | 'fail'
  readonly beforeRun?: (args: InterceptedApp) => void | Promise<void>
  readonly afterRun?: (args: InterceptedApp, outcome: Outcome) => void | Promise<void>
  readonly beforeStep?: (args: InterceptedStep) => void | Promise<void>
  readonly afterStep?: (args: InterceptedStep, outcome: Outcome) => void | Promise<void>
  readonly beforeBranch?: (args: InterceptedBranch) => void | Promise<void>
  readonly afterBranch?: (args: InterceptedBranch, outcome: Outcome) => void | Promise<void>
}

type Side = 'Run' | 'Step' | 'Branch'
type Told<K extends Side> = Parameters<NonNullable<Interceptor[`before${K}`]>>[0]

/** Runs the `before` side, in order. Rejects with what the first that refuses throws. */
export async function intercept<K extends Side>(side: K, all: readonly Interceptor[], args: Told<K>): Promise<void> {
  for (const one of all) await (one[`before${side}`] as ((args: Told<K>) => unknown) | undefined)?.call(one, args)
}

/**
 * Runs the `after` side, in reverse order.
 * @param report what a throwing one is reported to
 * @returns the fault that an interceptor with `onFault: 'fail'` threw, if any
 */
export async function conclude<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: Told<K>,
  outcome: Outcome,
  report: (where: string, error: unknown) => void,
): Promise<{ readonly error: unknown } | undefined> {
  let fatal: { readonly error: unknown } | undefined
  for (const one of all.toReversed()) {
    try {
      await (one[`after${side}`] as ((args: Told<K>, outcome: Outcome) => unknown) | undefined)?.call(
        one,
        args,
        outcome,
      )
    } catch (error) {
      report(`interceptor ${one.name ?? ''} after${side}`.replace('  ', ' '), error)
      if (one.onFault === 'fail') fatal ??= { error }
    }
  }
  return fatal
}
