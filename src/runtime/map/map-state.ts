import { assertNever } from '../../internal/guards.js'
import { judge, type SettlePolicy, type Tally } from '../../parallel/settle.js'

// Owns: the decisions of a map: when it has enough, closes, drains, reduces and ends.
// Does not own: the branches (branch-table.ts), the effects of a decision (map-runner.ts), time.
// S1  A transition is pure and total, so every order of events can be tried without an engine.
// S2  The phases go one way: running → closing → draining → reducing → ended. All but the first and the last may be
//     skipped. A decision of an earlier phase has no effect.
// S3  The first reason to close counts. A later one is a consequence of it, and would hide it.
// S4  A map does not drain while it is held: the actor first finishes the work in hand.
// S5  A map drains when no branch lives and no interceptor of one is pending: everything below ends first.

/** The reason why a map closes: it starts no more branches. */
export type Why =
  | { readonly kind: 'satisfied' | 'hopeless' | 'cancelled' | 'stopped' }
  | { readonly kind: 'fault'; readonly error: unknown }

/** The result of a map. */
export type MapResult = { readonly update: unknown } | { readonly error: unknown }

/** The phase of a map. `why` is the reason to close; undefined where every branch has settled without one. */
export type MapPhase =
  | { readonly kind: 'running' }
  | { readonly kind: 'closing'; readonly why: Why }
  | { readonly kind: 'draining' | 'reducing' | 'ended'; readonly why: Why | undefined }

/** Everything that the decisions of a map depend on. */
export interface MapState extends Tally {
  readonly policy: SettlePolicy
  readonly phase: MapPhase
  /** The number of live branches. */
  readonly live: number
  /** The number of branches whose after-interceptors are pending. */
  readonly interceptorCalls: number
  /** The number of holds (S4). */
  readonly held: number
}

export type MapEvent =
  /** The number of branches; undefined while it is unknown. */
  | { readonly type: 'counted'; readonly total: number | undefined }
  /** The map was cancelled: no branch is made any more, so those that were are all. */
  | { readonly type: 'cancelled' }
  | { readonly type: 'started' }
  /** A branch has settled; `lived` is false for one that never started. */
  | { readonly type: 'settled'; readonly status: 'done' | 'failed' | 'cancelled'; readonly lived: boolean }
  | { readonly type: 'hold' }
  | { readonly type: 'free' }
  | { readonly type: 'called' }
  | { readonly type: 'returned' }
  /** The policy is asked whether the map has enough. */
  | { readonly type: 'judge' }
  | { readonly type: 'close'; readonly why: Why }
  /** Tests whether everything awaited is over. */
  | { readonly type: 'check' }
  /** The source is closed, and cancelled folding code has ended. */
  | { readonly type: 'drained'; readonly cancelled: boolean }
  | { readonly type: 'end'; readonly end: MapResult }

/** An effect of a decision; the actor performs effects in order. */
export type MapEffect =
  /** Start no more branches, and cancel live ones. */
  | { readonly type: 'close'; readonly why: Why }
  /** Close the source, and await it. */
  | { readonly type: 'drain'; readonly why: Why | undefined }
  | { readonly type: 'reduce' }
  /** End with an error: that of `why`, or of the cancel of the run. */
  | { readonly type: 'fail'; readonly why: Why | undefined }
  | { readonly type: 'finish'; readonly end: MapResult }

type Next = readonly [MapState, readonly MapEffect[]]

const RUNNING: MapPhase = Object.freeze({ kind: 'running' })
const NOTHING: readonly MapEffect[] = Object.freeze([])

/** A map before its first branch. */
export function initialMapState(policy: SettlePolicy): MapState {
  return {
    policy,
    phase: RUNNING,
    total: undefined,
    live: 0,
    done: 0,
    failed: 0,
    cancelled: 0,
    interceptorCalls: 0,
    held: 0,
  }
}

/** The reason why a map has closed; undefined while it runs, and where all branches have settled without one. */
export const closedBy = ({ phase }: MapState): Why | undefined => (phase.kind === 'running' ? undefined : phase.why)

/** Whether the map has left the phases in which branches live. */
export const hasDrained = ({ phase }: MapState): boolean => phase.kind !== 'running' && phase.kind !== 'closing'

