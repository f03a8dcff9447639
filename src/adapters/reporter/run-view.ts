import { printPath } from '../../action/context.js'
import { ActionError } from '../../errors.js'
import { isInstance, messageOf, nameOf } from '../../internal/guards.js'
import type { AnyEvent } from '../../lifecycle/events.js'

// Owns: what a reporter shows of a run, folded from its events.
// V1  It holds open branches, the last failures and open questions; of what has ended it holds numbers. So its memory
//     follows what runs at once.

/** A step that runs, or has ended. */
export interface StepView {
  readonly action: string
  readonly status: 'running' | 'done' | 'failed' | 'cancelled'
  readonly since: number
  readonly durationMs: number
  readonly attempt: number
  readonly progress: string
}

/** A branch that has begun and not ended. */
export interface BranchView {
  readonly path: string
  readonly map: MapView
  action: string
  since: number
  /** Open waits; a waiting branch has some. */
  readonly waits: Set<string>
  isRetrying: boolean
  progress: string
}

/** One visit of a map. */
export interface MapView {
  readonly name: string
  /** The path of its application, with the name of the map. */
  readonly path: string
  readonly depth: number
  readonly startedAt: number
  total: number | undefined
  /** Branches that have begun, or were announced. */
  seen: number
  done: number
  failed: number
  cancelled: number
  readonly open: Map<string, BranchView>
}

export interface Failure {
  readonly path: string
  readonly action: string
  readonly text: string
}

export interface Question {
  readonly path: string
  readonly action: string
  readonly kinds: readonly string[]
  readonly ask: string
}

/** One run of a root application. */
export interface RunView {
  readonly runId: string
  readonly startedAt: number
  endedAt: number | undefined
  status: 'running' | 'halted' | 'finished' | 'cancelled' | 'failed'
  error: string | undefined
  step: StepView | undefined
  /** The last finished steps of the root. */
  readonly finished: StepView[]
  stepCount: number
  /** Open maps, by the application that they stand at, outermost first. */
  readonly maps: Map<string, MapView>
  readonly branches: Map<string, BranchView>
  readonly failures: Failure[]
  failureCount: number
  leaked: number
  /** The branches of the root's last map, by status. */
  branchText: string
  readonly questions: Map<string, Question>
}

const FINISHED = 3
const FAILURES = 3
/** Causes may go round. */
const CAUSES = 8

const newRun = ({ runId, time }: AnyEvent): RunView => ({
  runId,
  startedAt: time,
  endedAt: undefined,
  status: 'running',
  error: undefined,
  step: undefined,
  finished: [],
  stepCount: 0,
  maps: new Map(),
  branches: new Map(),
  failures: [],
  failureCount: 0,
  leaked: 0,
  branchText: '',
  questions: new Map(),
})

/** The runs of a reporter. */
export class RunViews {
  readonly open = new Map<string, RunView>()

  /** Takes an event. @returns its run; undefined where nothing of that is shown */
  take(event: AnyEvent): RunView | undefined {
    if (event.type === 'run.start' && event.path.length === 0) {
      const run = newRun(event)
      this.open.set(event.runId, run)
      return run
    }
    const run = this.open.get(event.runId)
    if (run === undefined) return undefined
    apply(run, event)
    if (event.type === 'run.end' && event.path.length === 0) this.open.delete(event.runId)
    return run
  }
}

function apply(run: RunView, event: AnyEvent): void {
  const isRoot = event.path.length === 0
  switch (event.type) {
    case 'run.end':
      if (!isRoot) return
      run.status = event.status
      run.endedAt = event.time
      run.error = event.status === 'failed' ? messageOf(event.error) : undefined
      run.step = undefined
      return
    case 'step.start': {
      const { source: action, attempt, time } = event
      if (isRoot) run.step = { action, status: 'running', since: time, durationMs: 0, attempt, progress: '' }
      const branch = run.branches.get(event.appId)
      if (branch !== undefined) Object.assign(branch, { action, since: time, isRetrying: false, progress: '' })
      return
    }
    case 'step.end':
      run.maps.delete(event.appId)
      return endStep(run, event, isRoot)
    case 'progress': {
      const text = progressText(event)
      if (isRoot && run.step !== undefined) run.step = { ...run.step, progress: text }
      const branch = run.branches.get(event.appId)
      if (branch !== undefined) branch.progress = text
      return
    }
    case 'map.start': {
      const { source: name, path, time, total } = event
      const counts = { seen: 0, done: 0, failed: 0, cancelled: 0 }
      const at = [printPath(path), name].filter((part) => part !== '').join('/')
      const view = { name, path: at, depth: path.length, startedAt: time, total, ...counts, open: new Map() }
      run.maps.set(event.appId, view)
      return
    }
    case 'map.end':
      if (isRoot) run.branchText = endText(event)
      return void run.maps.delete(event.appId)
    case 'branch.queued':
      return void counted(run, event)
    case 'branch.start':
      return startBranch(run, event)
    case 'branch.settled':
      return endBranch(run, event)
    case 'branch.leaked':
      run.leaked += 1
      return
    case 'retry': {
      const branch = run.branches.get(event.appId)
      if (branch !== undefined) branch.isRetrying = true
      return
    }
    case 'wait':
      run.branches.get(event.appId)?.waits.add(event.id)
      if (event.from === 'outside') run.questions.set(event.id, questionOf(event))
      return
    case 'wake':
      run.branches.get(event.appId)?.waits.delete(event.id)
      run.questions.delete(event.id)
  }
}

