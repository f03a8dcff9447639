import { defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { createHost, type HostEvent, hosted } from 'teasel/host'
import { createPersister, memoryPersister, PersistenceError, type Persister } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { expect, it } from 'vitest'
import { flush, flushUntil, untilAborted } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// When a host releases a run that waits, the store has all that wakes it.

const kit = defineState<{ item: string; out: string }>()
const answer = defineMessage('answer', type<string>())

interface MapUse {
  readonly items: readonly string[]
  readonly timeoutMs?: number
  readonly persister?: null
  /** Of another host; a new one by default. */
  readonly store?: Persister
}
let calls = 0
/** Sleeps a minute for `slow`, asks for `ask`, and fails twice for `busy`. */
const work = kit.action({
  reads: ['item'],
  writes: ['out'],
  retry: { attempts: 3, delayMs: 5_000, factor: 1, jitter: 0 },
  run: async ({ state: { item }, context }) => {
    if (item === 'slow') await context.sleep({ ms: 60_000 })
    if (item === 'ask') return { out: (await context.receiveOne(answer)).body }
    if (item === 'busy' && ++calls < 3) throw new TypeError('busy')
    return { out: item }
  },
})
function setUp({ items, store, ...options }: MapUse) {
  calls = 0
  const clock = new ManualClock(Date.now())
  const persister = store ?? memoryPersister({ now: () => clock.now() })
  const each = kit.mapStates({
    reads: ['item'],
    writes: ['out'],
    action: work,
    settle: 'collect',
    ...options,
    states: Object.fromEntries(items.map((item) => [item, { item }])),
    reduce: ({ results }) => ({ out: results.map(({ key, status }) => `${key} ${status}`).join() }),
  })
  const graphs = { each: hosted(kit.graph({ actions: { each } }), { entrypoint: 'each' }) }
  const host = createHost({ logger: quiet, signals: [], persister, clock, graphs })
  const seen: string[] = []
  const listen = (event: HostEvent): void => {
    if (event.type === 'taken') seen.push(event.why)
    if (event.type === 'released') seen.push(event.status)
  }
  host.on({ runId: 'a' }, listen)
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      clock.advance(1_000)
      await flush()
    }
  }
  const start = (): Promise<unknown> => host.start('each', { appId: 'a', state: { item: 'x' } })
  return { clock, persister, host, seen, pass, start }
}

it('a run is released in a retry delay, and taken again when that is over', async () => {
  const { clock, persister, host, seen, pass, start } = setUp({ items: ['slow', 'busy'] })
  await start()
  await flushUntil(() => seen.length > 1)
  expect(seen).toEqual(['started', 'waiting'])
  const [run] = (await persister.list()).items
  expect(run).toMatchObject({ status: 'waiting', retrying: 1, nextAt: clock.now() + 5_000 })
  expect(run).not.toHaveProperty('cancelled')

  await pass(6)
  expect([seen, calls]).toEqual([['started', 'waiting', 'due', 'waiting'], 2])
  await pass(60)
  expect([seen.at(-1), calls]).toEqual(['finished', 3])
  expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'slow done,busy done' })
  await host.close()
})

it('a run whose process took it early in a retry delay is due when that is over', async () => {
  const { persister, host, seen, pass, start } = setUp({ items: ['ask', 'busy'] })
  await start()
  await flushUntil(() => seen.length > 1)
  await host.send(answer('yes'), { runId: 'a', path: 'each/ask' })
  await pass(2)
  expect(seen).toEqual(['started', 'waiting', 'due', 'waiting'])
  await pass(12)
  expect(seen.at(-1)).toBe('finished')
  expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'ask done,busy done' })
  await host.close()
})

it('a run that waits for a person is due when the time limit of its branch ends', async () => {
  const { clock, persister, host, seen, pass, start } = setUp({ items: ['ask'], timeoutMs: 5_000 })
  await start()
  await flushUntil(() => seen.length > 1)
  expect((await persister.list()).items).toMatchObject([{ status: 'waiting', nextAt: clock.now() + 5_000 }])
  await pass(7)
  expect(seen).toEqual(['started', 'waiting', 'due', 'finished'])
  expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'ask failed' })
  await host.close()
})

