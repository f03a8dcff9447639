import { createApplication, defineMessage, defineState, InputError, type } from 'teasel'
import type {
  AppSummary,
  Persister,
  PersisterDriver,
  StoredWait,
  SummaryParent,
  SummaryStatus,
} from 'teasel/persistence'
import { createPersister } from 'teasel/persistence'
import { afterAll, describe, expect, it } from 'vitest'
import { branchIdOf } from '../../src/parallel/branch-id.js'
import { sealRow } from '../../src/persistence/seal.js'
import type { BeatFacts, SummaryFacts } from '../../src/persistence/summary-facts.js'
import { defer, untilAborted } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'

const { stores, close } = await storesOf('reader')
afterAll(close)

const WRITER = 'w1'
const T0 = Date.now() - 100_000

type Given = Partial<Omit<AppSummary, 'facts'>> & { readonly facts?: Partial<SummaryFacts> }

const summaryOf = (appId: string, status: SummaryStatus, { facts, ...rest }: Given = {}): AppSummary => ({
  appId,
  status,
  since: T0,
  pending: 0,
  retrying: 0,
  leaked: 0,
  wake: null,
  nextAt: null,
  facts: JSON.stringify({ epoch: 0, ...facts }),
  ...rest,
})

const rowOf = (appId: string, index: number, label: string, data: object, order = T0 + index) =>
  sealRow({
    appId,
    index,
    kind: index === 0 ? 'full' : 'patch',
    epoch: 0,
    sequenceId: index - 1,
    label,
    order: order * 1024 + index,
    data: JSON.stringify({ f: 2, ...data }),
  })
const startOf = (appId: string, order?: number) =>
  rowOf(appId, 0, 'start', { v: 0, c: {}, n: 'main', s: { n: 0 } }, order)

/** Stores a root with its start. */
async function root(
  driver: PersisterDriver,
  rootId: string,
  status: SummaryStatus,
  given: Given = {},
  leaseMs = 0,
  partitionKey: string | null = null,
) {
  await driver.claim({ partitionKey, rootId }, WRITER, {
    leaseMs,
    worker: JSON.stringify({ host: 'web-1', pid: 7 }),
  })
  const order = given.since ?? T0
  const rows = [startOf(rootId, order)]
  await driver.save({ partitionKey, rootId, writer: WRITER, rows, summaries: [summaryOf(rootId, status, given)] })
}

const placeOf = (parentId: string, key: string, index: number, more: Partial<SummaryParent> = {}): SummaryParent => ({
  appId: parentId,
  epoch: 0,
  sequenceId: 0,
  map: 'main',
  visit: 1,
  key,
  index,
  ...more,
})

/** Stores a branch of a map. */
async function branch(
  driver: PersisterDriver,
  rootId: string,
  parent: SummaryParent,
  status: SummaryStatus,
  given: Given = {},
): Promise<string> {
  const appId = branchIdOf(parent.appId, parent.epoch, parent.map, parent.visit, parent.key)
  const summaries = [summaryOf(appId, status, { parent, ...given })]
  await driver.save({ partitionKey: null, rootId, writer: WRITER, rows: [startOf(appId)], summaries })
  return appId
}

const ids = (page: { readonly items: readonly { readonly runId: string }[] }) => page.items.map(({ runId }) => runId)

