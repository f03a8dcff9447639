import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { createPersister, type Group, memoryPersister, PersistenceError, type Persister } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { defer, flush, flushUntil } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'

// The end of a run, as its caller, its log and its store tell it, where the store is away or slow at that moment.

interface Work {
  n: number
  answer: string
}
const kit = defineState<Work>()
const approve = defineMessage('approve', typeOf<string>())
const root = { partitionKey: null, rootId: 'run' }

const ask = kit.action({
  reads: [],
  writes: ['answer'],
  run: async ({ context }) => ({ answer: (await context.receiveOne(approve)).body }),
})
const asks = kit.graph({ actions: { ask } })

/** A store whose saves of summaries alone a test answers. */
interface Held {
  readonly persister: Persister
  /** Decides on each save without rows: undefined lets it through. */
  onSummaries: (group: Group) => Promise<void> | undefined
  status(): Promise<string | undefined>
}

function held(clock: ManualClock): Held {
  const { driver } = memoryPersister({ now: () => clock.now() })
  const made: Held = {
    persister: createPersister(
      overDriver(driver, {
        async save(group) {
          if (group.rows.length === 0) await made.onSummaries(group)
          await driver.save(group)
        },
      }),
    ),
    onSummaries: () => undefined,
    status: async () => (await driver.find(root))?.summary?.status,
  }
  return made
}

const away = () => Promise.reject(new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined }))
const isWaiting = ({ summaries = [] }: Group): boolean => summaries.some(({ status }) => status === 'waiting')

describe('a run that is asked to return while it waits', () => {
  it('returns when its store has that, if it waits for a store that is away', async () => {
    const clock = new ManualClock()
    const store = held(clock)
    let refused = 0
    store.onSummaries = (group) => {
      if (!isWaiting(group)) return undefined
      refused += 1
      return away()
    }
    const { persister } = store
    const options = { appId: 'run', entrypoint: 'ask', state: {}, persister, clock, logger: quiet } as const
    const app = createApplication(asks, { ...options, whenUnavailable: 'wait' })
    let returned = false
    const run = app.run({ whenWaiting: 'return' }).finally(() => {
      returned = true
    })
    await flushUntil(() => refused > 1)
    expect([returned, await store.status()]).toEqual([false, 'running'])

    store.onSummaries = () => undefined
    clock.advance(5_000)
    expect((await run).status).toBe('waiting')
    expect(await store.status()).toBe('waiting')
    expect((await persister.driver.find(root))?.claim?.leaseUntil ?? 0).toBeLessThanOrEqual(clock.now())
  })

  it('rejects with the fault of its store otherwise, and its log has the same end', async () => {
    const clock = new ManualClock()
    const store = held(clock)
    store.onSummaries = (group) => (isWaiting(group) ? away() : undefined)
    const { persister } = store
    const dir = folder()
    const tracker = fileTracker({ dir })
    const options = { appId: 'run', entrypoint: 'ask', state: {}, persister, clock, logger: quiet } as const
    const app = createApplication(asks, { ...options, tracker })

    await expect(app.run({ whenWaiting: 'return' })).rejects.toMatchObject({ fault: 'unavailable' })
    await tracker[Symbol.asyncDispose]()
    expect(await store.status()).toBe('running')
    expect((await fileReader({ dir }).describe({ runId: 'run' }))?.run).toMatchObject({
      status: 'failed',
      error: { name: 'PersistenceError' },
    })

    store.onSummaries = () => undefined
    expect((await app.run({ whenWaiting: 'return' })).status).toBe('waiting')
    expect(await store.status()).toBe('waiting')
  })

  it('goes on where something of it goes on while that is stored', async () => {
    const clock = new ManualClock()
    const store = held(clock)
    const gate = defer()
    const storing = defer()
    store.onSummaries = (group) => {
      if (!isWaiting(group)) return undefined
      storing.resolve()
      return gate.promise
    }
    const { persister } = store
    const options = { appId: 'run', entrypoint: 'ask', state: {}, persister, clock, logger: quiet } as const
    const app = createApplication(asks, options)
    const run = app.run({ whenWaiting: 'return' })
    await storing.promise
    await flush()
    await app.send(approve('yes'))
    await flush()
    gate.resolve()

    expect(await run).toMatchObject({ status: 'finished', state: { answer: 'yes' } })
    expect(await store.status()).toBe('finished')
  })

  it('goes on where a branch elsewhere loses its worker while that is stored, and returns when it waits again', async () => {
    const clock = new ManualClock()
    const store = held(clock)
    let place: TreeLoopback | undefined
    const executor = loopback((made) => {
      place = made
    })
    const [storing, gate, again] = [defer(), defer(), defer()]
    const asksLate = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        if (context.delivery > 1) await again.promise
        return { answer: (await context.receiveOne(approve)).body }
      },
    })
    const map = kit.mapActions({ reads: [], writes: ['n'], executor, actions: { asksLate }, reduce: () => ({ n: 1 }) })
    const app = createApplication(kit.graph({ actions: { map } }), {
      ...{ appId: 'run', entrypoint: 'map', state: {}, persister: store.persister, clock, logger: quiet },
    })
    store.onSummaries = (group) => {
      if (!group.summaries?.some(({ appId, status }) => appId === 'run' && status === 'waiting')) return undefined
      storing.resolve()
      return gate.promise
    }
    let returned = false
    const run = app.run({ whenWaiting: 'return' }).finally(() => {
      returned = true
    })
    await storing.promise
    await flush()
    place?.die(true)
    await flush()
    gate.resolve()
    await flush()
    expect(returned).toBe(false)

    again.resolve()
    expect(await run).toMatchObject({ status: 'waiting', pending: [{ kinds: ['approve'] }] })
    expect(await store.status()).toBe('waiting')
    await app.shutdown()
  })
})

