import type { Pieces } from '../../internal/slice.js'
import type { CancelCause } from '../../lifecycle/events.js'
import { isFinal } from '../../lifecycle/final.js'
import { type Before, type Feed, type Outcome, RestoredFeed } from '../../parallel/restored-feed.js'
import type { AnyResult, BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import { hashOfTask } from '../../persistence/fingerprint.js'
import type { State } from '../../state/freeze.js'
import { endsAt } from '../run/request.js'
import type { LiveApp } from '../tree.js'
import type { BranchHandle, BranchProgress, HeldMap } from './branch-handle.js'

// Owns: what is held in memory of a map that is not stored, until its step commits: how branches have settled for good,
// and where the others stand. The next run, or the next attempt of the branch above, tries the step again with it.
// Does not own: how it is held against the source of that run (parallel/restored-feed.ts).
// H1  The commit of the step lets go of it, and so does whatever puts the application elsewhere.
// H2  A branch that runs costs nothing: what is held of it is made as it settles.
// H3  The rules are those of the store: what was cancelled for good stays, what failed or was cut off goes on at its last
//     commit, and an entry that is another one than it was begins anew.
// H4  A map that lets go of results as they are folded (`reduceEach`, `reduceLive`) holds nothing, and begins anew: what
//     was folded cannot be taken out again where an entry has changed, and a fold that threw is half folded.

/** How a branch has settled for good. */
type Settled = BranchResult & Pick<AnyResult, 'startedAt' | 'endedAt' | 'attempts' | 'state'>

interface Held {
  readonly task: BranchTask
  readonly settled?: Settled
  readonly place?: BranchProgress
}

/** What the map is told of its branches. */
export interface HeldTold extends Pick<Before, 'restored' | 'wake' | 'closed'> {
  readonly settle: (task: BranchTask, settled: Settled) => void
  readonly enough: () => void
}

export class HeldBranches implements HeldMap {
  readonly #name: string
  readonly #visit: number
  /** What the map read as its source ran. */
  #view: State
  /** By key, in the order of settling. */
  readonly #held = new Map<string, Held>()
  /** Those that have settled for good in this run, and how. */
  #tasks: BranchTask[] = []
  #results: AnyResult[] = []
  #enough = false

  constructor(name: string, visit: number, view: State) {
    this.#name = name
    this.#visit = visit
    this.#view = view
  }

  /** What an application holds of a map that it comes to; nothing is held of it where it never was there. */
  static of(app: LiveApp, name: string, visit: number, view: State): HeldBranches {
    const { held } = app
    if (held instanceof HeldBranches && held.#name === name && held.#visit === visit) return held
    return new HeldBranches(name, visit, view)
  }

  /** A branch has settled. @param branch undefined of one that was not made in this run */
  settled(task: BranchTask, result: AnyResult, branch: BranchHandle | undefined, cause: CancelCause | undefined): void {
    const { key } = task
    if (result.status === 'done' || (result.status === 'cancelled' && cause !== undefined && isFinal(cause))) {
      this.#tasks.push(task)
      this.#results.push(result)
      if (this.#held.size > 0) this.#held.delete(key)
    } else if (branch !== undefined) {
      this.#held.delete(key)
      const held = heldOf(task, result, branch.place())
      if (held !== undefined) this.#held.set(key, held)
    }
  }

  /** `watch` says that there are enough. */
  enough(): void {
    this.#enough = true
  }

  placeOf(key: string): BranchProgress | undefined {
    return this.#held.get(key)?.place
  }

  /** The source runs again: what is held goes before it. */
  over(feed: Feed, view: State, told: HeldTold): Feed {
    for (const [i, settled] of this.#results.entries())
      this.#held.set(settled.key, { task: this.#tasks[i] as BranchTask, settled })
    this.#tasks = []
    this.#results = []
    if (this.#held.size === 0 && !this.#enough) {
      this.#view = view
      return feed
    }
    const orders = new Map<string, number>()
    let upTo = 0
    for (const [key, { task }] of this.#held) {
      orders.set(key, orders.size)
      upTo = Math.max(upTo, task.index + 1)
    }
    const before: Before = {
      ...told,
      upTo,
      compare: (tasks) => this.#compare(tasks, view),
      outcomeOf: (task) => this.#outcomeOf(task, orders, told),
      has: (key) => this.#held.has(key),
      settled: () => {
        if (this.#enough) told.enough()
      },
    }
    return new RestoredFeed(feed, before)
  }

  #outcomeOf(task: BranchTask, orders: ReadonlyMap<string, number>, told: HeldTold): Outcome | undefined {
    const settled = this.#held.get(task.key)?.settled
    return settled && { order: orders.get(task.key) ?? 0, settle: () => told.settle(task, settled) }
  }

  /** Lets go of what the source gives no more, or otherwise (H3). */
  *#compare(tasks: readonly BranchTask[], view: State): Pieces<void> {
    const [before, today] = [{ ...this.#view }, { ...view }]
    const now = new Map(tasks.map((task) => [task.key, task] as const))
    for (const [key, { task }] of this.#held) {
      yield
      const again = now.get(key)
      if (again === undefined || hashOfTask(again, today) !== hashOfTask(task, before)) this.#held.delete(key)
    }
    this.#view = view
  }
}

/** What is held of a branch that goes on; nothing of one that stands at its start. */
function heldOf(task: BranchTask, result: AnyResult, place: BranchProgress): Held | undefined {
  const { checkpoint, onces, held, recovered, ended } = place
  const { startedAt, endedAt, attempts, status } = result
  // One that was cut off after its last step is cancelled in this run, and done for the next.
  if (ended && status === 'cancelled')
    return { task, settled: { status: 'done', state: checkpoint.state, recovered, startedAt, endedAt, attempts } }
  if (checkpoint.sequenceId < 0 && onces === undefined && held === undefined) return undefined
  const afresh = status === 'failed' && { startedAt: undefined, attempts: 1, tries: 0 }
  return { task, place: { ...place, ...afresh } }
}

/** Where an application stands. */
export function placeOf(app: LiveApp, startedAt: number | undefined): BranchProgress {
  const { checkpoint, visits, onces, held, plan, run } = app
  const at = plan.graph.nodes.get(checkpoint.position ?? '')
  const ended = run !== undefined && at !== undefined && endsAt(plan, run.request, at, checkpoint.next) !== undefined
  const past = run?.attempts?.past ?? { attempts: 1, tries: 0, recovered: false }
  return { checkpoint, visits, onces, held, startedAt, ended, ...past }
}

/** Puts an application where a branch stood. */
export function standAt(app: LiveApp, { checkpoint, visits, onces, held }: BranchProgress): void {
  app.checkpoint = checkpoint
  Object.assign(app.visits, visits)
  app.onces = onces
  app.held = held
}
