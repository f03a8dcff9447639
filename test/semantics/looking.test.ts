import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { flush } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// A look at a waiting job leaves it unchanged; a repeated failure costs the same each time.

interface Job {
  text: string
  texts: string[]
}
const kit = defineState<Job>()
const answered = defineMessage('answered', type<string>())
const ask = kit.action({
  reads: [],
  writes: ['text'],
  run: async ({ context }) => ({ text: (await context.receiveOne(answered)).body }),
})
const each = (action: typeof ask, more: object = {}) =>
  kit.graph({
    actions: {
      each: kit.mapStates({
        reads: [],
        writes: ['texts'],
        action,
        states: { a: {}, b: {} },
        reduce: ({ results }) => ({ texts: results.map(({ state }) => state.text) }),
        ...more,
      }),
    },
  })
const options = { appId: 'job', entrypoint: 'each', state: {}, logger: quiet } as const

/** Counts the rows read by one resume. */
function counting(persister: Persister) {
  let rows = 0
  const { driver } = persister
  const load = driver.load.bind(driver)
  Object.defineProperty(driver, 'load', {
    value: async (...asked: Parameters<typeof load>) => {
      const tails = await load(...asked)
      for (const tail of tails) rows += tail?.rows.length ?? 0
      return tails
    },
  })
  return {
    take() {
      const taken = rows
      rows = 0
      return taken
    },
  }
}

describe.each<[string, () => Persister]>([
  ['memory', () => memoryPersister()],
  ['sqlite', () => sqlitePersister({ file: ':memory:' })],
])('a job that is resumed again and again (%s)', (_, open) => {
  it('gets no more rows by looks at it while it waits, and is answered after them', async () => {
    const persister = open()
    const counted = counting(persister)
    const graph = each(ask)
    const read: number[] = []

    for (let i = 0; i < 20; i++) {
      const app = await resumeOrCreate(graph, { ...options, persister })
      await app.run({ whenWaiting: 'return' })
      await app[Symbol.asyncDispose]()
      read.push(counted.take())
    }
    for (const key of ['a', 'b'])
      await sendStored({ persister, appId: 'job', path: `each/${key}`, message: answered(key) })
    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(read.slice(2)).toEqual(Array.from({ length: 18 }, () => read[2]))
    expect(read[2]).toBeLessThanOrEqual(3 + 2)
    expect(state.texts).toEqual(['a', 'b'])
  })

  it('gets no more rows by failing again and again, and reports the last failure', async () => {
    const persister = open()
    const counted = counting(persister)
    let tries = 0
    const fail = kit.action({
      reads: [],
      writes: ['text'],
      run: () => {
        throw new RangeError(`still down, ${tries++}`)
      },
    })
    const graph = each(fail, { retry: { attempts: 2, delayMs: 1 }, settle: 'all' })
    const read: number[] = []

    for (let i = 0; i < 10; i++) {
      const clock = new ManualClock()
      const app = await resumeOrCreate(graph, { ...options, persister, clock })
      const run = app.run().catch(() => {})
      for (let j = 0; j < 20; j++) {
        await flush()
        clock.advance(10)
      }
      await run
      await app[Symbol.asyncDispose]()
      read.push(counted.take())
    }

    expect(read.slice(2)).toEqual(Array.from({ length: 8 }, () => read[2]))
    const stored = await persister.load({ appId: 'job' })
    expect([stored?.status, tries > 18]).toEqual(['failed', true])
  })

  it('that waits is stored as waiting after a shutdown, and as cancelled after a cancel', async () => {
    const persister = open()
    const lone = kit.graph({ actions: { ask } })
    const start = { ...options, entrypoint: 'ask', persister } as const
    const first = createApplication(lone, start)
    await first.run({ whenWaiting: 'return' })
    await first[Symbol.asyncDispose]()
    const left = await persister.load({ appId: 'job' })

    const second = await resumeOrCreate(lone, start)
    const run = second.run()
    await flush()
    await second.cancel({ reason: 'no more' })
    await run
    const over = await persister.load({ appId: 'job' })

    const wait = { id: 'job.0.0', n: 0, action: 'ask', from: 'outside', kinds: ['answered'], since: expect.any(Number) }
    expect([left?.status, left?.waiting]).toEqual(['waiting', { waits: [wait] }])
    expect([over?.status, over?.cancelled?.cause, over?.cancelled?.reason]).toEqual(['cancelled', 'app', 'no more'])
    expect((await persister.driver.history(null, 'job')).map(({ label }) => label)).toEqual(['start', 'status'])
  })
})
