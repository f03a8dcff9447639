import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { createPersister, memoryPersister, type Persister, type PersisterDriver, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { flakyPersister } from '../support/flaky-driver.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  n: number
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const approve = defineMessage('approve', type<string>())
const options = { appId: 'app', entrypoint: 'map', state: { n: 0 } } as const

/** A loop over one map, whose branches are stored in a persister of its own. */
function looped(
  persister: Persister,
  ran: string[],
  held: (n: number, item: string) => boolean = () => false,
  poured = false,
) {
  const states = (n: number) =>
    ['a', 'b'].map((item) => [{ item }, { key: poured ? `${item} of visit ${n}` : item }] as const)
  const one = kit.action({
    reads: ['item', 'n'],
    writes: ['item'],
    run: ({ state: { item, n } }) => ({ item: `${item}${n}` }),
  })
  const two = kit.action({
    reads: ['item', 'n'],
    writes: ['item'],
    async run({ state: { item, n } }) {
      ran.push(item)
      if (held(n, item)) await new Promise(() => {})
      return { item: `${item}!` }
    },
  })
  const map = kit.mapStates({
    reads: ['n'],
    writes: ['n', 'outs'],
    persister,
    action: kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' }),
    states: poured ? ({ state }) => states(state.n).values() : ({ state }) => states(state.n),
    reduce: ({ state: { n }, results }) => ({ n: n + 1, outs: results.map(({ state }) => state.item) }),
  })
  return kit.graph({ actions: { map }, transitions: { map: [{ to: 'map', when: ({ state }) => state.n < 2 }] } })
}

describe.each([
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
  ['a store that answers later', () => flakyPersister(() => undefined, true)],
])('the persister of a map in an application without one (%s)', (_, open) => {
  it('keeps its branches: an interrupted fan-out is resumed', async () => {
    const persister = open()
    const ran: string[] = []
    void createApplication(
      looped(persister, ran, (n, item) => n === 0 && item === 'b0'),
      options,
    ).run()
    for (let i = 0; i < 5; i++) await flush()
    expect(ran).toEqual(['a0', 'b0'])

    const { state } = await createApplication(looped(persister, ran), options).run()

    expect(ran).toEqual(['a0', 'b0', 'b0', 'a1', 'b1'])
    expect(state.outs).toEqual(['a1!', 'b1!'])
  })

  it.each([
    ['a list', false],
    ['a generator', true],
  ])('never reuses the branches of another visit or of an ended run (%s)', async (_of, poured) => {
    const persister = open()
    const ran: string[] = []
    const ids: string[] = []
    for (let i = 0; i < 2; i++) {
      const app = createApplication(looped(persister, ran, undefined, poured), options)
      app.on('branch.settled', ({ result, appId }) => void ids.push(result.appId, appId))
      await app.run()
    }

    expect(ran).toEqual(['a0', 'b0', 'a1', 'b1', 'a0', 'b0', 'a1', 'b1'])
    expect(new Set(ids).size).toBe(8)
    const stored = await Promise.all(ids.map((appId) => persister.load({ appId })))
    expect(stored.map((record) => record?.end)).toEqual(ids.map(() => 'finished'))
  })

  it('stores messages for them, from this process and from others', async () => {
    const persister = open()
    const clock = new ManualClock()
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      async run({ context }) {
        const { body } = await context.receiveOne(approve)
        return { item: body }
      },
    })
    const hold = defer()
    const busy = kit.action({
      reads: [],
      writes: ['item'],
      async run() {
        await hold.promise
        return { item: 'busy' }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      persister,
      concurrency: 1,
      actions: { x: ask, y: ask, busy, z: ask },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, state: {}, clock })
    const run = app.run()
    for (let i = 0; i < 5; i++) await flush()

    const inbox = async () => (await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).length
    expect(await app.send(approve('for z'), { path: 'map/z' })).toBe('queued')
    expect(await inbox()).toBe(1)
    expect(await app.send(approve('for x'), { path: 'map/x' })).toBe('delivered')
    expect(await sendStored({ persister, appId: 'app', path: 'map/y', message: approve('for y') })).toBe('queued')
    hold.resolve()
    await flush()
    clock.advance(1000)

    expect((await run).state.outs).toEqual(['for x', 'for y', 'busy', 'for z'])
  })
})

it("a message for a branch in another store takes no message from the application's own store", async () => {
  const [persister, own] = [memoryPersister(), memoryPersister()]
  const ask = kit.action({
    reads: [],
    writes: ['item'],
    run: async ({ context }) => ({ item: (await context.receiveOne(approve)).body }),
  })
  const map = kit.mapActions({
    reads: [],
    writes: ['outs'],
    persister: own,
    actions: { x: ask },
    reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { ...options, state: {}, persister })
  const waiting = emitted(app, 'wait', 'map/x')
  const run = app.run()
  await waiting
  await own.driver.post({ partitionKey: null, rootId: 'another' }, 'another', '{}') // it gets the first id there

  await app.send(approve('x'), { path: 'map/x' })

  expect((await run).state.outs).toEqual(['x'])
  expect(await own.driver.inbox({ partitionKey: null, rootId: 'another' })).toHaveLength(1)
  expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
})

it('a runner that lost the root takes no store of a map from its successor', async () => {
  const [persister, own] = [memoryPersister(), memoryPersister()]
  const [asked, stopped, held] = [defer(), defer(), defer()]
  const slow = createPersister(
    new Proxy(own.driver, {
      get(driver, method: keyof PersisterDriver) {
        const value = driver[method]
        if (method !== 'claim') return typeof value === 'function' ? value.bind(driver) : value
        return async (...given: Parameters<PersisterDriver['claim']>) => {
          asked.resolve()
          await stopped.promise
          return driver.claim(...given)
        }
      },
    }),
  )
  const graph = (store: Persister, waits: Promise<void>) => {
    const item = kit.action({
      reads: [],
      writes: ['item'],
      run: async () => {
        await waits
        return { item: 'done' }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      persister: store,
      actions: { x: item },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
    })
    return kit.graph({ actions: { map } })
  }
  const first = createApplication(graph(slow, Promise.resolve()), { ...options, persister, logger: quiet })
  const lost = first.run().catch((error: unknown) => error)
  await asked.promise
  const second = await resumeOrCreate(graph(own, held.promise), { ...options, persister })
  const begun = emitted(second, 'step.start', 'map/x')
  const run = second.run()
  await begun

  stopped.resolve()
  const refusal = await lost
  held.resolve()

  expect(refusal).toMatchObject({ fault: 'taken-over' })
  expect((await run).state.outs).toEqual(['done'])
})

it('a map refuses an invalid persister', () => {
  const map = { reads: [], writes: ['outs'], actions: {}, reduce: () => ({ outs: [] }) } as const
  // @ts-expect-error no persister
  expect(() => kit.mapActions({ ...map, persister: 'memory' })).toThrow(
    `persister is "memory". It takes 'cascade', null or a persister.`,
  )
})
