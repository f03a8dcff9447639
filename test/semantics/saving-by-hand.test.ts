import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { flakyPersister } from '../support/flaky-driver.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  i: number
  n: number
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const options = { appId: 'app', entrypoint: 'map', state: { n: 0 }, graceMs: 1000, logger: quiet } as const

/** A map of three branches that pay once each; the last one waits, fails, or goes on. */
class Shop {
  readonly ran: number[] = []
  readonly paid: number[] = []
  last: 'waits' | 'fails' | 'goes on' = 'goes on'
  readonly reached = defer()

  get graph() {
    const pay = kit.action({
      reads: ['i'],
      writes: ['out'],
      run: async ({ state: { i }, context, signal }) => {
        this.ran.push(i)
        await context.once('pay', () => void this.paid.push(i))
        if (i < 2) return { out: `${i}` }
        this.reached.resolve()
        if (this.last === 'waits') await untilAborted(signal)
        if (this.last === 'fails') {
          await flush()
          throw new TypeError('no')
        }
        return { out: `${i}` }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: pay,
      states: () => [0, 1, 2].map((i) => ({ i })),
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    return kit.graph({ actions: { map } })
  }
}

describe.each([
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
  ['a store that answers later', () => flakyPersister(() => undefined, true)],
])('save keeps the start of the next step (%s)', (_, open) => {
  it.each(['every-step', 'settle', 'manual'] as const)('while a map runs (%s)', async (save) => {
    const [store, shop] = [open(), new Shop()]
    const first = mortal(store)
    shop.last = 'waits'
    const app = createApplication(shop.graph, { ...options, persister: first.persister, save })
    void app.run().catch(() => {})
    await shop.reached.promise
    await flush()
    await app.save()
    first.crash()
    shop.last = 'goes on'

    const { status } = await (await resumeOrCreate(shop.graph, { ...options, persister: store, save })).run()

    expect(status).toBe('finished')
    // When only save() stores, the effects of the next step are not stored: they run again.
    expect(shop.ran).toEqual(save === 'manual' ? [0, 1, 2, 0, 1, 2] : [0, 1, 2, 2])
    expect(shop.paid).toEqual(save === 'manual' ? [0, 1, 2, 0, 1, 2] : [0, 1, 2])
  })

  it('after a resume', async () => {
    const [persister, shop] = [open(), new Shop()]
    shop.last = 'fails'
    await createApplication(shop.graph, { ...options, persister })
      .run()
      .catch(() => {})
    shop.last = 'goes on'
    const app = await resumeOrCreate(shop.graph, { ...options, persister })

    await app.save()
    const { status } = await app.run()

    expect([status, shop.ran, shop.paid]).toEqual(['finished', [0, 1, 2, 2], [0, 1, 2]])
  })

  it('after a shutdown', async () => {
    const [persister, shop] = [open(), new Shop()]
    shop.last = 'waits'
    const app = createApplication(shop.graph, { ...options, persister })
    const run = app.run()
    await shop.reached.promise
    for (let i = 0; i < 5; i++) await flush() // the done work is stored
    await app.shutdown('deploy')
    await run
    await app.save()
    shop.last = 'goes on'

    const { status } = await (await resumeOrCreate(shop.graph, { ...options, persister })).run()

    expect([status, shop.ran, shop.paid]).toEqual(['finished', [0, 1, 2, 2], [0, 1, 2]])
  })
})

describe('save', () => {
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const graph = kit.graph({
    actions: { add },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] },
  })
  const start = { ...options, entrypoint: 'add' } as const

  it('waits for a run that is still starting', async () => {
    const persister = flakyPersister(() => undefined, true)
    const app = createApplication(graph, { ...start, persister })

    const run = app.run()
    await app.save()

    expect((await run).state).toEqual({ n: 3 })
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 3 })
  })

  it('puts nothing old over a step with a lost answer', async () => {
    const persister = flakyPersister((n) => (n === 2 ? 'lost-answer' : undefined))
    const app = createApplication(graph, { ...start, persister })
    await app.run().catch(() => {})

    await app.save()

    expect([app.state, (await persister.load({ appId: 'app' }))?.state]).toEqual([{ n: 2 }, { n: 2 }])
    expect((await app.run()).state).toEqual({ n: 3 })
  })

  it('stores the position of an application that has not run', async () => {
    const persister = memoryPersister()

    await createApplication(graph, { ...start, persister }).save()

    expect(await persister.load({ appId: 'app' })).toMatchObject({ state: { n: 0 }, next: 'add', sequenceId: -1 })
  })
})
