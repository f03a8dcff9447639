import type { Plan } from '../graph/plan.js'
import { defined } from '../internal/defined.js'
import type { Application, Run } from '../runtime/application.js'
import { progressOf, restoreProgress } from '../runtime/map/kept-branches.js'
import type { RunResult } from '../runtime/run/result.js'
import { stateOf } from './crossing.js'
import type { Ended, StartFrame } from './frames.js'

// Owns: the progress of a branch in a worker: where its first frame resumes it, and what its last frame holds of it.
// Does not own: the progress as the owner has it (start-frame.ts).

/** Progress that is no data, and stays in its worker. */
interface LocalProgress {
  /** Keeps it; undefined where nothing is kept. */
  keep(progress: object): number | undefined
  kept(id: number): object | undefined
}

/** Moves the application of a branch to where it goes on. */
export function resumeFrom(app: Application, plan: Plan, { resume }: StartFrame, local: LocalProgress): void {
  if (resume === undefined) return
  const { checkpoint, kept, ...past } = resume
  restoreProgress(app, {
    ...past,
    checkpoint: { ...checkpoint, state: stateOf(plan, checkpoint.state) },
    inStep: kept === undefined ? undefined : local.kept(kept),
    startedAt: undefined,
    ended: false,
  })
}

/** The last frame of a branch that has run. @param local undefined where its progress is stored */
export function endedFrame(
  { app, attempts, leaked }: Run,
  result: RunResult,
  skipped: number,
  local: LocalProgress | undefined,
): Ended {
  const { inStep, ended: complete, ...past } = progressOf(app, undefined)
  const kept = inStep === undefined || result.status === 'finished' ? undefined : local?.keep(inStep)
  const error = result.status === 'failed' ? result.error : undefined
  return {
    type: 'ended',
    ...(kept !== undefined && { kept }),
    complete,
    past: { attempts: past.attempts, tries: past.tries, recovered: past.recovered },
    attempts: attempts?.branch ?? 1,
    recovered: attempts?.recovered === true,
    leaked,
    skipped,
    status: result.status,
    ...(error !== undefined && { error }),
  }
}

/** The last frame of a branch that was cancelled before it began. */
export function cancelledFrame({ resume }: StartFrame, skipped: number): Ended {
  const { attempts, tries, recovered, kept } = { attempts: 1, tries: 0, recovered: false, kept: undefined, ...resume }
  return {
    type: 'ended',
    status: 'cancelled',
    past: { attempts, tries, recovered },
    attempts,
    recovered,
    complete: false,
    leaked: [],
    skipped,
    ...defined({ kept }),
  }
}
