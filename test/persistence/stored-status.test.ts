import { type Application, createApplication, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import {
  createPersister,
  memoryPersister,
  PersistenceError,
  type Persister,
  rewind,
  sendStored,
} from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { type Deferred, defer, flush, flushUntil, untilAborted } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  items: string[]
  item: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const answer = defineMessage('answer', typeOf<string>())
const root = { partitionKey: null, rootId: 'run' }

type Act = (
  item: string,
  context: { signal: AbortSignal; receive(): Promise<string>; sleep(ms: number): Promise<void> },
) => Promise<string>

/** A graph of one action, and a graph of a map of that action. */
function graphs(act: Act, retry?: { attempts: number; delayMs: number }) {
  const one = kit.action({
    reads: ['item'],
    writes: ['out'],
    ...(retry && { retry }),
    run: async ({ state: { item }, context, signal }) => ({
      out: await act(item, {
        signal,
        receive: async () => (await context.receiveOne(answer, { ask: { of: item } })).body,
        sleep: (ms) => context.sleep({ ms }),
      }),
    }),
  })
  const map = kit.mapStates({
    reads: ['items'],
    writes: ['outs'],
    action: one,
    settle: 'all',
    states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
    reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
  })
  return { one: kit.graph({ actions: { one } }), map: kit.graph({ actions: { map } }) }
}

const options = { appId: 'run', logger: quiet, leaseMs: 30_000 } as const
const single = { ...options, entrypoint: 'one', state: { item: 'x' } } as const
const several = (...items: string[]) => ({ ...options, entrypoint: 'map', state: { items } }) as const

const stores: Record<string, (clock: ManualClock) => Persister> = {
  memory: (clock) => memoryPersister({ now: () => clock.now() }),
  sqlite: (clock) => createPersister(new SqliteDriver({ file: ':memory:' }, () => clock.now())),
}

describe.each(Object.entries(stores))('the status in the store (%s)', (_, open) => {
  const setUp = () => {
    const clock = new ManualClock()
    const persister = open(clock)
    const find = async () => {
      const run = await persister.driver.find(root)
      const { status, pending, retrying, nextAt } = run?.summary ?? {}
      return { status: run?.expired === true ? 'interrupted' : status, pending, retrying, nextAt, wake: run?.wakeAt }
    }
    const below = async () => {
      const branches = await persister.driver.below({ partitionKey: null, parentId: 'run', limit: 100 })
      return branches.map(({ summary: { parent, status } }) => `${parent.key} ${status}`)
    }
    const asked = async () =>
      (await persister.driver.waits({ limit: 100 })).map(({ id, kinds, facts }) => [id, kinds, JSON.parse(facts).ask])
    return { clock, persister, find, below, asked }
  }

  it.each(['root', 'branch'])('a message that is stored just before its question answers it (%s)', async (where) => {
    const { clock, persister } = setUp()
    const [begun, gate] = [defer(), defer()]
    const { one, map } = graphs(async (_, { receive }) => {
      begun.resolve()
      await gate.promise
      return `${await receive()} ${await receive()}`
    })
    const look = async (): Promise<string> => {
      const about = { persister, clock }
      const { status } =
        where === 'root'
          ? await (await resumeOrCreate(one, { ...single, ...about })).run({ whenWaiting: 'return' })
          : await (await resumeOrCreate(map, { ...several('x'), ...about })).run({ whenWaiting: 'return' })
      return status
    }
    const run = look()
    await begun.promise
    const to = { persister, appId: 'run', ...(where === 'branch' && { path: 'map/x' }) }
    const sent = await sendStored({ ...to, message: answer('a') })
    gate.resolve()

    expect([sent, await run]).toEqual(['queued', 'waiting'])
    expect((await persister.pending({ answered: true })).items).toMatchObject([{ runId: 'run' }])
    expect((await persister.due()).items).toMatchObject([{ runId: 'run', status: 'waiting' }])
    expect(await look()).toBe('waiting')
    expect((await persister.pending()).items).toMatchObject([{ answered: false }]) // its second question
    expect((await persister.due()).items).toEqual([])
    await sendStored({ ...to, message: answer('b') })
    expect((await persister.due()).items).toMatchObject([{ runId: 'run' }])
    expect(await look()).toBe('finished')
  })

  it('a question is gone once a resumed branch has taken its answer without waiting', async () => {
    const { clock, persister } = setUp()
    const { map } = graphs(async (item, { receive, sleep }) => {
      if (item === 'sleeps') await sleep(60_000)
      return receive()
    })
    const about = { ...several('asks', 'sleeps'), persister, clock }
    await (await resumeOrCreate(map, about)).run({ whenWaiting: 'return' })
    await sendStored({ persister, appId: 'run', path: 'map/asks', message: answer('a') })

    await (await resumeOrCreate(map, about)).run({ whenWaiting: 'return' })

    expect((await persister.pending()).items).toEqual([])
    expect((await persister.pending({ answered: true })).items).toEqual([])
    expect((await persister.due()).items).toEqual([])
  })

  it('a new application is queued before its caller gets it, and due at once', async () => {
    const { clock, persister, find } = setUp()
    await resumeOrCreate(graphs(async () => '').one, {
      ...single,
      persister,
      clock,
      labels: { customer: '7' },
      title: 'Refund',
    })

    expect(await find()).toMatchObject({ status: 'queued', wake: 0 })
    const [listed] = await persister.driver.list({ labels: { customer: '7' }, limit: 9 })
    expect(listed?.summary).toMatchObject({ title: 'Refund', labels: { customer: '7' } })
  })

  it('a run is running, and ends as finished or halted; its lease is over then', async () => {
    const { clock, persister, find } = setUp()
    const gate = defer()
    const app = await resumeOrCreate(graphs(() => gate.promise.then(() => 'done')).one, { ...single, persister, clock })
    const run = app.run()
    await flush()

    expect(await find()).toMatchObject({ status: 'running', wake: clock.now() + 30_000 })
    gate.resolve()
    await run
    expect(await find()).toMatchObject({ status: 'finished', wake: null })
    expect((await persister.driver.find(root))?.claim?.leaseUntil).toBe(0)
  })

  it('a halted run is halted, running again at once when it continues', async () => {
    const { clock, persister, find } = setUp()
    const counter = defineState<{ n: number }>()
    const gates: Deferred<void>[] = []
    const add = counter.action({
      reads: ['n'],
      writes: ['n'],
      run: async ({ state: { n } }) => {
        await gates[n]?.promise
        return { n: n + 1 }
      },
    })
    const loop = counter.graph({ actions: { add }, transitions: { add: 'add' } })
    const about = { ...options, entrypoint: 'add', state: { n: 0 }, persister, clock } as const
    const app = createApplication(loop, about)
    await app.step()
    expect(await find()).toMatchObject({ status: 'halted' })

    gates[1] = defer()
    const again = await resumeOrCreate(loop, about)
    const step = again.step()
    await flush()
    expect(await find()).toMatchObject({ status: 'running' })
    gates[1].resolve()
    await step
    expect(await find()).toMatchObject({ status: 'halted' })
  })

  it('a run that only waits is waiting, with its question, also when it returns and its process dies', async () => {
    const { clock, persister, find, asked } = setUp()
    const { persister: dying, crash } = mortal(persister)
    const app = createApplication(graphs((_, { receive }) => receive()).one, { ...single, persister: dying, clock })
    const outcome = await app.run({ whenWaiting: 'return' })

    expect(outcome.status).toBe('waiting')
    expect(await find()).toMatchObject({ status: 'waiting', pending: 1, wake: null })
    expect(await asked()).toEqual([['run.0.0', ['answer'], { of: 'x' }]])
    crash()
    clock.advance(100_000)
    expect(await find()).toMatchObject({ status: 'waiting', pending: 1 })
    await sendStored({ persister, appId: 'run', message: answer('yes') })
    expect(await find()).toMatchObject({ status: 'waiting', wake: clock.now() })
    expect(await asked()).toEqual([])
  })

  it('a run of which a branch waits is running while others work, then waiting', async () => {
    const { clock, persister, find, below, asked } = setUp()
    const gate = defer()
    const act: Act = (item, { receive }) => (item === 'person' ? receive() : gate.promise.then(() => item))
    const app = createApplication(graphs(act).map, { ...several('person', 'work'), persister, clock })
    const run = app.run()
    await flush()
    expect(await find()).toMatchObject({ status: 'running', pending: 1 })

    gate.resolve()
    await flush(10_000)
    expect(await find()).toMatchObject({ status: 'waiting', pending: 1 })
    expect(await below()).toEqual(['person waiting', 'work done'])
    expect((await asked()).map(([, , ask]) => ask)).toEqual([{ of: 'person' }])
    await app.send(answer('yes'), { path: 'map/person' })
    await run
    expect(await find()).toMatchObject({ status: 'finished', pending: 0 })
    expect(await below()).toEqual(['person done', 'work done'])
    expect(await asked()).toEqual([])
  })

  it('a sleeping run is waiting until its time, and due then', async () => {
    const { clock, persister, find } = setUp()
    const app = createApplication(graphs((_, { sleep }) => sleep(60_000).then(() => 'late')).one, {
      ...single,
      persister,
      clock,
    })
    const outcome = await app.run({ whenWaiting: 'return' })

    expect(outcome.status).toBe('waiting')
    expect(await find()).toMatchObject({ status: 'waiting', nextAt: clock.now() + 60_000, wake: clock.now() + 60_000 })
  })

  it('a run of which only a retry delay is left is retrying', async () => {
    const { clock, persister, find } = setUp()
    let calls = 0
    const act: Act = async () => {
      calls += 1
      if (calls === 1) throw new TypeError('busy')
      return 'done'
    }
    const app = createApplication(graphs(act, { attempts: 2, delayMs: 5_000 }).one, { ...single, persister, clock })
    const run = app.run()
    await flushUntil(() => clock.pending > 1)
    expect(await find()).toMatchObject({ status: 'retrying', retrying: 1, nextAt: app.due[0]?.at })
    clock.advance(5_000)
    await run
    expect(await find()).toMatchObject({ status: 'finished', retrying: 0 })
  })

  it('a run that nobody awaits in a retry delay is waiting until its end, and its process has not died', async () => {
    const { clock, persister } = setUp()
    const { one } = graphs(() => Promise.reject(new TypeError('busy')), { attempts: 9, delayMs: 5_000 })
    const app = createApplication(one, { ...single, persister, clock })
    const outcome = await app.run({ whenWaiting: 'return' })
    const stored = await persister.driver.find(root)

    expect(outcome).toMatchObject({ status: 'waiting', nextAt: app.due[0]?.at })
    expect([stored?.summary?.status, stored?.expired, stored?.wakeAt]).toEqual(['waiting', false, app.due[0]?.at])
    await app.shutdown()
  })

  it('a run that is shut down in a retry delay waits for its end, and its process has not died', async () => {
    const { clock, persister, find } = setUp()
    const about = { ...single, persister, clock }
    const { one } = graphs(() => Promise.reject(new TypeError('busy')), { attempts: 9, delayMs: 5_000 })
    for (let i = 0; i < 2; i++) {
      const app = await resumeOrCreate(one, about)
      const run = app.run().catch(() => {})
      await flushUntil(() => clock.pending > 1)
      expect(await find()).toMatchObject({ status: 'retrying' })
      const [retry] = app.due
      await app.shutdown()
      await run
      const stored = await persister.driver.find(root)
      expect([stored?.summary?.status, stored?.expired, stored?.wakeAt]).toEqual(['waiting', false, retry?.at])
      expect(JSON.parse(stored?.summary?.facts ?? '')).not.toHaveProperty('crashes')
    }
  })

  it('a failed run is failed, with its error; its siblings are interrupted', async () => {
    const { clock, persister, find, below } = setUp()
    const act: Act = (item, { signal }) =>
      item === 'bad' ? Promise.reject(new TypeError('bad')) : untilAborted(signal)
    const app = createApplication(graphs(act).map, { ...several('bad', 'other'), persister, clock })
    await app.run().catch(() => {})

    expect(await find()).toMatchObject({ status: 'failed', wake: null })
    expect(await below()).toEqual(['bad failed', 'other interrupted'])
    expect(JSON.parse((await persister.driver.find(root))?.summary?.facts ?? '').error.name).toBe('ParallelError')
  })

  it.each([
    ['a cancel by the user', 'cancelled', (app: Application<Work, never>) => app.cancel({ reason: 'no' })],
    ['a shutdown', 'interrupted', (app: Application<Work, never>) => app.shutdown()],
    ['a disposal', 'interrupted', (app: Application<Work, never>) => app[Symbol.asyncDispose]()],
  ])('after %s a run is %s', async (_title, status, end) => {
    const { clock, persister, find } = setUp()
    const app = createApplication(graphs((_, { signal }) => untilAborted(signal)).one, { ...single, persister, clock })
    const run = app.run().catch(() => {})
    await flush()
    await end(app as unknown as Application<Work, never>)
    await run

    expect(await find()).toMatchObject({ status, wake: status === 'interrupted' ? 0 : null })
  })

  it('after the signal of its caller, and after a reader that left, a run is interrupted', async () => {
    const { clock, persister, find } = setUp()
    const { one } = graphs((_, { signal }) => untilAborted(signal))
    const app = createApplication(one, { ...single, persister, clock })
    const controller = new AbortController()
    const run = app.run({ signal: controller.signal }).catch(() => {})
    await flush()
    controller.abort()
    await run
    expect(await find()).toMatchObject({ status: 'interrupted' })

    const again = await resumeOrCreate(one, { ...single, persister, clock })
    for await (const { type } of again.stream()) if (type === 'step.start') break
    expect(await find()).toMatchObject({ status: 'interrupted' })
  })

  it('a run whose process died is running until its lease is over, then interrupted, and due', async () => {
    const { clock, persister, find } = setUp()
    const { persister: dying, crash } = mortal(persister)
    const act: Act = () => new Promise(() => {})
    void createApplication(graphs(act).one, { ...single, persister: dying, clock }).run()
    await flush()
    clock.advance(10_000) // a heartbeat
    crash()
    clock.advance(29_000)
    expect(await find()).toMatchObject({ status: 'running' })
    clock.advance(2_000)

    expect(await find()).toMatchObject({ status: 'interrupted' })
    expect((await persister.driver.due({ limit: 9 })).map(({ rootId }) => rootId)).toEqual(['run'])
    expect((await persister.driver.list({ status: ['interrupted'], limit: 9 })).length).toBe(1)
    const again = await resumeOrCreate(graphs(async () => 'done').one, { ...single, persister, clock })
    await again.run()
    expect(await find()).toMatchObject({ status: 'finished' })
  })

  it('a run that stands at its first map has that map, before anything of its branches is stored', async () => {
    const { persister } = setUp()
    const { map } = graphs((_, { signal }) => untilAborted(signal))
    const app = createApplication(map, { ...several('a', 'b'), persister })
    const run = app.run()
    await flush()

    const tree = await persister.describe({ runId: 'run' })
    await app.cancel()
    await run

    expect(tree?.root.maps).toMatchObject([{ map: 'map', visit: 1, total: 2, status: 'running' }])
  })

  it('branches without rows are seen by the heartbeat', async () => {
    const { clock, persister } = setUp()
    const act: Act = (item, { signal, receive }) => (item === 'person' ? receive() : untilAborted(signal))
    const app = createApplication(graphs(act).map, { ...several('person', 'work'), persister, clock })
    const run = app.run()
    await flush(10_000)
    clock.advance(10_000)
    const { beat } = (await persister.driver.find(root))?.claim ?? {}

    expect(beat?.at).toBe(clock.now())
    expect(JSON.parse(beat?.data ?? '')).toMatchObject({
      counts: { waiting: 1, running: 1 },
      branches: [
        { path: [['map', 1, 'person']], status: 'waiting' },
        { path: [['map', 1, 'work']], status: 'running', attempt: 1 },
      ],
    })
    const tree = await persister.describe({ runId: 'run' })
    expect(tree?.root.maps[0]?.counts).toMatchObject({ running: 1, waiting: 1 })
    await app.shutdown()
    await run
  })

  it('a run is left to another runner by claim: free, and taken by claim: take', async () => {
    const { clock, persister, find } = setUp()
    const { one } = graphs((_, { signal }) => untilAborted(signal))
    const first = createApplication(one, { ...single, persister, clock })
    const lost = first.run().catch((error: unknown) => error)
    await flush()

    const held = await resumeOrCreate(one, { ...single, persister, clock, claim: 'free' }).catch(
      (error: unknown) => error,
    )
    expect(held).toBeInstanceOf(PersistenceError)
    expect(held).toMatchObject({ fault: 'held', heldUntil: clock.now() + 30_000 })
    expect(String(held)).toContain(`pid ${process.pid}`)

    const second = await resumeOrCreate(one, { ...single, persister, clock })
    const run = second.run()
    await flush()
    clock.advance(10_000) // the heartbeat of the first one
    expect(await lost).toMatchObject({ fault: 'taken-over' })
    expect(await find()).toMatchObject({ status: 'running' })
    await second.shutdown()
    await run
    expect(await find()).toMatchObject({ status: 'interrupted' })
    await resumeOrCreate(one, { ...single, persister, clock, claim: 'free' })
  })

  it('a rewound run is interrupted, a forked one queued', async () => {
    const { clock, persister, find } = setUp()
    const { one } = graphs(async () => 'done')
    await createApplication(one, { ...single, persister, clock }).run()
    await rewind({ persister, appId: 'run', sequenceId: -1 })
    expect(await find()).toMatchObject({ status: 'interrupted', wake: 0 })

    await resumeOrCreate(one, { ...single, appId: 'fork', persister, clock, forkFrom: { appId: 'run' } })
    const fork = await persister.driver.find({ partitionKey: null, rootId: 'fork' })
    expect(fork?.summary?.status).toBe('queued')
    expect(JSON.parse(fork?.summary?.facts ?? '')).toMatchObject({ forkedFrom: { appId: 'run' } })
  })

  it('a run whose process dies in the same step again and again counts that', async () => {
    const { clock, persister } = setUp()
    const crashes: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const { persister: dying, crash } = mortal(persister)
      const app = await resumeOrCreate(graphs(() => new Promise(() => {})).one, { ...single, persister: dying, clock })
      void app.run().catch(() => {})
      await flush(10_000)
      crashes.push(JSON.parse((await persister.driver.find(root))?.summary?.facts ?? '').crashes)
      crash()
      clock.advance(40_000)
    }
    expect(crashes).toEqual([undefined, { count: 1, sequenceId: -1 }, { count: 2, sequenceId: -1 }])
  })

  it('looking again at a waiting run writes no row', async () => {
    const { clock, persister } = setUp()
    const { map } = graphs((_, { receive }) => receive())
    const about = { ...several('a', 'b'), persister, clock }
    for (let i = 0; i < 3; i++) await (await resumeOrCreate(map, about)).run({ whenWaiting: 'return' })
    const rows = async () => (await persister.driver.history(null, 'run')).length
    const before = await rows()
    await (await resumeOrCreate(map, about)).run({ whenWaiting: 'return' })

    expect(await rows()).toBe(before)
    expect(await persister.driver.waits({ limit: 9 })).toHaveLength(2)
  })
})

