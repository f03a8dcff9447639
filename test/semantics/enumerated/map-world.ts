import type { SettlePolicy } from '../../../src/parallel/settle.js'
import {
  hasSettled,
  initialMapState,
  type MapEffect,
  type MapEvent,
  type MapState,
  mapTransition,
} from '../../../src/runtime/map/map-state.js'

// Owns: a map with branches of two steps as a graph of plain states, to try every order of events.
// Does not own: the rules in each of them (map-rules.ts).

/** Stage of one branch. `ending`: cancelled, and its code has not noticed yet. */
export type Stage = 'queued' | 'step 1' | 'step 2' | 'ending' | 'done' | 'failed' | 'cancelled'

/** A map, its branches and its run. */
export interface World {
  readonly map: MapState
  readonly branches: readonly Stage[]
  /** Whether the number of branches was known from the start. */
  readonly known: boolean
  readonly window: number
  /** The run of the map was cancelled. */
  readonly cancelled: boolean
  /** How often `reduce` was called, and the actor was done. */
  readonly reduced: number
  readonly finished: number
  /** Whether the map ended with an update. */
  readonly updated: boolean | undefined
  /** `watch` called `settle()`. */
  readonly settledByWatch: boolean
  readonly faulted: boolean
  /** The map was cancelled as a whole. */
  readonly isCancelled: boolean
}

/** One possible next event. */
export interface Move {
  readonly name: string
  readonly world: World
}

export interface Start {
  readonly policy: SettlePolicy
  readonly branches: number
  readonly known: boolean
  readonly window: number
}

const lives = (stage: Stage): boolean => stage === 'step 1' || stage === 'step 2' || stage === 'ending'
const runs = (stage: Stage): boolean => stage === 'step 1' || stage === 'step 2'

export function firstWorld({ policy, branches, known, window }: Start): World {
  const flags = {
    cancelled: false,
    reduced: 0,
    finished: 0,
    updated: undefined,
    settledByWatch: false,
    faulted: false,
    isCancelled: false,
  }
  const stages = Array.from({ length: branches }, (): Stage => 'queued')
  const world: World = { map: initialMapState(policy), branches: stages, known, window, ...flags }
  const counted = send(world, { type: 'counted', total: known ? branches : undefined })
  return check(known ? send(counted, { type: 'judge' }) : counted)
}

/** Sends an event, and applies its effects as the actor does. */
export function send(world: World, event: MapEvent): World {
  const [map, effects] = mapTransition(world.map, event)
  return effects.reduce(act, { ...world, map })
}

function act(world: World, effect: MapEffect): World {
  switch (effect.type) {
    case 'close': {
      let closed = world
      world.branches.forEach((stage, at) => {
        if (runs(stage)) closed = put(closed, at, 'ending')
        else if (stage === 'queued' && world.known && effect.why.kind !== 'stopped')
          closed = settle(closed, at, 'cancelled')
      })
      return closed.map.held === 0 ? check(closed) : closed
    }
    case 'drain':
      return world
    case 'reduce':
      return { ...world, reduced: world.reduced + 1 }
    case 'fail':
      return send(world, { type: 'end', end: { error: 'failed' } })
    default:
      return { ...world, finished: world.finished + 1, updated: 'update' in effect.end }
  }
}

const check = (world: World): World => send(world, { type: 'check' })

const put = (world: World, at: number, stage: Stage): World => ({
  ...world,
  branches: world.branches.map((one, i) => (i === at ? stage : one)),
})

/** A branch settles; `during` is the reaction of a `watch` to it. */
function settle(
  world: World,
  at: number,
  status: 'done' | 'failed' | 'cancelled',
  during: (world: World) => World = (same) => same,
): World {
  const lived = lives(world.branches[at] ?? 'queued')
  const held = send(world, { type: 'hold' })
  const settled = during(send(put(held, at, status), { type: 'settled', status, lived }))
  // Decisions are held meanwhile.
  return send(send(check(settled), { type: 'free' }), { type: 'judge' })
}

