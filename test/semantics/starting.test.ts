import { createApplication, defineMessage, defineState, type } from 'teasel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engineTime } from '../../src/internal/platform.js'
import { flush } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

interface Many {
  readonly n: number
  readonly sum: number
}
const kit = defineState<Many>()
const real = { ...engineTime }

// Each read of the engine's clock advances it by a millisecond, so that slices end at the same places everywhere.
beforeEach(() => {
  let now = 1_000_000
  engineTime.now = () => now++
})
afterEach(async () => {
  await flush()
  Object.assign(engineTime, real)
})

const COUNT = 100
const numbers = Array.from({ length: COUNT }, (_, n) => ({ n }))

/** A map with room for all. */
function wide(extra: Partial<{ settle: 'collect' | 'any' }> = {}) {
  const started: number[] = []
  const one = kit.action({
    reads: ['n'],
    writes: ['n'],
    async run({ state: { n } }) {
      started.push(n)
      return { n: n + 1 }
    },
  })
  const map = kit.mapStates({
    reads: [],
    writes: ['sum'],
    concurrency: COUNT,
    ...extra,
    action: one,
    states: numbers,
    reduce: ({ results }) => ({ sum: results.filter(({ status }) => status === 'done').length }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
  return { app, started }
}

describe('a map with room for all its branches', () => {
  it('starts them over several turns of the event loop, in the order of the source', async () => {
    const { app, started } = wide()
    let made = 0
    app.on('branch.queued', () => {
      made += 1
    })

    const run = app.run()
    const atOnce = made
    const end = await run

    expect(atOnce).toBeGreaterThan(0)
    expect(atOnce).toBeLessThan(COUNT)
    expect({ started, sum: end.state.sum }).toEqual({ started: numbers.map(({ n }) => n), sum: COUNT })
  })

  it('that is cancelled while it waits for its next turn starts nothing more', async () => {
    const { app, started } = wide()

    const run = app.run()
    const atOnce = started.length
    await app.cancel()
    const end = await run
    await flush()

    expect({ status: end.status, started: started.length }).toEqual({ status: 'cancelled', started: atOnce })
  })

  it('that settles while it waits for its next turn starts no further branch, and has a result for each', async () => {
    const { app, started } = wide({ settle: 'any' })
    const settled: string[] = []
    app.on('branch.settled', ({ key, status }) => settled.push(`${key} ${status}`))

    const end = await app.run()
    await flush()

    expect(started.length).toBeLessThan(COUNT)
    expect(settled).toHaveLength(COUNT)
    expect(new Set(settled).size).toBe(COUNT)
    expect(end.status).toBe('finished')
  })

  it('that is stopped while it waits for its next turn starts nothing more', async () => {
    const { app, started } = wide()

    const run = app.run()
    const atOnce = started.length
    await app[Symbol.asyncDispose]()
    await run
    await flush()

    expect(started).toHaveLength(atOnce)
  })

  it('lets a branch be cancelled before its turn', async () => {
    const { app, started } = wide({ settle: 'collect' })

    const run = app.run()
    const answer = await app.cancel({ path: `map/${COUNT - 1}` })
    const end = await run

    expect({ answer, started: started.length, sum: end.state.sum }).toEqual({
      answer: 'cancelled',
      started: COUNT - 1,
      sum: COUNT - 1,
    })
  })

  it('keeps a branch waiting for messages while others have not had their turn', async () => {
    const hello = defineMessage('hello', type<number>())
    const talk = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state: { n }, context }) {
        if (n === COUNT - 1) for (let i = 0; i < n; i++) context.send(String(i), hello(n))
        else for await (const { body } of context.messages(hello)) return { n: body }
        return { n }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['sum'],
      concurrency: COUNT,
      action: talk,
      states: numbers,
      reduce: ({ results }) => ({ sum: results.filter(({ state }) => state.n === COUNT - 1).length }),
    })

    const { state } = await createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()

    expect(state.sum).toBe(COUNT)
  })
})

describe('applications started in one turn', () => {
  it('start over several turns, in the order of their calls', async () => {
    const began: number[] = []
    const one = kit.action({
      reads: ['n'],
      writes: ['n'],
      run({ state: { n } }) {
        began.push(n)
        return { n: n + 1 }
      },
    })
    const graph = kit.graph({ actions: { one } })
    const many = Array.from({ length: 1_000 }, (_, n) => ({ n }))
    const apps = many.map((state) => createApplication(graph, { entrypoint: 'one', state }))

    const runs = apps.map((app) => app.run())
    let turns = 0
    const perTurn: number[] = []
    while (began.length < many.length && turns < many.length) {
      const before = began.length
      await new Promise<void>((resolve) => setImmediate(resolve))
      perTurn.push(began.length - before)
      turns += 1
    }
    await Promise.all(runs)

    expect(began).toEqual(many.map(({ n }) => n))
    expect(perTurn.filter((count) => count > many.length / 2)).toEqual([])
  })

  it('refuse a second run at once while the first one waits for its turn', async () => {
    const { app } = wide()
    const others = Array.from({ length: 5 }, () => wide().app)

    const runs = others.map((one) => one.run())
    const first = app.run()
    const second = await app.run().catch((error: unknown) => error)
    await Promise.all([...runs, first])

    expect(second).toMatchObject({ code: 'busy' })
  })
})