it('a run that waits in a branch of no store is held until it ends', async () => {
  const { persister, host, seen, pass, start } = setUp({ items: ['slow'], persister: null })
  await start()
  await flush()
  expect([seen, host.health().running]).toEqual([['started'], 1])
  await pass(61)
  await flushUntil(() => seen.length > 1)
  expect(seen).toEqual(['started', 'finished'])
  expect(await persister.state({ runId: 'a' })).toMatchObject({ out: 'slow done' })
  await host.close()
})

it('a run that waits in a branch of no store is taken again after its host has drained', async () => {
  const { persister, host, seen, start } = setUp({ items: ['ask'], persister: null })
  await start()
  await flushUntil(() => host.health().running === 1)
  await flush()
  await host.close()
  expect(seen).toEqual(['started', 'interrupted'])
  expect((await persister.list()).items).toMatchObject([{ status: 'interrupted', pending: 0 }])

  const other = setUp({ items: ['ask'], persister: null, store: persister })
  await flushUntil(() => other.seen.length > 0)
  expect(other.seen).toEqual(['interrupted'])
  await other.host.close()
})

it('a run that another process takes while it is released is no loss', async () => {
  const memory = memoryPersister()
  const each = kit.mapStates({
    reads: ['item'],
    writes: ['out'],
    action: work,
    states: { ask: { item: 'ask' } },
    reduce: ({ branches }) => ({ out: branches.ask.state.out }),
  })
  const graph = kit.graph({ actions: { each } })
  const errors: unknown[] = []
  const logger = { ...quiet, error: (...all: unknown[]) => void errors.push(all) }
  const about = {
    entrypoint: 'each',
    state: { item: 'x' },
    appId: 'a',
    persister: memory,
    claim: 'free',
    logger: quiet,
  } as const
  const resume = () => resumeOrCreate(graph, about)
  let other: Awaited<ReturnType<typeof resume>> | undefined
  const persister = createPersister(
    overDriver(memory.driver, {
      find: async (root) => {
        const found = await memory.driver.find(root)
        if (found?.summary?.status !== 'waiting' || other !== undefined) return found
        await flush() // its lease is over
        other = await resume()
        void other.run()
        await flush()
        return found
      },
    }),
  )
  const host = createHost({ logger, signals: [], persister, graphs: { each: hosted(graph, { entrypoint: 'each' }) } })
  const seen: string[] = []
  host.on({ runId: 'a' }, (event) => event.type === 'released' && seen.push(event.status))
  await host.start('each', { appId: 'a', state: { item: 'x' } })
  await flushUntil(() => seen.length > 0)
  await host.close()

  expect([seen, errors]).toEqual([['waiting'], []])
  expect(await other?.send(answer('yes'), { path: 'each/ask' })).toBe('delivered')
  expect((await other?.ended())?.status).toBe('finished')
})

it('a run whose cancel cannot be stored is lost, goes on when the store is back, and is cancelled by a further call', async () => {
  const clock = new ManualClock(Date.now())
  const { driver } = memoryPersister({ now: () => clock.now() })
  let isAway = false
  const away = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
  const persister = createPersister(
    overDriver(driver, {
      async save(group) {
        if (isAway) throw away()
        await driver.save(group)
      },
    }),
  )
  const stay = kit.action({ reads: [], writes: ['out'], run: ({ signal }) => untilAborted(signal) })
  const graphs = { stay: hosted(kit.graph({ actions: { stay } }), { entrypoint: 'stay' }) }
  const host = createHost({ logger: quiet, signals: [], persister, clock, graphs, leaseMs: 3_000 })
  const seen: string[] = []
  host.on({ runId: 'a' }, (event) => {
    if (event.type === 'taken') seen.push(event.why)
    if (event.type === 'released') seen.push(event.status)
  })
  await host.start('stay', { appId: 'a', state: {} })
  await flushUntil(() => seen.length > 0 && host.health().running === 1)
  isAway = true
  await expect(host.cancel({ runId: 'a' })).rejects.toMatchObject({ fault: 'unavailable' })
  await flushUntil(() => seen.length > 1)

  isAway = false
  for (let i = 0; i < 6; i++) {
    clock.advance(1_000)
    await flush()
  }
  expect([seen, host.health().running]).toEqual([['started', 'lost', 'interrupted'], 1])
  expect(await host.cancel({ runId: 'a' })).toBe('cancelled')
  await flushUntil(() => seen.length > 3)
  expect(seen.at(-1)).toBe('cancelled')
  expect((await persister.describe({ runId: 'a' }))?.run.status).toBe('cancelled')
  await host.close()
})
