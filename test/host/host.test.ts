import { defineMessage, resumeOrCreate, systemClock, type } from 'teasel'
import { createHost, type HostEvent, hosted } from 'teasel/host'
import { createPersister, memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { ManualClock } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { postTo } from '../../src/persistence/seal.js'
import { defer, flush, flushUntil, untilAborted } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { type Act, answer, graphOf, kit, workOf } from '../support/one-action.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

/** Returns its item, and records it. */
const recording =
  (ran: string[]): Act =>
  async (item) => {
    ran.push(item)
    return item
  }

const quietly = { logger: quiet, signals: [] } as const

/** Reads the events of a host until one fits. */
function seen(events: HostEvent[], type: string, runId: string, status?: string): () => boolean {
  return () =>
    events.some(
      (event) =>
        event.type === type &&
        'run' in event &&
        event.run.runId === runId &&
        (status === undefined || ('status' in event && event.status === status)),
    )
}
function reading(host: { events(): AsyncIterable<HostEvent> }): HostEvent[] {
  const events: HostEvent[] = []
  void (async () => {
    for await (const event of host.events()) events.push(event)
  })()
  return events
}

const stores: Record<string, () => Persister> = {
  memory: () => memoryPersister(),
  sqlite: () => sqlitePersister({ file: ':memory:' }),
}

describe.each(Object.entries(stores))('a host (%s)', (_, open) => {
  it('runs what is started, once for each id', async () => {
    const persister = open()
    const ran: string[] = []
    await using host = createHost({
      ...quietly,
      persister,
      graphs: { work: workOf(recording(ran)) },
    })
    const events = reading(host)
    const first = await host.start('work', { appId: 'a', state: { item: 'x' }, labels: { customer: '7' }, title: 'A' })
    const second = await host.start('work', { appId: 'a', state: { item: 'y' } })
    await flushUntil(seen(events, 'released', 'a'))

    expect([first.created, second.created, ran]).toEqual([true, false, ['x']])
    const { items } = await persister.list({ labels: { customer: '7' } })
    expect(items).toMatchObject([{ runId: 'a', status: 'finished', title: 'A', name: 'work' }])
    expect(await persister.state({ runId: 'a' })).toEqual({ item: 'x', out: 'x' })
  })

  it('holds no more than its concurrency, and takes the rest as slots come free', async () => {
    const persister = open()
    let most = 0
    let now = 0
    await using host = createHost({
      ...quietly,
      persister,
      concurrency: 2,
      graphs: {
        work: workOf(async (item) => {
          now += 1
          most = Math.max(most, now)
          await flush()
          now -= 1
          return item
        }),
      },
    })
    const events = reading(host)
    for (let i = 0; i < 9; i++) await host.start('work', { appId: `run ${i}`, state: { item: 'x' } })
    await flushUntil(() => events.filter(({ type: one }) => one === 'released').length === 9)

    expect(most).toBe(2)
    expect(await persister.count()).toMatchObject({ finished: 9 })
  })

  it('releases a run that waits, and takes it again when it is answered', async () => {
    const persister = open()
    await using host = createHost({
      ...quietly,
      persister,
      pollMs: 20,
      graphs: { work: workOf((_, { receive }) => receive()) },
    })
    const events = reading(host)
    await host.start('work', { appId: 'a', state: { item: 'x' } })
    await flushUntil(seen(events, 'released', 'a', 'waiting'))
    expect(host.health()).toMatchObject({ status: 'ok', running: 0 })
    expect((await persister.pending()).items).toMatchObject([{ runId: 'a', kinds: ['answer'] }])

    expect(await host.send(answer('yes'), { runId: 'a' })).toBe('queued')
    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
    expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'yes' })
  })

  it('answers a question by a message that 1 000 others precede, none of which it takes', async () => {
    const persister = open()
    await using host = createHost({
      ...quietly,
      persister,
      pollMs: 20,
      graphs: { work: workOf((_, { receive }) => receive()) },
    })
    const events = reading(host)
    await host.start('work', { appId: 'a', state: { item: 'x' } })
    await flushUntil(seen(events, 'released', 'a', 'waiting'))
    const other = defineMessage('other', type<number>())
    const to = { driver: persister.driver, partitionKey: null, rootId: 'a' }
    for (let i = 0; i < 1_000; i++) await postTo(to, 'a', other(i))
    await host.send(answer('yes'), { runId: 'a' })

    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
    expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'yes' })
    expect(events.filter(({ type }) => type === 'taken')).toHaveLength(2)
  })

  it('resumes a run whose process died, and fails one whose process dies again and again', async () => {
    const persister = open()
    const crash = async () => {
      const { persister: dying, crash: die } = mortal(persister)
      const app = await resumeOrCreate(
        graphOf(() => new Promise(() => {})),
        {
          ...{
            appId: 'a',
            name: 'work',
            entrypoint: 'work',
            state: { item: 'x' },
            persister: dying,
            leaseMs: 10,
            logger: quiet,
          },
        },
      )
      void app.run().catch(() => {})
      await flush(10_000)
      die()
      await expect.poll(async () => (await persister.list()).items[0]?.status).toBe('interrupted')
    }
    await crash()
    const ran: string[] = []
    const graphs = { work: workOf(recording(ran)) }
    await using host = createHost({ ...quietly, persister, graphs, pollMs: 20 })
    const events = reading(host)
    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
    expect(ran).toEqual(['x'])
    await host.close()

    await persister.delete({ appId: 'a' })
    for (let i = 0; i < 3; i++) await crash()
    await using another = createHost({ ...quietly, persister, graphs, pollMs: 20 })
    const more = reading(another)
    await expect.poll(() => seen(more, 'released', 'a', 'failed')()).toBe(true)
    expect(ran).toEqual(['x'])
    expect((await persister.list()).items).toMatchObject([{ status: 'failed' }])
  })

  it('resumes a run that has failed when it is asked, and no other one', async () => {
    const persister = memoryPersister()
    const act = { fails: true, ran: 0, hold: defer<void>() }
    const graphs = {
      work: workOf(async (item) => {
        act.ran += 1
        if (act.fails) throw new RangeError('Not yet.')
        await act.hold.promise
        return item
      }),
    }
    await using host = createHost({ persister, graphs, ...quietly })
    const events = reading(host)
    await host.start('work', { appId: 'a', state: { item: 'x' } })
    await flushUntil(seen(events, 'released', 'a', 'failed'))
    expect(act.ran).toBe(1)
    act.fails = false
    expect(await Promise.all([host.resume({ runId: 'a' }), host.resume({ runId: 'a' })])).toEqual(['resumed', 'held'])
    expect(await host.resume({ runId: 'a' })).toBe('held')
    const other = createHost({ persister, graphs, ...quietly })
    expect(await other.resume({ runId: 'a' })).toBe('held')
    await other.close()
    act.hold.resolve()
    await flushUntil(seen(events, 'released', 'a', 'finished'))
    expect(act.ran).toBe(2)
    expect(await host.resume({ runId: 'a' })).toBe('ended')
    expect(await host.resume({ runId: 'none' })).toBe('unknown')
    await resumeOrCreate(graphOf(recording([])), { appId: 'n', entrypoint: 'work', state: { item: '' }, persister })
    await expect(host.resume({ runId: 'n' })).rejects.toThrow('There is no graph ""')
    await host.drain()
    await expect(host.resume({ runId: 'a' })).rejects.toThrow('The host is draining')
  })

  it('leaves a run to the process that holds it', async () => {
    const persister = open()
    const app = await resumeOrCreate(
      graphOf((_, { signal }) => untilAborted(signal)),
      {
        ...{ appId: 'a', name: 'work', entrypoint: 'work', state: { item: 'x' }, persister, logger: quiet },
      },
    )
    const run = app.run()
    await flush()
    const ran: string[] = []
    await using host = createHost({
      ...quietly,
      persister,
      pollMs: 10,
      graphs: { work: workOf(recording(ran)) },
    })
    const events = reading(host)
    await flush(10_000)
    expect(ran).toEqual([])

    await app.shutdown()
    await run
    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
    expect(ran).toEqual(['x'])
  })

  it('cancels a run here, one that waits in the store, and one in another process', async () => {
    const persister = open()
    const graphs = { work: workOf((item, { signal, receive }) => (item === 'wait' ? receive() : untilAborted(signal))) }
    await using host = createHost({ ...quietly, persister, graphs })
    await using other = createHost({ ...quietly, persister, graphs, leaseMs: 900 })
    const [events, others] = [reading(host), reading(other)]
    await host.start('work', { appId: 'here', state: { item: 'x' } })
    await host.start('work', { appId: 'stored', state: { item: 'wait' } })
    await other.start('work', { appId: 'there', state: { item: 'x' } })
    await flushUntil(seen(events, 'released', 'stored', 'waiting'))

    const answers = []
    for (const runId of ['here', 'stored', 'there', 'none']) answers.push(await host.cancel({ runId, reason: 'no' }))
    await expect.poll(() => seen(others, 'released', 'there', 'cancelled')(), { timeout: 10_000 }).toBe(true)
    await flushUntil(seen(events, 'released', 'here', 'cancelled'))
    expect(answers).toEqual(['cancelled', 'cancelled', 'requested', 'unknown'])
    expect(await persister.count()).toMatchObject({ cancelled: 3 })
    expect((await persister.pending()).items).toEqual([])
    expect(await host.cancel({ runId: 'stored' })).toBe('ended')
  })

  it('drains: what it holds is interrupted, and another host resumes it', async () => {
    const persister = open()
    const gate = defer()
    const act: Act = (item, { signal }) => Promise.race([gate.promise.then(() => item), untilAborted(signal)])
    const host = createHost({ ...quietly, persister, graphs: { work: workOf(act) } })
    await host.start('work', { appId: 'a', state: { item: 'x' } })
    await flush()
    expect(await host.drain()).toEqual([])
    expect((await persister.list()).items).toMatchObject([{ status: 'interrupted' }])
    expect(host.health().status).toBe('draining')
    await expect(host.start('work', { state: { item: 'x' } })).rejects.toThrow('The host is draining')

    gate.resolve()
    await using another = createHost({ ...quietly, persister, graphs: { work: workOf(act) } })
    const events = reading(another)
    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
  })

  it('gives the inputs of a start to a run that another host resumes', async () => {
    const persister = open()
    const ask = kit.action({
      reads: [],
      writes: ['out'],
      inputs: { prefix: type<string>() },
      run: async ({ inputs: { prefix }, context }) => ({ out: prefix + (await context.receiveOne(answer)).body }),
    })
    const graphs = { ask: hosted(kit.graph({ actions: { ask } }), { entrypoint: 'ask' }) }
    const first = createHost({ ...quietly, persister, graphs })
    const events = reading(first)
    await first.start('ask', { appId: 'a', state: {}, inputs: { prefix: '> ' } })
    await flushUntil(seen(events, 'released', 'a', 'waiting'))
    await first.close()

    await using second = createHost({ ...quietly, persister, graphs, pollMs: 10 })
    const more = reading(second)
    await second.send(answer('yes'), { runId: 'a' })
    await expect.poll(() => seen(more, 'released', 'a', 'finished')()).toBe(true)
    expect(await persister.state({ runId: 'a' })).toMatchObject({ out: '> yes' })
  })
})

