import { sleepLimits } from '../../action/message.js'
import type { CurrentAttempt, Run } from '../application.js'
import { tooLate } from '../step/once.js'
import { type AskedWait, reachWait, Wait } from './wait.js'

const NO_KINDS: readonly string[] = Object.freeze([])

/** Implements `context.sleep`: a wait that ends when its time is over. */
export async function sleep(run: Run, step: CurrentAttempt, given: unknown): Promise<void> {
  const limits = sleepLimits(given)
  if (!step.open) return tooLate(run.app, step, 'sleep')
  if (step.cancellation !== undefined) throw step.cancellation.reason
  const asked: AskedWait = {
    method: 'sleep',
    from: 'time',
    kinds: NO_KINDS,
    limits,
    ask: undefined,
    schemas: () => undefined,
  }
  const { n, span } = reachWait(run, step, asked)
  limits.signal?.throwIfAborted()
  if (span.leftMs > 0) await new Wait(run, step, asked, n, span).begin()
}
