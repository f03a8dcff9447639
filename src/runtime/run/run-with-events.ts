import { createDeferred } from '../../internal/deferred.js'
import { toError } from '../../internal/guards.js'
import { isFinal } from '../../lifecycle/final.js'
import type { InterceptedApp, Outcome } from '../../lifecycle/interceptor.js'
import { publicState } from '../../state/freeze.js'
import { type Application, Run } from '../application.js'
import { recordEnd } from '../durability.js'
import { emit } from '../emit.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import { runLoop } from './loop.js'
import { createRequest, type RunRequest } from './request.js'
import { failedRun, type RunResult } from './result.js'
import { beginTracking } from './tracked-run.js'

/** Runs an application with the events and the interceptors of its run. Never rejects. */
export function runWithEvents(app: Application, request: RunRequest = createRequest(app.inputs)): Promise<RunResult> {
  return runAndReport(app, request).catch((error: unknown) => failedRun(app, toError(error)))
}

async function runAndReport(app: Application, request: RunRequest): Promise<RunResult> {
  const { system, cancelled } = app
  const { next } = app.checkpoint
  system.lookAtWall()
  const info = {
    appId: system.interceptors.length === 0 ? '' : app.appId,
    path: app.path,
    state: publicState(app.checkpoint.state),
  }
  const ended = createDeferred<RunResult>()
  const asks = system.interceptors.length > 0 && cancelled === undefined
  const run: Run = new Run(
    app,
    createRequest(request.inputs, {
      ...request,
      begun() {
        beginTracking(app)
        const { forkedFrom } = app.journal ?? {}
        emit(app, { type: 'run.start', next, ...(forkedFrom && { forkedFrom }) })
        request.begun?.()
      },
      before: asks ? () => refusalOf(run, info) : undefined,
    }),
    runLoop,
    { ended: (_, result) => ended.resolve(result) },
  )
  run.start()
  let end = await ended.promise
  if (asks) {
    const fatal = await new InterceptorCall(run).after('Run', info, outcomeOf(end))
    if (end.status !== 'failed') end = fatal ? failedRun(app, toError(fatal.error)) : { ...end, leaked: run.leaked }
  }
  system.lookAtWall()
  if (end.status === 'cancelled' && app.parent === undefined && isFinal(end.cancellation.cause))
    app.cancelled = end.cancellation
  if (app.journal !== undefined)
    end = (await (cancelled === undefined ? recordEnd(run, end) : app.journal.status.stays())) ?? end
  if (end.status !== 'cancelled') app.cancelled = undefined // its store does not have the cancel: another run goes on
  const { status, state } = end
  const error = status === 'failed' ? { error: end.error } : undefined
  emit(app, { type: 'run.end', status, state, ...error })
  return end
}

async function refusalOf(run: Run, info: InterceptedApp): Promise<Error | undefined> {
  try {
    await new InterceptorCall(run).before('Run', info)
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