/** Cancels one branch, from any source. */
function cancelOne(world: World, at: number): World {
  const stage = world.branches[at]
  if (stage === 'queued') return world.known ? settle(world, at, 'cancelled') : world
  return stage !== undefined && runs(stage) ? put(world, at, 'ending') : world
}

/** Cancels the map: every branch of it, and its source gives no more. */
function cancelMap(world: World): World {
  let cancelled = send({ ...world, isCancelled: true }, { type: 'hold' })
  for (const at of world.branches.keys()) {
    const stage = cancelled.branches[at] ?? 'done'
    if (runs(stage)) cancelled = put(cancelled, at, 'ending')
    if (stage === 'queued' && world.known)
      cancelled = send(put(cancelled, at, 'cancelled'), { type: 'settled', status: 'cancelled', lived: false })
  }
  for (const type of ['cancelled', 'free', 'judge', 'check'] as const) cancelled = send(cancelled, { type })
  return cancelled
}

const close = (world: World, why: 'satisfied' | 'cancelled'): World =>
  send(world, { type: 'close', why: { kind: why } })

/** All possible next events of a world, each with the world that it leads to. */
export function movesOf(world: World): Move[] {
  if (world.map.phase.kind === 'ended') return []
  const moves: Move[] = []
  const add = (name: string, next: World): void => void moves.push({ name, world: next })
  const { branches, map } = world
  const at = branches.indexOf('queued')
  const live = branches.filter(lives).length
  if (map.phase.kind === 'running' && !world.isCancelled && !hasSettled(map)) add('cancel the map', cancelMap(world))
  if (map.phase.kind === 'running' && !world.isCancelled && live < world.window) {
    if (at >= 0) add(`start ${at}`, send(put(world, at, 'step 1'), { type: 'started' }))
    else if (map.total === undefined)
      add('the source ends', check(send(send(world, { type: 'counted', total: branches.length }), { type: 'judge' })))
  }
  branches.forEach((stage, i) => {
    const others = branches.map((_, j) => j).filter((j) => j !== i)
    const ends = (status: 'done' | 'failed' | 'cancelled', how: string): void => {
      add(`${how} ${i}`, check(settle(world, i, status)))
      for (const j of others)
        if (runs(branches[j] ?? 'done'))
          add(`${how} ${i}, watch cancels ${j}`, check(settle(world, i, status, (now) => cancelOne(now, j))))
      if (map.policy !== 'all' && map.phase.kind === 'running')
        add(
          `${how} ${i}, watch settles`,
          check({ ...settle(world, i, status, (now) => close(now, 'satisfied')), settledByWatch: true }),
        )
    }
    if (stage === 'step 1') add(`commit ${i}`, put(world, i, 'step 2'))
    if (stage === 'step 2') ends('done', 'end')
    if (runs(stage)) ends('failed', 'fail')
    if (stage === 'ending') ends('cancelled', 'notice')
    if (stage === 'ending') ends('cancelled', 'a late value of') // its result no longer counts
    if (runs(stage) || (stage === 'queued' && world.known)) add(`cancel ${i}`, check(cancelOne(world, i)))
  })
  if (!world.cancelled) add('cancel the run', close({ ...world, cancelled: true }, 'cancelled'))
  if (map.phase.kind === 'running')
    add(
      'the source throws',
      send({ ...world, faulted: true }, { type: 'close', why: { kind: 'fault', error: 'source' } }),
    )
  if (map.phase.kind === 'draining') add('drained', send(world, { type: 'drained', cancelled: world.cancelled }))
  if (map.phase.kind === 'reducing') {
    add('reduced', send(world, { type: 'end', end: { update: {} } }))
    add('reduce throws', send(world, { type: 'end', end: { error: 'reduce' } }))
  }
  return moves
}