it('a host calls a listener of one run back for its events, without another reader', async () => {
  await using host = createHost({
    ...quietly,
    persister: memoryPersister(),
    graphs: { work: workOf(async (item) => item) },
  })
  const seenOf = new Map<string, string[]>([
    ['a', []],
    ['b', []],
  ])
  const off = [...seenOf].map(([runId, types]) =>
    host.on({ runId }, (one) => void types.push(one.type === 'event' ? one.event.type : one.type)),
  )
  await host.start('work', { appId: 'a', state: { item: 'x' } })
  await flushUntil(() => seenOf.get('a')?.includes('released') === true)
  off[1]?.()
  await host.start('work', { appId: 'b', state: { item: 'x' } })
  await flush()

  expect(seenOf.get('a')).toEqual(['taken', 'run.start', 'step.start', 'step.end', 'run.end', 'released'])
  expect(seenOf.get('b')).toEqual([])
})

it('a host takes the path of an open question, in a run that is held and in one that waits in the store', async () => {
  const persister = memoryPersister()
  const gate = defer()
  const work = kit.action({
    reads: ['item'],
    writes: ['out'],
    run: async ({ state: { item }, context }) => {
      if (item === 'slow') await gate.promise
      return { out: item === 'slow' ? item : (await context.receiveOne(answer)).body }
    },
  })
  const each = kit.mapStates({
    reads: ['item'],
    writes: ['out'],
    action: work,
    states: ({ state: { item } }) => Object.fromEntries(item.split(' ').map((one) => [one, { item: one }])),
    reduce: ({ results }) => ({ out: results.map(({ state }) => state.out).join(' ') }),
  })
  const graphs = { each: hosted(kit.graph({ actions: { each } }), { entrypoint: 'each' }) }
  await using host = createHost({ ...quietly, persister, graphs, pollMs: 20 })
  const events = reading(host)
  for (const [appId, item] of [
    ['held', 'ask slow'],
    ['stored', 'ask'],
  ] as const)
    await host.start('each', { appId, state: { item } })
  await flushUntil(seen(events, 'released', 'stored', 'waiting'))

  for (const { runId, path } of (await persister.pending()).items)
    await host.send(answer(`to ${runId}`), { runId, path })
  gate.resolve()

  for (const runId of ['held', 'stored'])
    await expect.poll(() => seen(events, 'released', runId, 'finished')()).toBe(true)
  expect(await persister.state({ runId: 'held' })).toMatchObject({ out: 'to held slow' })
  expect(await persister.state({ runId: 'stored' })).toMatchObject({ out: 'to stored' })
})

