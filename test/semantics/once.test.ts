import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister, registerClass, SerializationError } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { flakyPersister } from '../support/flaky-driver.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// A side effect that a step does once: it is not repeated, whatever happens to its note, and no caller changes its
// result for another.

const kit = defineState<{ n: number; receipts: string[]; text: string }>()
const options = { appId: 'app', entrypoint: 'pay', state: { n: 0, receipts: [] as string[] }, logger: quiet } as const

/** A loop of three steps, each of which charges under the same key. `before` is called when a step has charged. */
function loop(charged: number[], before: (n: number) => unknown = () => undefined) {
  const pay = kit.action({
    reads: ['n', 'receipts'],
    writes: ['n', 'receipts'],
    async run({ state: { n, receipts }, context }) {
      const receipt = await context.once('charge', () => {
        charged.push(n)
        return `receipt ${charged.length} of ${n}`
      })
      await before(n)
      return { n: n + 1, receipts: [...receipts, receipt] }
    },
  })
  return kit.graph({
    actions: { pay },
    transitions: { pay: [{ to: 'pay', when: ({ state }) => state.n < 3 }] },
  })
}
const onces = async (persister: Persister): Promise<unknown> =>
  Object.fromEntries((await persister.load({ appId: 'app' }))?.once ?? [])

describe.each([
  ['at once', false],
  ['later', true],
])('with a store that answers %s', (_, later) => {
  it('an effect whose note failed is not repeated by the next run, and has its note then', async () => {
    const charged: number[] = []
    const persister = flakyPersister((save) => (save === 1 ? 'away' : undefined), later)
    const [noted, held] = [defer(), defer()]
    const before = () => {
      noted.resolve()
      return held.promise
    }
    const app = createApplication(loop(charged, before), { ...options, persister })
    const error = await app.run().catch((thrown: unknown) => thrown)

    const run = app.run()
    await noted.promise
    const stored = await onces(persister)
    held.resolve()

    expect(error).toMatchObject({ fault: 'unavailable' })
    expect(stored).toEqual({ charge: 'receipt 1 of 0' })
    expect((await run).state.receipts).toEqual(['receipt 1 of 0', 'receipt 2 of 1', 'receipt 3 of 2'])
    expect(charged).toEqual([0, 1, 2])
  })

  it('an effect whose stored note lost its answer is done once', async () => {
    const charged: number[] = []
    const persister = flakyPersister((save) => (save === 1 ? 'lost-answer' : undefined), later)
    const app = createApplication(loop(charged), { ...options, persister })
    await expect(app.run()).rejects.toMatchObject({ fault: 'unavailable' })

    expect((await app.run()).state.receipts).toEqual(['receipt 1 of 0', 'receipt 2 of 1', 'receipt 3 of 2'])
    expect(charged).toEqual([0, 1, 2])
  })

  it('a stored step that lost its answer keeps its effects from the step after it', async () => {
    const charged: number[] = []
    const persister = flakyPersister((save) => (save === 2 ? 'lost-answer' : undefined), later)
    const app = createApplication(loop(charged), { ...options, persister })
    await expect(app.run()).rejects.toMatchObject({ fault: 'unavailable' })

    expect((await app.run()).state.receipts).toEqual(['receipt 1 of 0', 'receipt 2 of 1', 'receipt 3 of 2'])
    expect(charged).toEqual([0, 1, 2])
  })
})