/** A state with other counts. Spelled out: copying by `...` would be most of the cost of a branch. */
const counts = (
  { policy, phase, total, done, failed, cancelled }: MapState,
  live: number,
  interceptorCalls: number,
  held: number,
): MapState => ({ policy, phase, total, live, done, failed, cancelled, interceptorCalls, held })

function settled(state: MapState, { status, lived }: Extract<MapEvent, { readonly type: 'settled' }>): MapState {
  const { policy, phase, total, interceptorCalls, held } = state
  const live = lived ? state.live - 1 : state.live
  const done = status === 'done' ? state.done + 1 : state.done
  const failed = status === 'failed' ? state.failed + 1 : state.failed
  const cancelled = status === 'cancelled' ? state.cancelled + 1 : state.cancelled
  return { policy, phase, total, live, done, failed, cancelled, interceptorCalls, held }
}

/** The next state and the effects of an event (S1). */
export function mapTransition(state: MapState, event: MapEvent): Next {
  const { live, interceptorCalls, held } = state
  switch (event.type) {
    case 'counted':
      return [{ ...state, total: event.total }, NOTHING]
    case 'cancelled':
      return mapCancelled(state)
    case 'started':
      return [counts(state, live + 1, interceptorCalls, held), NOTHING]
    case 'settled':
      return [settled(state, event), NOTHING]
    case 'hold':
      return [counts(state, live, interceptorCalls, held + 1), NOTHING]
    case 'free':
      return [counts(state, live, interceptorCalls, held - 1), NOTHING]
    case 'called':
      return [counts(state, live, interceptorCalls + 1, held), NOTHING]
    case 'returned':
      return [counts(state, live, interceptorCalls - 1, held), NOTHING]
    case 'judge': {
      if (state.phase.kind !== 'running') return [state, NOTHING]
      const kind = judge(state.policy, state)
      return kind === 'go' ? [state, NOTHING] : close(state, { kind })
    }
    case 'close':
      return state.phase.kind === 'running' ? close(state, event.why) : [state, NOTHING] // S3
    case 'check':
      return isOver(state) ? drain(state) : [state, NOTHING]
    case 'drained':
      return state.phase.kind === 'draining' ? drained(state, state.phase.why, event.cancelled) : [state, NOTHING]
    case 'end':
      return state.phase.kind === 'ended' ? [state, NOTHING] : end(state, event.end)
    default:
      return assertNever(event)
  }
}

const close = (state: MapState, why: Why): Next => [
  { ...state, phase: { kind: 'closing', why } },
  [{ type: 'close', why }],
]

/** Under `all` a map that lost the rest of its source fails, even if no branch of it was lost. */
function mapCancelled(state: MapState): Next {
  const { policy, phase, live, done, failed, cancelled } = state
  const next: MapState = { ...state, total: live + done + failed + cancelled }
  return policy === 'all' && phase.kind === 'running' ? close(next, { kind: 'hopeless' }) : [next, NOTHING]
}

/** Whether nothing is left of a map to cancel: every branch has settled, and no more are made. */
export const hasSettled = (state: MapState): boolean =>
  hasDrained(state) || (state.live === 0 && state.done + state.failed + state.cancelled === state.total)

/** Whether nothing is awaited: every branch has settled, or the map has closed and lost the rest (S5). */
function isOver({ phase, live, interceptorCalls, held, total, done, failed, cancelled }: MapState): boolean {
  if (held > 0 || live > 0 || interceptorCalls > 0) return false
  return phase.kind === 'closing' || (phase.kind === 'running' && done + failed + cancelled === total)
}

function drain(state: MapState): Next {
  const why = closedBy(state)
  return [{ ...state, phase: { kind: 'draining', why } }, [{ type: 'drain', why }]]
}

/** A satisfied map reduces, unless its run was cancelled meanwhile. */
function drained(state: MapState, why: Why | undefined, cancelled: boolean): Next {
  if (why !== undefined && why.kind !== 'satisfied') return [state, [{ type: 'fail', why }]]
  if (cancelled) return [state, [{ type: 'fail', why: undefined }]]
  return [{ ...state, phase: { kind: 'reducing', why } }, [{ type: 'reduce' }]]
}

const end = (state: MapState, how: MapResult): Next => [
  { ...state, phase: { kind: 'ended', why: closedBy(state) } },
  [{ type: 'finish', end: how }],
]