it('a heartbeat that the store never answers is given up after the length of a lease', async () => {
  const clock = new ManualClock()
  const { driver } = memoryPersister({ now: () => clock.now() })
  let hangs = true
  const silent = overDriver(driver, {
    beat: (...beat) => (hangs ? new Promise<number>(() => {}) : driver.beat(...beat)),
  })
  const { one } = graphs((_, { signal }) => untilAborted(signal))
  const app = createApplication(one, { ...single, persister: createPersister(silent), clock })
  const run = app.run()
  await flush()
  clock.advance(10_000) // is never answered
  hangs = false
  clock.advance(30_000)
  await flush()

  expect((await driver.find(root))?.claim?.leaseUntil).toBe(clock.now() + 30_000)
  await app.shutdown()
  await run
})

it('a store that is away only for a summary does not fail the run', async () => {
  const clock = new ManualClock()
  const { driver } = memoryPersister({ now: () => clock.now() })
  let away = false
  const persister = createPersister(
    overDriver(driver, {
      save(group) {
        if (away && group.rows.length === 0)
          throw new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
        return driver.save(group)
      },
    }),
  )
  const gate = defer()
  const app = await resumeOrCreate(graphs(() => gate.promise.then(() => 'done')).one, { ...single, persister, clock })
  away = true
  const run = app.run()
  await flush()
  expect((await driver.find(root))?.summary?.status).toBe('queued')
  gate.resolve()
  await run

  expect((await driver.find(root))?.summary?.status).toBe('finished')
})
