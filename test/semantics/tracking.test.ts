import { type AnyEvent, createApplication, defineState, printPath, resumeOrCreate, type Tracker } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { EventRecorder } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  n: number
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const shout = kit.action({ reads: ['item'], writes: ['item'], run: ({ state }) => ({ item: `${state.item}!` }) })
const gather = ({ results }: { readonly results: readonly { readonly state: { readonly item: string } }[] }) => ({
  outs: results.map(({ state }) => state.item),
})
type Choice = Parameters<typeof kit.mapStates>[0]['tracker']

/** A map `outer` of one branch `x`, whose map `inner` has one branch `y`; both can have a tracker. */
function nested(outer?: Choice, inner?: Choice) {
  const said = (tracker: Choice) => (tracker === undefined ? {} : { tracker })
  const below = kit.mapStates({
    reads: [],
    writes: ['outs'],
    ...said(inner),
    action: shout,
    states: { y: { item: 'y' } },
    reduce: gather,
  })
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    ...said(outer),
    action: kit.graph({ actions: { inner: below } }).runnable({ entrypoint: 'inner' }),
    states: { x: {} },
    reduce: ({ results }) => ({ outs: results.flatMap(({ state }) => state.outs) }),
  })
  return kit.graph({ actions: { outer: map } })
}
const options = { appId: 'app', entrypoint: 'outer', state: {}, logger: quiet } as const

/** Paths of the applications in a tracker, in the order of their first event. */
const placesOf = (recorder: EventRecorder): string[] =>
  recorder.appIds.map((appId) => recorder.of(appId).map(({ path }) => printPath(path))[0] ?? '')

describe('a tracker', () => {
  it('gets every event of an application and all below it, in the order of seq (S-091)', async () => {
    const [told, heard] = [[] as AnyEvent[], [] as unknown[]]
    const app = createApplication(nested(), { ...options, tracker: { track: (event) => void told.push(event) } })
    for (const type of ['run.start', 'step.start', 'step.end', 'map.start', 'branch.settled', 'run.end'] as const)
      app.on(type, (event) => void heard.push(event))

    await app.run()

    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, at) => at))
    expect(told.at(-1)?.type).toBe('run.end')
    expect(heard.every((event) => told.includes(event as AnyEvent))).toBe(true)
    expect([...new Set(told.map(({ path }) => printPath(path)))].sort()).toEqual(['', 'outer/x', 'outer/x/inner/y'])
  })

  it('measures time for steps that no other listener gets', async () => {
    const tracker = new EventRecorder()
    let now = 1_000
    const clock = { now: () => now, setTimeout: () => undefined, clearTimeout() {} }
    const wait = kit.action({
      reads: [],
      writes: ['n'],
      run: () => {
        now += 5
        return { n: 1 }
      },
    })
    const graph = kit.graph({ actions: { wait } })

    await createApplication(graph, { appId: 'app', entrypoint: 'wait', state: {}, tracker, clock }).run()

    expect(tracker.of('app').flatMap((event) => (event.type === 'step.end' ? [event.durationMs] : []))).toEqual([5])
  })

  it('continues with the same applications after a reload, in a higher incarnation (S-095)', async () => {
    const [tracker, persister] = [new EventRecorder(), memoryPersister()]
    const graph = (held: boolean) => {
      const step = kit.action({
        reads: ['item'],
        writes: ['item'],
        async run({ state: { item } }) {
          if (held) await new Promise(() => {})
          return { item }
        },
      })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: step,
        states: { a: { item: 'a' }, b: { item: 'b' } },
        reduce: gather,
      })
      return kit.graph({ actions: { outer: map } })
    }
    const first = createApplication(graph(true), { ...options, tracker, persister })
    const started = emitted(first, 'step.start', 'outer/a', 'outer/b')
    void first.run().catch(() => {})
    await started
    const before = tracker.appIds

    await (await resumeOrCreate(graph(false), { ...options, tracker, persister })).run()

    expect(before).toHaveLength(3)
    expect(tracker.appIds).toEqual(before)
    const begun = tracker.appIds.map((appId) =>
      tracker.of(appId).flatMap(({ type, incarnation }) => (/^(run|branch).start$/.test(type) ? [incarnation] : [])),
    )
    expect(begun).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ])
  })

  it('gets nothing of the branches of a map with the tracker null, nor of applications below them (S-097)', async () => {
    const [outer, inner, unheard] = [new EventRecorder(), new EventRecorder(), new EventRecorder()]

    await createApplication(nested(null, unheard), { ...options, tracker: outer }).run()
    await createApplication(nested('cascade', null), { ...options, tracker: inner }).run()

    expect([placesOf(outer), unheard.appIds]).toEqual([[''], []])
    expect(outer.of('app').map(({ type }) => type)).toEqual([
      'run.start',
      'step.start',
      'map.start',
      'map.end',
      'reduce',
      'step.end',
      'run.end',
    ])
    expect(placesOf(inner)).toEqual(['', 'outer/x'])
  })

  it('is absent for all below when the application has none: also for a map with one of its own (S-098)', async () => {
    const own = new EventRecorder()
    const asked: unknown[] = []
    const ask = (map: unknown) => {
      asked.push(map)
      return own
    }

    const { status } = await createApplication(nested(own, ask), options).run()

    expect([status, own.appIds, asked]).toEqual(['finished', [], []])
  })

  it('of a map is the one above, none, another one, or the result of a function of the map (S-099)', async () => {
    const places = async (choose: (own: Tracker) => Choice) => {
      const [tracker, own] = [new EventRecorder(), new EventRecorder()]
      await createApplication(nested('cascade', choose(own)), { ...options, tracker }).run()
      return [placesOf(tracker), placesOf(own)]
    }
    const asked: unknown[] = []

    const above = [['', 'outer/x', 'outer/x/inner/y'], []]
    const other = [['', 'outer/x'], ['outer/x/inner/y']]
    expect(await places(() => 'cascade')).toEqual(above)
    expect(await places(() => null)).toEqual([['', 'outer/x'], []])
    expect(await places((own) => own)).toEqual(other)
    expect(await places(() => () => 'cascade')).toEqual(above)
    expect(
      await places((own) => (map) => {
        asked.push(map)
        return own
      }),
    ).toEqual(other)
    expect(asked).toEqual([
      { appId: expect.stringMatching(/^[a-z2-7]{52}$/), path: 'outer/x', action: 'inner', sequenceId: 0 },
    ])
  })

  it('of a map gets a branch that was cancelled before its start', async () => {
    const [tracker, own] = [new EventRecorder(), new EventRecorder()]
    const map = kit.mapStates({
      reads: [],
      writes: ['n'],
      tracker: own,
      concurrency: 1,
      settle: 'any',
      action: shout,
      states: { a: { item: 'a' }, b: { item: 'b' } },
      reduce: ({ results }) => ({ n: results.length }),
    })

    await createApplication(kit.graph({ actions: { outer: map } }), { ...options, tracker }).run()

    const settled = own.appIds.flatMap((appId) =>
      own.of(appId).flatMap((event) => (event.type === 'branch.settled' ? [`${event.key} ${event.status}`] : [])),
    )
    expect([settled, placesOf(tracker)]).toEqual([['a done', 'b cancelled'], ['']])
  })

  it('records an application created by an action with its parent (S-091)', async () => {
    const tracker = new EventRecorder()
    const graph = kit.graph({ actions: { shout } })
    const outer = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const state = { item: 'a' }
        await createApplication(graph, { entrypoint: 'shout', state, parent: context, key: 'hand' }).run()
        return { n: 1 }
      },
    })

    await createApplication(kit.graph({ actions: { outer } }), { ...options, tracker }).run()

    expect(placesOf(tracker)).toEqual(['', 'outer/hand'])
  })
})

