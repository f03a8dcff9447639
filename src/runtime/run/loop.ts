import { MaxStepsError } from '../../errors.js'
import type { PlanNode } from '../../graph/plan.js'
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
// L2  A root that was cancelled for good runs nothing, asks no interceptor and changes nothing in its store.

/** Takes the steps of a run until a halt, the end, a failure or a cancel. Never rejects. */
export async function runLoop(run: Run): Promise<void> {
  try {
    const { app, request } = run
    request.begun?.()
    if (app.cancelled !== undefined) return run.finish(cancelledRun(run, app.cancelled)) // L2
    const above = app.maker?.run?.cancellation
    if (above !== undefined) run.cancel(belowCancellation(above))
    const refusal = request.before && (await request.before())
    if (refusal && run.running && !run.cancellation) return run.finish(failedRun(app, refusal))
    if (app.journal !== undefined && run.running) {
      const result = await openJournal(run, app.journal)
      if (result !== undefined && run.running) return run.finish(result)
      const { retry } = app.journal.notes
      if (retry !== undefined && run.running && run.cancellation === undefined) await waitForRest(run, retry)
    }
  } catch (fault) {
    return run.fail(fault)
  }
  takeStep(run, 0)
}

/**
 * Takes the next step and all that follow. No frame of an async function is held while code runs: many branches may
 * wait.
 * @param steps the number of steps that were taken
 */
function takeStep(run: Run, steps: number): void {
  const turn = sliceOver()
  if (turn === undefined) begin(run, steps)
  else void turn.then(() => begin(run, steps))
}

function begin(run: Run, steps: number): void {
  if (!run.running) return // L1
  try {
    const { app, request } = run
    if (run.cancellation !== undefined) return run.finish(cancelledRun(run, run.cancellation))
    const { next } = app.checkpoint
    const node = next === undefined ? undefined : app.plan.graph.nodes.get(next)
    if (node === undefined) return run.finish(endedRun(run, 'finished'))
    if (steps >= request.maxSteps) return run.finish(failedRun(app, new MaxStepsError(request.maxSteps, node.name)))
    perform(run, steps, node)
  } catch (fault) {
    run.fail(fault)
  }
}

function perform(run: Run, steps: number, node: PlanNode): void {
  try {
    const work = performStep(run, node)
    if (isThenable(work)) concludeAfter(work, run, steps, node)
    else concludeNext(work, run, steps, node)
  } catch (thrown) {
    void fail(run, steps, node, thrown)
  }
}

function concludeAfter(work: PromiseLike<unknown>, run: Run, steps: number, node: PlanNode): void {
  void Promise.resolve(work).then(
    (update) => conclude(run, steps, node, update),
    (thrown: unknown) => fail(run, steps, node, thrown),
  )
}

function concludeNext(update: unknown, run: Run, steps: number, node: PlanNode): void {
  void TURN.then(() => conclude(run, steps, node, update))
}

/** The code of a step has returned. */
function conclude(run: Run, steps: number, node: PlanNode, update: unknown): void {
  if (!run.running) return logLateStep(run.app, node, update)
  let lost: ReturnType<typeof finishStep>
  try {
    lost = finishStep(run, node, update)
  } catch (thrown) {
    return void fail(run, steps, node, thrown)
  }
  if (!isThenable(lost)) return goOn(run, steps, node, lost)
  void lost.then(
    (error) => goOn(run, steps, node, error),
    (thrown: unknown) => fail(run, steps, node, thrown),
  )
}

/** The code of a step has thrown, or its update was refused. */
async function fail(run: Run, steps: number, node: PlanNode, thrown: unknown): Promise<void> {
  if (!run.running) return logLateStep(run.app, node, thrown)
  try {
    goOn(run, steps, node, await failStep(run, node, thrown))
  } catch (fault) {
    run.fail(fault)
  }
}

/** A step has ended. @param lost the error that it ended with */
function goOn(run: Run, steps: number, node: PlanNode, lost: Error | undefined): void {
  if (!run.running) return
  try {
    const { app, request } = run
    if (run.cancellation !== undefined) return run.finish(cancelledRun(run, run.cancellation))
    if (lost !== undefined) return void tryAgain(run, steps, node, lost)
    const status = endsAt(app.plan, request, node, app.checkpoint.next)
    if (status !== undefined) return run.finish(endedRun(run, status))
  } catch (fault) {
    return run.fail(fault)
  }
  takeStep(run, steps + 1)
}

/** Takes the failed step of a branch again, where it has a retry. */
async function tryAgain(run: Run, steps: number, node: PlanNode, lost: Error): Promise<void> {
  try {
    const again = retryBranch(run, node, lost)
    const decided = again instanceof Error ? again : await again
    if (decided instanceof Error) return run.finish(failedRun(run.app, decided))
  } catch (fault) {
    return run.fail(fault)
  }
  takeStep(run, steps + 1)
}
