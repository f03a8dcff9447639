import { BRANCH_STATUSES, type BranchCounts, type BranchStatus, STATUS_SIGNS } from '../read/status.js'
import type { ActionMark } from './run-marks.js'

// Owns: the signs and colours of statuses in pictures. Colour is never alone.

/** The colours of statuses on a light ground. */
export const STATUS_COLORS: Readonly<Record<BranchStatus, string>> = {
  queued: '#59636e',
  running: '#0969da',
  waiting: '#9a6700',
  retrying: '#bc4c00',
  interrupted: '#8250df',
  done: '#1a7f37',
  failed: '#cf222e',
  cancelled: '#59636e',
}

/** The statuses with a dashed border. */
export const DASHED_STATUSES: ReadonlySet<BranchStatus> = new Set(['cancelled', 'queued', 'interrupted'])

/** `✓ draft ×3`, `▶ read (✓12 ▶3 ○5)`. */
export function markedName(name: string, mark: ActionMark | undefined): string {
  if (mark === undefined) return name
  const { status, steps, branches, at = branches } = mark
  const parts = [STATUS_SIGNS[status], name, steps > 1 ? `×${steps}` : '', at === undefined ? '' : countsText(at)]
  return parts.filter((part) => part !== '').join(' ')
}

/** `(✓12 ▶3 ○5)`. */
function countsText(counts: BranchCounts): string {
  const order: readonly BranchStatus[] = ['done', ...BRANCH_STATUSES.filter((status) => status !== 'done')]
  const shown = order.filter((status) => counts[status] > 0).map((status) => `${STATUS_SIGNS[status]}${counts[status]}`)
  return shown.length === 0 ? '' : `(${shown.join(' ')})`
}

/** `×41`; empty for a way that was not taken, or nobody knows how often. */
export const takenText = (times: number | undefined): string => (times ? `×${times}` : '')
