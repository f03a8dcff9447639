import type { ActorLogic, AnyActorRef, EventObject } from 'xstate'
import type { Path } from '../action/context.js'
import type { Message } from '../action/message.js'
import { planOf } from '../graph/plan-of.js'
import { describeValue } from '../internal/guards.js'
import type { Given } from '../internal/type-tools.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { createEmbeddedLogic } from '../runtime/actor/embedded-logic.js'
import type { RunSnapshot } from '../runtime/actor/snapshot.js'
import { forXState } from '../runtime/actor/xstate-version.js'
import type { RunOutput } from '../runtime/run/result.js'
import type { RunnableGraph } from './runnable.js'

/** Input of an actor of a runnable graph. */
export type RunInput<Needs, Inputs> = {
  /** The initial state. */
  readonly state: Needs
  /** Default: random. */
  readonly appId?: string
} & Given<Inputs>
/**
 * An event accepted by the actor: a cancel, or a message for a waiting action (`path` below the actor, default the
 * actor itself).
 */
export type RunCommand =
  | { readonly type: 'cancel'; readonly reason?: unknown }
  | { readonly type: 'message'; readonly message: Message; readonly path?: string | Path }
/** An emitted chunk. */
export interface ChunkEmitted<Chunk> extends EventObject {
  readonly type: 'chunk'
  /** The yielded value. */
  readonly chunk: Chunk
  /** The action of the graph in which it was yielded. */
  readonly action: string
  /** The action that yielded it, by its name in its own graph. */
  readonly source: string
  /** Path of that action's application below the actor. */
  readonly path: Path
}
type OtherEmitted = Exclude<AnyEvent, { readonly type: 'chunk' | 'step.end' }>
/** The end of a step; with the status `done` it has the state. */
export type StepEmitted<State> =
  | (Omit<Extract<AnyEvent, { readonly type: 'step.end'; readonly status: 'done' }>, 'state'> & {
      readonly state: Readonly<State>
    })
  | Extract<AnyEvent, { readonly type: 'step.end'; readonly status: 'failed' | 'cancelled' }>
/** Any emitted event: every event of the run. */
export type RunEmitted<State, Chunk> = ChunkEmitted<Chunk> | StepEmitted<State> | OtherEmitted
/** The actor logic of a runnable graph, in the form that XState's types expect. */
export interface RunLogic<Needs, State, Inputs, Chunk, At extends string>
  extends ActorLogic<
    RunSnapshot<State, At>,
    RunCommand,
    RunInput<Needs, Inputs>,
    AnyActorRef['system'],
    RunEmitted<State, Chunk>
  > {}
export type { RunOutput, RunSnapshot }

const logics = new WeakMap<object, object>()

/**
 * Returns the actor logic of a runnable graph, for `createActor`, `setup({ actors })`, `spawn`, `useActor`: the same one
 * each time for the same graph.
 *
 * The actor starts at once, commits one snapshot per step, and is done at a halt or the end. A cancel
 * (`actor.send({ type: 'cancel', reason })`) ends it with the status `cancelled`; a failure is its error. Stopping it
 * stops everything below, without waiting. It is persisted by `getPersistedSnapshot()`, and restored by
 * `createActor(logic, { snapshot })`, which throws a {@link SnapshotError} for a snapshot of another shape, or one that
 * names actions which the graph lacks.
 * @param runnable result of `graph.runnable({ entrypoint })`
 * @throws {TypeError} for anything else
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const adding = counter.graph({ actions: { add } }).runnable({ entrypoint: 'add' })
 * const actor = createActor(actorLogic(adding), { input: { state: { n: 1 } } }).start()
 * const { state } = await toPromise(actor)
 * ```
 * @see https://stately.ai/docs/actors
 */
export function actorLogic<Needs, State, Inputs, Chunk, At extends string>(
  runnable: RunnableGraph<Needs, State, Inputs, Chunk, At>,
): RunLogic<Needs, State, Inputs, Chunk, At> {
  const kind = (runnable as { readonly kind?: unknown } | undefined)?.kind
  if (kind !== 'graph') {
    const given = kind === 'action' ? 'an action' : describeValue(runnable)
    throw new TypeError(`actorLogic takes graph.runnable({ entrypoint }), not ${given}.`)
  }
  let logic = logics.get(runnable)
  if (logic === undefined) {
    const { plan, bound } = planOf(runnable)
    logic = forXState(createEmbeddedLogic(plan, bound))
    logics.set(runnable, logic)
  }
  return logic as RunLogic<Needs, State, Inputs, Chunk, At>
}
