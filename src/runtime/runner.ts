import type { AnyActorRef } from 'xstate'
import { type Path, printPath } from '../action/context.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import { MaxStepsError, type Where } from '../errors.js'
import { createDeferred } from '../internal/deferred.js'
import { createId, hashId } from '../internal/ids.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import type { Gate } from '../parallel/limit.js'
import type { State } from '../state/freeze.js'
import type { Delivery, Message } from '../action/message.js'
import type { CancelCause } from '../lifecycle/events.js'
import { sendDown } from './address.js'
import { announce, type EventFields } from './announce.js'
import { announcedRun } from './announced-run.js'
import { type Cancellation, createCancellation } from './cancellation.js'
import type { Hub } from './hub.js'
import { Mailbox } from './mailbox.js'
import type { MapRunner } from './map-runner.js'
import { createOrder, type Leak, type RunEnd, type RunOrder } from './order.js'
import { sliceOver } from './slice.js'
import { stopActor } from './stop-actor.js'
import type { Standing } from './snapshot.js'
import type { Slot } from './slot.js'
import type { Step } from './step.js'
import { takeStep } from './take-step.js'

// Owns: the loop of one application: which step is next, when a run ends, what a cancel reaches.
// Does not own: how one step is taken (take-step.ts), branches (map-runner.ts), the actor's snapshot (application-logic.ts).
// R1  One loop at a time; it belongs to an epoch, and does nothing more once the epoch is over.
// R2  A run ends exactly once: by its loop, or from outside when its code is given up.
// R3  The standing is replaced as a whole by a commit, and by nothing else.
// R4  A cancel fires every signal below in the same tick; the first one counts.
// R5  A run ends only when what it started has ended, or was given up as leaked.

/** Where an application hangs below another one. */
export interface Parent {
  readonly runner: Runner
  /** The map that it is a branch of; undefined for one that an action made by hand. */
  readonly map: MapRunner | undefined
  readonly name: string
  readonly visit: number
  readonly key: string
}

export interface RunnerSetup {
  readonly plan: Plan
  readonly hub: Hub
  readonly standing: Standing
  readonly appId?: string | undefined
  readonly parent?: Parent | undefined
  readonly bound?: Inputs | undefined
  readonly gate?: Gate | undefined
  /** What a lone actor runs with. */
  readonly inputs?: Inputs | undefined
}

/** The live side of one application actor. */
export class Runner {
  readonly plan: Plan
  readonly hub: Hub
  readonly parent: Parent | undefined
  readonly bound: Inputs
  readonly inputs: Inputs
  readonly gate: Gate | undefined
  readonly mailbox = new Mailbox()
  /** True when some map above looks at what happens here. */
  readonly watched: boolean
  standing: Standing
  /** How often each action has committed, by its index. */
  readonly visits: number[]
  epoch = 0
  order: RunOrder | undefined
  cancellation: Cancellation | undefined
  step: Step | undefined
  slot: Slot | undefined
  /** Applications that the current step made by hand. */
  subApps: Set<Runner> | undefined
  leaked: Leak[] = []
  #self: AnyActorRef | undefined
  #appId: string | undefined
  #path: Path | undefined
  #end: ((end: RunEnd) => void) | undefined
  readonly #ending: (() => void)[] = []

  constructor(setup: RunnerSetup) {
    this.plan = setup.plan
    this.hub = setup.hub
    this.standing = setup.standing
    this.parent = setup.parent
    this.bound = setup.bound ?? NO_INPUTS
    this.inputs = setup.inputs ?? NO_INPUTS
    this.gate = setup.gate
    this.visits = new Array<number>(setup.plan.graph.list.length).fill(0)
    this.#appId = setup.appId
    const above = setup.parent
    this.watched = above !== undefined && (above.map?.watches === true || above.runner.watched)
  }

  attach(self: AnyActorRef): void {
    this.#self = self
  }

