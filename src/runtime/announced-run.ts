import { toError } from '../internal/guards.js'
import { conclude, intercept, type Outcome } from '../lifecycle/interceptor.js'
import { createOrder, type RunEnd, type RunOrder } from './order.js'
import type { Runner } from './runner.js'
import { reportFault } from './take-step.js'

/** A run that nobody above tells of: with its events and its interceptors. Never rejects. */
export async function announcedRun(runner: Runner, order: RunOrder = createOrder(runner.inputs)): Promise<RunEnd> {
  const { hub } = runner
  const { next } = runner.standing
  if (runner.heard) runner.emit({ type: 'run.start', next })
  const told = { appId: hub.interceptors.length === 0 ? '' : runner.appId, path: runner.path, state: runner.standing.state }
  let end = await begin(runner, order, told)
  if (hub.interceptors.length > 0) {
    const fatal = await conclude('Run', hub.interceptors, told, outcomeOf(end), (where, error) => reportFault(runner, where, error))
    if (fatal !== undefined && end.status !== 'failed') {
      end = { status: 'failed', error: toError(fatal.error), state: end.state, sequenceId: end.sequenceId }
    }
  }
  if (runner.heard) {
    const { status, state } = end
    runner.emit(end.status === 'failed' ? { type: 'run.end', status, state, error: end.error } : { type: 'run.end', status, state })
  }
  return end
}

type Told = Parameters<typeof intercept<'Run'>>[2]

async function begin(runner: Runner, order: RunOrder, told: Told): Promise<RunEnd> {
  if (runner.hub.interceptors.length === 0) return runner.run(order)
  try {
    await intercept('Run', runner.hub.interceptors, told)
  } catch (error) {
    const { state, sequenceId } = runner.standing
    return { status: 'failed', error: toError(error), state, sequenceId }
  }
  return runner.run(order)
}

function outcomeOf(end: RunEnd): Outcome {
  if (end.status === 'failed') return { status: 'failed', error: end.error }
  if (end.status === 'cancelled') return { status: 'cancelled', reason: end.cancellation.reason }
  return { status: 'done', state: end.state }
}
