import { createApplication, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import {
  cancelStored,
  createPersister,
  type Group,
  memoryPersister,
  PersistenceError,
  type Persister,
} from 'teasel/persistence'
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

/** A store whose saves a test answers. */
interface Held {
  readonly persister: Persister
  /** Decides on each save with rows: undefined lets it through. */
  onRows: (group: Group) => Promise<void> | undefined
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
          await (group.rows.length === 0 ? made.onSummaries(group) : made.onRows(group))
          await driver.save(group)
        },
      }),
    ),
    onRows: () => undefined,
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

describe('a run that ends while its store is away', () => {
  const setUp = (whenUnavailable: 'wait' | 'fail') => {
    const clock = new ManualClock()
    const store = held(clock)
    const { persister } = store
    const dir = folder()
    const tracker = fileTracker({ dir })
    let busy = true
    const work = kit.action({
      reads: [],
      writes: ['n', 'answer'],
      async run({ context }) {
        const { body } = await context.receiveOne(approve)
        if (busy) throw new RangeError('busy')
        return { n: 1, answer: body }
      },
    })
    const options = { appId: 'run', entrypoint: 'work', state: {}, clock, logger: quiet, whenUnavailable } as const
    const open = () => resumeOrCreate(kit.graph({ actions: { work } }), { ...options, persister, tracker })
    const goAway = () => {
      store.onRows = store.onSummaries = away
    }
    const comeBack = () => {
      store.onRows = store.onSummaries = () => undefined
      busy = false
    }
    const log = async () => (await fileReader({ dir }).describe({ runId: 'run' }))?.run
    const stored = async () => (await persister.describe({ runId: 'run' }))?.run.status
    const due = () => persister.due()
    return { clock, store, open, goAway, comeBack, log, stored, due, tracker }
  }

  it('is cancelled for good when its store has that, if it waits for it', async () => {
    const { clock, open, goAway, comeBack, stored, tracker } = setUp('wait')
    const app = await open()
    await app.run({ whenWaiting: 'return' })
    goAway()
    let answered = false
    const cancel = app.cancel({ reason: 'withdrawn' }).finally(() => {
      answered = true
    })
    await flush()
    expect([answered, await stored()]).toEqual([false, 'waiting'])

    comeBack()
    clock.advance(100)
    expect(await cancel).toBe('cancelled')
    expect([await stored(), (await app.run()).status]).toEqual(['cancelled', 'cancelled'])
    await tracker[Symbol.asyncDispose]()
  })

  it('is not cancelled for good where its store cannot have that: run and cancel reject, and another run goes on', async () => {
    const { store, open, goAway, comeBack, log, stored, tracker } = setUp('fail')
    const app = await open()
    const run = app.run()
    await flushUntil(() => app.pending.length > 0)
    goAway()
    const lost = { code: 'persistence', fault: 'unavailable' }
    const rejects = expect(run).rejects.toMatchObject(lost)

    await expect(app.cancel({ reason: 'withdrawn' })).rejects.toMatchObject(lost)
    await rejects
    expect(await store.status()).not.toBe('cancelled')
    comeBack()
    await app.send(approve('yes'))
    expect(await app.run()).toMatchObject({ status: 'finished', state: { answer: 'yes' } })
    await tracker[Symbol.asyncDispose]()
    expect([await stored(), (await log())?.status]).toEqual(['finished', 'finished'])
  })

  it('is cancelled for good by a further cancel, once its store is back', async () => {
    const { open, goAway, comeBack, log, stored, tracker } = setUp('fail')
    const app = await open()
    await app.run({ whenWaiting: 'return' })
    goAway()
    await expect(app.cancel({ reason: 'withdrawn' })).rejects.toMatchObject({ fault: 'unavailable' })
    comeBack()
    await app.run({ whenWaiting: 'return' }).catch(() => {}) // the outcome of the run that was lost
    await app.run({ whenWaiting: 'return' })

    expect(await app.cancel({ reason: 'withdrawn' })).toBe('cancelled')
    await tracker[Symbol.asyncDispose]()
    expect([await stored(), await log()]).toMatchObject(['cancelled', { status: 'cancelled' }])
  })

  it('obeys the request of another process again, where its store could not have the cancel', async () => {
    const { clock, store, open, comeBack, stored, tracker } = setUp('fail')
    const { persister } = store
    const app = await open()
    const lost = expect(app.run()).rejects.toMatchObject({ fault: 'unavailable' })
    await flushUntil(() => app.pending.length > 0)
    expect(await cancelStored({ persister, appId: 'run', reason: 'withdrawn' })).toBe('requested')
    store.onRows = away
    clock.advance(10_000)
    await lost
    expect(await stored()).toBe('waiting')

    comeBack()
    const run = app.run()
    await flushUntil(() => app.pending.length > 0)
    clock.advance(10_000)
    expect(await run).toMatchObject({ status: 'cancelled', reason: 'withdrawn' })
    expect(await stored()).toBe('cancelled')
    await tracker[Symbol.asyncDispose]()
  })

  it('has failed with its own error for its caller and its log; another run tries the step again', async () => {
    const { clock, store, open, goAway, comeBack, log, stored, due, tracker } = setUp('fail')
    const app = await open()
    const run = app.run()
    await flushUntil(() => app.pending.length > 0)
    const busy = expect(run).rejects.toMatchObject({ code: 'action', cause: { message: 'busy' } })
    await app.send(approve('yes'))
    goAway()
    await busy
    expect(await store.status()).not.toBe('failed')
    clock.advance(40_000)
    await flush()
    expect(await log()).toMatchObject({ status: 'failed', error: { code: 'action' } })

    comeBack()
    expect((await due()).items.map(({ runId }) => runId)).toEqual(['run'])
    expect((await (await open()).run()).status).toBe('finished')
    await tracker[Symbol.asyncDispose]()
    expect([await stored(), (await log())?.status]).toEqual(['finished', 'finished'])
  })
})
