import { createHash } from 'node:crypto'
import { createApplication, defineState, resumeOrCreate, SnapshotError, type Tracker } from 'teasel'
import type { Persister } from 'teasel/persistence'
import { fileReader, fileTracker, type WireEvent } from 'teasel/tracking/file'
import { afterAll, describe, expect, it } from 'vitest'
import { RunFold } from '../../src/log/fold.js'
import type { LogLine } from '../../src/log/lines.js'
import { type Deferred, defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'
import { filesIn, folder, linesOf } from './folders.js'

const { stores, close } = await storesOf('rows')
afterAll(close)

interface Work {
  item: string
  out: string
  outs: string[]
  n: number
}
const kit = defineState<Work>()

/** A map of branches with two steps: the second one of a held key tells that it stands, and waits for its signal. */
function program(ran: string[], keys: readonly string[], held: ReadonlyMap<string, Deferred<void>> = new Map()) {
  const draft = kit.action({
    reads: ['item'],
    writes: ['out'],
    run({ state: { item } }) {
      ran.push(`${item}1`)
      return { out: `${item}1` }
    },
  })
  const polish = kit.action({
    reads: ['item', 'out'],
    writes: ['out'],
    async run({ state: { item, out }, signal }) {
      ran.push(`${item}2`)
      const stands = held.get(item)
      stands?.resolve()
      if (stands !== undefined) await aborted(signal)
      return { out: `${out}, ${item}2` }
    },
  })
  const branch = kit.graph({ actions: { draft, polish }, transitions: { draft: 'polish' } })
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    action: branch.runnable({ entrypoint: 'draft' }),
    states: Object.fromEntries(keys.map((key) => [key, { item: key }])),
    reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
  })
  const first = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
  return kit.graph({ actions: { first, map }, transitions: { first: 'map' } })
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const options = { appId: 'app', entrypoint: 'first', state: {}, logger: quiet } as const

async function eventsOf(dir: string): Promise<readonly WireEvent[]> {
  const events = []
  for await (const event of fileReader({ dir }).events({ runId: 'app', follow: false })) events.push(event)
  return events
}

/** The branches of the map in a log, by key: their ids and how they are. */
async function branchesIn(dir: string): Promise<Readonly<Record<string, readonly [appId: string, status: string]>>> {
  const { items } = await fileReader({ dir }).branches({ runId: 'app', map: 'map', visit: 1 })
  return Object.fromEntries(items.map(({ key = '', appId, status }) => [key, [appId, status] as const]))
}

/** Runs until `a` is done and the others stand in their second step, then quits. */
async function quitHalfway(dir: string, persister: Persister): Promise<string[]> {
  await using tracker = fileTracker({ dir })
  const ran: string[] = []
  const [done, b, c] = [defer<void>(), defer<void>(), defer<void>()]
  const held = new Map([
    ['b', b],
    ['c', c],
  ])
  const app = createApplication(program(ran, ['a', 'b', 'c'], held), { ...options, persister, tracker })
  app.on('branch.settled', ({ key }) => void (key === 'a' && done.resolve()))
  const quits = new AbortController()
  const run = app.run({ signal: quits.signal }).catch((reason: unknown) => reason)
  await Promise.all([done.promise, b.promise, c.promise])
  quits.abort('quit')
  expect(await run).toBe('quit')
  return ran
}

/** Base-32 of the SHA-256 of `["app",0,"map",1,key]`: no process and no store has a part in them. */
const IDS = Object.fromEntries(['a', 'b', 'c'].map((key) => [key, base32(JSON.stringify(['app', 0, 'map', 1, key]))]))

