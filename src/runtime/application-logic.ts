import type { AnyActorRef } from 'xstate'
import type { Inputs } from '../action/inputs.js'
import { NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { enterState } from '../state/contract.js'
import type { State } from '../state/freeze.js'
import { createCancellation } from './cancellation.js'
import { Hub } from './hub.js'
import type { LooseLogic, Scope } from './logic.js'
import type { RunEnd } from './order.js'
import { initialStanding, Runner } from './runner.js'
import { AppSnapshot, type PersistedRun, readPersisted, type RunOutput, type Standing } from './snapshot.js'

// Owns: the actor of an application: its snapshot, and the pure transition from one to the next.
// Does not own: the loop (runner.ts), which sends one event per committed step.
// L1  The transition is total: it never throws, and an event of an earlier life changes nothing.
// L2  A stop changes no old snapshot, so that a host that puts one back can start again from it.

/** What a lone actor is created with: a state, inputs, an id. */
interface LoneInput {
  readonly state: State
  readonly inputs?: Inputs
  readonly appId?: string
}
/** What the engine creates its own actors with. */
interface OwnedInput {
  readonly owned: Runner
}

const logics = new WeakMap<Plan, LooseLogic<AppSnapshot>>()

/** The actor logic of a plan, made once. Inputs bound over the plan are the runner's. */
export function appLogicOf(plan: Plan): LooseLogic<AppSnapshot> {
  let logic = logics.get(plan)
  if (logic === undefined) {
    logic = createAppLogic(plan, NO_INPUTS)
    logics.set(plan, logic)
  }
  return logic
}

/** Makes the actor logic of a plan. */
export function createAppLogic(plan: Plan, bound: Inputs): LooseLogic<AppSnapshot> {
  const lone = new WeakSet<Runner>()
  return {
    getInitialSnapshot(scope, input) {
      const runner = isOwned(input) ? input.owned : loneRunner(plan, bound, scope, input as LoneInput)
      if (!isOwned(input)) lone.add(runner)
      runner.attach(scope.self)
      return new AppSnapshot(runner, runner.standing, 0)
    },
    start(snapshot) {
      const runner = AppSnapshot.runnerOf(snapshot)
      if (!lone.has(runner) || snapshot.status !== 'active') return
      runner.standing = standingOf(snapshot)
      // In a microtask, so that the actor is up when the first step commits.
      queueMicrotask(() => runLone(runner))
    },
    transition(snapshot, event, scope) {
      const runner = AppSnapshot.runnerOf(snapshot)
      switch (event.type) {
        case 'teasel.step':
          return snapshot.status === 'active' ? new AppSnapshot(runner, event['standing'] as Standing, event['epoch'] as number) : snapshot
        case 'teasel.end':
          return ended(runner, snapshot, event['end'] as RunEnd)
        case 'cancel':
          scope.defer(() => runner.cancelFromOutside(event['reason']))
          return snapshot
        case 'message':
          scope.defer(() => void runner.sendFromOutside(event['message'], event['path']))
          return snapshot
        case 'xstate.stop':
          scope.defer(() => runner.stop(createCancellation('stop', 'stop', runner.hub.clock.now())))
          return new AppSnapshot(runner, snapshot, snapshot.epoch, 'stopped')
        default:
          return snapshot // done events of maps among them: the runner holds their promise
      }
    },
    getPersistedSnapshot: persist,
    restoreSnapshot(given, scope) {
      const persisted = readPersisted(plan, given)
      const runner = loneRunner(plan, bound, scope, { state: persisted.context, inputs: persisted.inputs, appId: persisted.appId })
      runner.standing = standingFrom(persisted, runner.standing.state)
      plan.graph.list.forEach((node) => {
        runner.visits[node.index] = persisted.visits[node.name] ?? 0
      })
      lone.add(runner)
      runner.attach(scope.self)
      return new AppSnapshot(runner, runner.standing, 0, persisted.status, persisted.output as RunOutput<State> | undefined, persisted.error)
    },
  }
}

const isOwned = (input: unknown): input is OwnedInput => typeof input === 'object' && input !== null && 'owned' in input

/** An actor that someone else created: in a machine, in a component, by `createActor`. */
function loneRunner(plan: Plan, bound: Inputs, scope: Scope, { state, inputs = NO_INPUTS, appId }: LoneInput): Runner {
  const { graph } = plan
  if (!graph.accepts.open) refuseUnknownInputs('The graph', inputs, graph.accepts.names)
  const first = enterState('The input state', graph.rules.defaults, state, graph.rules.freeze)
  const hub = new Hub({ emit: (event: AnyEvent) => scope.emit(event) })
  return new Runner({ plan, hub, bound, appId, inputs: Object.freeze({ ...inputs }), standing: initialStanding(plan, first) })
}

function runLone(runner: Runner): void {
  if (runner.running || statusOf(runner.self) !== 'active') return
  runner.hub.beginRun()
  void runner.runAnnounced().then((end) => runner.self.send({ type: 'teasel.end', end }))
}

const statusOf = (self: AnyActorRef): string => (self.getSnapshot() as { readonly status: string }).status

const standingOf = ({ state, position, next, sequenceId }: AppSnapshot): Standing => ({ state, position, next, sequenceId })

const standingFrom = ({ value, next, sequenceId }: PersistedRun, state: State): Standing => ({
  state,
  position: value ?? undefined,
  next: next ?? undefined,
  sequenceId,
})

function ended(runner: Runner, snapshot: AppSnapshot, end: RunEnd): AppSnapshot {
  if (snapshot.status !== 'active') return snapshot
  if (end.status === 'failed') return new AppSnapshot(runner, snapshot, snapshot.epoch, 'error', undefined, end.error)
  return new AppSnapshot(runner, snapshot, snapshot.epoch, 'done', outputOf(end))
}

/** What the actor ends with. Cancelled is an outcome, not an error. */
function outputOf(end: Exclude<RunEnd, { readonly status: 'failed' }>): RunOutput<State> {
  const { action, next, state, sequenceId } = end
  if (end.status === 'cancelled') {
    const { reason, by } = end.cancellation
    return { status: 'cancelled', action, next, state, sequenceId, reason, by }
  }
  return end.status === 'halted' ? { status: 'halted', action, next, state, sequenceId } : { status: 'finished', action, next: undefined, state, sequenceId }
}

function persist(snapshot: AppSnapshot): PersistedRun {
  const runner = AppSnapshot.runnerOf(snapshot)
  const { status, value = null, next = null, sequenceId, context, output, error } = snapshot
  const visits = Object.fromEntries(runner.plan.graph.list.map(({ name, index }) => [name, runner.visits[index] ?? 0]))
  return { version: 1, status, appId: runner.appId, value, next, sequenceId, context, inputs: runner.inputs, visits, output, error }
}
