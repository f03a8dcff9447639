import type { ActionContext } from '../action/context.js'
import { isThenable } from '../internal/guards.js'
import type { AnyEvent, RunEnd } from '../lifecycle/events.js'
import type { CarriedBranch, CarriedRun, CarriedStep, TrackedRun, Tracker } from './tracker.js'

/**
 * One tracker of several: each gets every event, in the given order. One that throws holds none of the others back.
 *
 * @example
 * ```ts
 * const seen: string[] = []
 * const tracker = combineTrackers({ track: ({ type }) => void seen.push(type) }, { track: () => {} })
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * await createApplication(kit.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 }, tracker }).run()
 * seen[0] // 'run.start'
 * ```
 */
export function combineTrackers(...trackers: readonly Tracker[]): Tracker {
  const name = trackers
    .map((one) => one.name ?? '')
    .join(' ')
    .trim()
  const surrounding = trackers.filter(({ within }) => within !== undefined)
  const carrying = trackers.filter(({ carry }) => carry !== undefined)
  const carryingRuns = trackers.filter(({ carryRun }) => carryRun !== undefined)
  const carryingSteps = trackers.filter(({ carryStep }) => carryStep !== undefined)
  const each = (tell: (tracker: Tracker) => unknown): unknown => {
    const faults: unknown[] = []
    const waits: PromiseLike<unknown>[] = []
    for (const one of trackers)
      try {
        const result = tell(one)
        if (isThenable(result)) waits.push(result)
      } catch (error) {
        faults.push(error)
      }
    if (faults.length > 0) throw faults.length === 1 ? faults[0] : new AggregateError(faults, 'Several trackers threw.')
    return waits.length === 0 ? undefined : Promise.all(waits)
  }
  return {
    ...(name !== '' && { name }),
    ...(trackers.some(({ begin }) => begin !== undefined) && {
      begin: (run: TrackedRun) => each((one) => one.begin?.(run)) as undefined,
    }),
    track: (event: AnyEvent) => each((one) => one.track(event)) as undefined,
    ...(trackers.some(({ end }) => end !== undefined) && {
      end: (event: RunEnd) => each((one) => one.end?.(event)) as undefined,
    }),
    ...(surrounding.length > 0 && {
      within: <T>(context: ActionContext, code: () => T, span?: string): T =>
        surrounding.reduceRight<() => T>((inner, one) => () => one.within?.(context, inner, span) as T, code)(),
    }),
    ...(carryingRuns.length > 0 && {
      carryRun: (run: CarriedRun) => Object.assign({}, ...carryingRuns.map((one) => one.carryRun?.(run))),
    }),
    ...(carrying.length > 0 && {
      carry: (branch: CarriedBranch) => Object.assign({}, ...carrying.map((one) => one.carry?.(branch))),
    }),
    ...(carryingSteps.length > 0 && {
      carryStep: (step: CarriedStep) => Object.assign({}, ...carryingSteps.map((one) => one.carryStep?.(step))),
    }),
  }
}
