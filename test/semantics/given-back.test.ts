import { createApplication, defineMessage, defineState, type } from 'teasel'
import { registerClass } from 'teasel/codec'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { emitted } from '../support/events.js'

// A message stays until the step that took it commits: a failed attempt gives back what it took.

const kit = defineState<{ heard: string[] }>()
const word = defineMessage('word', type<string>())
const other = defineMessage('other', type<string>())
const state = { heard: [] }

/** Takes two words; its first `fails` attempts fail after that. */
const hearing = (fails: number, retry?: { readonly attempts: number }) => {
  const taken: string[][] = []
  const hear = kit.action({
    reads: [],
    writes: ['heard'],
    ...(retry && { retry }),
    async run({ context }) {
      const mine: string[] = []
      taken.push(mine)
      mine.push((await context.receiveOne(word)).body)
      for await (const { body } of context.receive(word)) {
        mine.push(body)
        break
      }
      if (taken.length <= fails) throw new Error('no')
      return { heard: mine }
    },
  })
  return { hear, taken }
}
const say = async (app: { send(message: never, options?: object): Promise<unknown> }, path?: string) => {
  for (const text of ['1', '2', '3']) await app.send(word(text) as never, path === undefined ? {} : { path })
}

describe.each([
  ['without a persister', undefined],
  ['with a persister', memoryPersister],
])('messages taken by a failed attempt, %s', (_, makePersister) => {
  const stored = () => (makePersister === undefined ? {} : { persister: makePersister() })

  it('come first again, in their order, for the next attempt at the action', async () => {
    const { hear, taken } = hearing(2, { attempts: 3 })
    const app = createApplication(kit.graph({ actions: { hear } }), { entrypoint: 'hear', state, ...stored() })
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting
    await say(app)

    expect((await run).state.heard).toEqual(['1', '2'])
    expect(taken).toEqual([
      ['1', '2'],
      ['1', '2'],
      ['1', '2'],
    ])
  })

  it('come first again for the next attempt of the branch', async () => {
    const { hear, taken } = hearing(1)
    const map = kit.mapActions({
      reads: [],
      writes: ['heard'],
      actions: { ear: hear },
      retry: { attempts: 2 },
      reduce: ({ branches: { ear } }) => ({ heard: ear.state.heard }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state, ...stored() })
    const waiting = emitted(app, 'wait', 'map/ear')
    const run = app.run()
    await waiting
    await say(app, 'map/ear')

    expect((await run).state.heard).toEqual(['1', '2'])
    expect(taken).toHaveLength(2)
  })

  it('are gone once a step that took them has committed', async () => {
    const { hear } = hearing(0)
    let fails = true
    const after = kit.action({
      reads: ['heard'],
      writes: ['heard'],
      retry: { attempts: 2 },
      async run({ state: { heard }, context }) {
        const { body } = await context.receiveOne(word)
        if (fails) {
          fails = false
          throw new Error('no')
        }
        return { heard: [...heard, body] }
      },
    })
    const graph = kit.graph({ actions: { hear, after }, transitions: { hear: 'after' } })
    const app = createApplication(graph, { entrypoint: 'hear', state, ...stored() })
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting
    await say(app)

    expect((await run).state.heard).toEqual(['1', '2', '3'])
  })
})

it('a message is a copy for each attempt, with every kind of data', async () => {
  class Money {
    cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  registerClass('given-back-money', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })
  const pay = defineMessage('pay', type<{ money: Money; view: DataView; bytes: Uint8Array; list: number[] }>())
  const seen: unknown[] = []
  const charge = kit.action({
    reads: [],
    writes: ['heard'],
    retry: { attempts: 2, delayMs: 0 },
    async run({ context }) {
      const { money, view, bytes, list } = (await context.receiveOne(pay)).body
      seen.push([money.cents, view.getUint8(0), [...bytes], [...list]])
      money.cents = 9
      view.setUint8(0, 9)
      bytes[0] = 9
      list.push(9)
      if (context.attempt === 1) throw new RangeError('no')
      return { heard: [] }
    },
  })
  const app = createApplication(kit.graph({ actions: { charge } }), { entrypoint: 'charge', state })
  const waiting = emitted(app, 'wait')
  const run = app.run()
  await waiting
  const bytes = new Uint8Array([3, 4])
  const money = new Money(1)
  await app.send(pay({ money, view: new DataView(new Uint8Array([2, 2]).buffer, 1), bytes, list: [5] }))
  await run

  expect(seen).toEqual([
    [1, 2, [3, 4], [5]],
    [1, 2, [3, 4], [5]],
  ])
  expect([money.cents, bytes[0]]).toEqual([1, 3])
})

it('messages of siblings taken by a failed attempt are there for the next one', async () => {
  let fails = true
  const ear = kit.action({
    reads: [],
    writes: ['heard'],
    retry: { attempts: 2 },
    async run({ context }) {
      const mine: string[] = []
      for await (const { body } of context.messages(word)) mine.push(body)
      if (fails) {
        fails = false
        throw new Error('no')
      }
      return { heard: mine }
    },
  })
  const mouth = kit.action({
    reads: [],
    writes: ['heard'],
    run({ context }) {
      for (const text of ['1', '2']) context.send('ear', word(text))
      return { heard: [] }
    },
  })
  const map = kit.mapActions({
    reads: [],
    writes: ['heard'],
    actions: { ear, mouth },
    reduce: ({ branches }) => ({ heard: branches.ear.state.heard }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state })

  expect((await app.run()).state.heard).toEqual(['1', '2'])
})

describe('a failed run that is run again', () => {
  const twice = () => {
    const asked: string[][] = []
    const ask = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        const mine: string[] = []
        asked.push(mine)
        mine.push((await context.receiveOne(word)).body)
        if (asked.length === 1) throw new Error('no')
        mine.push((await context.receiveOne(word, other)).body)
        return { heard: mine }
      },
    })
    return kit.graph({ actions: { ask } })
  }

  it('gets the messages of its failed step once, when messages are stored', async () => {
    const app = createApplication(twice(), { entrypoint: 'ask', state, persister: memoryPersister() })
    const waiting = emitted(app, 'wait')
    const failed = app.run()
    await waiting
    await app.send(word('1'))
    await expect(failed).rejects.toThrow('no')
    const waitingAgain = emitted(app, 'wait')
    const again = app.run()
    await waitingAgain
    await app.send(other('2'))

    expect((await again).state.heard).toEqual(['1', '2'])
  })

  it('starts without messages when they are not stored: they live as long as the run', async () => {
    const app = createApplication(twice(), { entrypoint: 'ask', state })
    const waiting = emitted(app, 'wait')
    const failed = app.run()
    await waiting
    await app.send(word('1'))
    await expect(failed).rejects.toThrow('no')
    const waitingAgain = emitted(app, 'wait')
    const again = app.run()
    await waitingAgain
    for (const text of ['2', '3']) await app.send(word(text))

    expect((await again).state.heard).toEqual(['2', '3'])
  })

  it('starts without the unread messages of the run before', async () => {
    let runs = 0
    const ask = kit.action({
      reads: [],
      writes: ['heard'],
      async run({ context }) {
        runs += 1
        if (runs === 1) return { heard: [(await context.receiveOne(word)).body] }
        const mine: string[] = []
        for await (const { body } of context.receive(other, { until: 0 })) mine.push(body)
        return { heard: mine }
      },
    })
    const graph = kit.graph({ actions: { ask }, transitions: { ask: 'ask' } })
    const app = createApplication(graph, { entrypoint: 'ask', state })
    const waiting = emitted(app, 'wait')
    const first = app.run({ haltAfter: 'ask' })
    await waiting
    const deliveries = [await app.send(other('unread')), await app.send(word('1'))]

    expect([deliveries, (await first).state.heard]).toEqual([['queued', 'delivered'], ['1']])
    expect((await app.run({ haltAfter: 'ask' })).state.heard).toEqual([])
  })
})
