import type { LiveApplication } from '../application/live-application.js'
import type { Clock } from '../internal/clock.js'
import { createDeferred } from '../internal/deferred.js'
import type { HostHealth, HostRun } from './host-events.js'

// Owns: the parts that a host and a worker of runs share: the time that a drain may take, their health.

/** Resolves when the work has ended, or its time is over. @throws the error of the work */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const late = createDeferred<void>()
  const timer = clock.setTimeout(() => late.resolve(), ms)
  try {
    await Promise.race([work, late.promise])
  } finally {
    clock.clearTimeout(timer)
  }
}

/** Facts about a service, for its health. */
export interface ServiceFacts {
  readonly state: 'open' | 'draining' | 'closed'
  readonly error: unknown
  readonly running: number
  readonly concurrency: number
  readonly lookedAt: number | undefined
  readonly held: Iterable<{ readonly run: HostRun; readonly app: LiveApplication }>
}

export function healthOf({ state, held, ...facts }: ServiceFacts): HostHealth {
  const open = facts.error === undefined ? 'ok' : 'unavailable'
  return {
    status: state === 'open' ? open : state,
    ...facts,
    runs: [...held].map(({ run, app }) => ({
      ...run,
      pending: app.pending as HostHealth['runs'][number]['pending'],
      due: app.due as HostHealth['runs'][number]['due'],
    })),
  }
}
