import { printPath } from '../../action/context.js'
import type { Executor } from '../../action/executor.js'
import type { Inputs } from '../../action/inputs.js'
import { TimeoutError } from '../../errors.js'
import { defined } from '../../internal/defined.js'
import { OwnTurn } from '../../internal/slice.js'
import type { FanOut } from '../../parallel/fan-out.js'
import { semaphoreOf } from '../../parallel/limit.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { BranchTask } from '../../parallel/task.js'
import type { AppJournal, MapJournal } from '../../persistence/app-journal.js'
import type { BranchStore } from '../../persistence/branch-store.js'
import { makeAppActor } from '../actor/app-actor.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import { type AppFacts, factsOf } from '../app-facts.js'
import { Application } from '../application.js'
import { createCancellation, TIMEOUT } from '../cancel/cancellation.js'
import { Deadline } from '../cancel/deadline.js'
import { initialCheckpoint } from '../checkpoint.js'
import { restore, writeNote } from '../durability.js'
import { emit } from '../emit.js'
import type { BranchMessages } from '../message/branch-messages.js'
import { backpressureBelow, createRequest, type RunRequest } from '../run/request.js'
import type { BranchHandle, KeptMap } from './branch-handle.js'
import { BranchInputs, firstState } from './branch-inputs.js'
import { makerOf } from './branch-maker.js'
import { InProcessBranch, type InProcessSetup } from './in-process-branch.js'
import { restoreProgress } from './kept-branches.js'
import { type MapVisit, parentOf } from './map-visit.js'

// Owns: starting the branches of a map: when, their applications and actors, and their time limits.
// S1  At most `window` branches run at once. While one waits for a person another may start; both continue in turn
//     (message/resume-queue.ts). A task is pulled only when there is room for it.

/** A map, as it starts its branches. */
interface StartingMap extends MapVisit {
  /** Stored branches; undefined where they are not stored. */
  readonly store: BranchStore<MapJournal> | undefined
  /** Unstored progress of branches; undefined where they are stored. */
  readonly kept: KeptMap | undefined
  /** Whether it makes no more branches. */
  readonly isCancelled: boolean
  refill(): void
}

/** Makes and launches the branches of one map. */
export class BranchStarter {
  readonly #map: StartingMap
  readonly #fanOut: FanOut
  readonly #self: AnyActorRef
  readonly #inputs: BranchInputs
  readonly #setup: InProcessSetup
  readonly #messages: BranchMessages
  readonly #turn: OwnTurn
  #request: RunRequest | undefined
  /** Those of the last branch: most branches share them. */
  #facts: AppFacts<Application> | undefined

  constructor(map: StartingMap, fanOut: FanOut, self: AnyActorRef, raw: Inputs, messages: BranchMessages) {
    this.#messages = messages
    this.#turn = new OwnTurn(() => map.refill())
    this.#map = map
    this.#fanOut = fanOut
    this.#self = self
    const { name } = map.step.node
    this.#inputs = new BranchInputs(raw, name)
    const progressOf: InProcessSetup['progressOf'] = (key) => map.kept?.progressOf(key)
    const { loop } = map.run
    this.#setup = { host: map, name, loop, requestOf: (inputs) => this.#requestOf(inputs), progressOf }
  }

  /** Whether it waits for a turn of its own before it starts more. */
  get yielded(): boolean {
    return this.#turn.awaited
  }