  get self(): AnyActorRef {
    if (this.#self === undefined) throw new TypeError('The application has no actor yet.')
    return this.#self
  }

  get running(): boolean {
    return this.#end !== undefined
  }

  /** Of a branch: a stable hash of where it hangs (made when asked for). Else given, or random. */
  get appId(): string {
    this.#appId ??= this.parent === undefined ? createId() : hashId(branchIdentity(this.parent))
    return this.#appId
  }

  get path(): Path {
    this.#path ??= this.parent === undefined ? [] : Object.freeze([...this.parent.runner.path, segment(this.parent)])
    return this.#path
  }

  where(node: PlanNode): Where {
    return { action: node.name, sequenceId: this.standing.sequenceId + 1, path: printPath(this.path) }
  }

  get next(): PlanNode | undefined {
    const { next } = this.standing
    return next === undefined ? undefined : this.plan.graph.nodes.get(next)
  }

  /** True when an event would be heard. Counts it when not. */
  get heard(): boolean {
    if (!this.hub.quiet || this.watched) return true
    this.hub.skip()
    return false
  }

  /** Tells what happened here. Ask {@link Runner.heard} first. */
  emit(fields: EventFields): void {
    announce(this, fields)
  }

  emitChunk(node: PlanNode, chunk: unknown): void {
    if (this.heard) this.emit({ type: 'chunk', source: node.name, chunk })
  }

  /**
   * Runs until a halt, the end, a failure or a cancel. Never rejects.
   * @returns how it ended
   */
  run(order: RunOrder = createOrder(this.inputs)): Promise<RunEnd> {
    const { promise, resolve } = createDeferred<RunEnd>()
    this.epoch += 1
    this.order = order
    this.cancellation = undefined
    this.leaked = []
    this.mailbox.reopen()
    this.#end = resolve
    void this.#loop(order, this.epoch)
    return promise
  }

  async #loop(order: RunOrder, epoch: number): Promise<void> {
    for (let steps = 0; ; steps++) {
      const turn = sliceOver()
      if (turn !== undefined) await turn
      if (this.epoch !== epoch) return // R1
      const node = this.next
      if (this.cancellation !== undefined) return this.finish(this.#cancelled(this.cancellation))
      if (node === undefined) return this.finish(this.#ended('finished'))
      if (steps >= order.maxSteps) return this.finish(this.#failed(new MaxStepsError(order.maxSteps, node.name)))
      const lost = await takeStep(this, node, order)
      if (this.epoch !== epoch) return
      if (this.cancellation !== undefined) return this.finish(this.#cancelled(this.cancellation))
      if (lost !== undefined) return this.finish(this.#failed(lost))
      const status = this.#halts(node, order)
      if (status !== undefined) return this.finish(this.#ended(status))
    }
  }

  /** Whether the run ends here: at a halt of the order or of the plan, or because nothing comes next. */
  #halts(node: PlanNode, order: RunOrder): 'halted' | 'finished' | undefined {
    if (order.haltAfter.has(node) || this.plan.haltAfter.has(node)) return 'halted'
    const { next } = this
    if (next === undefined) return 'finished'
    return order.haltBefore.has(next) ? 'halted' : undefined
  }

  #ended(status: 'halted' | 'finished'): RunEnd {
    const { state, sequenceId, position = '', next } = this.standing
    return { status, action: position, next, state, sequenceId, leaked: this.leaked }
  }

  #cancelled(cancellation: Cancellation): RunEnd {
    const { state, sequenceId, next, position = '' } = this.standing
    return { status: 'cancelled', action: next ?? position, next, state, sequenceId, cancellation, leaked: this.leaked }
  }

  #failed(error: Error): RunEnd {
    return { status: 'failed', error, state: this.standing.state, sequenceId: this.standing.sequenceId }
  }

  /** Ends the run, once (R2). */
  finish(end: RunEnd): void {
    const resolve = this.#end
    if (resolve === undefined) return
    this.#end = undefined
    this.epoch += 1
    this.mailbox.close()
    for (const undo of this.#ending.splice(0)) undo()
    resolve(end)
  }

  /** Cancels the run; the first cancel counts (R4). Says nothing when nothing runs. */
  cancel(cancellation: Cancellation): void {
    if (!this.running || this.cancellation !== undefined) return
    this.cancellation = cancellation
    if (this.heard) {
      this.emit({ type: 'cancel', reason: cancellation.reason, by: cancellation.by, cause: cancellation.cause })
    }
    this.slot?.cancel()
    this.step?.cancel(cancellation)
    for (const app of this.subApps ?? []) app.cancel(cancellation)
    this.step?.map?.cancelAll(cancellation)
  }

  /** Gives up what still ignores its signal, here and below, and ends the run (R5). Answers what was given up. */
  abandon(): readonly Leak[] {
    const { step, cancellation } = this
    if (!this.running || cancellation === undefined) return []
    const below = [...(step?.map?.abandon() ?? []), ...[...(this.subApps ?? [])].flatMap((app) => app.abandon())]
    if (step !== undefined && step.map === undefined) this.#leak(step, cancellation)
    this.leaked.push(...below)
    const { leaked } = this
    if (step?.map === undefined) this.finish(this.#cancelled(cancellation))
    return leaked
  }

  #leak(step: Step, cancellation: Cancellation): void {
    const sinceMs = this.hub.clock.now() - cancellation.at
    step.close()
    this.slot?.leave()
    this.leaked.push({ path: printPath(this.path), action: step.node.name, sinceMs })
    this.hub.logger.warn(`Action "${step.node.name}" ignored its signal for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits.`)
    if (this.heard) this.emit({ type: 'branch.leaked', source: step.node.name, sinceMs })
  }

  /** Runs as a root: told as `run.start` and `run.end`, with interceptors around. */
  async runAnnounced(order?: RunOrder): Promise<RunEnd> {
    return announcedRun(this, order)
  }

  /** Someone outside cancels: final. Code that ignores its signal is given up after the grace period. */
  cancelFromOutside(reason: unknown, cause: CancelCause = 'app', by = 'app'): void {
    const { clock, graceMs } = this.hub
    this.cancel(createCancellation(cause, by, clock.now(), reason))
    if (this.#end === undefined) return
    const { epoch } = this
    const timer = clock.setTimeout(() => {
      if (this.epoch === epoch) this.abandon()
    }, graceMs)
    this.#ending.push(() => clock.clearTimeout(timer))
  }

  /** A message from outside, for this application or one below it. */
  sendFromOutside(message: Message, path: string | Path | undefined): Delivery {
    return sendDown(this, { ...message, from: '' }, path)
  }

  /** Resolves when the run that goes on has ended. */
  ended(): Promise<void> {
    if (!this.running) return Promise.resolve()
    const { promise, resolve } = createDeferred<void>()
    this.#ending.push(resolve)
    return promise
  }

  /** Ends an application that an action made by hand and left behind. */
  dispose(): void {
    this.stop(createCancellation('parent', 'parent', this.hub.clock.now()))
    this.stopActor()
  }

  /** Stops the actor, and with it whatever runs. */
  stopActor(): void {
    stopActor(this.self, this.parent?.runner.self)
  }

  /** The actor was stopped: fires all signals below, and waits for nothing. */
  stop(cancellation: Cancellation): void {
    if (!this.running) return
    this.cancel(cancellation)
    this.step?.map?.stop()
    this.step?.close()
    this.finish(this.#cancelled(cancellation))
  }
}

const segment = ({ name, visit, key }: Parent): Path[number] => Object.freeze({ map: name, visit, key })

/** What the id of a branch is a hash of. Its epoch grows with each rewind; there is none yet. */
export function branchIdentity({ runner, name, visit, key }: Parent): readonly unknown[] {
  return [runner.appId, 0, name, visit, key]
}

/** A first standing at the entrypoint of a plan. */
export function initialStanding(plan: Plan, state: State): Standing {
  return { state, position: undefined, next: plan.entrypoint.name, sequenceId: -1 }
}