function base32(text: string): string {
  const bits = [...createHash('sha256').update(text).digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return bits.replace(/.{1,5}/g, (five) =>
    'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number.parseInt(five.padEnd(5, '0'), 2)),
  )
}

const kinds = stores.filter(([name]) => name === 'sqlite' || name === 'postgres')

describe.each(kinds)('a run with a log, stored by %s', (_, { open }) => {
  it('goes on halfway in every branch after a reload, and repeats no committed step (S-094, S-096)', async () => {
    const [dir, store] = [folder(), open()]
    expect((await quitHalfway(dir, store())).sort()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
    expect((await fileReader({ dir }).describe({ runId: 'app' }))?.run).toMatchObject({ status: 'interrupted' })

    await using tracker = fileTracker({ dir })
    const ran: string[] = []
    const again = await resumeOrCreate(program(ran, ['a', 'b', 'c']), { ...options, persister: store(), tracker })
    const { state } = await again.run()
    tracker.flush()

    expect(state.outs).toEqual(['a1, a2', 'b1, b2', 'c1, c2'])
    expect(ran.sort()).toEqual(['b2', 'c2'])
    const second = (await eventsOf(dir)).filter(({ incarnation }) => incarnation === 1)
    const steps = second.flatMap(({ type, path, source }) =>
      type === 'step.start' ? [`${path.map(([, , key]) => key).join()} ${String(source)}`] : [],
    )
    expect(steps.sort()).toEqual([' map', 'b polish', 'c polish'])
    const { items } = await fileReader({ dir }).steps({ runId: 'app', path: 'map/b' })
    expect(items.map(({ action, status }) => [action, status])).toEqual([
      ['draft', 'done'],
      ['polish', 'cancelled'],
      ['polish', 'done'],
    ])
    expect((await fileReader({ dir }).describe({ runId: 'app' }))?.run).toMatchObject({ status: 'finished' })
  })

  it('has the same branches under the same ids after a reload, in its log and its store (S-092)', async () => {
    const [dir, store] = [folder(), open()]
    await quitHalfway(dir, store())
    const before = await branchesIn(dir)

    await using tracker = fileTracker({ dir })
    const again = await resumeOrCreate(program([], ['a', 'b', 'c']), { ...options, persister: store(), tracker })
    await again.run()
    tracker.flush()

    const idsOf = (one: typeof before) => Object.fromEntries(Object.entries(one).map(([key, [appId]]) => [key, appId]))
    const after = await branchesIn(dir)
    expect(idsOf(after)).toEqual(idsOf(before))
    expect(idsOf(after)).toEqual(IDS)
    expect(Object.values(after).map(([, status]) => status)).toEqual(['done', 'done', 'done'])
    for (const [key, appId] of Object.entries(IDS))
      expect((await store().load({ appId }))?.state).toMatchObject({ out: `${key}1, ${key}2` })
  })

  it.each([
    ['keys', ['a', 'd'], /"b" is missing/],
    ['order', ['c', 'b', 'a'], /"a" has moved/],
  ])(
    'is refused when the %s of its branches has changed: its log tells why, and nothing runs (S-093)',
    async (...row) => {
      const [, keys, message] = row
      const [dir, store] = [folder(), open()]
      await quitHalfway(dir, store())

      await using tracker = fileTracker({ dir })
      const ran: string[] = []
      const again = await resumeOrCreate(program(ran, keys), { ...options, persister: store(), tracker })
      await expect(again.run()).rejects.toMatchObject({ cause: expect.any(SnapshotError) })
      tracker.flush()

      expect(ran).toEqual([])
      const run = (await fileReader({ dir }).describe({ runId: 'app' }))?.run
      expect(run).toMatchObject({ status: 'failed', error: { cause: { name: 'SnapshotError' } } })
      expect(run?.error?.cause?.message).toMatch(message)
    },
  )

  it('has the branches of a map in its log wherever they are stored: with it, nowhere, elsewhere (S-100)', async () => {
    const [dir, store, other] = [folder(), open()(), open()()]
    await using tracker = fileTracker({ dir })
    const step = kit.action({ reads: ['item'], writes: ['out'], run: ({ state }) => ({ out: state.item }) })
    const ids: string[] = []
    for (const [i, persister] of (['cascade', null, other] as const).entries()) {
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        persister,
        action: step,
        states: { x: { item: 'x' } },
        reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
      })
      const runId = `run-${i}`
      const graph = kit.graph({ actions: { map } })
      await createApplication(graph, { ...options, appId: runId, entrypoint: 'map', persister: store, tracker }).run()
      const { items } = await fileReader({ dir }).branches({ runId, map: 'map', visit: 1 })
      expect(items.map(({ key, status }) => [key, status])).toEqual([['x', 'done']])
      ids.push(...items.map(({ appId }) => appId))
    }

    const found = (persister: Persister) =>
      Promise.all(ids.map(async (appId) => (await persister.load({ appId }))?.state['out']))
    expect(await found(store)).toEqual(['x', undefined, undefined])
    expect(await found(other)).toEqual([undefined, undefined, 'x'])
  })

  it('has applications that its actions make in the same log and the same store (S-101)', async () => {
    const [dir, store] = [folder(), open()]
    const count = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const inside = kit.graph({
      actions: { count },
      transitions: { count: [{ to: 'count', when: ({ state }) => state.n < 3 }] },
    })
    const begun = defer<void>()
    const outer = (isHeld: boolean) => {
      const call = kit.action({
        reads: [],
        writes: ['n'],
        async run({ context, signal }) {
          const inner = createApplication(inside, {
            entrypoint: 'count',
            state: { n: 0 },
            parent: context,
            key: 'inner',
          })
          const { state } = await inner.run()
          begun.resolve()
          if (isHeld) await aborted(signal)
          return { n: state.n }
        },
      })
      return kit.graph({ actions: { call } })
    }
    const quits = new AbortController()
    await using one = fileTracker({ dir })
    const all = { ...options, entrypoint: 'call' } as const
    const app = createApplication(outer(true), { ...all, persister: store(), tracker: one })
    const run = app.run({ signal: quits.signal }).catch((reason: unknown) => reason)
    await begun.promise
    one.flush()
    const { root, run: found } = (await fileReader({ dir }).describe({ runId: 'app' })) ?? {}
    expect(found).toMatchObject({ status: 'running' })
    const fold = new RunFold(false)
    for (const line of linesOf(dir, 'app.0.0.jsonl')) fold.add(line as unknown as LogLine)
    expect(fold.endedAt).toBeUndefined() // a run that has ended has no heartbeat
    expect(root?.children.map(({ path, status, sequenceId }) => [path, status, sequenceId])).toEqual([
      [[['call', 1, 'inner']], 'done', 2],
    ])
    quits.abort('quit')
    expect(await run).toBe('quit')
    await one.dispose()

    await using two = fileTracker({ dir })
    const again = await resumeOrCreate(outer(false), { ...all, persister: store(), tracker: two })
    expect((await again.run()).state.n).toBe(3)
    two.flush()
    expect([...filesIn(dir).keys()].filter((name) => name.includes('runs'))).toEqual([
      'default/runs/app.0.0.jsonl',
      'default/runs/app.1.0.jsonl',
    ])
    const counted = (await eventsOf(dir)).filter(({ type, path }) => type === 'step.end' && path.length === 1)
    expect(counted.map(({ incarnation }) => incarnation)).toEqual([0, 0, 0])
    expect((await store().load({ appId: root?.children[0]?.appId ?? '' }))?.state).toEqual({ n: 3 })
  })
})

describe('an application without a tracker and a persister', () => {
  it('writes no log and stores nothing, also for maps that have a tracker (S-098)', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const told: unknown[] = []
    const own: Tracker = {
      begin(run) {
        told.push(run)
        tracker.begin?.(run)
      },
      track: (event) => tracker.track(event),
    }
    const step = kit.action({ reads: ['item'], writes: ['out'], run: ({ state }) => ({ out: state.item }) })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      tracker: own,
      action: step,
      states: { x: { item: 'x' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    const graph = kit.graph({ actions: { map } })
    expect((await createApplication(graph, { ...options, entrypoint: 'map' }).run()).status).toBe('finished')
    tracker.flush()
    expect([told, [...filesIn(dir).keys()]]).toEqual([[], []])
  })
})