describe('the effects of a step', () => {
  it('with a result that cannot be stored are not repeated', async () => {
    let effects = 0
    const pay = kit.action({
      reads: [],
      writes: ['text'],
      run: async ({ context }) => ({
        text: String(await context.once('charge', () => [++effects, () => {}])),
      }),
    })
    const app = createApplication(kit.graph({ actions: { pay } }), { ...options, persister: memoryPersister() })

    const errors = [await app.run().catch((e: unknown) => e), await app.run().catch((e: unknown) => e)]

    expect([
      effects,
      errors.map((error) => SerializationError.is(error) || SerializationError.is((error as Error).cause)),
    ]).toEqual([1, [true, true]])
  })

  it('are done again under the same key by the next step of a loop, also after a resume', async () => {
    const charged: number[] = []
    const persister = memoryPersister()
    const cutOff = loop(charged, (n) => n === 1 && new Promise(() => {}))
    void createApplication(cutOff, { ...options, persister })
      .run()
      .catch(() => {}) // another one takes it over
    await flush()

    const app = await resumeOrCreate(loop(charged), { ...options, persister })

    expect((await app.run()).state.receipts).toEqual(['receipt 1 of 0', 'receipt 2 of 1', 'receipt 3 of 2'])
    expect(charged).toEqual([0, 1, 2])
  })

  it('that returned undefined are not repeated after a resume', async () => {
    let effects = 0
    const gave: unknown[] = []
    const graph = (then: () => unknown) =>
      kit.graph({
        actions: {
          pay: kit.action({
            reads: [],
            writes: ['text'],
            async run({ context }) {
              gave.push(
                await context.once('notify', () => {
                  effects += 1
                }),
              )
              await then()
              return { text: 'told' }
            },
          }),
        },
      })
    const persister = memoryPersister()
    void createApplication(
      graph(() => new Promise(() => {})),
      { ...options, persister },
    )
      .run()
      .catch(() => {})
    await flush()

    await (
      await resumeOrCreate(
        graph(() => undefined),
        { ...options, persister },
      )
    ).run()

    expect([effects, gave]).toEqual([1, [undefined, undefined]])
  })

  it('begun by an abandoned attempt belong to the next attempt too', async () => {
    const held = defer()
    let effects = 0
    const clock = new ManualClock()
    const pay = kit.action({
      reads: [],
      writes: ['text'],
      timeoutMs: 100,
      retry: { attempts: 2, delayMs: 0 },
      run: async ({ context }) => ({
        text: await context.once('charge', async () => {
          effects += 1
          await held.promise
          return `receipt ${effects}`
        }),
      }),
    })
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { pay } })
    const run = createApplication(graph, { ...options, persister, clock, graceMs: 10 }).run()
    await flush()
    for (const ms of [100, 10, 0]) {
      clock.advance(ms)
      await flush()
    }

    held.resolve()

    expect([(await run).state.text, effects]).toEqual(['receipt 1', 1])
  })

  it('that end after their step are neither stored nor visible to the next step', async () => {
    const [late, next] = [defer(), defer()]
    const effects: number[] = []
    const clock = new ManualClock()
    const pay = kit.action({
      reads: ['n', 'receipts'],
      writes: ['n', 'receipts'],
      timeoutMs: 100,
      fallback: ({ state: { n } }) => ({ n: n + 1, receipts: ['given up'] }),
      async run({ state: { n, receipts }, context }) {
        if (n === 1) await next.promise
        const receipt = await context.once('charge', async () => {
          effects.push(n)
          if (n === 0) await late.promise
          return `receipt of ${n}`
        })
        return { n: n + 1, receipts: [...receipts, receipt] }
      },
    })
    const persister = memoryPersister()
    const graph = kit.graph({
      actions: { pay },
      transitions: { pay: [{ to: 'pay', when: ({ state }) => state.n < 2 }] },
    })
    const run = createApplication(graph, { ...options, persister, clock, graceMs: 10 }).run()
    await clock.fire(100)
    clock.advance(10)
    await flush()

    late.resolve()
    await flush()
    const stored = await onces(persister)
    next.resolve()

    expect([stored, (await run).state.receipts, effects]).toEqual([{}, ['given up', 'receipt of 1'], [0, 1]])
  })
})

