import type { Attributes, Meter } from '@opentelemetry/api'
import type { AnyEvent } from '../../lifecycle/events.js'

// Owns: the metrics of runs, from their events.

/** Counts and durations. Durations are in seconds, as the conventions of OpenTelemetry have it. */
export function createMetrics(meter: Meter) {
  const counter = (name: string, description: string) => meter.createCounter(name, { description })
  const seconds = (name: string, description: string) => meter.createHistogram(name, { description, unit: 's' })
  const runs = counter('teasel.runs', 'Runs that have ended')
  const runTime = seconds('teasel.run.duration', 'Time from the start of a run to its end')
  const steps = counter('teasel.steps', 'Attempts at steps that have ended')
  const stepTime = seconds('teasel.step.duration', 'Time of an attempt at a step')
  const active = meter.createUpDownCounter('teasel.branches.active', { description: 'Branches that have begun' })
  const branchTime = seconds('teasel.branch.duration', 'Time from the start of a branch to its end')
  const waits = counter('teasel.waits', 'Waits for messages and times')
  const waitTime = seconds('teasel.wait.duration', 'Time of a wait')
  const retries = counter('teasel.retries', 'Failures that are tried again')
  const cancels = counter('teasel.cancels', 'Applications that a cancel has reached')
  const leaks = counter('teasel.leaks', 'Code that ignored its cancel and was abandoned')
  const branchOf = (event: { readonly source: string }): Attributes => ({ 'teasel.map': event.source })
  return {
    /** @param ms time since its start */
    run(status: string, ms: number): void {
      const facts = { 'teasel.status': status }
      runs.add(1, facts)
      runTime.record(ms / 1000, facts)
    },
    branchStart: (event: { readonly source: string }): void => active.add(1, branchOf(event)),
    /** @param began whether it was counted as active */
    branchEnd(event: Extract<AnyEvent, { readonly type: 'branch.settled' }>, began: boolean): void {
      if (began) active.add(-1, branchOf(event))
      branchTime.record(event.durationMs / 1000, { ...branchOf(event), 'teasel.status': event.status })
    },
    other(event: AnyEvent): void {
      switch (event.type) {
        case 'step.end': {
          const facts = { 'teasel.action': event.source, 'teasel.status': event.status }
          steps.add(1, facts)
          return stepTime.record(event.durationMs / 1000, facts)
        }
        case 'wait':
          return waits.add(1, { 'teasel.wait.from': event.from })
        case 'wake':
          return waitTime.record(event.durationMs / 1000, { 'teasel.wait.from': event.from })
        case 'retry':
          return retries.add(1, { 'teasel.action': event.source, 'teasel.retry.level': event.level })
        case 'cancel':
          return cancels.add(1, { 'teasel.cancel.cause': event.cause })
        case 'branch.leaked':
          return leaks.add(1, { 'teasel.action': event.source })
      }
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>
