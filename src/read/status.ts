/**
 * The status of an application that can go on.
 *
 * `queued`: made, and not run yet. `running`: a process runs it. `waiting`: only messages or times are waited for; it
 * needs no process. `retrying`: only a retry delay is left, and a process waits for its end; a run that nobody awaits is
 * `waiting` then. `interrupted`: it stopped in the middle (shutdown, a signal, a process that died) and is to be resumed.
 */
export type OpenStatus = 'queued' | 'running' | 'waiting' | 'retrying' | 'interrupted'

/** The status of a run: of its root application. */
export type RunStatus = OpenStatus | 'halted' | 'finished' | 'failed' | 'cancelled'

/** The status of an application below a root. `done`: it halted or finished. */
export type BranchStatus = OpenStatus | 'done' | 'failed' | 'cancelled'

/** The status of a step: that of its application while it is under way. */
export type StepStatus = Exclude<BranchStatus, 'queued'>

/** Numbers of branches by status. */
export type BranchCounts = { readonly [S in BranchStatus]: number }

/** The sign of each status, in every text and picture. It never stands without its word, or a colour alone. */
export const STATUS_SIGNS: Readonly<Record<RunStatus | BranchStatus, string>> = {
  queued: '○',
  running: '▶',
  waiting: '⏸',
  retrying: '↻',
  interrupted: '?',
  halted: '‖',
  finished: '✓',
  done: '✓',
  failed: '✕',
  cancelled: '⊘',
}

/** Every status of a run, open ones first. */
export const RUN_STATUSES: readonly RunStatus[] = [
  'queued',
  'running',
  'waiting',
  'retrying',
  'interrupted',
  'halted',
  'finished',
  'failed',
  'cancelled',
]

/** Every status of a branch, open ones first. */
export const BRANCH_STATUSES: readonly BranchStatus[] = [
  'queued',
  'running',
  'waiting',
  'retrying',
  'interrupted',
  'done',
  'failed',
  'cancelled',
]

/** Every status of a step. */
export const STEP_STATUSES: readonly StepStatus[] = BRANCH_STATUSES.filter((status) => status !== 'queued')

const OPEN: readonly string[] = ['queued', 'running', 'waiting', 'retrying', 'interrupted']

/** Whether an application with this status can go on. */
export const isOpen = (status: string): boolean => OPEN.includes(status)

/** No branches. */
export const noCounts = (): { [S in BranchStatus]: number } => ({
  queued: 0,
  running: 0,
  waiting: 0,
  retrying: 0,
  interrupted: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
})
