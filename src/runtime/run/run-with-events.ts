import { createDeferred } from '../../internal/deferred.js'
import { toError } from '../../internal/guards.js'
import type { InterceptedApp, Outcome } from '../../lifecycle/interceptor.js'
import { publicState } from '../../state/freeze.js'
import { recordEnd } from '../durability.js'
import { announce } from '../emit.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import type { LiveApp, LiveRun } from '../tree.js'
import { createRequest, type RunRequest, type RunResult } from './request.js'
import { failedRun } from './result.js'

/** A run that nobody above tells of: with its events and its interceptors. Never rejects. */
export function runWithEvents(app: LiveApp, request: RunRequest = createRequest(app.inputs)): Promise<RunResult> {
  return announced(app, request).catch((error: unknown) => failedRun(app, toError(error)))
}

async function announced(app: LiveApp, request: RunRequest): Promise<RunResult> {
  const { system } = app
  const { next } = app.checkpoint
  system.lookAtWall()
  const told = {
    appId: system.interceptors.length === 0 ? '' : app.appId,
    path: app.path,
    state: publicState(app.checkpoint.state),
  }
  const ended = createDeferred<RunResult>()
  const asks = system.interceptors.length > 0
  const run: LiveRun = app.open(
    createRequest(request.inputs, {
      ...request,
      begun() {
        if (app.hears('run.start')) announce(app, { type: 'run.start', next })
        request.begun?.()
      },
      before: asks ? () => refusalOf(run, told) : undefined,
    }),
    ended.resolve,
  )
  run.go()
  let end = await ended.promise
  if (asks) {
    const fatal = await new InterceptorCall(run).after('Run', told, outcomeOf(end))
    if (end.status !== 'failed') end = fatal ? failedRun(app, toError(fatal.error)) : { ...end, leaked: run.leaked }
  }
  system.lookAtWall()
  if (app.journal !== undefined) await recordEnd(run, end)
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
    await new InterceptorCall(run).before('Run', told)
    return undefined
  } catch (error) {
    return toError(error)
  }
}

function outcomeOf(end: RunResult): Outcome {
  if (end.status === 'failed') return { status: 'failed', error: end.error }
  if (end.status === 'cancelled') return { status: 'cancelled', reason: end.cancellation.reason }
  return { status: 'done', state: end.state }
}
