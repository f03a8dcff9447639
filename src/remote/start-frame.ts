import type { Inputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import { defined } from '../internal/defined.js'
import { nameOf, ownValue } from '../internal/guards.js'
import type { EventType } from '../lifecycle/events.js'
import type { StoredRecord } from '../persistence/replay.js'
import { withTransient } from '../runtime/durability.js'
import { reportFault } from '../runtime/emit.js'
import type { Carried, EventSource } from '../runtime/event-source.js'
import type { BranchProgress } from '../runtime/map/branch-handle.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import type { State } from '../state/freeze.js'
import type { Tracker } from '../tracking/tracker.js'
import type { CheckpointData, Ended, HookData, MessageData, Question, StartFrame, UpFrame } from './frames.js'
import type { StoreData } from './journal-ops.js'
import { KeptHere } from './local-code.js'
import { applyChange } from './state-change.js'

/** The progress of a branch that runs elsewhere. @param ended its last frame @param before that of an earlier run */
export function progressElsewhere(
  facts: Pick<BranchProgress, 'checkpoint' | 'visits' | 'startedAt'>,
  attempts: number,
  ended: Ended | undefined,
  before: BranchProgress | undefined,
): BranchProgress {
  if (ended === undefined)
    return { ...facts, inStep: before?.inStep, ended: false, attempts, tries: 0, recovered: false }
  const inStep = ended.kept === undefined ? undefined : new KeptHere(ended.kept)
  return { ...facts, inStep, ended: ended.complete, ...ended.past }
}

/** Where a branch begins: at its first state, or where an earlier run was. */
export function firstCheckpoint({ progress, stored, state, plan, journal }: BranchSetup): {
  readonly checkpoint: CheckpointData
  readonly visits: readonly number[]
} {
  if (stored?.hasState === true) return checkpointOf(plan, stored, state, journal?.scope.settings.transient)
  if (progress !== undefined) return progress
  const checkpoint = { state, position: undefined, next: plan.entrypoint.name, sequenceId: -1 }
  return { checkpoint, visits: [] }
}

/** The checkpoint of a record. @param given the state with the keys that are never stored */
export function checkpointOf(
  { graph }: Plan,
  stored: StoredRecord,
  given: State,
  transient?: ReadonlySet<string>,
): { readonly checkpoint: CheckpointData; readonly visits: readonly number[] } {
  const { position, next, sequenceId } = stored
  const checkpoint = { state: withTransient(stored.state, given, transient), position, next, sequenceId }
  return { checkpoint, visits: graph.list.map(({ name }) => ownValue(stored.visits, name) ?? 0) }
}

/** What a branch starts with, beside its setup. */
interface StartFacts {
  readonly branch: { readonly origin: EventSource; readonly checkpoint: CheckpointData; readonly attempts: number }
  readonly bound: Inputs
  readonly hears: readonly EventType[]
  readonly credit: number
  readonly hooks: readonly HookData[]
  readonly visits: readonly number[]
  readonly store: StoreData | undefined
}

const isTimed = ({ policy: { timeoutMs = Infinity, retry } }: BranchSetup['task']): boolean =>
  Math.min(timeoutMs, retry?.maxMs ?? Infinity) !== Infinity

/** The first frame of a delivery: the branch goes on at its last commit. */
export function startFrameOf(
  { parent, progress, semaphore, backpressure, system, inputs, state, task }: BranchSetup,
  { branch, visits, store, ...facts }: StartFacts,
  messages: readonly MessageData[],
): StartFrame {
  const { origin, checkpoint } = branch
  const { tries = 0, recovered = false, inStep } = progress ?? {}
  const kept = inStep instanceof KeptHere ? inStep.id : undefined
  const attempts = Math.max(branch.attempts, progress?.attempts ?? 1)
  const isFree = store === undefined && parent.app.journal === undefined && parent.map.idOf(parent.key) === undefined
  const identity = isFree ? { parentId: parent.app.appId } : { appId: origin.appId }
  const begins = progress === undefined && checkpoint.sequenceId < 0 && attempts === 1
  return {
    type: 'start',
    ...identity,
    parentPath: parent.app.path,
    map: parent.name,
    visit: parent.visit,
    key: parent.key,
    state,
    inputs,
    ...facts,
    runId: system.runId,
    ...defined({ carried: carriedWith(origin) }),
    carriesSteps: system.carryStep !== undefined || origin.tracker?.carryStep !== undefined,
    watched: origin.watched,
    tracked: origin.tracker !== undefined,
    attempts: task.policy.retry?.attempts ?? 0,
    limited: semaphore !== undefined,
    timed: isTimed(task),
    paced: backpressure.waitForReader !== undefined,
    deep: backpressure.deep === true,
    graceMs: system.graceMs,
    ...(!begins && { resume: { checkpoint, visits, ...defined({ kept }), attempts, tries, recovered } }),
    messages,
    ...(store !== undefined && { store }),
  }
}

/** The texts that go with a branch to its worker. */
function carriedWith(origin: EventSource): Carried | undefined {
  const { system, appId, path } = origin
  return fromTracker(origin, (tracker) => tracker.carry?.({ runId: system.runId, appId, path })) ?? system.carried
}

/** The texts of an attempt at a step in a worker. In a worker itself, those of its owner. */
export function carriedStepOf(
  origin: EventSource,
  { appId = origin.appId, path, sequenceId, attempt }: Extract<Question, { readonly method: 'carry' }>,
): Carried | undefined | Promise<Carried | undefined> {
  const { system } = origin
  const step = { runId: system.runId, appId, path, sequenceId, attempt }
  return system.carryStep?.(step) ?? fromTracker(origin, (tracker) => tracker.carryStep?.(step))
}

/** A tracker that throws is reported, and gives nothing. */
function fromTracker(
  { tracker, root }: EventSource,
  ask: (tracker: Tracker) => Carried | undefined,
): Carried | undefined {
  if (tracker === undefined) return undefined
  try {
    return ask(tracker)
  } catch (error) {
    reportFault(root, `tracker ${nameOf(tracker)}`.trimEnd(), error)
    return undefined
  }
}

/** The checkpoint of a branch after a step, and how often each action has committed. */
export function stepped(
  plan: Plan,
  { state }: CheckpointData,
  visits: readonly number[],
  { change, at }: Extract<UpFrame, { readonly type: 'step' }>,
): readonly [CheckpointData, readonly number[]] {
  const index = plan.graph.nodes.get(at.position ?? '')?.index
  const counted = visits.map((count, i) => (i === index ? count + 1 : count))
  return [{ position: undefined, next: undefined, ...at, state: applyChange(plan, state, change) }, counted]
}
