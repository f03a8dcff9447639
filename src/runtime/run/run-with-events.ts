import { createDeferred } from '../../internal/deferred.js'
import { toError } from '../../internal/guards.js'
import type { InterceptedApp, Outcome } from '../../lifecycle/interceptor.js'
import { publicState } from '../../state/freeze.js'
import { announce } from '../emit.js'
import { Asking } from '../step/interceptor-call.js'
import { keepEnd } from '../durability.js'
import { createOrder, type RunEnd, type RunOrder } from './request.js'
import { failedRun } from './result.js'
import type { LiveApp, LiveRun } from '../tree.js'

/** A run that nobody above tells of: with its events and its interceptors. Never rejects. */
export function announcedRun(app: LiveApp, order: RunOrder = createOrder(app.inputs)): Promise<RunEnd> {
  return announced(app, order).catch((error: unknown) => failedRun(app, toError(error)))
}

async function announced(app: LiveApp, order: RunOrder): Promise<RunEnd> {
  const { hub } = app
  const { next } = app.standing
  hub.lookAtWall()
  const told = {
    appId: hub.interceptors.length === 0 ? '' : app.appId,
    path: app.path,
    state: publicState(app.standing.state),
  }
  const ended = createDeferred<RunEnd>()
  const asks = hub.interceptors.length > 0
  const run: LiveRun = app.open(
    {
      ...order,
      begun() {
        if (app.hears('run.start')) announce(app, { type: 'run.start', next })
        order.begun?.()
      },
      before: asks ? () => refusalOf(run, told) : undefined,
    },
    ended.resolve,
  )
  run.go()
  let end = await ended.promise
  if (asks) {
    const fatal = await new Asking(run).after('Run', told, outcomeOf(end))
    if (end.status !== 'failed') end = fatal ? failedRun(app, toError(fatal.error)) : { ...end, leaked: run.leaked }
  }
  hub.lookAtWall()
  if (app.journal !== undefined) await keepEnd(run, end)
  if (app.hears('run.end')) {
    const { status, state } = end
    announce(
      app,
      end.status === 'failed'
        ? { type: 'run.end', status, state, error: end.error }
        : { type: 'run.end', status, state },
    )
  }
  return end
}

async function refusalOf(run: LiveRun, told: InterceptedApp): Promise<Error | undefined> {
  try {
    await new Asking(run).before('Run', told)
    return undefined
  } catch (error) {
    return toError(error)
  }
}

function outcomeOf(end: RunEnd): Outcome {
  if (end.status === 'failed') return { status: 'failed', error: end.error }
  if (end.status === 'cancelled') return { status: 'cancelled', reason: end.cancellation.reason }
  return { status: 'done', state: end.state }
}
