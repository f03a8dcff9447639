import { type AnyActorLogic, type AnyEventObject, createActor } from 'xstate'
import type { ActorScope, LooseLogic } from './logic.js'

// Owns: the differences between XState 5 and 6, and the one test of the installed copy.
// X1  XState is tested once, before the first actor is made, and never when a module loads.
// X2  With XState 5 the engine's logic is passed unchanged: support for 6 costs nothing there.

interface Probed {
  readonly status: 'active' | 'done' | 'stopped'
  readonly output: undefined
  readonly error: undefined
}
/** As XState 6 calls a logic: each transition returns the next snapshot and its effects. */
interface LogicOfSix {
  initialTransition(input: unknown, scope: ActorScope): readonly [unknown, readonly never[]]
}

const MISSING = 'Teasel runs on XState 5.33 and later versions of 5, and on 6.'

/** True where logic returns snapshots with effects, as in XState 6. Undefined until XState was tested. */
let pairs: boolean | undefined

/**
 * Tests the installed XState.
 * @returns true where logic returns snapshots with effects, as XState 6 expects
 * @throws {TypeError} when it lacks a feature that the engine is built on
 */
export function lookAtXState(make: typeof createActor = createActor): boolean {
  const at = (asked: 5 | 6): Probed & { readonly asked: number } => ({
    status: 'active',
    output: undefined,
    error: undefined,
    asked,
  })
  const ended = { stops: 0 }
  const probe = {
    getInitialSnapshot: () => at(5),
    initialTransition: () => [at(6), []],
    transition: (snapshot: Probed & { readonly asked: number }) => {
      ended.stops += 1
      const stopped = { ...snapshot, status: 'stopped' }
      return snapshot.asked === 6 ? [stopped, []] : stopped
    },
    getPersistedSnapshot: (snapshot: unknown) => snapshot,
  }
  const logic = probe as unknown as AnyActorLogic
  const parent = make(logic).start()
  const { asked } = parent.getSnapshot() as { readonly asked?: 5 | 6 }
  const stopChild = scopeOf(parent)?.stopChild
  if (asked === undefined || typeof stopChild !== 'function')
    throw new TypeError(`The installed xstate does not let an actor be made as expected. ${MISSING}`)
  const child = make(logic, { parent, id: 'probe' } as object).start()
  stopChild(child)
  if (ended.stops !== 1)
    throw new TypeError(`The installed xstate does not let a parent stop its child as expected. ${MISSING}`)
  parent.stop()
  return asked === 6
}

/** In XState only the parent stops a child, through its scope. */
interface Scoped {
  readonly _actorScope?: { readonly stopChild: (child: unknown) => void }
}

/** The scope of an actor, which is private to XState. */
export const scopeOf = (actor: unknown): Scoped['_actorScope'] => (actor as Scoped)._actorScope

const wrapped = new WeakMap<object, object>()

/**
 * A logic of the engine as the installed XState takes it; the same one each time.
 * @throws {TypeError} when the installed XState lacks a feature that the engine is built on
 */
export function forXState<TSnapshot>(logic: LooseLogic<TSnapshot>): LooseLogic<TSnapshot> {
  pairs ??= lookAtXState()
  if (!pairs) return logic
  let made = wrapped.get(logic)
  if (made === undefined) {
    made = forSix(logic)
    wrapped.set(logic, made)
  }
  return made as LooseLogic<TSnapshot>
}

function forSix<TSnapshot>(logic: LooseLogic<TSnapshot>): object {
  const six: LogicOfSix & { [K in keyof LooseLogic<TSnapshot>]?: unknown } = {
    get config() {
      return logic.config
    },
    getInitialSnapshot: (scope: ActorScope, input: unknown) => logic.getInitialSnapshot(scope, input),
    initialTransition: (input, scope) => [logic.getInitialSnapshot(scope, input), []],
    transition: (snapshot: TSnapshot, event: AnyEventObject, scope: ActorScope) => [
      logic.transition(snapshot, event, scope),
      [],
    ],
    getPersistedSnapshot: (snapshot: TSnapshot) => logic.getPersistedSnapshot(snapshot),
  }
  const { start, restoreSnapshot } = logic
  if (start !== undefined) six.start = start.bind(logic)
  if (restoreSnapshot !== undefined) six.restoreSnapshot = restoreSnapshot.bind(logic)
  return six
}
