import { BRANCH_STATUSES, type BranchCounts, type BranchStatus } from '../read/status.js'
import type { ActionMark } from './run-marks.js'

// Owns: the signs of statuses in pictures. Colour is never alone.

const SIGNS: Readonly<Record<BranchStatus, string>> = {
  queued: '○',
  running: '▶',
  waiting: '⏸',
  retrying: '↻',
  interrupted: '?',
  done: '✓',
  failed: '✕',
  cancelled: '⊘',
}

/** `✓ draft ×3`, `▶ read (✓12 ▶3 ○5)`. */
export function markedName(name: string, mark: ActionMark | undefined): string {
  if (mark === undefined) return name
  const { status, steps, branches } = mark
  const parts = [SIGNS[status], name, steps > 1 ? `×${steps}` : '', branches === undefined ? '' : countsText(branches)]
  return parts.filter((part) => part !== '').join(' ')
}

/** `(✓12 ▶3 ○5)`. */
function countsText(counts: BranchCounts): string {
  const order: readonly BranchStatus[] = ['done', ...BRANCH_STATUSES.filter((status) => status !== 'done')]
  const shown = order.filter((status) => counts[status] > 0).map((status) => `${SIGNS[status]}${counts[status]}`)
  return shown.length === 0 ? '' : `(${shown.join(' ')})`
}

/** `×41`; empty for a way that was not taken. */
export const takenText = (times: number | undefined): string => (times === undefined ? '' : `×${times}`)
