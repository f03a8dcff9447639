import { type AnyEvent, createApplication, defineState, printPath, type } from 'teasel'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { engineTime } from '../../src/internal/platform.js'
import { chat, echo } from '../support/chat.js'
import { defer, flush } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'

const pour = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  async *run({ state }) {
    yield `${state.prompt}1`
    yield `${state.prompt}2`
    return { answer: state.prompt }
  },
})
const map = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { pour, echo },
  reduce: () => ({ answers: {} }),
})
const graph = chat.graph({ actions: { echo, map }, transitions: { echo: 'map' } })
const create = (options: object = {}) =>
  createApplication(graph, { entrypoint: 'echo', state: { prompt: 'p' }, appId: 'root', ...options })

afterEach(() => void vi.restoreAllMocks())

describe('events', () => {
  it('describe a run from beginning to end, in order, without a gap in their numbers', async () => {
    vi.spyOn(engineTime, 'now').mockReturnValue(0) // no slice ends, even on a busy machine
    const clock = new ManualClock(1000)
    const app = create({ clock })
    const seen: AnyEvent[] = []
    app.on('*', (event) => seen.push(event as AnyEvent))

    await app.run()

    expect(
      seen.map((event) => `${event.type} ${printPath(event.path)} ${'source' in event ? event.source : ''}`.trim()),
    ).toEqual([
      'run.start',
      'step.start  echo',
      'transition  echo',
      'step.end  echo',
      'step.start  map',
      'map.start  map',
      'branch.queued map/pour map',
      'branch.start map/pour map',
      'step.start map/pour pour',
      'branch.queued map/echo map',
      'branch.start map/echo map',
      'step.start map/echo echo',
      'step.end map/echo echo',
      'branch.settled map/echo map',
      'chunk map/pour pour',
      'chunk map/pour pour',
      'step.end map/pour pour',
      'branch.settled map/pour map',
      'map.end  map',
      'reduce  map',
      'step.end  map',
      'run.end',
    ])
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => i))
    expect(new Set(seen.map(({ runId, incarnation, time }) => `${runId} ${incarnation} ${time}`)).size).toBe(1)
  })

  it("carry the root's own action, the source, the step and the identity of their origin", async () => {
    const app = create()
    const chunks: unknown[] = []
    app.on('chunk', ({ action, source, chunk, sequenceId, path, appId }) =>
      chunks.push({ action, source, chunk, sequenceId, path, long: appId.length }),
    )

    await app.run()

    const from = {
      action: 'map',
      source: 'pour',
      sequenceId: 0,
      path: [{ map: 'map', visit: 1, key: 'pour' }],
      long: 52,
    }
    expect(chunks).toEqual([
      { ...from, chunk: 'p1' },
      { ...from, chunk: 'p2' },
    ])
  })

  it('tell the inputs that a step was given, and how a map runs', async () => {
    const kit = defineState<{ n: number }>()
    const grow = kit.action({
      reads: ['n'],
      writes: ['n'],
      inputs: { by: type<number>(), note: type<string>() },
      run: ({ state, inputs }) => ({ n: state.n + inputs.by }),
    })
    const each = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: grow.bind({ by: 2 }),
      concurrency: 3,
      settle: { atLeast: 1 },
      states: ({ state }) => [{ n: state.n }],
      reduce: ({ results }) => ({ n: results.length }),
    })
    const all = kit.mapActions({
      reads: ['n'],
      writes: ['n'],
      actions: { grow },
      concurrency: Infinity,
      reduce: () => ({ n: 0 }),
    })
    const app = createApplication(
      kit.graph({ actions: { grow, each, all }, transitions: { grow: 'each', each: 'all' } }),
      {
        entrypoint: 'grow',
        state: { n: 0 },
      },
    )
    const steps: (readonly [string, unknown])[] = []
    const maps: unknown[] = []
    app.on('step.start', ({ source, inputs }) => void steps.push([source, inputs]))
    app.on('map.start', ({ visit, kind, concurrency, policy }) => void maps.push([visit, kind, concurrency, policy]))

    await app.run({ inputs: { by: 1, note: 'once' } })

    expect(steps).toEqual([
      ['grow', { by: 1, note: 'once' }],
      ['each', undefined],
      ['each', { by: 2, note: 'once' }],
      ['all', undefined],
      ['grow', { by: 1, note: 'once' }],
    ])
    expect(maps).toEqual([
      [1, 'states', 3, '{ atLeast: 1 }'],
      [1, 'actions', undefined, "'all'"],
    ])
  })

  it('count also without a listener, so that a late listener gets the gapless number', async () => {
    const app = create()
    const all: number[] = []
    const last: number[] = []
    const full = create()
    full.on('*', ({ seq }) => all.push(seq))
    app.on('run.end', ({ seq }) => last.push(seq))

    await Promise.all([app.run(), full.run()])

    expect(last).toEqual([all.at(-1)])
  })

  it('begin a new run with a new id, from 0', async () => {
    const app = create()
    const starts: [string, number][] = []
    app.on('run.start', ({ runId, seq }) => starts.push([runId, seq]))

    await app.run({ haltAfter: 'echo' })
    await app.run()

    expect(starts.map(([, seq]) => seq)).toEqual([0, 0])
    expect(starts[0]?.[0]).not.toBe(starts[1]?.[0])
  })

  it('reach other listeners when one throws, which is logged', async () => {
    const told: string[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (text: string) => void told.push(text) }
    const app = create({ logger })
    let seen = 0
    app.on('step.end', () => {
      throw new Error('bad listener')
    })
    app.on('step.end', () => (seen += 1))

    const { status } = await app.run()

    expect({ status, seen, told: told.length, first: told[0] }).toEqual({
      status: 'finished',
      seen: 4,
      told: 4,
      first: 'A listener of "step.end" threw.',
    })
  })

  it('stop when the subscription ends', async () => {
    const app = create()
    let seen = 0
    const subscription = app.on('step.start', () => {
      seen += 1
      subscription.unsubscribe()
    })

    await app.run()

    expect(seen).toBe(1)
  })

  it('print paths with visits and escaped names', () => {
    expect(printPath([])).toBe('')
    expect(
      printPath([
        { map: 'compare', visit: 2, key: 'gpt/4' },
        { map: 'sub', visit: 1, key: '' },
        { map: 'a~b', visit: 1, key: 'c' },
      ]),
    ).toBe('compare#2/gpt~14/sub/~/a~0b/c')
  })

  it('show branches that wait for a shared permit as queued, and start their time with the permit', async () => {
    const gate = defer()
    const slow = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ state }) {
        await gate.promise
        return { answer: state.prompt }
      },
    })
    const two = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: slow,
      states: { a: {}, b: {} },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { two } }), {
      entrypoint: 'two',
      state: { prompt: '' },
      concurrency: 1,
    })
    const seen: string[] = []
    app.on('branch.queued', ({ key }) => seen.push(`${key} queued`))
    app.on('branch.start', ({ key }) => seen.push(`${key} started`))
    app.on('branch.settled', ({ key }) => seen.push(`${key} settled`))

    const run = app.run()
    await flush()
    const before = [...seen]
    gate.resolve()
    await run

    expect(before).toEqual(['a queued', 'b queued', 'a started'])
    expect(seen.slice(3)).toEqual(['a settled', 'b started', 'b settled'])
  })
})
