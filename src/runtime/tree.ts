import type { AnyActorRef } from 'xstate'
import type { Path } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import type { Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import type { AnyEvent, EventType } from '../lifecycle/events.js'
import type { InterceptedStep } from '../lifecycle/interceptor.js'
import type { Semaphore } from '../parallel/limit.js'
import type { AnyResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { Journal } from '../persistence/journal.js'
import type { KeptBranches } from '../persistence/map-keeping.js'
import type { State } from '../state/freeze.js'
import type { Tracker } from '../tracking/tracker.js'
import type { Alarm } from './alarm.js'
import type { Attempts } from './attempts.js'
import type { Cancellation } from './cancellation.js'
import type { Hub } from './hub.js'
import type { Mailbox } from './mailbox.js'
import type { Leak, RunEnd, RunOrder } from './order.js'
import type { Permit } from './permit.js'
import type { Standing } from './standing.js'

// Owns: how the live parts of a tree know each other: an application stands at a step, a step may stand at a map, and
// a map has applications below it. The parts themselves are in runner.ts, step.ts and map-runner.ts.

/** Where an application hangs below another one. */
export interface Parent {
  readonly app: LiveApp
  /** The map that it is a branch of; undefined for one that an action made by hand. */
  readonly map: LiveMap | undefined
  readonly name: string
  readonly visit: number
  readonly key: string
}

/** What a further application below is made of. */
export interface ChildSetup {
  readonly plan: Plan
  readonly standing: Standing
  readonly parent: Parent
  readonly appId?: string | undefined
  readonly bound?: Inputs | undefined
  readonly inputs?: Inputs | undefined
  readonly semaphore?: Semaphore | undefined
  readonly journal?: Journal | undefined
}

/** What any application is made of. A root has no parent, and alone is given its tracker. */
export type AppSetup = Omit<ChildSetup, 'parent'> & Partial<Pick<LiveApp, 'parent' | 'tracker'>>

/** The live side of one application actor. */
export interface LiveApp {
  readonly plan: Plan
  readonly hub: Hub
  readonly parent: Parent | undefined
  /** Inputs that were bound over the whole graph. */
  readonly bound: Inputs
  /** What it runs with when no run says otherwise. */
  readonly inputs: Inputs
  /** The shared limit that it is under. */
  readonly semaphore: Semaphore | undefined
  /** Its books in a store, where it has a persister. */
  journal: Journal | undefined
  /** Open from when a branch is made; of another application while it runs. */
  mailbox: Mailbox
  readonly self: AnyActorRef
  readonly appId: string
  readonly path: Path
  readonly running: boolean
  /** True when some map above looks at what happens here. */
  readonly watched: boolean
  /** Records what happens here. */
  readonly tracker: Tracker | undefined
  /** Whether someone would hear an event of a type. Counts the event where nobody does. */
  hears(type: EventType): boolean
  /** How often each action has committed, by its index. */
  readonly visits: number[]
  /** Counts the runs. */
  readonly epoch: number
  readonly order: RunOrder | undefined
  readonly cancellation: Cancellation | undefined
  /** Code that this run gave up, here and below. */
  readonly leaked: readonly Leak[]
  standing: Standing
  step: LiveStep | undefined
  /** The action that an attempt is under way at: from its `step.start` to its `step.end`. */
  at: PlanNode | undefined
  /** When the present attempt began: milliseconds on the clock that never goes back. */
  startedAt: number
  /** What interceptors were told of the present step, if there are any. */
  told: InterceptedStep | undefined
  permit: Permit | undefined
  /** Set while it waits for whoever reads it: lets it go on. */
  release: (() => void) | undefined
  /** What this run has tried more than once; undefined until something failed. */
  attempts: Attempts | undefined
  /** Side effects that the step does once, by key. */
  onces: Map<string, LiveEffect> | undefined
  /** Messages that the present attempt took; those of one that failed, until the next begins. */
  taken: Received[] | undefined
  /** What it waits for, if it ever did. */
  waits: LiveWaits | undefined
  /** Applications that the current step made by hand, by their keys. */
  subApps: Map<string, LiveApp> | undefined
  /** Interceptors that are awaited: of its run, of its step, or of branches of its map. */
  asked: Set<LiveAsking> | undefined
  attach(self: AnyActorRef): void
  /** Makes an application below; its actor is made by whoever asked. */
  child(setup: ChildSetup): LiveApp
  where(node: PlanNode): Where
  /** Its first step starts now. */
  begun(): void
  /** Runs until a halt, the end, a failure or a cancel. Never rejects. */
  run(order?: RunOrder): Promise<RunEnd>
  /** Runs as {@link LiveApp.run} does, and calls `ended` once. */
  start(order: RunOrder, ended: (end: RunEnd) => void): void
  /** Resolves when the run that goes on has ended. */
  ended(): Promise<void>
  /** Fires every signal below; the first cancel counts. Says nothing when nothing runs. */
  cancel(cancellation: Cancellation): void
  /** Gives up what still ignores its signal, and interceptors that are asked, here and below. */
  abandon(): void
  /** Something below was given up. */
  takeLeaks(leaks: readonly Leak[]): void
  /** Fires every signal below and ends at once, waiting for nothing. */
  stop(cancellation: Cancellation): void
}

/** Interceptors whose answers are awaited. */
export interface LiveAsking {
  /** The application was cancelled: the grace period has begun. */
  cancelled(): void
  /** Waits no more. */
  giveUp(): void
}

/** A side effect of a step that is done once. */
export interface LiveEffect {
  /** What it gave, once that is written down. */
  give(): Promise<unknown>
}

/** One attempt at one action. */
export interface LiveStep {
  readonly node: PlanNode
  readonly state: State
  readonly inputs: Inputs
  readonly signal: AbortSignal
  /** The number of the step. */
  readonly sequenceId: number
  /** Which attempt it is; the first is 1. */
  readonly attempt: number
  /** False once it has ended: its context then does nothing. */
  readonly open: boolean
  /** What the action reads, with copies of its own of what can be changed: for code beside `run`. */
  fresh(): State
  /** The map that the step stands at, if it does. */
  map: LiveMap | undefined
  cancel(cancellation: Cancellation): void
  close(): void
}

/** The live side of one map actor. */
export interface LiveMap {
  readonly app: LiveApp
  readonly step: LiveStep
  /** 1 at the first visit of the map action, 2 when a loop comes back to it … */
  readonly visit: number
  readonly policy: SettlePolicy
  /** True when it has a `watch`. */
  readonly watches: boolean
  /** True from when the last branch has ended. */
  readonly reducing: boolean
  readonly table: MapTable
  readonly siblings: LiveSiblings
  /** What of its branches is stored, where they are. */
  readonly kept: KeptBranches<Journal> | undefined
  /** Records its branches. */
  readonly tracker: Tracker | undefined
  /** True while something goes on beside its branches: its source is pulled, its reducer runs, interceptors are asked. */
  readonly busy: boolean
  /** Whether a branch of this key lives, has settled, or waits in a source of known length. */
  knows(key: string): boolean
  /** The keys that wait in a source of known length. */
  queued(): Iterable<string>
  /** A branch waits for a person: another one may begin. */
  refill(): void
  /** A branch runs its first step. */
  branchStarted(key: string): void
  /** A child actor (a branch, or the reducer) is done. */
  childDone(key: string, output: unknown): void
  /** A child actor is in error. */
  childFailed(key: string, error: unknown): void
  /** An event of a branch or of something below it, for `watch`. */
  tell(event: AnyEvent, key: string, own: boolean): void
  cancelAll(): void
  /** True while it is not certain which branches had settled when the step was last tried. */
  readonly restoring: boolean
  /** Does something as soon as that is certain, before a branch starts. */
  whenRestored<T>(work: () => T): Promise<T>
  /** Cancels one branch, also a queued one. Does nothing when it has settled. */
  cancelBranch(key: string, cancellation: Cancellation): CancelAnswer
  /** Enough: cancels what has not settled, and reduces. */
  settleNow(): void
  abandon(): void
  stop(fault?: { readonly error: unknown }): void
}

/** Messages between the branches of one map. */
export interface LiveSiblings {
  /** @param to the receiver as events name it */
  deliver(key: string, message: Received, to?: string): Delivery
  /** @param from the key of the sender */
  broadcast(message: Received, from: string): void
  /** What all branches that live wait for. */
  readonly waitsFor: WaitsFor
  /** A branch waits, or waits no more. */
  changed(before: WaitsFor, after: WaitsFor, app: LiveApp): void
  /** Undefined where a branch whose wait has ended may go on, else a promise of that. */
  turnOf(app: LiveApp): Promise<void> | undefined
}

/** One branch of a map while it lives. */
export interface LiveBranch {
  readonly task: BranchTask
  readonly app: LiveApp
  readonly actor: AnyActorRef
  /** When it ran its first step, epoch milliseconds. */
  startedAt: number | undefined
  /** The same on the clock that never goes back; counted from the store where it began before a resume. */
  begun: number
  /** Rings when its time is over. */
  alarm: Alarm | undefined
  /** It has settled: lets go of all it holds. */
  release(): void
}

/** What is known of the branches of one map: who lives, who has settled and how. */
export interface MapTable {
  readonly live: ReadonlyMap<string, LiveBranch>
  readonly settled: ReadonlyMap<string, Pick<AnyResult, 'status'>>
  /** The keys of branches that were cancelled one by one and have not ended. */
  readonly ending: ReadonlySet<string>
  readonly total: number | undefined
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}

/** What all that is left of an application waits for. `outside`: at least one part of it for a person. */
export type WaitsFor = 'nothing' | 'siblings' | 'outside'

/** One wait for a message that goes on. */
export interface OpenWait {
  readonly step: LiveStep
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  /** Epoch milliseconds. */
  readonly since: number
  /** It may end by itself: its time is over, or its own signal fires. */
  readonly withdrawable: boolean
  /** Ends it, with an error or with nothing. */
  release(error?: { readonly reason: unknown }): void
}

/** The waits of one application. */
export interface LiveWaits {
  readonly open: ReadonlySet<OpenWait>
  /** What it was last found to wait for. */
  level: WaitsFor
  /** Applications that the step made by hand: runs that go on, runs that are awaited, and runs that wait for a person. */
  readonly below: { running: number; awaited: number; waiting: number }
  /** Told of each change of the level. */
  changed: (() => void) | undefined
  /** Counts a wait, and says nothing of it yet. */
  add(wait: OpenWait): void
  /** False when it has ended before. */
  remove(wait: OpenWait): boolean
  /** No message of a sibling comes any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void
  /** The step has ended: whatever it still waits for is over. */
  drop(step: LiveStep): void
  /** Looks again at what is left, and hands a change upwards. */
  reckon(): void
}
