import { ActionError, ContractError } from '../errors.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { isInstance } from '../internal/guards.js'
import { inSlices } from '../internal/slice.js'
import { branchIdOf } from '../parallel/branch-id.js'
import type { TaskSource } from '../parallel/fan-out.js'
import { openSource } from '../parallel/open-source.js'
import { judge, policyName } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import { isOwn } from '../persistence/branch-store.js'
import { compareEntries } from '../persistence/compare-entries.js'
import type { PersisterDriver } from '../persistence/driver.js'
import { otherBranches } from '../persistence/faults.js'
import type { StoredMap, StoredRecord } from '../persistence/replay.js'
import { startsAgain } from '../persistence/settled.js'
import { TaskFeed } from '../runtime/map/task-feed.js'
import { BranchCheck } from './check-branch.js'
import {
  type CheckStep,
  loadChecked,
  type MapAt,
  orAborted,
  type RunCheck,
  recordedMap,
  takeTurn,
  visitOf,
  whereIn,
} from './checked-app.js'
import { Findings, type Place } from './problem.js'

// Owns: the tasks of a map at which an application stands: what its source gives, beside the recorded entries.
// Does not own: a single branch (check-branch.ts), the comparison (persistence/compare-entries.ts).
// M1  Whatever a resume decides is decided by its own functions; only the order of asking is written here again.
// M2  A source is asked for as many entries as the step takes before one of its branches has to end.

/** Number of records that are loaded together. */
const AT_ONCE = 100
/** Maximum number of entries taken from a generator beyond the recorded ones. */
const MOST_NEW = 1_000

/** Checks the branches that the next step would settle again, continue or start. */
export async function checkMap(check: RunCheck, map: MapAt, step: CheckStep, findings: Findings): Promise<void> {
  const { app, node, fanOut } = map
  const own: unknown = fanOut.persister
  const driver = own === null ? undefined : isOwn(own) ? own.driver : app.driver
  const cannotTell = (message: string): void =>
    findings.cannotTell({ path: app.path, action: node.name }, node.name, message)
  if (check.sources === 'none') return cannotTell('Its source is not called.')
  if (app.driver === undefined && driver !== undefined)
    return cannotTell('Its branches are stored apart from the application that starts them.')
  await new MapCheck(check, map, step, driver).run(findings)
}

class MapCheck {
  readonly #check: RunCheck
  readonly #map: MapAt
  readonly #at: Place
  readonly #visit: number
  readonly #driver: PersisterDriver | undefined
  readonly #recorded: StoredMap | undefined
  readonly #branches: BranchCheck
  readonly #controller = new AbortController()
  #woken: Deferred<void> | undefined

  constructor(check: RunCheck, map: MapAt, step: CheckStep, driver: PersisterDriver | undefined) {
    const { app, node } = map
    this.#check = check
    this.#map = map
    this.#driver = driver
    this.#at = { path: app.path, action: node.name }
    this.#visit = visitOf(app, node)
    this.#recorded = recordedMap(app, node)
    this.#branches = new BranchCheck(
      check,
      { ...map, visit: this.#visit, driver, idOf: (key) => this.#idOf(key) },
      step,
    )
  }

  #idOf(key: string): string {
    const { app, node } = this.#map
    return branchIdOf(app.appId, app.epoch, node.name, this.#visit, key)
  }

