import { createApplication, createLimit, defineState, type Limit } from 'teasel'
import { describeApp } from 'teasel/live'
import { type AppNode, type BranchCounts, memoryPersister } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'

// What a log, a store and a live run tell of branches in the queue, and of branches that a map no longer needed.

interface Work {
  items: string[]
  item: string
  out: string
}
const kit = defineState<Work>()

type Sources = Readonly<Record<'log' | 'store' | 'live', AppNode | undefined>>

/** One map, held by its branches; its clock moves by hand. */
function mapOf(closes: 'first' | 'watch' | undefined, concurrency: number | Limit) {
  const clock = new ManualClock()
  const gates = new Map<string, Deferred<string>>()
  const gate = (key: string): Deferred<string> =>
    gates.get(key) ?? (gates.set(key, defer()).get(key) as Deferred<string>)
  const work = kit.action({
    reads: ['item'],
    writes: ['out'],
    run: async ({ state: { item }, signal }) => ({
      out: await Promise.race([gate(item).promise, untilAborted(signal)]),
    }),
  })
  const reduced = defer<void>()
  const settle = closes === 'first' ? 'first' : 'collect'
  const map = kit.mapStates({
    reads: ['items'],
    writes: ['out'],
    action: work,
    settle,
    concurrency,
    states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
    watch: ({ event, settle: enough }) => {
      if (closes === 'watch' && event.type === 'branch.settled' && event.key === 'a') enough()
    },
    reduce: async ({ results }) => {
      await reduced.promise
      return { out: results.map(({ status }) => status).join(' ') }
    },
  })
  const after = kit.action({ reads: ['out'], writes: ['item'], run: () => ({ item: 'x' }) })
  const graph = kit.graph({ actions: { map, after }, transitions: { map: 'after' } })
  const dir = folder()
  const tracker = fileTracker({ dir, logger: quiet })
  const persister = memoryPersister({ now: () => clock.now() })
  const app = createApplication(graph, {
    ...{ appId: 'run', entrypoint: 'map', clock, persister, tracker, logger: quiet },
    state: { items: ['a', 'b', 'c', 'd'], item: '', out: '' },
  })
  const told = async (path = ''): Promise<Sources> => {
    await flush()
    tracker.flush()
    const ref = { runId: 'run', path }
    const live = await describeApp(app)
    const branches = live.root.maps.flatMap((one) => one.branches.flatMap(({ items }) => items))
    return {
      log: (await fileReader({ dir }).describe(ref))?.root,
      store: (await persister.describe(ref))?.root,
      live: path === '' ? live.root : branches.find(({ key }) => `map/${key}` === path),
    }
  }
  return { app, clock, gate, reduced, told, tracker }
}

const openBranch = ({ maps }: AppNode, key: string): AppNode | undefined =>
  maps[0]?.branches.flatMap(({ items }) => items).find((one) => one.key === key)
const timesOf = (node: AppNode | undefined): object => ({ queuedAt: node?.queuedAt, startedAt: node?.startedAt })

describe('a branch in the queue', () => {
  it('has the moment when it was queued, in a log, a store and a live run', async () => {
    const { app, clock, gate, reduced, told, tracker } = mapOf(undefined, createLimit(1))
    const at = clock.now()
    const run = app.run()
    await flush()
    clock.advance(1_200)
    gate('a').resolve('a!')
    await flush()
    clock.advance(3_400)
    gate('b').resolve('b!')
    await flush()
    clock.advance(10_000) // a heartbeat

    const { log, store, live } = await told()
    const b = { queuedAt: at, startedAt: at + 1_200 }
    const c = { queuedAt: at, startedAt: at + 4_600 }
    const d = { queuedAt: at, startedAt: undefined }
    for (const [name, root] of [
      ['log', log],
      ['store', store],
    ] as const) {
      if (root === undefined) throw new TypeError(`The ${name} has no run.`)
      expect([name, timesOf(openBranch(root, 'b'))]).toEqual([name, b])
      expect([name, timesOf(openBranch(root, 'c'))]).toEqual([name, c])
      expect([name, timesOf(openBranch(root, 'd'))]).toEqual([name, d])
    }
    expect(timesOf(live && openBranch(live, 'c'))).toEqual(c)
    expect(timesOf(live && openBranch(live, 'd'))).toEqual(d)

    for (const key of ['c', 'd']) gate(key).resolve('!')
    reduced.resolve()
    await run
    await tracker.dispose()
  })
})

