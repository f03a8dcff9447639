import type { Pieces } from '../../internal/slice.js'
import type { CancelCause } from '../../lifecycle/events.js'
import { isFinal } from '../../lifecycle/final.js'
import { hashOfTask } from '../../parallel/fingerprint.js'
import { type EarlierResults, type Feed, type Outcome, RestoredFeed } from '../../parallel/restored-feed.js'
import type { AnyResult, BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import type { CancelledMap } from '../../persistence/branch-store.js'
import type { State } from '../../state/freeze.js'
import type { Application } from '../application.js'
import { endsAt } from '../run/request.js'
import type { BranchHandle, BranchProgress, KeptMap } from './branch-handle.js'

// Owns: the unstored progress of a map until its step commits: final results, and the checkpoints of other branches.
// The next run, or the next attempt of the branch above, tries the step again with it. An entry is made when a branch
// settles, so a running one costs nothing.
// Does not own: comparing it with the source of that run (parallel/restored-feed.ts).
// H1  The commit of the step drops it, and so does anything that moves the application elsewhere.
// H2  The rules are those of the store: a branch cancelled for good stays so, a failed or interrupted one continues at
//     its last commit, and an entry that has changed begins anew.
// H3  A map that drops results as it folds them (`reduceEach`, `reduceLive`) keeps nothing, and begins anew: a folded
//     value cannot be unfolded where an entry has changed, and a fold that threw is half folded.

/** A final result. */
type Settled = BranchResult & Pick<AnyResult, 'startedAt' | 'endedAt' | 'attempts' | 'state'>

interface Kept {
  readonly task: BranchTask
  readonly settled?: Settled
  readonly progress?: BranchProgress
}

/** The callbacks of a map for its kept branches. */
export interface KeptCallbacks extends Pick<EarlierResults, 'restored' | 'wake' | 'closed' | 'isCancelled'> {
  readonly settle: (task: BranchTask, settled: Settled) => void
  readonly satisfied: () => void
  readonly cancelled: (cancel: CancelledMap) => void
}

export class KeptBranches implements KeptMap {
  readonly #name: string
  readonly #visit: number
  /** The state that the map had read when its source ran. */
  #view: State
  /** By key, in the order of settling. */
  readonly #kept = new Map<string, Kept>()
  /** Branches with a final result in this run, and these results. */
  #tasks: BranchTask[] = []
  #results: AnyResult[] = []
  #satisfied = false
  #cancelled: CancelledMap | undefined

  constructor(name: string, visit: number, view: State) {
    this.#name = name
    this.#visit = visit
    this.#view = view
  }

  /** The progress that an application keeps of a map; empty if it was never there. */
  static of(app: Application, name: string, visit: number, view: State): KeptBranches {
    const { kept } = app
    if (kept instanceof KeptBranches && kept.#name === name && kept.#visit === visit) return kept
    return new KeptBranches(name, visit, view)
  }

  /** A branch has settled. @param branch undefined for one that was not made in this run */
  settled(task: BranchTask, result: AnyResult, branch: BranchHandle | undefined, cause: CancelCause | undefined): void {
    const { key } = task
    if (result.status === 'done' || (result.status === 'cancelled' && cause !== undefined && isFinal(cause))) {
      this.#tasks.push(task)
      this.#results.push(result)
      if (this.#kept.size > 0) this.#kept.delete(key)
    } else if (branch !== undefined) {
      this.#kept.delete(key)
      const kept = keptOf(task, result, branch.progress())
      if (kept !== undefined) this.#kept.set(key, kept)
    }
  }

  /** `watch` has settled the map. */
  satisfied(): void {
    this.#satisfied = true
  }

  /** The map was cancelled as a whole. */
  mapCancelled({ by, reason }: CancelledMap): void {
    this.#cancelled = { by, reason }
  }

  progressOf(key: string): BranchProgress | undefined {
    return this.#kept.get(key)?.progress
  }

  /** The source runs again: kept branches come first. */
  over(feed: Feed, view: State, callbacks: KeptCallbacks): Feed {
    for (const [i, settled] of this.#results.entries())
      this.#kept.set(settled.key, { task: this.#tasks[i] as BranchTask, settled })
    this.#tasks = []
    this.#results = []
    if (this.#kept.size === 0 && !this.#satisfied && this.#cancelled === undefined) {
      this.#view = view
      return feed
    }
    const orders = new Map<string, number>()
    let upTo = 0
    for (const [key, { task }] of this.#kept) {
      orders.set(key, orders.size)
      upTo = Math.max(upTo, task.index + 1)
    }
    const before: EarlierResults = {
      ...callbacks,
      upTo,
      compare: (tasks) => this.#compare(tasks, view),
      outcomeOf: (task) => this.#outcomeOf(task, orders, callbacks),
      has: (key) => this.#kept.has(key),
      settled: () => {
        if (this.#satisfied) callbacks.satisfied()
        if (this.#cancelled !== undefined) callbacks.cancelled(this.#cancelled)
      },
    }
    return new RestoredFeed(feed, before)
  }

  #outcomeOf(task: BranchTask, orders: ReadonlyMap<string, number>, callbacks: KeptCallbacks): Outcome | undefined {
    const settled = this.#kept.get(task.key)?.settled
    return settled && { order: orders.get(task.key) ?? 0, settle: () => callbacks.settle(task, settled) }
  }

  /** Drops entries that the source gives no more, or that have changed (H2). */
  *#compare(tasks: readonly BranchTask[], view: State): Pieces<void> {
    const [before, today] = [{ ...this.#view }, { ...view }]
    const now = new Map(tasks.map((task) => [task.key, task] as const))
    for (const [key, { task }] of this.#kept) {
      yield
      const again = now.get(key)
      if (again === undefined || hashOfTask(again, today) !== hashOfTask(task, before)) this.#kept.delete(key)
    }
    this.#view = view
  }
}

/** The entry of a branch that continues; undefined for one at its start. */
function keptOf(task: BranchTask, result: AnyResult, progress: BranchProgress): Kept | undefined {
  const { checkpoint, inStep, recovered, ended } = progress
  const { startedAt, endedAt, attempts, status } = result
  // Interrupted after its last step: cancelled in this run, and done for the next.
  if (ended && status === 'cancelled')
    return { task, settled: { status: 'done', state: checkpoint.state, recovered, startedAt, endedAt, attempts } }
  if (checkpoint.sequenceId < 0 && inStep === undefined) return undefined
  const afresh = status === 'failed' && { startedAt: undefined, attempts: 1, tries: 0 }
  return { task, progress: { ...progress, ...afresh } }
}

/** The progress of an application. */
export function progressOf(app: Application, startedAt: number | undefined): BranchProgress {
  const { checkpoint, visits, onces, kept, plan, run } = app
  const at = plan.graph.nodes.get(checkpoint.position ?? '')
  const ended = run !== undefined && at !== undefined && endsAt(plan, run.request, at, checkpoint.next) !== undefined
  const past = run?.attempts?.past ?? { attempts: 1, tries: 0, recovered: false }
  const inStep = onces === undefined && kept === undefined ? undefined : { onces, kept }
  return { checkpoint, visits, inStep, startedAt, ended, ...past }
}

/** The progress of an application within its next step. */
type InStep = Pick<Application, 'onces' | 'kept'>

/** Moves an application to the progress of a branch. */
export function restoreProgress(app: Application, { checkpoint, visits, inStep }: BranchProgress): void {
  app.checkpoint = checkpoint
  visits.forEach((count, index) => void app.countVisits(index, count))
  Object.assign(app, inStep as InStep | undefined)
}
