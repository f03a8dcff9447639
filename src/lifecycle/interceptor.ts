import type { Path } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import { isThenable } from '../internal/guards.js'
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

type Side = 'Run' | 'Step' | 'Branch'
type Told<K extends Side> = Parameters<NonNullable<Interceptor[`before${K}`]>>[0]
type Hook = ((args: object, outcome?: Outcome) => void | Promise<void>) | undefined

const BEFORE = { Run: 'beforeRun', Step: 'beforeStep', Branch: 'beforeBranch' } as const
const AFTER = { Run: 'afterRun', Step: 'afterStep', Branch: 'afterBranch' } as const

/**
 * Runs the `before` side, in order.
 * @returns a promise where one has to be waited for
 * @throws what the first that refuses throws; or the promise rejects with it
 */
export function intercept<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: Told<K>,
  from = 0,
): Promise<void> | undefined {
  for (let i = from; i < all.length; i++) {
    const one = all[i]
    const waits = (one?.[BEFORE[side]] as Hook)?.call(one, args)
    if (isThenable(waits)) return Promise.resolve(waits).then(() => intercept(side, all, args, i + 1))
  }
  return undefined
}

/** What an interceptor with `onFault: 'fail'` threw. */
export interface Fatal {
  readonly error: unknown
}

/**
 * Runs the `after` side, in reverse order.
 * @param report what a throwing one is reported to
 * @returns the first fatal fault, if any; a promise where one has to be waited for
 */
export function conclude<K extends Side>(
  side: K,
  all: readonly Interceptor[],
  args: Told<K>,
  outcome: Outcome,
  report: (where: string, error: unknown) => void,
): Fatal | undefined | Promise<Fatal | undefined> {
  const faulty = (one: Interceptor, error: unknown): Fatal | undefined => {
    report(`interceptor ${one.name ?? ''} ${AFTER[side]}`.replace('  ', ' '), error)
    return one.onFault === 'fail' ? { error } : undefined
  }
  const from = (last: number, found: Fatal | undefined): Fatal | undefined | Promise<Fatal | undefined> => {
    let fatal = found
    for (let i = last; i >= 0; i--) {
      const one = all[i]
      if (one === undefined) continue
      try {
        const waits = (one[AFTER[side]] as Hook)?.call(one, args, outcome)
        if (isThenable(waits)) {
          const told = Promise.resolve(waits).then(
            () => undefined,
            (error: unknown) => faulty(one, error),
          )
          return told.then((late) => from(i - 1, fatal ?? late))
        }
      } catch (error) {
        const late = faulty(one, error)
        fatal = fatal ?? late
      }
    }
    return fatal
  }
  return from(all.length - 1, undefined)
}
