import type { AppSummary, SummaryStatus } from './summary.js'

/** The statuses that are never left, but by continuing a stored application. */
export const ENDED: readonly SummaryStatus[] = ['halted', 'finished', 'done', 'failed', 'cancelled']

/** Every status. */
export const STATUSES: readonly SummaryStatus[] = ['queued', 'running', 'waiting', 'retrying', 'interrupted', ...ENDED]

/** Whether a status is never left, but by continuing a stored application. */
export const isEnded = (status: SummaryStatus): boolean => ENDED.includes(status)

/** Whether hosts look for due roots once the summary of a root is stored: it is due now or later, or its runner is free. */
export const mayBeDue = ({ status, wake }: AppSummary): boolean =>
  typeof wake === 'number' || status === 'queued' || status === 'interrupted' || isEnded(status)