  async run(findings: Findings): Promise<void> {
    const { node } = this.#map
    const source = this.#source(findings, () => this.#open())
    const feed = source && this.#source(findings, () => this.#feedOf(source))
    if (source === undefined || feed === undefined) return
    if (source.entries.kind === 'pulled' && source.entries.waits && this.#check.sources !== 'all')
      return findings.cannotTell(
        this.#at,
        node.name,
        "Its source is an async generator. Check with sources: 'all' to call it.",
      )
    try {
      await this.#compareAll(feed, source.entries.kind === 'known', findings)
    } finally {
      this.#controller.abort()
      await this.#close(feed)
    }
  }

  /** Calls code of the source; its error becomes a problem. */
  #source<T>(findings: Findings, work: () => T): T | undefined {
    const { app, node } = this.#map
    try {
      return work()
    } catch (error) {
      const located = isInstance(error, ContractError) ? error.locate(whereIn(app, node)) : error
      findings.add('source', 'step', this.#at, located)
      return undefined
    }
  }

  #open(): TaskSource {
    const { node, view, inputs, fanOut } = this.#map
    return openSource(fanOut, { subject: node.subject, state: view, inputs, signal: this.#controller.signal })
  }

  #feedOf(source: TaskSource): TaskFeed {
    const { app, node } = this.#map
    const thrownBy = (error: unknown, prefix: string): Error =>
      new ActionError(node.subject, { ...whereIn(app, node), attempt: 1 }, error, prefix)
    return new TaskFeed(node.subject, source, () => this.#woken?.resolve(), thrownBy)
  }

  /** An error of a source that closes fails no step. */
  async #close(feed: TaskFeed): Promise<void> {
    try {
      await orAborted(feed.close(), this.#check.signal)
    } catch {
      this.#check.signal?.throwIfAborted()
    }
  }

  /** The next task; `failed` where the source threw, which is reported. */
  async #next(feed: TaskFeed, findings: Findings): Promise<BranchTask | 'end' | 'failed'> {
    for (;;) {
      await takeTurn(this.#check)
      this.#woken = createDeferred()
      const task = this.#source(findings, () => feed.next())
      if (task === undefined) return 'failed'
      if (task !== 'later') return task
      await orAborted(this.#woken.promise, this.#check.signal)
    }
  }

  /** The tasks that a resume compares before any branch starts; undefined where the source threw. */
  async #held(feed: TaskFeed, findings: Findings): Promise<readonly BranchTask[] | undefined> {
    let upTo = 0
    for (const index of this.#recorded?.entries.keys() ?? []) upTo = Math.max(upTo, index + 1)
    const held: BranchTask[] = []
    while (held.length < upTo) {
      const task = await this.#next(feed, findings)
      if (task === 'failed') return undefined
      if (task === 'end') break
      held.push(task)
    }
    return held
  }

  async #compareAll(feed: TaskFeed, known: boolean, findings: Findings): Promise<void> {
    const held = await this.#held(feed, findings)
    if (held === undefined) return
    const starts = new Findings()
    const refused = await this.#restore(held, feed.length, findings, starts)
    if (this.#closes(feed.length, findings)) return
    if (!refused) await this.#startRest(feed, held, known, findings, starts)
    findings.join(starts)
  }

  /** Compares the recorded entries, and checks their branches. @returns whether the entries are refused */
  async #restore(
    held: readonly BranchTask[],
    length: number | undefined,
    findings: Findings,
    starts: Findings,
  ): Promise<boolean> {
    const recorded = this.#recorded
    if (recorded === undefined) return false
    const { node, view } = this.#map
    const { settings } = this.#check
    const byKey = recorded.version !== settings.version
    const compared = compareEntries(recorded, held, length, { ...view }, byKey)
    const { moved, gone, changed } = await inSlices(compared)
    const refused = moved.length > 0 && settings.changedTasks === 'error'
    if (refused) findings.add('entries', 'step', this.#at, otherBranches(node.subject, moved))
    const others = new Set([...gone, ...changed])
    const tasks = new Map(held.map((task) => [task.key, task]))
    const entries = new Map([...recorded.entries.values()].map((entry) => [entry[0], entry]))
    for await (const [key, stored] of this.#records([...entries.keys()], findings)) {
      const [task, entry] = [tasks.get(key), entries.get(key)]
      if (stored !== undefined && !refused && others.has(key)) findings.notUsed(this.#branches.placeOf(key).path)
      if (task === undefined || entry === undefined) continue
      if (stored !== undefined && !others.has(key) && !startsAgain(stored, entry))
        await this.#branches.restore(task, stored, findings, starts)
      else if (!refused || !others.has(key)) await this.#branches.start(task, undefined, starts)
    }
    if (refused) return true
    const added = held.filter(({ key }) => !entries.has(key))
    for await (const [key] of this.#records(
      added.map(({ key }) => key),
      findings,
    )) // of keys that were removed before
      await this.#branches.start(tasks.get(key) as BranchTask, undefined, starts)
    return false
  }

  /** The records of branches, in parts. Those that cannot be read are reported. */
  async *#records(
    keys: readonly string[],
    findings: Findings,
  ): AsyncGenerator<readonly [key: string, StoredRecord | undefined], void, void> {
    for (let from = 0; from < keys.length; from += AT_ONCE) {
      const some = keys.slice(from, from + AT_ONCE)
      const broken = new Set<number>()
      const unreadable = (i: number, error: unknown): void => {
        broken.add(i)
        findings.add('record', 'step', this.#branches.placeOf(some[i] ?? ''), error)
      }
      const ids = some.map((key) => this.#idOf(key))
      const records = this.#driver === undefined ? [] : await loadChecked(this.#check, this.#driver, ids, unreadable)
      for (const [i, key] of some.entries()) if (!broken.has(i)) yield [key, records[i]]
    }
  }

  /** Whether the stored results close the map, so that no branch starts. */
  #closes(total: number | undefined, findings: Findings): boolean {
    const { node, fanOut } = this.#map
    const { tally } = this.#branches
    const verdict = judge(fanOut.policy, { total, ...tally })
    if (verdict !== 'hopeless') return verdict === 'satisfied' || this.#recorded?.settled === true
    const lost = `${tally.failed} failed and ${tally.cancelled} cancelled of its ${total ?? 'first'} branches`
    const error = new TypeError(
      `${node.subject} fails under settle ${policyName(fanOut.policy)} before another branch starts: ${lost} are stored.`,
    )
    findings.add('settle', 'step', this.#at, error)
    return true
  }

  /** Checks the branches that start beside the recorded ones. */
  async #startRest(
    feed: TaskFeed,
    held: readonly BranchTask[],
    known: boolean,
    findings: Findings,
    starts: Findings,
  ): Promise<void> {
    const { node, fanOut } = this.#map
    const { changedTasks } = this.#check.settings
    const total = this.#recorded?.total
    const seen = new Set(held.map(({ key }) => key))
    const most = known ? Number.POSITIVE_INFINITY : Math.min(fanOut.window, MOST_NEW)
    for (let room = most - this.#branches.started; room > 0; room--) {
      const task = await this.#next(feed, findings)
      if (task === 'failed') return
      if (task === 'end') return void this.#closes(feed.length, findings)
      if (!known && total !== undefined && task.index >= total && changedTasks === 'error')
        return findings.add('entries', 'step', this.#at, otherBranches(node.subject, [`more than ${total} entries`]))
      if (seen.has(task.key)) return findings.add('source', 'step', this.#at, secondTime(task.key))
      seen.add(task.key)
      await this.#branches.start(task, undefined, starts)
    }
    findings.cannotTell(this.#at, node.name, `The entries of its source after the first ${seen.size} are not read.`)
  }
}

const secondTime = (key: string): TypeError =>
  new TypeError(`its source gave the key "${key}" a second time. Give each branch a key of its own.`)
