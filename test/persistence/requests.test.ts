import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { createHost, hosted } from 'teasel/host'
import { cancelStored, memoryPersister, rewind } from 'teasel/persistence'
import { runActions } from 'teasel/ui'
import { afterAll, describe, expect, it } from 'vitest'
import { RunRequests } from '../../src/persistence/requests.js'
import { defer, flush, flushUntil, untilAborted } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'

const kit = defineState<{ n: number; key: string; word: string; words: string[] }>()
const answer = defineMessage('answer', type<string>())

const { stores, close } = await storesOf('requests')
afterAll(close)

/** One step that ends with its signal, and one behind it. */
function graphs() {
  const begun = defer()
  const first = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const work = kit.action({
    reads: [],
    writes: [],
    run: ({ signal }) => {
      begun.resolve()
      return untilAborted(signal)
    },
  })
  const graph = kit.graph({ actions: { first, work }, transitions: { first: 'work' } })
  return { begun, graph }
}

/** A map whose branches end with their signal, or when they are answered. */
function fan() {
  let begun = 0
  const both = defer()
  const look = kit.action({
    reads: ['key'],
    writes: ['word'],
    run: async ({ state: { key }, signal, context }) => {
      begun += 1
      if (begun === 2) both.resolve()
      if (key === 'asks') return { word: (await context.receiveOne(answer)).body }
      return await untilAborted(signal)
    },
  })
  const each = kit.mapStates({
    reads: [],
    writes: ['words'],
    action: look,
    settle: 'collect',
    states: { one: { key: 'one' }, two: { key: 'two' } },
    reduce: ({ results }) => ({ words: results.map(({ key, status }) => `${key} ${status}`) }),
  })
  return { both: both.promise, graph: kit.graph({ actions: { each } }) }
}

const LEASE_MS = 30_000

describe.each(stores)('a request of another process (%s)', (_, { open }) => {
  it('ends the run of a plain application at its next heartbeat', async () => {
    const persisterOf = open()
    const { begun, graph } = graphs()
    const clock = new ManualClock()
    const options = {
      appId: 'a',
      entrypoint: 'first',
      state: { n: 0 },
      persister: persisterOf(),
      clock,
      logger: quiet,
    } as const
    const app = createApplication(graph, options)
    const outcome = app.run()
    await begun.promise

    const other = persisterOf()
    expect(await cancelStored({ persister: other, appId: 'a', reason: 'late' })).toBe('requested')
    await flush()
    expect((await other.describe({ runId: 'a' }))?.run.status).toBe('running')
    clock.advance(LEASE_MS / 3)

    expect(await outcome).toMatchObject({ status: 'cancelled', reason: 'late' })
    expect((await other.describe({ runId: 'a' }))?.run).toMatchObject({
      status: 'cancelled',
      cancelled: { cause: 'app', reason: 'late' },
    })
    expect(await other.driver.inbox({ partitionKey: null, rootId: 'a' })).toEqual([])
    expect(await cancelStored({ persister: other, appId: 'a' })).toBe('ended')
  })

  it('ends one branch, and the run goes on', async () => {
    const persisterOf = open()
    const { both, graph } = fan()
    const clock = new ManualClock()
    const options = {
      appId: 'a',
      entrypoint: 'each',
      state: {},
      persister: persisterOf(),
      clock,
      logger: quiet,
    } as const
    const app = createApplication(graph, options)
    const outcome = app.run()
    await both
    clock.advance(LEASE_MS / 3)
    const other = persisterOf()
    await expect.poll(() => other.describe({ runId: 'a', path: 'each/two' }), { timeout: 10_000 }).toBeDefined()
    const actions = runActions({ persister: other })
    for (const path of ['each/one', [['each', 1, 'two']] as const])
      expect(await actions.cancel({ runId: 'a', path, reason: 'no' })).toMatchObject({
        done: true,
        status: 'requested',
      })
    clock.advance(LEASE_MS / 3)

    expect(await outcome).toMatchObject({ status: 'finished', state: { words: ['one cancelled', 'two cancelled'] } })
    expect(await other.driver.inbox({ partitionKey: null, rootId: 'a' })).toEqual([])
    expect(await cancelStored({ persister: other, appId: 'a', path: 'each/one' })).toBe('ended')
  })

  it('ends one map, and the run goes on', async () => {
    const persisterOf = open()
    const { both, graph } = fan()
    const clock = new ManualClock()
    const base = { appId: 'a', entrypoint: 'each', state: {}, clock, logger: quiet } as const
    const app = createApplication(graph, { ...base, persister: persisterOf() })
    const outcome = app.run()
    await both
    const other = persisterOf()
    expect(await runActions({ persister: other }).cancel({ runId: 'a', map: 'each', reason: 'no' })).toMatchObject({
      done: true,
      status: 'requested',
      text: 'Asked the process that runs it to cancel the map "each" of "a".',
    })
    clock.advance(LEASE_MS / 3)

    expect(await outcome).toMatchObject({ status: 'finished', state: { words: ['one cancelled', 'two cancelled'] } })
    expect(await other.driver.inbox({ partitionKey: null, rootId: 'a' })).toEqual([])
    expect(await cancelStored({ persister: other, appId: 'a', map: 'each' })).toBe('ended')
  })

  it('Q1 is obeyed by the next process, when the one that it reached has died', async () => {
    const persisterOf = open()
    const first = graphs()
    const clock = new ManualClock()
    const options = { appId: 'a', entrypoint: 'first', state: { n: 0 }, clock, logger: quiet } as const
    const dead = createApplication(first.graph, { ...options, persister: persisterOf() })
    void dead.run().catch(() => {})
    await first.begun.promise
    const persister = persisterOf()
    await cancelStored({ persister, appId: 'a', reason: 'late' })

    const again = await resumeOrCreate(graphs().graph, { ...options, persister })
    expect(await again.run()).toMatchObject({ status: 'cancelled', reason: 'late' })
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'a' })).toEqual([])
    await dead[Symbol.asyncDispose]()
  })

  it('Q2 does not end a run that was begun again at an earlier step', async () => {
    const persisterOf = open()
    const first = graphs()
    const clock = new ManualClock()
    const options = { appId: 'a', entrypoint: 'first', state: { n: 0 }, clock, logger: quiet } as const
    const dead = createApplication(first.graph, { ...options, persister: persisterOf() })
    void dead.run().catch(() => {})
    await first.begun.promise
    const persister = persisterOf()
    await cancelStored({ persister, appId: 'a' })
    await rewind({ persister, appId: 'a', sequenceId: -1 })

    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'a' })).toEqual([])
    const again = await resumeOrCreate(first.graph, { ...options, persister })
    expect(await again.run({ haltAfter: ['first'] })).toMatchObject({ status: 'halted' })
    await dead[Symbol.asyncDispose]()
  })
})