describe.each(stores)('a persister as a reader (%s)', (_, kind) => {
  const open = (): { readonly driver: PersisterDriver; readonly other: Persister } => {
    const connect = kind.open()
    return { driver: connect().driver, other: connect() }
  }

  it('lists runs newest first, in pages whose cursors survive a deletion', async () => {
    const { driver, other } = open()
    for (let i = 0; i < 5; i++) await root(driver, `r${i}`, 'halted', { since: T0 + i })

    const first = await other.list({ limit: 2 })
    await other.delete({ appId: 'r3' })
    const second = await other.list({ limit: 2, after: first.after ?? '' })
    const third = await other.list({ limit: 2, after: second.after ?? '' })

    expect([ids(first), ids(second), ids(third), third.after]).toEqual([['r4', 'r3'], ['r2', 'r1'], ['r0'], undefined])
  })

  it('lists a run with all that its summary has', async () => {
    const { driver, other } = open()
    await root(driver, 'a', 'waiting', {
      name: 'orders',
      title: 'Order 7',
      labels: { customer: '7' },
      pending: 2,
      nextAt: T0 + 90,
      facts: {
        sequenceId: -1,
        startedAt: T0 + 1,
        next: 'main',
        map: { map: 'main', visit: 1, sequenceId: 0, total: 3 },
        counts: { waiting: 2, done: 1 },
      },
    })

    const { items } = await other.list({ labels: { customer: '7' }, name: 'orders', status: 'waiting' })

    const none = { queued: 0, running: 0, retrying: 0, interrupted: 0, failed: 0, cancelled: 0 }
    expect(items).toEqual([
      {
        runId: 'a',
        partitionKey: null,
        name: 'orders',
        title: 'Order 7',
        labels: { customer: '7' },
        status: 'waiting',
        since: T0,
        createdAt: T0,
        startedAt: T0 + 1,
        updatedAt: T0,
        next: 'main',
        sequenceId: -1,
        epoch: 0,
        incarnation: 0,
        branches: { ...none, waiting: 2, done: 1 },
        pending: 2,
        retrying: 0,
        leaked: 0,
        nextAt: T0 + 90,
      },
    ])
  })

  it('shows who holds a run that runs, and reads it as interrupted since its lease was over', async () => {
    const { driver, other } = open()
    await root(driver, 'alive', 'running', { wake: 'lease' }, 60_000)
    await root(driver, 'dead', 'running', { wake: 'lease', since: T0 - 1 }, 1)
    const lease = (await driver.find({ partitionKey: null, rootId: 'dead' }))?.claim?.leaseUntil
    while (Date.now() <= (lease ?? 0) + 2) await driver.find({ partitionKey: null, rootId: 'dead' })

    const [alive, dead] = (await other.list()).items

    expect([alive?.status, alive?.heldBy]).toEqual([
      'running',
      { id: WRITER, host: 'web-1', pid: 7, leaseUntil: expect.any(Number) },
    ])
    expect([dead?.status, dead?.since, dead?.heldBy]).toEqual(['interrupted', lease, undefined])
    expect(await other.count()).toEqual({ running: 1, interrupted: 1 })
    expect([ids(await other.list({ status: 'interrupted' })), ids(await other.due())]).toEqual([['dead'], ['dead']])
  })

  it('describes a map with the first branches of each status, and pages the rest', async () => {
    const { driver, other } = open()
    await root(driver, 'r', 'failed', {
      facts: { next: 'main', map: { map: 'main', visit: 1, sequenceId: 0, total: 7 } },
    })
    for (const [i, status] of (
      ['done', 'failed', 'done', 'running', 'done', 'waiting', 'cancelled'] as const
    ).entries())
      await branch(driver, 'r', placeOf('r', `k${i}`, i), status)

    const tree = await other.describe({ runId: 'r', first: 2 })
    const [map] = tree?.root.maps ?? []
    const pages = map?.branches.map(({ status, items, more, after }) => [
      status,
      items.map(({ key }) => key),
      more,
      after,
    ])
    const next = await other.branches({
      runId: 'r',
      map: 'main',
      visit: 1,
      status: 'done',
      after: map?.branches[0]?.after ?? '',
    })

    // Below a failed run an open branch is cancelled.
    expect([map?.status, map?.counts]).toMatchObject([
      'failed',
      { done: 3, failed: 1, cancelled: 3, running: 0, waiting: 0 },
    ])
    expect(tree?.run.branches).toEqual(map?.counts)
    expect((await other.list()).items[0]?.branches).toEqual(map?.counts)
    expect(pages).toEqual([
      ['done', ['k0', 'k2'], 1, expect.any(String)],
      ['failed', ['k1'], 0, undefined],
      ['cancelled', ['k3', 'k5'], 1, expect.any(String)],
    ])
    expect([next.items.map(({ key }) => key), next.after]).toEqual([['k4'], undefined])
  })

  it('shows branches without rows by the last heartbeat, and the others as queued', async () => {
    const { driver, other } = open()
    const map = { map: 'main', visit: 1, sequenceId: 0, total: 5 }
    await root(driver, 'r', 'running', { wake: 'lease', facts: { next: 'main', map } }, 60_000)
    await branch(driver, 'r', placeOf('r', 'a', 0), 'done')
    const beat: BeatFacts = {
      counts: { done: 1, running: 2, queued: 2 },
      branches: ['b', 'c'].map((key) => ({
        appId: branchIdOf('r', 0, 'main', 1, key),
        path: [['main', 1, key]],
        status: 'running',
        attempt: 1,
        startedAt: T0 + 5,
        action: 'work',
        sequenceId: 0,
        progress: { done: 1, total: 2, at: T0 + 6 },
      })),
    }
    await driver.beat({ partitionKey: null, rootId: 'r' }, WRITER, 60_000, JSON.stringify(beat))

    const tree = await other.describe({ runId: 'r' })
    const below = await other.describe({ runId: 'r', path: 'main/b' })

    expect(tree?.run.branches).toMatchObject({ done: 1, running: 2, queued: 2 })
    expect(tree?.root.maps[0]?.counts).toMatchObject({ done: 1, running: 2, queued: 2 })
    const running = tree?.root.maps[0]?.branches.find(({ status }) => status === 'running')
    expect(running?.items.map(({ key }) => key).sort()).toEqual(['b', 'c'])
    expect(below?.root).toMatchObject({
      path: [['main', 1, 'b']],
      status: 'running',
      attempt: 1,
      startedAt: T0 + 5,
      step: { action: 'work', sequenceId: 0, status: 'running', progress: { done: 1, total: 2, at: T0 + 6 } },
    })
    expect(await other.steps({ runId: 'r', path: 'main/b' })).toEqual({ items: [below?.root.step] })
    expect(await other.steps({ runId: 'r', path: 'main/b', from: 1 })).toEqual({ items: [] })
  })

  it('shows a map at which a run begins before a branch of it has a row', async () => {
    const { driver, other } = open()
    const kit = defineState<{ key: string; n: number }>()
    const begun = defer()
    const work = kit.action({
      reads: ['key'],
      writes: [],
      run: ({ signal }) => {
        begun.resolve()
        return untilAborted(signal)
      },
    })
    const fan = kit.mapStates({
      reads: [],
      writes: ['n'],
      action: work,
      concurrency: 1,
      states: { a: { key: 'a' }, b: { key: 'b' } },
      reduce: ({ results }) => ({ n: results.length }),
    })
    const persister = createPersister(driver)
    const graph = kit.graph({ actions: { fan } })
    const app = createApplication(graph, { appId: 'r', entrypoint: 'fan', state: {}, persister, logger: quiet })
    const run = app.run()
    await begun.promise

    expect((await other.describe({ runId: 'r' }))?.root.maps).toMatchObject([{ map: 'fan', visit: 1, total: 2 }])
    expect((await other.describe({ runId: 'r', path: 'fan/b' }))?.root).toMatchObject({ key: 'b' })
    await app.cancel()
    await run
  })

  it('describes past maps, nested maps and applications made by hand', async () => {
    const { driver, other } = open()
    await root(driver, 'r', 'running', { wake: 'lease', facts: { sequenceId: 0, next: 'make' } }, 60_000)
    await driver.save({
      partitionKey: null,
      rootId: 'r',
      writer: WRITER,
      rows: [rowOf('r', 1, 'main', { n: 'make', p: null })],
    })
    const a = await branch(driver, 'r', placeOf('r', 'a', 0), 'done')
    await branch(driver, 'r', placeOf(a, 'x', 0, { map: 'inner' }), 'done')
    await branch(driver, 'r', placeOf('r', 'hand', -1, { map: 'make', sequenceId: 1 }), 'waiting')

    const tree = await other.describe({ runId: 'r' })
    const past = await other.branches({ runId: 'r', map: 'main', visit: 1 })
    const inner = await other.branches({ runId: 'r', path: 'main/a', map: 'inner', visit: 1 })

    expect(tree?.root.maps).toMatchObject([
      { map: 'main', visit: 1, status: 'done', counts: { done: 1 }, branches: [] },
    ])
    expect(tree?.root.children).toMatchObject([{ key: 'hand', path: [['make', 1, 'hand']], status: 'waiting' }])
    expect(past.items).toMatchObject([{ key: 'a', status: 'done', path: [['main', 1, 'a']] }])
    expect(inner.items).toMatchObject([
      {
        key: 'x',
        status: 'done',
        path: [
          ['main', 1, 'a'],
          ['inner', 1, 'x'],
        ],
      },
    ])
  })

  it('lists open questions with their run, oldest first, in pages', async () => {
    const { driver, other } = open()
    const wait = (appId: string, since: number): StoredWait => ({
      id: `${appId}.0.0`,
      sequenceId: 0,
      n: 0,
      kinds: ['approve'],
      since,
      until: null,
      facts: JSON.stringify({ action: 'ask', path: [], ask: { amount: 7 } }),
    })
    for (const [i, appId] of ['a', 'b', 'c'].entries())
      await root(driver, appId, 'waiting', { pending: 1, title: `Order ${appId}`, waits: [wait(appId, T0 - i)] })
    await driver.post({ partitionKey: null, rootId: 'b' }, 'b', '{}', 'approve')

    const first = await other.pending({ limit: 1 })
    const second = await other.pending({ limit: 1, after: first.after ?? '' })
    const answered = await other.pending({ answered: true })

    expect([ids(first), ids(second), second.after, ids(answered)]).toEqual([['c'], ['a'], undefined, ['b']])
    expect(first.items).toEqual([
      {
        runId: 'c',
        partitionKey: null,
        appId: 'c',
        path: [],
        action: 'ask',
        sequenceId: 0,
        id: 'c.0.0',
        kinds: ['approve'],
        ask: { amount: 7 },
        since: T0 - 2,
        answered: false,
        title: 'Order c',
        labels: {},
      },
    ])
    expect((await other.describe({ runId: 'a' }))?.root.pending.map(({ id }) => id)).toEqual(['a.0.0'])
  })

  it('pages through questions that differ in their partition only', async () => {
    const { driver, other } = open()
    const facts = JSON.stringify({ action: 'ask', path: [] })
    const asked = { id: 'a.0.0', sequenceId: 0, n: 0, kinds: ['approve'], since: T0, until: null, facts }
    for (const partitionKey of ['p', null, 'q'])
      await root(driver, 'a', 'waiting', { pending: 1, waits: [asked] }, 0, partitionKey)

    const found: (string | null)[] = []
    let after: string | undefined
    do {
      const page = await other.pending({ partitionKey: '*', limit: 1, ...(after && { after }) })
      found.push(...page.items.map(({ partitionKey }) => partitionKey))
      after = page.after
    } while (after !== undefined)

    expect(found).toEqual([null, 'p', 'q'])
  })

  it('gives the steps with their changes, and the state after each', async () => {
    const { driver, other } = open()
    await root(driver, 'r', 'halted', { facts: { sequenceId: 1, next: 'b', position: 'a' } })
    const rows = [
      rowOf('r', 1, 'a', { n: 'a', p: ['{', { n: ['=', 1] }, []], l: 5 }),
      rowOf('r', 2, 'a', { n: 'b', p: ['{', { n: ['=', 2] }, []], l: 6, i: 2, y: 'more' }),
    ]
    await driver.save({ partitionKey: null, rootId: 'r', writer: WRITER, rows })

    const { items } = await other.steps({ runId: 'r' })
    const page = await other.steps({ runId: 'r', from: 0, limit: 1 })
    const rest = await other.steps({ runId: 'r', from: 0, limit: 1, after: page.after ?? '' })

    const head = { appId: 'r', path: [], epoch: 0, status: 'done' }
    expect(items).toEqual([
      { ...head, action: '', sequenceId: -1, placed: 'start', endedAt: T0 },
      {
        ...head,
        action: 'a',
        sequenceId: 0,
        attempt: 1,
        startedAt: T0 + 1 - 5,
        durationMs: 5,
        endedAt: T0 + 1,
        patch: ['{', { n: ['=', 1] }, []],
        took: { to: 'a', condition: 'default' },
      },
      {
        ...head,
        action: 'a',
        sequenceId: 1,
        attempt: 2,
        startedAt: T0 + 2 - 6,
        durationMs: 6,
        endedAt: T0 + 2,
        patch: ['{', { n: ['=', 2] }, []],
        took: { to: 'b', condition: 'more' },
      },
    ])
    expect([page.items.map(({ sequenceId }) => sequenceId), rest.items.map(({ sequenceId }) => sequenceId)]).toEqual([
      [0],
      [1],
    ])
    expect([await other.state({ runId: 'r' }), await other.state({ runId: 'r', sequenceId: 0 })]).toEqual([
      { n: 2 },
      { n: 1 },
    ])
    expect(await other.state({ runId: 'r', sequenceId: 9 })).toBeUndefined()
  })

  it('pages a map of 10 000 branches without a look at the others', async () => {
    const { driver, other } = open()
    const total = kind === stores[0]?.[1] ? 10_000 : 2_000
    const map = { map: 'main', visit: 1, sequenceId: 0, total }
    await root(driver, 'r', 'running', { wake: 'lease', facts: { next: 'main', map } }, 60_000)
    const many = Array.from({ length: total }, (_, i) => {
      const parent = placeOf('r', `k${i}`, i)
      const appId = branchIdOf('r', 0, 'main', 1, `k${i}`)
      return { row: startOf(appId), summary: summaryOf(appId, i % 100 === 0 ? 'failed' : 'done', { parent }) }
    })
    for (let at = 0; at < total; at += 500) {
      const some = many.slice(at, at + 500)
      await driver.save({
        partitionKey: null,
        rootId: 'r',
        writer: WRITER,
        rows: some.map(({ row }) => row),
        summaries: some.map(({ summary }) => summary),
      })
    }
    let loaded = 0
    const watched = new Proxy(other.driver, {
      get(driver, name) {
        const value: unknown = Reflect.get(driver, name, driver)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          if (name === 'load') loaded += (given[1] as string[]).length
          return Reflect.apply(value, driver, given) as unknown
        }
      },
    })
    const reader = createPersister(watched)

    const tree = await reader.describe({ runId: 'r' })
    const seen: (number | undefined)[] = []
    let after: string | undefined
    do {
      const page = await reader.branches({
        runId: 'r',
        map: 'main',
        visit: 1,
        status: 'failed',
        limit: 30,
        ...(after !== undefined && { after }),
      })
      for (const { index } of page.items) seen.push(index)
      after = page.after
    } while (after !== undefined)

    expect(tree?.root.maps[0]?.counts).toMatchObject({ done: total - total / 100, failed: total / 100 })
    expect(seen).toEqual(Array.from({ length: total / 100 }, (_, i) => i * 100))
    expect(loaded).toBe(0)
  })

  it('reads runs without a summary from their records, so that no filter hides them', async () => {
    const { driver, other } = open()
    const older = createPersister(
      overDriver(driver, { save: ({ summaries: _, ...group }) => driver.save(group), close() {} }),
    )
    const kit = defineState<{ items: string[]; item: string; out: string }>()
    const answer = defineMessage('answer', type<string>())
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ state: { item }, context }) => {
        if (item === 'bad') throw new RangeError('bad')
        return { out: item === 'ask' ? (await context.receiveOne(answer)).body : item }
      },
    })
    const map = kit.mapStates({
      reads: ['items'],
      writes: ['out'],
      action: act,
      states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
      reduce: () => ({ out: 'end' }),
    })
    const graph = kit.graph({ actions: { map } })
    const start = (appId: string, ...items: string[]) =>
      createApplication(graph, { appId, entrypoint: 'map', state: { items }, persister: older, logger: quiet })
    await start('ended', 'a').run()
    await start('failed', 'a', 'bad')
      .run()
      .catch(() => {})
    await start('asks', 'a', 'ask').run({ whenWaiting: 'return' })
    await root(driver, 'new', 'finished')

    const listed = await Promise.all(
      (['finished', 'failed', 'waiting', 'interrupted'] as const).map(async (status) =>
        ids(await other.list({ status })).sort(),
      ),
    )
    const tree = await other.describe({ runId: 'asks' })

    expect(listed).toEqual([['ended', 'new'], ['failed'], ['asks'], []])
    expect(await other.count()).toEqual({ waiting: 1, finished: 2, failed: 1 })
    expect(ids(await other.list({ pending: true }))).toEqual(['asks'])
    expect((await other.pending()).items).toMatchObject([
      { runId: 'asks', path: [['map', 1, 'ask']], action: 'map', kinds: ['answer'], answered: false },
    ])
    expect(tree?.run).toMatchObject({ status: 'waiting', pending: 1 })
    expect(tree?.lacks).toContain('past maps')
    expect(tree?.root.maps[0]?.counts).toMatchObject({ done: 1, waiting: 1 })
    const failed = await other.branches({ runId: 'failed', map: 'map', visit: 1, status: 'failed' })
    expect(failed.items[0]?.error?.cause?.message).toBe('bad')
    expect((await other.list({ status: 'failed' })).items[0]?.error?.name).toBe('ParallelError')
  })

  it('rejects a query that it cannot answer, with every fault', async () => {
    const { other } = open()

    const failure = await other
      .list({ status: ['runing' as never, 'failed'], limit: 0, after: 'nonsense', wrong: 1 } as never)
      .catch((error: unknown) => error)

    expect(InputError.is(failure) && failure.issues).toEqual([
      'There is no "wrong". Known members: "partitionKey", "status", "name", "labels", "createdFrom", "createdTo", "retrying", "pending", "leaked", "text", "limit", "after".',
      'status has the unknown value "runing". Did you mean "running"?',
      'limit is 0; it takes a whole number from 1 to 1000.',
      'after is "nonsense"; it takes the `after` of the page before, of the same list.',
    ])
    await expect(other.describe({ runId: 'r', first: 1001, path: 7 } as never)).rejects.toThrow(
      "describe: path is 7; it takes a path: 'compare/gpt4', or its segments. first is 1001; it takes a whole number from 1 to 1000.",
    )
    expect(await other.describe({ runId: 'none' })).toBeUndefined()
  })
})