type Of<T extends AnyEvent['type']> = Extract<AnyEvent, { readonly type: T }>

function endStep(run: RunView, event: Of<'step.end'>, isRoot: boolean): void {
  const { source: action, status, durationMs, attempt, time } = event
  if (!isRoot) return
  run.step = undefined
  if (status === 'done') run.stepCount += 1
  run.finished.push({ action, status, since: time, durationMs, attempt, progress: run.branchText })
  run.branchText = ''
  if (run.finished.length > FINISHED) run.finished.shift()
}

/** `✓10 ✕2`. */
const endText = ({ done, failed, cancelled }: Of<'map.end'>): string =>
  [
    ['✓', done],
    ['✕', failed],
    ['⊘', cancelled],
  ]
    .filter(([, count]) => count !== 0)
    .map((parts) => parts.join(''))
    .join(' ')

/** The map that an event of a branch belongs to. Its application is the one whose path is one shorter. */
function mapOf(run: RunView, { path, source }: Of<'branch.start' | 'branch.settled' | 'branch.queued'>) {
  const at = [printPath(path.slice(0, -1)), source].filter((part) => part !== '').join('/')
  for (const map of run.maps.values()) if (map.path === at) return map
  return undefined
}

function counted(run: RunView, event: Of<'branch.queued' | 'branch.start'>): MapView | undefined {
  const map = mapOf(run, event)
  if (map !== undefined) map.seen = Math.max(map.seen, event.index + 1)
  return map
}

function startBranch(run: RunView, event: Of<'branch.start'>): void {
  const map = counted(run, event)
  if (map === undefined) return
  const { appId, path, source, time } = event
  const at = printPath(path)
  const branch = {
    path: at,
    map,
    action: source,
    since: time,
    waits: new Set<string>(),
    isRetrying: false,
    progress: '',
  }
  map.open.set(appId, branch)
  run.branches.set(appId, branch)
}

function endBranch(run: RunView, event: Of<'branch.settled'>): void {
  const { appId, status, result, path, source } = event
  const open = run.branches.get(appId)
  const map = open?.map ?? mapOf(run, event)
  run.branches.delete(appId)
  for (const [id, { path: at }] of run.questions) if (at === printPath(path)) run.questions.delete(id)
  if (map !== undefined) {
    map.open.delete(appId)
    map[status] += 1
    map.seen = Math.max(map.seen, map.done + map.failed + map.cancelled)
  }
  if (result.status !== 'failed') return
  run.failureCount += 1
  run.failures.push({ path: printPath(path), action: open?.action ?? source, text: reasonOf(result.error) })
  if (run.failures.length > FAILURES) run.failures.shift()
}

function questionOf({ path, source, kinds, ask }: Of<'wait'>): Question {
  const text = ask === undefined ? '' : typeof ask === 'string' ? ask : (JSON.stringify(ask) ?? '')
  return { path: printPath(path), action: source, kinds, ask: text }
}

/** The error that was thrown, and its innermost cause, without their place: the line has that anyway. */
export function reasonOf(error: unknown): string {
  const thrown = ActionError.is(error) ? error.cause : error
  let cause = thrown
  for (let i = 0; i < CAUSES && isInstance(cause, Error) && cause.cause !== undefined; i++) cause = cause.cause
  return cause === thrown ? errorText(thrown) : `${errorText(thrown)} (cause: ${errorText(cause)})`
}

const errorText = (error: unknown): string =>
  isInstance(error, Error) ? `${nameOf(error)}: ${messageOf(error)}` : messageOf(error)

/** `45 %`, `3/7 pages`. */
function progressText({ fraction, done, total, message }: Partial<Of<'progress'>>): string {
  const amount =
    fraction !== undefined ? `${Math.floor(fraction * 100)} %` : `${done ?? 0}${total === undefined ? '' : `/${total}`}`
  return message === undefined ? amount : `${amount} ${message}`
}
