import { describe, expect, it } from 'vitest'
import { fromTransition, transition } from 'xstate'
import type { SettlePolicy } from '../../src/parallel/settle.js'
import { initialMapState, type MapEvent, type MapState, mapTransition } from '../../src/runtime/map/map-state.js'
import { RULES } from './enumerated/map-rules.js'
import { firstWorld, movesOf, type Start, type World } from './enumerated/map-world.js'

const started: MapEvent = { type: 'started' }
const done: MapEvent = { type: 'settled', status: 'done', lived: true }
const failed: MapEvent = { type: 'settled', status: 'failed', lived: true }
const judge: MapEvent = { type: 'judge' }
const over: MapEvent = { type: 'check' }
const counted = (total: number): MapEvent => ({ type: 'counted', total })
const drained = (cancelled: boolean): MapEvent => ({ type: 'drained', cancelled })

const play = (policy: SettlePolicy, events: readonly MapEvent[]): readonly [MapState, readonly string[]] => {
  let state = initialMapState(policy)
  const effects = events.flatMap((event) => {
    const [next, what] = mapTransition(state, event)
    state = next
    return what.map(({ type }) => type)
  })
  return [state, effects]
}

describe('the decisions of a map', () => {
  it.each<[string, SettlePolicy, readonly MapEvent[], MapState['phase']['kind'], readonly string[]]>([
    [
      'reduces once all are done',
      'all',
      [counted(1), started, done, judge, over, drained(false)],
      'reducing',
      ['drain', 'reduce'],
    ],
    [
      'closes at the first failure under all',
      'all',
      [counted(2), started, started, failed, judge],
      'closing',
      ['close'],
    ],
    [
      'waits for live branches before it drains',
      'all',
      [counted(2), started, started, failed, judge, over],
      'closing',
      ['close'],
    ],
    [
      'fails when it is hopeless',
      'any',
      [counted(1), started, failed, judge, over, drained(false)],
      'draining',
      ['close', 'drain', 'fail'],
    ],
    [
      'is satisfied by the first done branch',
      'any',
      [counted(2), started, done, judge, over, drained(false)],
      'reducing',
      ['close', 'drain', 'reduce'],
    ],
    [
      'fails when it is satisfied and its run was cancelled meanwhile',
      'any',
      [counted(2), started, done, judge, over, drained(true)],
      'draining',
      ['close', 'drain', 'fail'],
    ],
    ['goes on past failures under collect', 'collect', [counted(2), started, failed, judge, over], 'running', []],
    ['reduces without branches', 'collect', [counted(0), judge, over, drained(false)], 'reducing', ['drain', 'reduce']],
    ['is hopeless with too few branches', { atLeast: 2 }, [counted(1), judge], 'closing', ['close']],
    ['does not end while the length is unknown', 'collect', [started, done, judge, over], 'running', []],
    ['decides nothing while it is held', 'all', [counted(1), { type: 'hold' }, started, done, over], 'running', []],
    ['waits for pending interceptors', 'all', [counted(1), started, done, { type: 'called' }, over], 'running', []],
    [
      'continues once its interceptors have answered',
      'all',
      [counted(1), started, done, { type: 'called' }, { type: 'returned' }, over],
      'draining',
      ['drain'],
    ],
    ['drains once', 'all', [counted(1), started, done, judge, over, over, judge], 'draining', ['drain']],
    [
      'reduces once, and neither closes nor drains again',
      'all',
      [
        counted(1),
        started,
        done,
        over,
        drained(false),
        over,
        drained(true),
        { type: 'close', why: { kind: 'stopped' } },
      ],
      'reducing',
      ['drain', 'reduce'],
    ],
    ['ignores the end of a drain that has not begun', 'all', [counted(1), started, drained(false)], 'running', []],
    [
      'ignores events after its end',
      'all',
      [{ type: 'end', end: { update: {} } }, { type: 'end', end: { error: 1 } }, over, judge, drained(false)],
      'ended',
      ['finish'],
    ],
  ])('%s', (_, policy, events, phase, effects) => {
    const [state, found] = play(policy, events)

    expect(state.phase.kind).toBe(phase)
    expect(found).toEqual(effects)
  })

  it('keeps the first reason to close', () => {
    const fault: MapEvent = { type: 'close', why: { kind: 'fault', error: 'first' } }

    const [state, effects] = play('all', [counted(1), started, fault, { type: 'close', why: { kind: 'cancelled' } }])

    expect(state.phase).toEqual({ kind: 'closing', why: { kind: 'fault', error: 'first' } })
    expect(effects).toEqual(['close'])
  })

  it('are a transition of XState: the same events lead to the same state', () => {
    const events = [counted(2), started, started, done, judge, failed, judge, over]
    const logic = fromTransition(
      (state: MapState, event: MapEvent) => mapTransition(state, event)[0],
      initialMapState('any'),
    )
    let snapshot: Parameters<typeof transition<typeof logic>>[1] = {
      status: 'active',
      output: undefined,
      error: undefined,
      context: initialMapState('any'),
    }

    for (const event of events) snapshot = transition(logic, snapshot, event)[0]

    expect(snapshot.context).toEqual(play('any', events)[0])
  })
})

/** Each policy, and the number of reachable states under it. */
const POLICIES: readonly (readonly [SettlePolicy, number])[] = [
  ['all', 2149],
  ['collect', 9646],
  ['any', 5513],
  ['first', 2531],
  [{ atLeast: 2 }, 6563],
]

describe('every order of events of at most three branches with two steps', () => {
  it.each(POLICIES)('keeps the rules of the design under %o, in each of %d states', (policy, all) => {
    let states = 0
    for (const branches of [0, 1, 2, 3])
      for (const known of [true, false])
        for (const window of [1, 3]) states += explore({ policy, branches, known, window })

    expect(states).toBe(all)
  })
})

/** Visits every reachable world, and checks the rules in each and between each two. */
function explore(start: Start): number {
  const first = firstWorld(start)
  check(first, undefined, 'the beginning')
  const seen = new Set([keyOf(first)])
  const open = [first]
  for (let world = open.pop(); world !== undefined; world = open.pop()) {
    const moves = movesOf(world)
    if (moves.length === 0 && world.map.phase.kind !== 'ended') throw new Error(`${JSON.stringify(world)} never ends`)
    for (const { name, world: next } of moves) {
      check(next, world, name)
      const key = keyOf(next)
      if (seen.has(key)) continue
      seen.add(key)
      open.push(next)
    }
  }
  return seen.size
}

const keyOf = (world: World): string => JSON.stringify(world)

function check(world: World, before: World | undefined, move: string): void {
  for (const [rule, holds] of Object.entries(RULES))
    if (!holds(world, before))
      throw new Error(`${rule}: not after ${move}, of ${JSON.stringify(before)} → ${JSON.stringify(world)}`)
}