describe('the branches of a map that was closed early', () => {
  const countsIn = (root: AppNode | undefined): BranchCounts | undefined => root?.maps[0]?.counts
  const LOST = { done: 1, cancelled: 3 }
  const some = (counts: BranchCounts | undefined): object =>
    Object.fromEntries(Object.entries(counts ?? {}).filter(([, n]) => n > 0))

  it.each(['first', 'watch'] as const)('are counted the same in a log, a store and a live run: %s', async (closes) => {
    const { app, gate, reduced, told, tracker } = mapOf(closes, 2)
    const run = app.run()
    await flush()
    gate('a').resolve('a!')

    const reducing = await told()
    expect(Object.entries(reducing).map(([name, root]) => [name, some(countsIn(root))])).toEqual([
      ['log', LOST],
      ['store', LOST],
      ['live', LOST],
    ])

    reduced.resolve()
    await run
    const { log, store } = await told()
    const past = (root: AppNode | undefined): readonly object[] =>
      (root?.maps ?? []).map(({ counts, total, status }) => ({ ...some(counts), total, status }))
    expect(past(log)).toEqual([{ ...LOST, total: 4, status: 'done' }])
    expect(past(store)).toEqual([{ ...LOST, total: 4, status: 'done' }])
    await tracker.dispose()
  })
})

describe('a map that has just begun', () => {
  it('is in its store with its policy before any branch has a row', async () => {
    const { app, reduced, gate, told, tracker } = mapOf('first', 2)
    const run = app.run()

    const { store } = await told()
    expect(
      store?.maps.map(({ map, kind, policy, concurrency, total }) => ({ map, kind, policy, concurrency, total })),
    ).toEqual([{ map: 'map', kind: 'states', policy: 'first', concurrency: 2, total: 4 }])

    reduced.resolve()
    gate('a').resolve('a!')
    await run
    await tracker.dispose()
  })
})

describe('the limits of a map', () => {
  const limitsIn = (root: AppNode | undefined): object => {
    const { concurrency, limit } = root?.maps[0] ?? {}
    return { concurrency, limit }
  }

  it.each([
    ['none', 2, { concurrency: 2, limit: undefined }],
    ['a limit that it shares', createLimit(3), { concurrency: 64, limit: 3 }],
    ['no number at all', createLimit(Infinity), { concurrency: 64, limit: undefined }],
  ])('are told by a log, a store and a live run: %s', async (_, concurrency, limits) => {
    const { app, reduced, gate, told, tracker } = mapOf('first', concurrency)
    const run = app.run()
    await flush()

    const sources = Object.entries(await told())
    expect(sources.map(([name, root]) => [name, limitsIn(root)])).toEqual(sources.map(([name]) => [name, limits]))

    reduced.resolve()
    gate('a').resolve('a!')
    await run
    const { log, store } = await told()
    expect([limitsIn(log), limitsIn(store)]).toEqual([limits, limits])
    await tracker.dispose()
  })

  it('are those of its application, where it has none', async () => {
    const kinds: unknown[] = []
    const work = kit.action({ reads: ['item'], writes: ['out'], run: ({ state: { item } }) => ({ out: item }) })
    const map = kit.mapStates({
      reads: [],
      writes: ['out'],
      action: work,
      states: [{ item: 'a' }],
      reduce: async () => {
        kinds.push((await describeApp(app)).root.maps[0]?.limit)
        return { out: '' }
      },
    })
    const app: ReturnType<typeof start> = start()
    function start() {
      return createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, concurrency: 5 })
    }
    await app.run()

    expect(kinds).toEqual([5])
  })
})

describe('a map that is over', () => {
  it('has its kind, its policy and its times in a store, as in a log', async () => {
    const { app, clock, gate, reduced, told, tracker } = mapOf(undefined, 2)
    const began = clock.now()
    const run = app.run()
    await flush()
    clock.advance(1_200)
    for (const key of ['a', 'b', 'c', 'd']) {
      gate(key).resolve('!')
      await flush()
    }
    clock.advance(300)
    reduced.resolve()
    await run

    const { log, store } = await told()
    const facts = { kind: 'states', policy: 'collect', concurrency: 2, total: 4, status: 'done' }
    for (const [name, root] of [
      ['log', log],
      ['store', store],
    ] as const)
      expect([name, root?.maps[0]]).toMatchObject([name, { ...facts, startedAt: began, endedAt: began + 1_500 }])
    await tracker.dispose()
  })
})