it('a host emits no cancel for a run that it releases because it waits', async () => {
  await using host = createHost({
    ...quietly,
    persister: memoryPersister(),
    graphs: { work: workOf((_, { receive }) => receive()) },
  })
  const events = reading(host)
  await host.start('work', { appId: 'a', state: { item: 'x' } })
  await flushUntil(seen(events, 'released', 'a', 'waiting'))

  const types = events.map((one) => (one.type === 'event' ? one.event.type : one.type))
  expect(types).toEqual(['taken', 'run.start', 'step.start', 'wait', 'released'])
})

it('a host wakes a run whose time has come', async () => {
  const clock = new ManualClock()
  const persister = memoryPersister({ now: () => clock.now() })
  await using host = createHost({
    ...quietly,
    persister,
    clock,
    graphs: { work: workOf((item, { sleep }) => sleep(60_000).then(() => item)) },
  })
  const events = reading(host)
  await host.start('work', { appId: 'a', state: { item: 'x' } })
  await flushUntil(seen(events, 'released', 'a', 'waiting'))
  for (let i = 0; i < 70; i++) {
    clock.advance(1_000)
    await flush()
  }
  await flushUntil(seen(events, 'released', 'a', 'finished'))
  expect((await persister.list()).items).toMatchObject([{ status: 'finished' }])
})