it('Q2 does not end a run that has failed by itself, and goes on later', async () => {
  const persister = memoryPersister()
  let fails = true
  const gate = defer()
  const begun = defer()
  const work = kit.action({
    reads: [],
    writes: ['n'],
    run: async () => {
      begun.resolve()
      await gate.promise
      if (fails) throw new RangeError('It fails.')
      return { n: 1 }
    },
  })
  const graph = kit.graph({ actions: { work } })
  const one = hosted(graph, { entrypoint: 'work' })
  const graphs = { work: one }
  await using host = createHost({ persister, graphs, signals: [], logger: quiet })
  const released: unknown[] = []
  host.on({ runId: 'a' }, (event) => void (event.type === 'released' && released.push(event.status)))
  await host.start('work', { appId: 'a', state: {} })
  await begun.promise
  await cancelStored({ persister, appId: 'a' })
  gate.resolve()
  await flushUntil(() => released.length === 1)
  fails = false

  expect(await host.resume({ runId: 'a' })).toBe('resumed')
  await flushUntil(() => released.length === 2)
  expect(released).toEqual(['failed', 'finished'])
})

it('Q3 reaches a branch whose map comes after it', async () => {
  const persister = memoryPersister()
  const [first, second] = [fan(), fan()]
  const clock = new ManualClock()
  const options = { appId: 'a', entrypoint: 'each', state: {}, persister, clock, logger: quiet } as const
  const app = createApplication(first.graph, options)
  void app.run().catch(() => {})
  await first.both
  await cancelStored({ persister, appId: 'a', path: 'each/one' })
  const again = await resumeOrCreate(second.graph, options)
  const outcome = again.run()
  await second.both
  clock.advance(LEASE_MS / 3)
  await flush()
  await again.cancel({ path: 'each/two' })

  expect(await outcome).toMatchObject({ status: 'finished', state: { words: ['one cancelled', 'two cancelled'] } })
  await app[Symbol.asyncDispose]()
})

it('a run that waits obeys at its next look for messages, and its mailbox has no request', async () => {
  const persister = memoryPersister()
  const ask = kit.action({
    reads: [],
    writes: ['word'],
    run: async ({ context }) => ({ word: (await context.receiveOne(answer)).body }),
  })
  const clock = new ManualClock()
  const options = {
    appId: 'a',
    entrypoint: 'ask',
    state: {},
    persister,
    clock,
    logger: quiet,
    inboxPollMs: 1_000,
  } as const
  const app = createApplication(kit.graph({ actions: { ask } }), options)
  const messages: unknown[] = []
  app.on('message', (event) => void messages.push(event))
  const outcome = app.run()
  await flushUntil(() => app.pending.length === 1)
  expect(await cancelStored({ persister, appId: 'a', reason: 'late' })).toBe('requested')
  clock.advance(1_000)

  expect(await outcome).toMatchObject({ status: 'cancelled', reason: 'late' })
  expect(messages).toEqual([])
})

it('a branch of a run that nobody holds is left as it is', async () => {
  const persister = memoryPersister()
  const { both, graph } = fan()
  const app = createApplication(graph, { appId: 'a', entrypoint: 'each', state: {}, persister, logger: quiet })
  const run = app.run()
  await both
  await app.shutdown()
  await run

  expect(await cancelStored({ persister, appId: 'a', path: 'each/one' })).toBe('unknown')
  expect(await cancelStored({ persister, appId: 'none', path: 'each/one' })).toBe('unknown')
  const actions = runActions({ persister })
  for (const dryRun of [true, false])
    await expect(actions.cancel({ runId: 'a', path: 'each/one', dryRun })).rejects.toMatchObject({
      code: 'not-live',
      hint: expect.stringContaining('resume it'),
    })
})

it('a request that could not be obeyed is tried again at the next look', async () => {
  const { driver } = memoryPersister()
  const requests = new RunRequests({ partitionKey: null, rootId: 'a', driver })
  const asked: unknown[] = []
  requests.cancel = (part) => {
    asked.push(part)
    return asked.length === 1 ? Promise.reject(new TypeError('It is broken.')) : Promise.resolve('cancelled')
  }
  const message = { id: 1, kind: 'teasel.cancel.branch', body: { path: 'each/one' } }

  for (const looks of [1, 2, 2]) {
    requests.begin([message])
    await flush()
    expect(asked).toHaveLength(looks)
  }
  expect(requests.past).toEqual([1])
})