describe('a tracker that fails', () => {
  it.each([
    [
      'throws',
      () => {
        throw new RangeError('disk full')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('disk full'))],
  ] as const)('is reported, and the run goes on: it %s', async (_, fail) => {
    const [logged, faults] = [[] as string[], [] as unknown[]]
    const app = createApplication(nested(), {
      ...options,
      logger: { ...quiet, error: (text) => void logged.push(text) },
      tracker: { name: 'disk', track: ({ type }) => (type === 'step.start' || type === 'fault' ? fail() : undefined) },
    })
    app.on('fault', ({ where, error, appId }) => void faults.push([where, String(error), appId]))

    const { status, state } = await app.run()
    await flush()

    expect([status, state.outs]).toEqual(['finished', ['y!']])
    expect(faults).toEqual(Array(3).fill(['tracker disk', 'RangeError: disk full', 'app']))
    expect(logged).toEqual(Array(6).fill('tracker disk threw.'))
  })

  it('is reported only to the logger once the run has ended', async () => {
    const [logged, faults] = [[] as string[], [] as unknown[]]
    const app = createApplication(nested(), {
      ...options,
      logger: { ...quiet, error: (text) => void logged.push(text) },
      tracker: {
        track({ type }) {
          if (type === 'run.end') throw new RangeError('disk full')
        },
      },
    })
    app.on('fault', (event) => void faults.push(event))

    await app.run()

    expect([logged, faults]).toEqual([['tracker threw.'], []])
  })

  it('gets the events that it causes after the current one, as listeners do', async () => {
    const [order, heard] = [[] as string[], [] as string[]]
    const app = createApplication(nested(), {
      ...options,
      tracker: {
        track({ type }) {
          order.push(type)
          if (type === 'map.start') void app.cancel()
        },
      },
    })
    for (const type of ['map.start', 'cancel'] as const) app.on(type, () => void heard.push(type))

    const { status } = await app.run()

    expect([status, heard]).toEqual(['cancelled', ['map.start', 'cancel']])
    expect(order.slice(0, 4)).toEqual(['run.start', 'step.start', 'map.start', 'cancel'])
  })

  it('is refused when it is invalid, and fails the step when a function returns an invalid one', async () => {
    const wrong = { record() {} } as unknown as Tracker
    const answer = (() => 'parent') as unknown as Choice

    expect(() => createApplication(nested(), { ...options, tracker: wrong })).toThrow(
      /tracker is .* It takes a tracker/,
    )
    expect(() => nested(false as unknown as null)).toThrow(/tracker is false\. .* 'cascade' or null/)
    const app = createApplication(nested(answer), { ...options, tracker: new EventRecorder() })
    await expect(app.run()).rejects.toThrow(/tracker is "parent"/)
  })
})
