import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { enterState } from '../state/contract.js'
import type { State } from '../state/freeze.js'
import { announcedRun } from './announced-run.js'
import { appLogicOf } from './application-logic.js'
import type { AnyActorRef } from './create-actor.js'
import { Hub } from './hub.js'
import type { LooseLogic, Scope } from './logic.js'
import { Runner } from './runner.js'
import { AppSnapshot, type PersistedRun, type RunOutput, readPersisted } from './snapshot.js'
import { initialStanding, type Standing } from './standing.js'
import type { LiveApp } from './tree.js'

// Owns: how an application lives in an actor that someone else created: in a machine, in a component, by `createActor`.

/** What a lone actor is created with. */
interface LoneInput {
  readonly state: State
  readonly inputs?: Inputs
  readonly appId?: string
}

/** The actor logic of a plan that starts by itself: the engine's own, with another beginning. */
export function createLoneLogic(plan: Plan, bound: Inputs): LooseLogic<AppSnapshot> {
  const { transition, getPersistedSnapshot } = appLogicOf(plan)
  return {
    transition,
    getPersistedSnapshot,
    get config() {
      return appLogicOf(plan).config
    },
    getInitialSnapshot(scope, input) {
      const app = loneApp(plan, bound, scope, input as LoneInput)
      return new AppSnapshot(app, app.standing, app.epoch)
    },
    start(snapshot) {
      const app = AppSnapshot.appOf(snapshot)
      if (app === undefined || snapshot.status !== 'active') return
      app.standing = standingOf(snapshot)
      // In a microtask, so that the actor is up when the first step commits.
      queueMicrotask(() => runLone(app))
    },
    restoreSnapshot(given, scope) {
      const persisted = readPersisted(plan, given)
      const app = loneApp(plan, bound, scope, {
        state: persisted.context,
        inputs: persisted.inputs,
        appId: persisted.appId,
      })
      app.standing = standingFrom(persisted, app.standing.state)
      for (const node of plan.graph.list) app.visits[node.index] = persisted.visits[node.name] ?? 0
      return new AppSnapshot(
        app,
        app.standing,
        app.epoch,
        persisted.status,
        persisted.output as RunOutput<State> | undefined,
        persisted.error,
      )
    },
  }
}

function loneApp(plan: Plan, bound: Inputs, scope: Scope, { state, inputs = NO_INPUTS, appId }: LoneInput): LiveApp {
  const { graph } = plan
  if (!graph.accepts.open) refuseUnknownInputs('The graph', inputs, graph.accepts.names)
  const first = enterState('The input state', graph.rules.defaults, state, graph.rules.freeze)
  const hub = new Hub({ emit: (event: AnyEvent) => scope.emit(event) })
  const standing = initialStanding(plan, first)
  const app = new Runner({ plan, bound, appId, inputs: Object.freeze({ ...inputs }), standing }, hub)
  app.attach(scope.self)
  return app
}

function runLone(app: LiveApp): void {
  const { self } = app
  if (app.running || !isActive(self)) return
  app.hub.beginRun()
  void announcedRun(app).then((end) => {
    if (isActive(self)) self.send({ type: 'teasel.end', end })
  })
}

const isActive = (self: AnyActorRef): boolean => (self.getSnapshot() as { readonly status: string }).status === 'active'

const standingOf = ({ state, position, next, sequenceId }: AppSnapshot): Standing => ({
  state,
  position,
  next,
  sequenceId,
})

const standingFrom = ({ value, next, sequenceId }: PersistedRun, state: State): Standing => ({
  state,
  position: value ?? undefined,
  next: next ?? undefined,
  sequenceId,
})
