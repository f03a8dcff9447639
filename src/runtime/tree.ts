import type { AnyActorRef } from 'xstate'
import type { Inputs } from '../action/inputs.js'
import type { Received } from '../action/message.js'
import type { Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import type { InterceptedStep } from '../lifecycle/interceptor.js'
import type { Semaphore } from '../parallel/limit.js'
import type { AnyResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { Journal } from '../persistence/journal.js'
import type { KeptBranches } from '../persistence/map-keeping.js'
import type { State } from '../state/freeze.js'
import type { Cancellation } from './cancel/cancellation.js'
import type { Checkpoint } from './checkpoint.js'
import type { EventSource } from './event-source.js'
import type { BranchHandle, BranchHost, HeldMap, LiveEffect, WaitsFor } from './map/branch-handle.js'
import type { MapState } from './map/map-state.js'
import type { Mailbox } from './message/mailbox.js'
import type { Leak, RunRequest, RunResult } from './run/request.js'
import type { Attempts } from './step/attempts.js'
import type { Permit } from './step/permit.js'

// Owns: how the live parts of a tree are linked: an application has a run, a run an attempt at an action, an attempt may
// stand at a map, and a map has applications below it. The parts are in application.ts, run.ts, attempt.ts, map-runner.ts.

/** Where an application hangs below another one. */
export interface Parent {
  readonly app: LiveApp
  /** The map that it is a branch of; undefined for one that an action made by hand. */
  readonly map: BranchHost | undefined
  readonly name: string
  readonly visit: number
  readonly key: string
}

/** What a further application below is made of. */
export interface ChildSetup {
  readonly plan: Plan
  readonly checkpoint: Checkpoint
  readonly parent: Parent
  readonly appId?: string | undefined
  readonly bound?: Inputs | undefined
  readonly inputs?: Inputs | undefined
  readonly semaphore?: Semaphore | undefined
  readonly journal?: Journal | undefined
}

/** What any application is made of. A root has no parent, and alone is given its tracker. */
export type AppSetup = Omit<ChildSetup, 'parent'> & Partial<Pick<LiveApp, 'parent' | 'tracker'>>

/** The live side of one application actor: what it is, where it stands, and the run that goes on. */
export interface LiveApp extends EventSource {
  readonly plan: Plan
  readonly parent: Parent | undefined
  /** Inputs that were bound over the whole graph. */
  readonly bound: Inputs
  /** What it runs with when no run is given others. */
  readonly inputs: Inputs
  /** The shared limit that it is under. */
  readonly semaphore: Semaphore | undefined
  /** Its journal in a store; undefined without a persister. */
  journal: Journal | undefined
  /** Open from when a branch is made; of another application while it runs. */
  mailbox: Mailbox
  /** The same, undefined as long as nobody has asked for it. */
  readonly mail: Mailbox | undefined
  readonly self: AnyActorRef
  /** How often each action has committed, by its index. */
  readonly visits: number[]
  checkpoint: Checkpoint
  /** Side effects that its next step does once, by key: they outlive a run that failed there. */
  onces: Map<string, LiveEffect> | undefined
  /** What is held of the map that its next step stands at, where that is not stored. */
  held: HeldMap | undefined
  /** The run that goes on, or the last one; undefined before the first. */
  readonly run: LiveRun | undefined
  readonly running: boolean
  attach(self: AnyActorRef): void
  /** Makes an application below; its actor is made by whoever asked. */
  child(setup: ChildSetup): LiveApp
  where(node: PlanNode): Where
  /** Its first step starts now. */
  begun(): void
  /** Makes its next run, which takes the place of the last one. `ended` is called once. */
  open(request: RunRequest, ended: (end: RunResult) => void): LiveRun
}

/** One run of an application, from when it is made until its end is told. What belongs to it is gone with it. */
export interface LiveRun {
  readonly app: LiveApp
  readonly request: RunRequest
  /** `made` while interceptors are asked whether it may begin. What comes after `ended` changes nothing. */
  readonly phase: 'made' | 'running' | 'ended'
  /** Whether it goes on: asked after each wait, since it may have been given up meanwhile. */
  readonly running: boolean
  /** The first cancel that reached it. */
  readonly cancellation: Cancellation | undefined
  /** Code that was given up, here and below. */
  readonly leaked: readonly Leak[]
  /** The attempt that is under way: from its `step.start` to its `step.end`. */
  attempt: LiveAttempt | undefined
  /** The same while its code runs. */
  readonly step: LiveAttempt | undefined
  permit: Permit | undefined
  /** Set while it waits for whoever reads it: lets it go on. */
  release: (() => void) | undefined
  /** What was tried more than once; undefined until something failed. */
  attempts: Attempts | undefined
  /** What interceptors were told of the present step, if there are any. */
  stepInfo: InterceptedStep | undefined
  /** Messages that the present attempt took; those of one that failed, until the next begins. */
  taken: Received[] | undefined
  /** What it waits for, if it ever did. */
  waits: LiveWaitState | undefined
  /** Applications that the current step made by hand, by their keys. */
  subApps: Map<string, LiveApp> | undefined
  /** Interceptors that are awaited: of the run, of its step, or of branches of its map. */
  interceptorCalls: Set<LiveInterceptorCall> | undefined
  /** Begins: runs until a halt, the end, a failure or a cancel. */
  go(): void
  /** Resolves when it has ended. */
  over(): Promise<void>
  /** Fires every signal below; the first cancel counts. Does nothing when nothing runs. */
  cancel(cancellation: Cancellation): void
  /** Gives up what still ignores its signal, and interceptors that are asked, here and below. */
  abandon(): void
  /** Something below was given up. */
  takeLeaks(leaks: readonly Leak[]): void
  /** Fires every signal below and ends at once, waiting for nothing. */
  stop(cancellation: Cancellation): void
}

/** Interceptors whose answers are awaited. */
export interface LiveInterceptorCall {
  /** The application was cancelled: the grace period has begun. */
  cancelled(): void
  /** WaitState no more. */
  giveUp(): void
}

/** One attempt at one action. */
export interface LiveAttempt {
  readonly node: PlanNode
  readonly state: State
  readonly inputs: Inputs
  readonly signal: AbortSignal
  /** The number of the step. */
  readonly sequenceId: number
  /** Which attempt it is; the first is 1. */
  readonly attempt: number
  /** When it began: milliseconds on the clock that never goes back. */
  readonly startedAt: number
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
export interface LiveMap extends BranchHost {
  readonly app: LiveApp
  /** The run whose step stands at the map. */
  readonly run: LiveRun
  readonly step: LiveAttempt
  /** 1 at the first visit of the map action, 2 when a loop comes back to it … */
  readonly visit: number
  readonly policy: SettlePolicy
  readonly table: MapTable
  /** What all branches that live wait for. */
  readonly waitsFor: WaitsFor
  /** What of its branches is stored, where they are. */
  readonly kept: KeptBranches<Journal> | undefined
  /** What is held of them in memory, where they are not. */
  readonly held: HeldMap | undefined
  /** True while something goes on beside its branches: its source is pulled, its reducer runs, interceptors are asked. */
  readonly busy: boolean
  /** Whether a branch of this key lives, has settled, or waits in a source of known length. */
  knows(key: string): boolean
  /** The keys that wait in a source of known length. */
  queued(): Iterable<string>
  /** A branch waits for a person: another one may begin. */
  refill(): void
  /** A child actor (a branch, or the reducer) is done. */
  childDone(key: string, output: unknown): void
  /** A child actor is in error. */
  childFailed(key: string, error: unknown): void
  cancelAll(): void
  /** True while it is not certain which branches had settled when the step was last tried. */
  readonly restoring: boolean
  /** Does something as soon as that is certain, before a branch starts. */
  whenRestored<T>(work: () => T): Promise<T>
  /** Enough: cancels what has not settled, and reduces. */
  settleNow(): void
  abandon(): void
  stop(fault?: { readonly error: unknown }): void
}

/** What is known of the branches of one map: who lives, who has settled and how. */
export interface MapTable {
  readonly live: ReadonlyMap<string, BranchHandle>
  readonly settled: ReadonlyMap<string, Pick<AnyResult, 'status'>>
  /** The keys of branches that were cancelled one by one and have not ended. */
  readonly ending: ReadonlySet<string>
  readonly state: MapState
}

/** One wait for a message that goes on. */
export interface OpenWait {
  readonly step: LiveAttempt
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
export interface LiveWaitState {
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
  drop(step: LiveAttempt): void
  /** Looks again at what is left, and hands a change upwards. */
  reckon(): void
}