it('a host refuses wrong options, and names that it has no graph for', async () => {
  const persister = memoryPersister()
  const graphs = { refund: workOf(async (item) => item) }
  expect(() => createHost({ ...quietly, persister, graphs, concurrency: 0 })).toThrow('concurrency is 0')
  await using host = createHost({ ...quietly, persister, graphs })
  // @ts-expect-error there is no graph of this name
  await expect(host.start('refnd', { state: { item: 'x' } })).rejects.toThrow('There is no graph "refnd". Did you mean')
  // @ts-expect-error the state lacks `item`
  await expect(host.start('refund', { state: {} })).rejects.toThrow()
})

describe('a host whose neighbour dies', () => {
  it('takes a run that was answered while it was being released', async () => {
    const persister = memoryPersister()
    const { driver } = persister
    const graphs = { work: workOf((_, { receive }) => receive()) }
    const dying = createHost({ ...quietly, persister, graphs })
    const events = reading(dying)
    await dying.start('work', { appId: 'a', state: { item: 'x' } })
    await flushUntil(seen(events, 'released', 'a', 'waiting'))
    await dying.close()
    // The message comes first, then the save that releases the run; then the process dies.
    await sendStored({ persister, appId: 'a', message: answer('yes') })
    const root = { partitionKey: null, rootId: 'a' }
    const summary = (await driver.find(root))?.summary
    if (summary === undefined) throw new TypeError('The run is not stored.')
    await driver.claim(root, 'dying')
    await driver.save({ ...root, writer: 'dying', rows: [], summaries: [{ ...summary, wake: null }], leaseMs: 0 })
    expect((await persister.due()).items).toMatchObject([{ runId: 'a' }])

    await using host = createHost({ ...quietly, persister, graphs })
    const more = reading(host)
    await expect.poll(() => seen(more, 'released', 'a', 'finished')()).toBe(true)
    expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'yes' })
  })

  it('stores a run that another process has claimed and not stored', async () => {
    const persister = memoryPersister()
    await persister.driver.claim({ partitionKey: null, rootId: 'a' }, 'dead', { leaseMs: 30 })
    await using host = createHost({
      ...quietly,
      persister,
      pollMs: 10,
      graphs: { work: workOf(async (item) => item) },
    })
    const events = reading(host)
    expect(await host.start('work', { appId: 'a', state: { item: 'x' } })).toMatchObject({ created: true })
    await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
  })
})

