import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../../action/inputs.js'
import { revive } from '../../codec/revive.js'
import { GraphError } from '../../errors.js'
import type { Plan } from '../../graph/plan.js'
import { cannotStart } from '../../graph/runnable.js'
import { ownValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import { checkStored } from '../../state/check-stored.js'
import { enterState } from '../../state/contract.js'
import { freezeAll, type State } from '../../state/freeze.js'
import { fillState } from '../../state/schema.js'
import { Application } from '../application.js'
import { type Checkpoint, initialCheckpoint } from '../checkpoint.js'
import { createRequest } from '../run/request.js'
import { endedRun, NO_LEAKS, type RunOutput, type RunResult } from '../run/result.js'
import { runWithEvents } from '../run/run-with-events.js'
import { AppSystem } from '../system.js'
import { appLogicOf } from './app-actor.js'
import { Carrier } from './carrier.js'
import type { ActorScope, LooseLogic } from './logic.js'
import { AppSnapshot, errorOf, type PersistedRun, readPersisted } from './snapshot.js'
import { isStop } from './xstate-events.js'

// Owns: an application in an actor that a host creates: a machine, a component, `createActor`.
// E1  A stop ends a life of the actor, a start begins one. Code that still runs from an earlier life has no effect, even
//     where a host restores the old snapshot and starts again (React does, under StrictMode).
// E2  An event that is sent before the run begins reaches the run before its first step.
// E3  An application that stands at a halt of its plan has halted, whatever stored its snapshot.

/** The input of an embedded actor. */
interface EmbeddedInput {
  readonly state: State
  readonly inputs?: Inputs | undefined
  readonly appId?: string | undefined
}

/** The time from a start of an actor to its stop. */
interface Life {
  /** Events sent before the run began (E2); undefined from then on. */
  early: (() => void)[] | undefined
}

/** The present life of each actor. */
const lives = new WeakMap<Application, Life>()

/** The actor logic of a plan whose actor starts its own run. */
export function createEmbeddedLogic(plan: Plan, bound: Inputs): LooseLogic<AppSnapshot> {
  const { transition, getPersistedSnapshot } = appLogicOf(plan)
  return {
    transition(snapshot, event, scope) {
      const app = AppSnapshot.appOf(snapshot)
      if (isStop(event) && app !== undefined) lives.delete(app) // E1
      const early = app === undefined ? undefined : lives.get(app)?.early
      if (early === undefined) return transition(snapshot, event, scope)
      const { self, emit } = scope // XState 6 hands over the actor itself, which cannot be spread
      const soon: ActorScope = { self, emit, defer: (act: () => void) => void early.push(act) }
      return transition(snapshot, event, soon) // E2
    },
    getPersistedSnapshot,
    get config() {
      return appLogicOf(plan).config
    },
    getInitialSnapshot(scope, input) {
      const { state, inputs, appId } = readInput(input)
      const first = enterState('The input state', plan.graph.rules, state)
      const app = embeddedApp(plan, bound, scope, { state: first, inputs, appId })
      const fault = cannotStart(plan, Object.keys(app.checkpoint.state))
      if (fault !== undefined)
        throw new GraphError([{ kind: 'unwritten-read', at: 'input.state', message: `${fault} Give that there.` }])
      return new AppSnapshot(app, app.checkpoint)
    },
    start(snapshot) {
      const app = AppSnapshot.appOf(snapshot)
      if (app === undefined || snapshot.status !== 'active') return
      app.checkpoint = snapshot
      app.kept = undefined
      const life: Life = { early: [] }
      lives.set(app, life)
      // In a microtask, so that the actor is up when the first step commits.
      queueMicrotask(() => void runEmbedded(app, life))
    },
    restoreSnapshot(given, scope) {
      const persisted = readPersisted(plan, given)
      const { inputs, appId } = persisted
      const app = embeddedApp(plan, bound, scope, {
        state: restoredState(plan, persisted),
        inputs: revive(inputs) as Inputs,
        appId,
      })
      app.checkpoint = checkpointFrom(persisted, app.checkpoint.state)
      for (const { name, index } of plan.graph.list) app.countVisits(index, ownValue(persisted.visits, name) ?? 0)
      return new AppSnapshot(
        app,
        app.checkpoint,
        persisted.status,
        revive(persisted.output) as RunOutput<State> | undefined,
        errorOf(persisted.error),
      )
    },
  }
}

function readInput(input: unknown): EmbeddedInput {
  checkOptions('The input of the actor', input, 'state inputs appId')
  return input as EmbeddedInput
}

/** The state of a snapshot; it has passed the schema before. */
function restoredState({ graph: { rules } }: Plan, { context, oneWay }: PersistedRun): State {
  const state = revive(context) as State
  if (rules.freeze) freezeAll(state, 'The snapshot')
  checkStored('The snapshot', rules, { state, oneWay })
  return fillState(rules, Object.freeze({ ...rules.defaults, ...state }))
}

function embeddedApp(plan: Plan, bound: Inputs, scope: ActorScope, input: EmbeddedInput): Application {
  const { state, inputs = NO_INPUTS, appId } = input
  const { graph } = plan
  if (!graph.accepts.open) refuseUnknownInputs('The graph', inputs, graph.accepts.names)
  const system = new AppSystem({ emit: (event: AnyEvent) => scope.emit(event) })
  const checkpoint = initialCheckpoint(plan, state)
  const app = new Application({ plan, bound, appId, inputs: Object.freeze({ ...inputs }), checkpoint }, system)
  app.attach(scope.self)
  return app
}

async function runEmbedded(app: Application, life: Life): Promise<void> {
  if (lives.get(app) !== life) return // E1
  const { early } = life
  life.early = undefined
  app.system.beginRun()
  const request = createRequest(app.inputs, { begun: () => early?.forEach((act) => void act()) })
  const end = haltedBefore(app) ?? (await runWithEvents(app, request))
  if (lives.get(app) === life) app.self.send(new Carrier('teasel.end', end))
}

/** The result of a run that had halted while its actor was not done (E3). */
function haltedBefore(app: Application): RunResult | undefined {
  const { plan } = app
  const node = plan.graph.nodes.get(app.checkpoint.position ?? '')
  return node !== undefined && plan.haltAfter.has(node) ? endedRun({ app, leaked: NO_LEAKS }, 'halted') : undefined
}

const checkpointFrom = ({ value, next, sequenceId }: PersistedRun, state: State): Checkpoint => ({
  state,
  position: value ?? undefined,
  next: next ?? undefined,
  sequenceId,
})
