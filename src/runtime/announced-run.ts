import { toError } from '../internal/guards.js'
import { conclude, type InterceptedApp, type Interceptor, intercept, type Outcome } from '../lifecycle/interceptor.js'
import { announce, reportFault } from './announce.js'
import { keepEnd } from './keeping.js'
import { createOrder, type RunEnd, type RunOrder } from './order.js'
import type { LiveApp } from './tree.js'

/** A run that nobody above tells of: with its events and its interceptors. Never rejects. */
export async function announcedRun(app: LiveApp, order: RunOrder = createOrder(app.inputs)): Promise<RunEnd> {
  const { hub } = app
  const { next } = app.standing
  const told = { appId: hub.interceptors.length === 0 ? '' : app.appId, path: app.path, state: app.standing.state }
  let end = await app.run({
    ...order,
    begun() {
      if (app.hears('run.start')) announce(app, { type: 'run.start', next })
      order.begun?.()
    },
    before: hub.interceptors.length === 0 ? undefined : () => refusalOf(hub.interceptors, told),
  })
  if (hub.interceptors.length > 0) {
    const fatal = await conclude('Run', hub.interceptors, told, outcomeOf(end), (where, error) =>
      reportFault(app, where, error),
    )
    if (fatal !== undefined && end.status !== 'failed') {
      end = { status: 'failed', error: toError(fatal.error), state: end.state, sequenceId: end.sequenceId }
    }
  }
  if (app.journal !== undefined) await keepEnd(app, end)
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

async function refusalOf(...asked: [readonly Interceptor[], InterceptedApp]): Promise<Error | undefined> {
  try {
    await intercept('Run', ...asked)
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