describe('the result of an effect', () => {
  class Money {
    cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  registerClass('once-money', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })
  const made = () => ({
    list: [{ id: 1 }],
    map: new Map([['a', { id: 2 }]]),
    set: new Set([3]),
    date: new Date(4),
    bytes: new Uint8Array([5]),
    money: new Money(6),
    view: new DataView(new Uint8Array([6, 7]).buffer, 1),
  })
  type Made = ReturnType<typeof made>
  const spoil = ({ list, map, set, date, bytes, money, view }: Made): void => {
    list.push({ id: 9 })
    list[0] = { id: 8 }
    for (const item of map.values()) item.id = 9
    map.clear()
    set.add(9)
    date.setTime(9)
    bytes[0] = 9
    money.cents = 9
    view.setUint8(0, 9)
  }

  it.each([
    ['without a persister', undefined],
    ['with one', memoryPersister],
  ])('is a copy for each caller, %s', async (_, open) => {
    const seen: Made[] = []
    const pay = kit.action({
      reads: [],
      writes: ['text'],
      retry: { attempts: 3, delayMs: 0 },
      async run({ context }) {
        for (let i = 0; i < 2; i++) {
          const value = await context.once('charge', made)
          seen.push(structuredClone({ ...value, money: value.money.cents, view: value.view.getUint8(0) }) as never)
          spoil(value)
        }
        if (context.attempt === 1) throw new RangeError('once more')
        return { text: 'paid' }
      },
    })
    const graph = kit.graph({ actions: { pay } })

    await createApplication(graph, { ...options, ...(open && { persister: open() }) }).run()

    const whole = { ...made(), money: 6, view: 7 }
    expect(seen).toEqual([whole, whole, whole, whole])
  })

  it('is a copy for each attempt after a resume', async () => {
    const seen: unknown[] = []
    const graph = (cutOff: boolean) =>
      kit.graph({
        actions: {
          pay: kit.action({
            reads: [],
            writes: ['text'],
            retry: { attempts: 2, delayMs: 0 },
            async run({ context }) {
              const value = await context.once('charge', () => ({ ids: [1] }))
              if (cutOff) return new Promise<never>(() => {})
              seen.push([...value.ids])
              value.ids.push(9)
              if (context.attempt === 1) throw new RangeError('once more')
              return { text: 'paid' }
            },
          }),
        },
      })
    const persister = memoryPersister()
    void createApplication(graph(true), { ...options, persister })
      .run()
      .catch(() => {})
    await flush()

    await (await resumeOrCreate(graph(false), { ...options, persister })).run()

    expect(seen).toEqual([[1], [1]])
  })

  it('is the value itself when it is no data', async () => {
    class Client {}
    const client = new Client()
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const seen: unknown[] = []
    const pay = kit.action({
      reads: [],
      writes: [],
      async run({ context }) {
        seen.push(await context.once('client', () => client))
        const copy = await context.once('cycle', () => cycle)
        seen.push(copy.self === copy, copy !== cycle)
        return {}
      },
    })

    await createApplication(kit.graph({ actions: { pay } }), options).run()

    expect(seen).toEqual([client, true, true])
    expect(seen[0]).toBe(client)
  })
})

describe('a message taken by a failed attempt', () => {
  it('is there after a crash, also when the committed attempt did not ask for it', async () => {
    const reply = defineMessage('reply', type<string>())
    const graph = (cutOff: boolean) => {
      const first = kit.action({
        reads: [],
        writes: ['n'],
        retry: { attempts: 2, delayMs: 0 },
        async run({ context }) {
          if (context.attempt === 2) return { n: 1 }
          await context.receiveOne(reply)
          throw new RangeError('once more')
        },
      })
      const second = kit.action({
        reads: [],
        writes: ['text'],
        run: async ({ context }) =>
          cutOff ? new Promise<never>(() => {}) : { text: (await context.receiveOne(reply)).body },
      })
      return kit.graph({ actions: { first, second }, transitions: { first: 'second' } })
    }
    const persister = memoryPersister()
    const clock = new ManualClock()
    const given = { appId: 'app', entrypoint: 'first', state: {}, logger: quiet, persister, clock } as const
    const app = createApplication(graph(true), given)
    const waiting = emitted(app, 'wait')
    void app.run().catch(() => {})
    await waiting
    await app.send(reply('yes'))
    const committed = emitted(app, 'transition')
    await clock.fire(0)
    await committed
    const { next } = app

    const resumed = await resumeOrCreate(graph(false), given)

    expect([next, (await resumed.run()).state.text]).toEqual(['second', 'yes'])
  })
})
