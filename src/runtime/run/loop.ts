import { MaxStepsError } from '../../errors.js'
import { isThenable } from '../../internal/guards.js'
import { sliceOver, TURN } from '../../internal/slice.js'
import type { Run } from '../application.js'
import { belowCancellation } from '../cancel/cancellation.js'
import { openJournal } from '../durability.js'
import { logLateStep } from '../step/attempt.js'
import { retryBranch, waitForRest } from '../step/retry.js'
import { failStep, finishStep, performStep } from '../step/step.js'
import { endsAt } from './request.js'
import { cancelledRun, endedRun, failedRun } from './result.js'

// Owns: the loop over the steps of one run.
// Does not own: one step (step/step.ts), what a cancel reaches (application.ts).
// L1  After every await the run may have been abandoned; nothing more follows from it then.

/** Takes the steps of a run until a halt, the end, a failure or a cancel. Never rejects. */
export async function runLoop(run: Run): Promise<void> {
  try {
    const { app, request } = run
    request.begun?.()
    const above = app.maker?.run?.cancellation
    if (above !== undefined) run.cancel(belowCancellation(above))
    const refusal = request.before && (await request.before())
    if (refusal && run.running && !run.cancellation) return run.finish(failedRun(app, refusal))
    if (app.journal !== undefined && run.running) {
      const result = await openJournal(run, app.journal)
      if (result !== undefined && run.running) return run.finish(result)
      const { retry } = app.journal.status
      if (retry !== undefined && run.running && run.cancellation === undefined) await waitForRest(run, retry)
    }
    for (let steps = 0; ; steps++) {
      const turn = sliceOver()
      if (turn !== undefined) await turn
      if (!run.running) return // L1
      if (run.cancellation !== undefined) return run.finish(cancelledRun(run, run.cancellation))
      const { next } = app.checkpoint
      const node = next === undefined ? undefined : app.plan.graph.nodes.get(next)
      if (node === undefined) return run.finish(endedRun(run, 'finished'))
      if (steps >= request.maxSteps) return run.finish(failedRun(app, new MaxStepsError(request.maxSteps, node.name)))
      let lost: Error | undefined
      try {
        const work = performStep(run, node)
        const update = isThenable(work) ? await work : work
        if (update === work) await TURN
        if (!run.running) return logLateStep(app, node, update)
        const committed = finishStep(run, node, update)
        lost = isThenable(committed) ? await committed : committed
      } catch (thrown) {
        if (!run.running) return logLateStep(app, node, thrown)
        lost = await failStep(run, node, thrown)
      }
      if (!run.running) return
      if (run.cancellation !== undefined) return run.finish(cancelledRun(run, run.cancellation))
      if (lost !== undefined) {
        const again = retryBranch(run, node, lost)
        const decided = again instanceof Error ? again : await again
        if (decided instanceof Error) return run.finish(failedRun(app, decided))
        continue
      }
      const status = endsAt(app.plan, request, node, app.checkpoint.next)
      if (status !== undefined) return run.finish(endedRun(run, status))
    }
  } catch (fault) {
    run.fail(fault)
  }
}
