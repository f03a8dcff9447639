import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { describeApp } from 'teasel/live'
import { memoryPersister, type Persister, rewind, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { flush } from '../support/deferred.js'

const kit = defineState<{ n: number }>()
const go = defineMessage('go', type<number>())
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
let asked = 0
const ask = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state, context }) {
    asked += 1
    return { n: state.n + (await context.receiveOne(go)).body }
  },
})
const graph = kit.graph({ actions: { add, ask }, transitions: { add: 'ask' } })
const options = { appId: 'app', entrypoint: 'add', state: { n: 0 } } as const
const cancelled = { status: 'cancelled', action: 'ask', next: 'ask', by: 'app', reason: 'withdrawn', state: { n: 1 } }

describe('an application that app.cancel() has ended', () => {
  it('runs no more: each run resolves at once, and asks no interceptor', async () => {
    const calls: string[] = []
    const interceptors = [{ beforeRun: () => void calls.push('before'), afterRun: () => void calls.push('after') }]
    const app = createApplication(graph, { ...options, interceptors })
    await app.run({ whenWaiting: 'return' })
    await app.cancel({ reason: 'withdrawn' })
    const before = [asked, calls.length]
    const events: string[] = []
    app.on('*', ({ type: one }) => events.push(one))

    expect(await app.run()).toMatchObject(cancelled)
    expect(await app.step()).toBeUndefined()
    expect(await app.run({ whenWaiting: 'return' })).toMatchObject(cancelled)
    expect(await app.cancel({ reason: 'again' })).toBe('settled')
    expect(await app.run()).toMatchObject(cancelled)
    expect(await app.send(go(1))).toBe('dropped')
    expect([asked, calls.length]).toEqual(before)
    expect(new Set(events)).toEqual(new Set(['run.start', 'run.end']))
  })

  it('goes on after a shutdown', async () => {
    const app = createApplication(graph, options)
    await app.run({ whenWaiting: 'return' })
    await app.shutdown('later')
    const run = app.run()
    await flush()
    await app.send(go(2))

    expect(await run).toMatchObject({ status: 'finished', state: { n: 3 } })
  })
})

const stores: Record<string, () => Persister> = {
  memory: () => memoryPersister(),
  sqlite: () => sqlitePersister({ file: ':memory:' }),
}

describe.each(Object.entries(stores))('a stored application that app.cancel() has ended (%s)', (_, open) => {
  const ended = async () => {
    const persister = open()
    const app = await resumeOrCreate(graph, { ...options, persister })
    await app.run({ whenWaiting: 'return' })
    await app.cancel({ reason: 'withdrawn' })
    return { persister, app }
  }

  it('runs no more, here and where it is resumed, and stays as it is in the store', async () => {
    const { persister, app } = await ended()
    const stored = await persister.describe({ runId: 'app' })
    const before = asked
    const here = await app.run()
    const again = await resumeOrCreate(graph, { ...options, persister })
    const described = (await describeApp(again)).run
    const there = await again.run()
    const after = await persister.describe({ runId: 'app' })
    const free = await resumeOrCreate(graph, { ...options, persister, claim: 'free' })

    expect([here, there, await free.run()]).toMatchObject([cancelled, cancelled, cancelled])
    expect(asked).toBe(before)
    expect(described).toMatchObject({ status: 'cancelled', cancelled: { by: 'app' } })
    expect(after?.run).toMatchObject({ status: 'cancelled', cancelled: stored?.run.cancelled })
    expect(after?.run.since).toBe(stored?.run.since)
  })

  it('takes no message', async () => {
    const { persister, app } = await ended()
    const again = await resumeOrCreate(graph, { ...options, persister })

    expect(await app.send(go(1))).toBe('dropped')
    expect(await again.send(go(1))).toBe('dropped')
    expect(await sendStored({ persister, appId: 'app', message: go(1) })).toBe('dropped')
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
  })

  it('begins again at a named action, after a rewind, and as a fork', async () => {
    const { persister } = await ended()
    const at = await resumeOrCreate(graph, { ...options, persister, resumeAt: { action: 'add' } })
    const begun = await at.run({ whenWaiting: 'return' })
    await at.cancel({ reason: 'withdrawn' })
    const fork = await resumeOrCreate(graph, { ...options, appId: 'fork', persister, forkFrom: { appId: 'app' } })
    const forked = await fork.run({ whenWaiting: 'return' })
    await rewind({ persister, appId: 'app', sequenceId: 0 })
    const rewound = await resumeOrCreate(graph, { ...options, persister })
    const run = rewound.run()
    await flush()
    await rewound.send(go(4))

    expect([begun, forked]).toMatchObject([
      { status: 'waiting', state: { n: 2 } },
      { status: 'waiting', state: { n: 2 } },
    ])
    expect(await run).toMatchObject({ status: 'finished', state: { n: 6 } })
    expect((await persister.describe({ runId: 'app' }))?.run.status).toBe('finished')
  })
})
