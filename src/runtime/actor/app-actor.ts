import { plainDescribed, plainOf } from '../../codec/encode.js'
import type { Plan } from '../../graph/plan.js'
import { isInstance } from '../../internal/guards.js'
import type { State } from '../../state/freeze.js'
import type { Application } from '../application.js'
import { createCancellation } from '../cancel/cancellation.js'
import { sendMessage } from '../message/commands.js'
import type { RunResult } from '../run/result.js'
import { outputOf } from '../run/result.js'
import { Carrier } from './carrier.js'
import { type ActorSetup, type AnyActorRef, makeActor } from './create-actor.js'
import type { LooseLogic } from './logic.js'
import { type MachineConfig, machineConfigOf } from './machine-config.js'
import { AppSnapshot, EndedBranch, type PersistedRun, plainError, plainInputs } from './snapshot.js'
import { isStop } from './xstate-events.js'

// Owns: the actor of an application: its snapshot, and the pure transition from one to the next.
// Does not own: the loop (run/loop.ts), which sends one event per committed step.
// L1  The transition is total: it never throws, and a late event changes nothing.
// L2  A stop changes no old snapshot, so a host can restore one and start again from it.

/** The application whose actor is being made. It is no input: XState copies options slowly, and keeps them. */
let unattached: Application | undefined

/** Makes the actor of an application. It is not started. */
export function makeAppActor(app: Application, setup: ActorSetup): AnyActorRef {
  const outer = unattached // an inspector may make applications meanwhile
  unattached = app
  try {
    return makeActor(appLogicOf(app.plan), setup)
  } finally {
    unattached = outer
  }
}

const logics = new WeakMap<Plan, LooseLogic<AppSnapshot>>()

/** The actor logic of a plan for applications that the engine runs; the actor shows their checkpoints. */
export function appLogicOf(plan: Plan): LooseLogic<AppSnapshot> {
  let logic = logics.get(plan)
  if (logic === undefined) {
    logic = createAppLogic(plan)
    logics.set(plan, logic)
  }
  return logic
}

function createAppLogic(plan: Plan): LooseLogic<AppSnapshot> {
  let config: MachineConfig | undefined
  return {
    /** The derived statechart: inspectors draw it. */
    get config() {
      config ??= machineConfigOf(plan)
      return config
    },
    getInitialSnapshot(scope) {
      const app = unattached
      if (app?.plan !== plan) throw new TypeError('An application has one actor.')
      unattached = undefined
      app.attach(scope.self)
      app.checkpoint = new AppSnapshot(app, app.checkpoint) // one object for both: many branches may live
      return app.checkpoint as AppSnapshot
    },
    transition(snapshot, event, scope) {
      const app = AppSnapshot.appOf(snapshot)
      if (app === undefined) return snapshot // a branch that has ended
      switch (event.type) {
        case 'teasel.step':
          return snapshot.status === 'active' ? (Carrier.read<AppSnapshot>(event) ?? snapshot) : snapshot
        case 'teasel.waits':
          return snapshot.status === 'active' ? waits(app, snapshot, event['waiting'] as boolean) : snapshot
        case 'teasel.end':
          return ended(app, snapshot, Carrier.read(event))
        case 'cancel':
          scope.defer(() => app.cancel(event['reason']))
          return snapshot
        case 'message':
          scope.defer(() => void sendMessage(app, event['message'], event['path']))
          return snapshot
        default:
          if (!isStop(event)) return snapshot // among them the done events of maps: the step holds their promise
          scope.defer(() => stopRun(app))
          return new AppSnapshot(app, snapshot, 'stopped')
      }
    },
    getPersistedSnapshot: persist,
  }
}

function stopRun({ run, system, parent }: Application): void {
  if (run?.running === true) run.stop(createCancellation('stop', 'stop', system.passed()))
  if (parent === undefined) system.outage?.cancelled(system.graceMs) // a run that has ended may wait for its store
}

/**
 * The snapshot of an application that waits, or waits no more. It stays the checkpoint of the application, which has the
 * same values: one object for both. `defer` is not used: XState would keep a list for it in every actor that waits.
 */
function waits(app: Application, snapshot: AppSnapshot, waiting: boolean): AppSnapshot {
  const next = snapshot.waits(waiting)
  if (app.checkpoint === snapshot) app.checkpoint = next
  return next
}

function ended(app: Application, snapshot: AppSnapshot, end: RunResult | undefined): AppSnapshot {
  if (snapshot.status !== 'active' || end === undefined) return snapshot
  if (end.status === 'failed') return new AppSnapshot(app, snapshot, 'error', undefined, end.error)
  return new AppSnapshot(app.parent?.map === undefined ? app : new EndedBranch(app), snapshot, 'done', outputOf(end))
}

function persist(snapshot: AppSnapshot): PersistedRun {
  const app = AppSnapshot.behind(snapshot)
  const { status, value = null, next = null, sequenceId, context, output, error } = snapshot
  const { list, rules } = app.plan.graph
  const oneWay = rules.schema?.oneWay
  const visits = Object.fromEntries(list.map(({ name, index }) => [name, app.visits[index] ?? 0]))
  return {
    version: 1,
    status,
    appId: app.appId,
    value,
    next,
    sequenceId,
    context: plainOf(context, 'context') as State,
    ...(oneWay !== undefined && oneWay.size > 0 && { oneWay: [...oneWay] }),
    inputs: plainInputs(app.inputs),
    visits,
    output:
      output && plainDescribed(Object.fromEntries(Object.entries(output).filter(([, item]) => item !== undefined))),
    error: isInstance(error, Error) ? plainError(error) : error,
  }
}