  get #hasRoom(): boolean {
    const { isCancelled, table } = this.#map
    const { state, live } = table
    return !isCancelled && state.phase.kind === 'running' && live.size - this.#messages.outside < this.#fanOut.window
  }

  /**
   * Starts the branches of a feed while there is room (S1), and yields between them.
   * @returns `'end'` when the feed has no more
   * @throws the error of the source; {TypeError} for a key that it gave before
   */
  fill(feed: Feed | undefined): 'end' | 'more' {
    while (this.#hasRoom && !this.#turn.over) {
      const task = feed?.next() ?? 'end'
      if (task === 'end') return task
      if (task === 'later') break
      this.#start(task)
    }
    return 'more'
  }

  #start(task: BranchTask): void {
    const { table } = this.#map
    const { key } = task
    if (table.has(key))
      throw new TypeError(`its source gave the key "${key}" a second time. Give each branch a key of its own.`)
    const branch = this.#make(task)
    branch.queuedAt = this.#map.app.system.clock.now()
    this.#messages.made(key, branch)
    table.add(branch)
    this.#emit('branch.queued', branch)
    if (table.live.get(key) === branch) branch.start() // otherwise a listener has cancelled it
  }

  /** The inputs of a branch: from the map, its entry and `bind`. */
  inputsOf(task: BranchTask): Inputs {
    const { app, step } = this.#map
    const { bound, inputs } = this.#inputs.of(step.node.subject, task, () => app.where(step.node))
    return Object.freeze({ ...inputs, ...bound })
  }

  /** @throws {InputError} when the entry gives an input that its branch does not take */
  #make(task: BranchTask): BranchHandle {
    const { app, step } = this.#map
    const given = this.#inputs.of(step.node.subject, task, () => app.where(step.node))
    const { plan, bound, inputs } = given
    const executor = this.#executorOf(task, given.executor)
    const state = firstState(this.#map, task, plan)
    const semaphore = this.#fanOut.limit === undefined ? app.semaphore : semaphoreOf(this.#fanOut.limit)
    const persisted = this.#map.store?.branch(task)
    const parent = parentOf(this.#map, task.key)
    const progress = this.#setup.progressOf(task.key)
    const { system } = app
    const journal = persisted?.journal
    const make = executor ? makerOf(executor) : undefined
    if (make !== undefined) {
      const backpressure = backpressureBelow(this.#map.run.request)
      const { stored } = persisted ?? {}
      return make({
        task,
        plan,
        bound,
        inputs,
        state,
        progress,
        journal,
        stored,
        semaphore,
        backpressure,
        parent,
        mapActor: this.#self,
        system,
      })
    }
    const checkpoint = initialCheckpoint(plan, state)
    const setup = { plan, bound, inputs, semaphore, journal, checkpoint, parent, executor }
    const shared = this.#facts
    if (shared?.plan !== plan || shared.bound !== bound || shared.inputs !== inputs || shared.executor !== executor)
      this.#facts = factsOf(setup, system)
    const child = new Application(setup, system, this.#facts)
    if (persisted?.stored?.hasState === true) restore(child, persisted.stored)
    if (progress !== undefined) restoreProgress(child, progress)
    makeAppActor(child, { id: task.key, parent: this.#self }) // the application holds it
    return new InProcessBranch(task, child, this.#setup)
  }

  /** The most specific choice: of the entry, of the runnable, of the map, of the application. */
  #executorOf(task: BranchTask, own: Executor | null | undefined): Executor | null | undefined {
    const { app } = this.#map
    const { executors, defaultExecutor } = app.system
    for (const one of [task.executor, own, this.#fanOut.executor, app.facts.executor])
      if (one === null || (one !== undefined && executors?.has(one) !== false)) return one
    return defaultExecutor
  }

  /** Most branches share their inputs, and with them the request. */
  #requestOf(inputs: Inputs): RunRequest {
    if (this.#request?.inputs !== inputs)
      this.#request = createRequest(inputs, backpressureBelow(this.#map.run.request))
    return this.#request
  }

  #emit(type: 'branch.queued' | 'branch.start', { origin, worker, task: { key, index } }: BranchHandle): void {
    const { step, app } = this.#map
    const place = type === 'branch.start' && worker !== undefined && { worker }
    emit(origin, { type, source: step.node.name, key, index, ...place }, app.checkpoint.sequenceId + 1)
  }

  /** The first step of the branch starts: its time limit begins. */
  started(branch: BranchHandle): void {
    const { system } = this.#map.app
    const { policy, key } = branch.task
    const { timeoutMs = Infinity, retry } = policy
    const ms = Math.min(timeoutMs, retry?.maxMs ?? Infinity)
    const now = system.clock.now()
    branch.startedAt = branch.journal?.stored?.startedAt ?? this.#setup.progressOf(key)?.startedAt ?? now
    // A fraction of a millisecond would take a box of its own in every branch.
    branch.begun = Math.round(system.passed() - Math.max(0, now - branch.startedAt))
    if (ms !== Infinity) this.#limit(branch, ms, now)
    this.#emit('branch.start', branch)
  }

  #limit(branch: BranchHandle, ms: number, now: number): void {
    const { system } = this.#map.app
    const { journal, startedAt = now } = branch
    const storedAt = journal?.stored?.deadlineAt
    const at = storedAt ?? startedAt + ms
    branch.deadlineAt = at
    const ring = (): void => this.#timeOut(branch, storedAt === undefined ? ms : at - startedAt)
    branch.deadline = new Deadline(system.clock, system.passed() + (at - now), ring, system.attendance)
    journal?.status.limits(at)
    if (journal !== undefined && storedAt === undefined) this.#noteStart(branch, journal)
  }

  /** A branch with a time limit stores the end of that, so that a resume in its first step does not start it anew. */
  #noteStart({ startedAt, deadlineAt, attempts }: BranchHandle, journal: AppJournal): void {
    const { system } = this.#map.app
    const timing = { attempts, ...defined({ startedAt, deadlineAt }) }
    void writeNote({ journal, system }, 'When a branch began', () => journal.note('started', timing))
  }

  /** Abandons a cancelled branch after a grace period of its own, if it has one. */
  limitGrace(branch: BranchHandle, since: number): void {
    const { graceMs } = branch.task.policy
    if (graceMs === undefined) return
    branch.deadline?.clear()
    branch.deadline = new Deadline(this.#map.app.system.clock, since + graceMs, () => branch.abandon())
  }

  #timeOut({ origin, task }: BranchHandle, ms: number): void {
    const { system } = this.#map.app
    system.lookAtWall()
    const error = new TimeoutError(`Branch "${printPath(origin.path)}"`, ms)
    this.#map.cancelBranch(task.key, createCancellation('parent-timeout', TIMEOUT, system.passed(), error))
  }
}