describe('a run whose end no row holds', () => {
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const adds = kit.graph({ actions: { add } })
  const setUp = (whenUnavailable: 'wait' | 'fail') => {
    const clock = new ManualClock()
    const store = held(clock)
    const ended: unknown[] = []
    const app = createApplication(adds, {
      ...{ appId: 'run', entrypoint: 'add', state: { n: 0 }, save: 'manual', whenUnavailable },
      ...{ persister: store.persister, clock, logger: quiet },
    })
    app.on('run.end', ({ status }) => void ended.push(status))
    return { clock, store, app, ended }
  }

  it('has ended when its store has that, if it waits for a store that is away', async () => {
    const { clock, store, app, ended } = setUp('wait')
    let refused = 0
    store.onSummaries = (group) => {
      if (!group.summaries?.some(({ status }) => status === 'finished')) return undefined
      refused += 1
      return away()
    }
    const run = app.run()
    await flushUntil(() => refused > 0)
    expect([ended, await store.status()]).toEqual([[], 'running'])

    store.onSummaries = () => undefined
    clock.advance(5_000)
    expect((await run).status).toBe('finished')
    expect([ended, await store.status()]).toEqual([['finished'], 'finished'])
  })

  it('rejects with the fault of its store otherwise, and ends when it is run again', async () => {
    const { store, app, ended } = setUp('fail')
    store.onSummaries = away

    await expect(app.run()).rejects.toMatchObject({ fault: 'unavailable' })
    expect([ended, await store.status()]).toEqual([['failed'], 'running'])
    store.onSummaries = () => undefined
    expect(await app.run()).toMatchObject({ status: 'finished', state: { n: 1 } })
    expect(await store.status()).toBe('finished')
  })

  it('awaits its store no longer than the grace period when it is cut off', async () => {
    const { clock, store, app, ended } = setUp('wait')
    store.onSummaries = away
    const lost = expect(app.run()).rejects.toMatchObject({ fault: 'unavailable' })
    await flush()
    const left = app.shutdown()
    await flush()
    expect(ended).toEqual([])
    clock.advance(5_000)
    await left
    await lost
    expect(ended).toEqual(['failed'])
  })

  it('awaits its store no longer than the grace period when its actor is stopped', async () => {
    const { clock, store, app, ended } = setUp('wait')
    store.onSummaries = away
    void app.run().catch(() => {})
    await flush()
    app.actor.stop()
    clock.advance(5_000)
    await flush()
    expect(ended).toEqual(['failed'])
  })
})