it('a host drains once what it takes is held, though its clock stands still', async () => {
  const { driver } = memoryPersister()
  const [asked, gate] = [defer(), defer()]
  const slow = overDriver(driver, {
    async claim(...claim) {
      asked.resolve()
      await gate.promise
      return driver.claim(...claim)
    },
  })
  const clock = new ManualClock()
  const graphs = { work: workOf((_, { signal }) => untilAborted(signal)) }
  const host = createHost({ ...quietly, persister: createPersister(slow), clock, graphs })
  const started = host.start('work', { appId: 'a', state: { item: 'x' } })
  await asked.promise
  const drained = host.drain()
  gate.resolve()

  expect(await drained).toEqual([])
  expect(await started).toMatchObject({ created: true })
})

it('a host goes on when a listener of one run throws', async () => {
  const persister = memoryPersister()
  await using host = createHost({ ...quietly, persister, graphs: { work: workOf(async (item) => item) } })
  host.on({ runId: 'a' }, () => {
    throw new TypeError('a bug of the listener')
  })
  const events = reading(host)
  await host.start('work', { appId: 'a', state: { item: 'x' } })
  await flushUntil(seen(events, 'released', 'a', 'finished'))
  await host.start('work', { appId: 'b', state: { item: 'x' } })
  await flushUntil(seen(events, 'released', 'b', 'finished'))

  expect(host.health()).toMatchObject({ status: 'ok', running: 0 })
  expect(await persister.count()).toMatchObject({ finished: 2 })
})

it('a host takes the runs of a dead process by the clock of the store, however its own is set', async () => {
  const persister = memoryPersister()
  const { persister: dying, crash } = mortal(persister)
  const app = await resumeOrCreate(
    graphOf(() => new Promise(() => {})),
    {
      ...{ appId: 'a', name: 'work', entrypoint: 'work', state: { item: 'x' }, persister: dying, leaseMs: 10 },
      logger: quiet,
    },
  )
  void app.run().catch(() => {})
  await flush(10_000)
  crash()
  const late = { ...systemClock, now: () => Date.now() - 3_600_000 }
  await using host = createHost({
    ...{ ...quietly, persister, clock: late, pollMs: 10 },
    graphs: { work: workOf(async (item) => item) },
  })
  const events = reading(host)

  await expect.poll(() => seen(events, 'released', 'a', 'finished')()).toBe(true)
})
