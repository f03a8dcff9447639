import { createApplication, createLimit, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import { describeApp } from 'teasel/live'
import { createPersister, memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { defer, flush } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// The facts of steps and maps that a store tells without any log.

interface Work {
  n: number
  items: string[]
  item: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const answer = defineMessage('answer', typeOf<string>())
const options = { appId: 'run', logger: quiet } as const

const stores: [string, (clock: ManualClock) => Persister][] = [
  ['memory', (clock) => memoryPersister({ now: () => clock.now() })],
  ['sqlite', (clock) => createPersister(new SqliteDriver({ file: ':memory:' }, () => clock.now()))],
]

describe.each(stores)('a store (%s) tells', (_, open) => {
  it('how long each step took, in which attempt, and which edge was taken', async () => {
    const clock = new ManualClock()
    const persister = open(clock)
    const count = kit.action({
      reads: ['n'],
      writes: ['n'],
      retry: { attempts: 3, delayMs: 0 },
      run({ state: { n }, context }) {
        clock.advance(20 + n)
        if (n === 1 && context.attempt === 1) throw new TypeError('busy')
        if (n === 3) throw new RangeError('full')
        return { n: n + 1 }
      },
    })
    const end = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'end' }) })
    const graph = kit.graph({
      actions: { count, end },
      transitions: { count: [{ to: 'count', when: ({ state }) => state.n < 3, name: 'below 3' }, { to: 'count' }] },
      onError: { count: 'end' },
    })
    let over = false
    const run = createApplication(graph, { ...options, entrypoint: 'count', state: { n: 0 }, persister, clock })
      .run()
      .finally(() => {
        over = true
      })
    for (; !over; clock.advance(0)) await flush()
    await run

    const { items } = await persister.steps({ runId: 'run' })
    const told = items.map(({ placed, durationMs, attempt, took }) => [placed, durationMs, attempt, took])
    expect(told).toEqual([
      ['start', undefined, undefined, undefined],
      [undefined, 20, 1, { to: 'count', condition: 'below 3' }],
      [undefined, 21, 2, { to: 'count', condition: 'below 3' }],
      [undefined, 22, 1, { to: 'count', condition: 'default' }],
      [undefined, 23, 3, { to: 'end', condition: 'default', onError: true }],
      [undefined, 0, 1, undefined],
    ])
    const [, first] = items
    expect([first?.startedAt, first?.endedAt]).toEqual([1_700_000_000_000, 1_700_000_000_020])
  })

  it('no duration of a branch with a time limit but its own', async () => {
    const clock = new ManualClock()
    const persister = open(clock)
    const work = kit.action({ reads: ['item'], writes: ['out'], run: ({ state }) => ({ out: state.item }) })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: work,
      timeoutMs: 5_000,
      states: { a: { item: 'a' } },
      reduce: () => ({ outs: [] }),
    })
    const graph = kit.graph({ actions: { map } })
    await createApplication(graph, { ...options, entrypoint: 'map', state: {}, persister, clock }).run()

    const { items } = await persister.steps({ runId: 'run', path: 'map/a' })
    expect(items.map(({ durationMs, took }) => [durationMs, took])).toEqual([[0, undefined]])
  })

  it('the kind, the policy and the concurrency of a map, and that a branch waits whose own branches all wait', async () => {
    const clock = new ManualClock()
    const persister = open(clock)
    const ask = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ context }) => ({ out: (await context.receiveOne(answer)).body }),
    })
    const first = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'first' }) })
    const inner = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: ask,
      settle: 'collect',
      states: { x: { item: 'x' }, y: { item: 'y' } },
      reduce: ({ results }) => ({ outs: results.map(({ key }) => key) }),
    })
    const nested = kit.graph({ actions: { first, inner }, transitions: { first: 'inner' } })
    const outer = kit.mapActions({
      reads: [],
      writes: ['outs'],
      concurrency: 3,
      settle: { atLeast: 1 },
      actions: { a: nested.runnable({ entrypoint: 'first' }) },
      reduce: () => ({ outs: ['over'] }),
    })
    const graph = kit.graph({ actions: { outer } })
    const about = { ...options, entrypoint: 'outer', state: {}, persister, clock } as const
    const app = createApplication(graph, about)
    const run = app.run({ whenWaiting: 'return' })
    expect((await run).status).toBe('waiting')
    await flush()

    const [live, stored] = [await describeApp(app), await persister.describe({ runId: 'run' })]
    for (const tree of [live, stored]) {
      const map = tree?.root.maps[0]
      expect(map).toMatchObject({ kind: 'actions', policy: '{ atLeast: 1 }', concurrency: 3 })
      const branch = map?.branches[0]?.items[0]
      expect([tree?.root.status, branch?.key, branch?.status]).toEqual(['waiting', 'a', 'waiting'])
      expect(branch?.maps[0]).toMatchObject({ kind: 'states', policy: 'collect' })
      expect(branch?.maps[0]?.branches.map(({ status, items }) => [status, items.length])).toEqual([['waiting', 2]])
    }
    for (const key of ['x', 'y'])
      await sendStored({ persister, appId: 'run', path: `outer/a/inner/${key}`, message: answer('yes') })
    expect((await (await resumeOrCreate(graph, about)).run()).status).toBe('finished')
    expect((await persister.describe({ runId: 'run' }))?.root.maps[0]?.counts.done).toBe(1)
  })

  it.each([
    ['a list', () => [{}, {}]],
    ['a generator', () => [{}, {}].values()],
  ])('the times of each visit of a map, also where a process died in it: %s', async (_, states) => {
    const clock = new ManualClock()
    const persister = open(clock)
    const gates = [defer<void>(), defer<void>(), defer<void>()]
    const work = kit.action({
      reads: ['n'],
      writes: ['out'],
      async run({ state: { n } }) {
        await gates[n]?.promise
        return { out: `${n}` }
      },
    })
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: work,
      concurrency: createLimit(2),
      states,
      reduce: ({ state }) => ({ n: state.n + 1 }),
    })
    const graph = kit.graph({
      actions: { map },
      transitions: { map: [{ to: 'map', when: ({ state }) => state.n < 2 }] },
    })
    const about = { ...options, entrypoint: 'map', state: { n: 0 }, persister, clock } as const
    const began = clock.now()
    void createApplication(graph, about)
      .run()
      .catch(() => {})
    await flush()
    clock.advance(500)
    gates[0]?.resolve()
    await flush()
    clock.advance(100) // in the second visit
    const later = await resumeOrCreate(graph, about)
    const run = later.run()
    await flush()
    clock.advance(400)
    gates[1]?.resolve()
    await run

    const tree = await persister.describe({ runId: 'run' })
    const maps = tree?.root.maps.map(({ visit, kind, policy, concurrency, limit, startedAt, endedAt }) => [
      ...[visit, kind, policy, concurrency, limit],
      ...[(startedAt ?? 0) - began, (endedAt ?? 0) - began],
    ])
    expect(maps).toEqual([
      [2, 'states', 'all', 64, 2, 500, 1_000],
      [1, 'states', 'all', 64, 2, 0, 500],
    ])
    expect(tree?.lacks.filter((one) => one.includes('past maps'))).toEqual([])
  })

  it('not when a past map ended, among many thousand rows', async () => {
    const persister = open(new ManualClock())
    const work = kit.action({ reads: [], writes: ['out'], run: () => ({ out: '' }) })
    const map = kit.mapStates({ reads: [], writes: ['n'], action: work, states: [{}], reduce: () => ({ n: 0 }) })
    const count = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const graph = kit.graph({
      actions: { map, count },
      transitions: { map: 'count', count: [{ to: 'count', when: ({ state }) => state.n < 5100 }] },
    })
    await createApplication(graph, { ...options, entrypoint: 'map', state: {}, persister }).run({ maxSteps: 6000 })

    const tree = await persister.describe({ runId: 'run' })
    expect(tree?.root.maps).toMatchObject([{ kind: 'states', status: 'done' }])
    expect(tree?.root.maps[0]?.endedAt).toBeUndefined()
    expect(tree?.lacks).toContain('times of some past maps')
  })

  it('that it has no kind of a past map, where older code has stored it', async () => {
    const clock = new ManualClock()
    const { driver } = open(clock)
    const older = overDriver(driver, {
      save: (group) =>
        driver.save({ ...group, ...(group.summaries && { summaries: group.summaries.map(withoutVisit) }) }),
    })
    const persister = createPersister(older)
    const work = kit.action({ reads: [], writes: ['out'], run: () => ({ out: '' }) })
    const map = kit.mapStates({ reads: [], writes: ['n'], action: work, states: [{}], reduce: () => ({ n: 0 }) })
    const graph = kit.graph({ actions: { map } })
    await createApplication(graph, { ...options, entrypoint: 'map', state: {}, persister, clock }).run()

    const tree = await persister.describe({ runId: 'run' })
    expect(tree?.root.maps[0]?.kind).toBeUndefined()
    expect(tree?.root.maps[0]).toMatchObject({ startedAt: clock.now(), endedAt: clock.now() })
    expect(tree?.lacks).toContain('kinds and policies of some past maps')
  })
})

const withoutVisit = <S extends { readonly facts: string }>(summary: S): S => {
  const { visit: _, ...facts } = JSON.parse(summary.facts) as { readonly visit?: unknown }
  return { ...summary, facts: JSON.stringify(facts) }
}
