import { type ActionContext, createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { flakyPersister } from '../support/flaky-driver.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  i: string
  round: number
  one: string[]
  two: string[]
  out: string
}
const kit = defineState<Work>()
const stores = { memory: () => memoryPersister(), sqlite: () => sqlitePersister({ file: ':memory:' }) }
const policies = ['every-step', 'settle', { after: ['last'] }] as const
const cases = Object.entries(stores).flatMap(([name, open]) =>
  policies.map((save) => [JSON.stringify(save), name, save, open] as const),
)
const start = { appId: 'app', state: { round: 0, out: '' }, graceMs: 1, logger: quiet } as const

/** Records of actions: calls, side effects, and the place where the first runner is cut off. */
class Desk {
  readonly ran: string[] = []
  readonly paid: string[] = []
  stopAt: string | undefined
  readonly stopped = defer()

  async pay(name: string, context: ActionContext, signal?: AbortSignal): Promise<void> {
    this.ran.push(name)
    await context.once('pay', () => void this.paid.push(name))
    if (name !== this.stopAt) return
    this.stopped.resolve()
    await (signal === undefined ? new Promise(() => {}) : untilAborted(signal))
  }
}

/** A map of two branches, which pay. */
function mapOf(desk: Desk, name: 'one' | 'two', source: 'record' | 'generator' = 'record', persister?: Persister) {
  const entries = (round: number): [string, { i: string }][] =>
    ['a', 'b'].map((letter) => [letter, { i: `${name} ${round} ${letter}` }])
  const action = kit.action({
    reads: ['i'],
    writes: ['out'],
    async run({ state: { i }, context, signal }) {
      await desk.pay(i, context, signal)
      return { out: `${i}!` }
    },
  })
  const about = { reads: ['round'], writes: [name], ...(persister && { persister }) } as const
  const gathered = (outs: string[]) => ({ [name]: outs }) as Record<typeof name, string[]>
  return source === 'record'
    ? kit.mapStates({
        ...about,
        action,
        states: ({ state: { round } }) => Object.fromEntries(entries(round)),
        reduce: ({ results }) => gathered(results.map(({ state }) => state.out)),
      })
    : kit.mapStates({
        ...about,
        action,
        *states({ state: { round } }) {
          for (const [key, one] of entries(round)) yield [one, { key }] as const
        },
        reduce: ({ results }) => gathered(results.map(({ state }) => state.out)),
      })
}
const next = kit.action({ reads: ['round'], writes: ['round'], run: ({ state }) => ({ round: state.round + 1 }) })
const last = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'end' }) })

describe.each(cases)('with save: %s (%s)', (_, __, save, open) => {
  it.each(['record', 'generator'] as const)(
    'a run cut off in its second map is resumed there, and repeats nothing (%s)',
    async (source) => {
      const [store, desk] = [open(), new Desk()]
      const graph = kit.graph({
        actions: { one: mapOf(desk, 'one'), two: mapOf(desk, 'two', source), last },
        transitions: { one: 'two', two: 'last' },
      })
      const options = { ...start, entrypoint: 'one', save } as const
      const first = mortal(store)
      desk.stopAt = 'two 0 b'
      void (await resumeOrCreate(graph, { ...options, persister: first.persister })).run().catch(() => {})
      await desk.stopped.promise
      await flush()
      first.crash()
      desk.stopAt = undefined

      const outcome = await (await resumeOrCreate(graph, { ...options, persister: store })).run()
      const again = await (await resumeOrCreate(graph, { ...options, persister: store })).run()

      expect([outcome.status, outcome.state.two, again.status]).toEqual([
        'finished',
        ['two 0 a!', 'two 0 b!'],
        'finished',
      ])
      expect(desk.paid).toEqual(['one 0 a', 'one 0 b', 'two 0 a', 'two 0 b'])
      expect(desk.ran).toEqual(['one 0 a', 'one 0 b', 'two 0 a', 'two 0 b', 'two 0 b'])
    },
  )

  it('a loop cut off in the second visit of its map is resumed in that visit', async () => {
    const [store, desk] = [open(), new Desk()]
    const graph = kit.graph({
      actions: { one: mapOf(desk, 'one'), next, last },
      transitions: { one: 'next', next: [{ to: 'one', when: ({ state }) => state.round < 2 }, { to: 'last' }] },
    })
    const options = { ...start, entrypoint: 'one', save } as const
    const first = mortal(store)
    desk.stopAt = 'one 1 b'
    void (await resumeOrCreate(graph, { ...options, persister: first.persister })).run().catch(() => {})
    await desk.stopped.promise
    await flush()
    first.crash()
    desk.stopAt = undefined

    const { status, state } = await (await resumeOrCreate(graph, { ...options, persister: store })).run()

    expect([status, state.one]).toEqual(['finished', ['one 1 a!', 'one 1 b!']])
    expect(desk.paid).toEqual(['one 0 a', 'one 0 b', 'one 1 a', 'one 1 b'])
  })

  it('a map cut off below a branch of several steps is resumed there', async () => {
    const [store, desk] = [open(), new Desk()]
    const branch = kit
      .graph({ actions: { next, two: mapOf(desk, 'two') }, transitions: { next: 'two' } })
      .runnable({ entrypoint: 'next' })
    const outer = kit.mapStates({
      reads: ['round'],
      writes: ['one'],
      action: branch,
      states: { x: {}, y: {} },
      reduce: ({ results }) => ({ one: results.flatMap(({ state }) => state.two) }),
    })
    const graph = kit.graph({ actions: { next, outer, last }, transitions: { next: 'outer', outer: 'last' } })
    const options = { ...start, entrypoint: 'next', save } as const
    const first = mortal(store)
    desk.stopAt = 'two 2 b'
    void (await resumeOrCreate(graph, { ...options, persister: first.persister })).run().catch(() => {})
    await desk.stopped.promise
    await flush()
    first.crash()
    desk.stopAt = undefined

    const { status, state } = await (await resumeOrCreate(graph, { ...options, persister: store })).run()

    expect([status, state.one?.length]).toEqual(['finished', 4])
    expect([...desk.paid].sort()).toEqual(['two 2 a', 'two 2 a', 'two 2 b', 'two 2 b'])
  })

  it('a run that was shut down in its second map is resumed there', async () => {
    const [persister, desk] = [open(), new Desk()]
    const graph = kit.graph({
      actions: { one: mapOf(desk, 'one'), two: mapOf(desk, 'two'), last },
      transitions: { one: 'two', two: 'last' },
    })
    const options = { ...start, entrypoint: 'one', save, persister } as const
    desk.stopAt = 'two 0 b'
    const app = await resumeOrCreate(graph, options)
    const run = app.run()
    await desk.stopped.promise
    await app.shutdown('deploy')
    desk.stopAt = undefined

    const { status } = await (await resumeOrCreate(graph, options)).run()

    expect([(await run).status, status]).toEqual(['cancelled', 'finished'])
    expect(desk.paid).toEqual(['one 0 a', 'one 0 b', 'two 0 a', 'two 0 b'])
  })

  it('an effect recorded in a later step belongs to that step, and is not repeated', async () => {
    const [store, desk] = [open(), new Desk()]
    const pay = (name: string) =>
      kit.action({
        reads: [],
        writes: ['out'],
        async run({ context }) {
          await desk.pay(name, context)
          return { out: name }
        },
      })
    const graph = kit.graph({
      actions: { p: pay('p'), q: pay('q'), r: pay('r'), last },
      transitions: { p: 'q', q: 'r', r: 'last' },
    })
    const options = { ...start, entrypoint: 'p', save } as const
    const first = mortal(store)
    desk.stopAt = 'q'
    void (await resumeOrCreate(graph, { ...options, persister: first.persister })).run().catch(() => {})
    await desk.stopped.promise
    first.crash()
    desk.stopAt = undefined

    const app = await resumeOrCreate(graph, { ...options, persister: store })
    const next = app.next
    const { status } = await app.run()

    expect([next, status]).toEqual(['q', 'finished'])
    expect(desk.ran).toEqual(['p', 'q', 'q', 'r']) // the key of q belongs to q alone
    expect(desk.paid).toEqual(['p', 'q', 'r'])
  })

  it('an application created by a later step is resumed', async () => {
    const [store, desk] = [open(), new Desk()]
    const pay = (name: string) =>
      kit.action({
        reads: [],
        writes: ['out'],
        async run({ context }) {
          await desk.pay(name, context)
          return { out: name }
        },
      })
    const child = kit.graph({ actions: { p: pay('p'), q: pay('q') }, transitions: { p: 'q' } })
    const make = kit.action({
      reads: ['round'],
      writes: ['out'],
      async run({ context }) {
        const app = createApplication(child, { entrypoint: 'p', state: {}, parent: context, key: 'child' })
        return { out: (await app.run()).state.out }
      },
    })
    const graph = kit.graph({ actions: { next, make, last }, transitions: { next: 'make', make: 'last' } })
    const options = { ...start, entrypoint: 'next', save } as const
    const first = mortal(store)
    desk.stopAt = 'q'
    void (await resumeOrCreate(graph, { ...options, persister: first.persister })).run().catch(() => {})
    await desk.stopped.promise
    first.crash()
    desk.stopAt = undefined

    const app = await resumeOrCreate(graph, { ...options, persister: store })
    const at = app.next
    await app.run()

    expect([at, desk.paid]).toEqual(['make', ['p', 'q']])
  })
})

describe('a step that is not stored at once', () => {
  const note = defineMessage('note', type<string>())

  it('keeps its messages from later attempts and later runs', async () => {
    const persister = memoryPersister()
    const heard: string[] = []
    let fails = true
    const hear = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => {
        const { body } = await context.receiveOne(note)
        heard.push(body)
        return { out: body }
      },
    })
    const shaky = kit.action({
      reads: [],
      writes: ['out'],
      retry: { attempts: 2, delayMs: 0 },
      run: async ({ context }) => {
        const { body } = await context.receiveOne(note)
        if (fails) {
          fails = false
          throw new TypeError('once')
        }
        heard.push(body)
        return { out: body }
      },
    })
    const graph = kit.graph({ actions: { hear, shaky }, transitions: { hear: 'shaky' } })
    const app = createApplication(graph, { ...start, entrypoint: 'hear', persister, save: 'settle' })
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting

    for (const text of ['first', 'second']) await app.send(note(text))
    await run

    expect(heard).toEqual(['first', 'second'])
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
  })

  it('keeps its messages from the next run of the application too', async () => {
    const persister = memoryPersister()
    const hear = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => ({ out: (await context.receiveOne(note)).body }),
    })
    const graph = kit.graph({ actions: { hear }, transitions: { hear: 'hear' } })
    const app = createApplication(graph, { ...start, entrypoint: 'hear', persister, save: 'manual' })
    const waiting = emitted(app, 'wait')
    const first = app.step()
    await waiting
    await app.send(note('first'))
    await first
    const waitingAgain = emitted(app, 'wait')
    const second = app.step()
    await waitingAgain
    await app.send(note('second'))

    await second

    expect(app.state.out).toBe('second')
    await app.save()
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
  })

  it('keeps its messages from the step after it, also when the store was away since', async () => {
    const persister = flakyPersister((n) => (n === 2 ? 'away' : undefined))
    const hear = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => ({ out: (await context.receiveOne(note)).body }),
    })
    const answer = kit.action({
      reads: ['out'],
      writes: ['out'],
      async run({ state: { out }, context }) {
        await context.once('key', () => 'value')
        return { out: `${out} ${(await context.receiveOne(note)).body}` }
      },
    })
    const graph = kit.graph({ actions: { hear, answer }, transitions: { hear: 'answer' } })
    const app = createApplication(graph, { ...start, entrypoint: 'hear', persister, save: 'settle' })
    const waiting = emitted(app, 'wait')
    const first = app.run()
    await waiting
    await app.send(note('first'))
    await expect(first).rejects.toThrow('No connection.')
    const waitingAgain = emitted(app, 'wait')

    const second = app.run()
    await waitingAgain
    await app.send(note('second'))

    expect((await second).state.out).toBe('first second')
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
  })

  it('continues from memory when the store comes back', async () => {
    const desk = new Desk()
    const persister = flakyPersister((n) => (n === 1 ? 'away' : undefined))
    const graph = kit.graph({
      actions: { one: next, two: next, three: next },
      transitions: { one: 'two', two: 'three' },
    })
    const app = createApplication(graph, { ...start, entrypoint: 'one', persister, save: 'settle' })
    await expect(app.run()).rejects.toThrow('No connection.')
    const [at, round] = [app.next, app.state.round]

    const { state } = await app.run()

    expect([at, round, state.round, desk.ran]).toEqual(['three', 2, 3, []])
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ round: 3, out: '' })
  })

  it('stores nothing of a branch recovered by its fallback when only save() stores', async () => {
    const persister = memoryPersister()
    const fails = kit.action({
      reads: [],
      writes: ['out'],
      run: () => {
        throw new TypeError('no')
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['one'],
      actions: { x: [fails, { fallback: () => ({ out: 'saved' }) }] },
      reduce: ({ results }) => ({ one: results.map(({ state }) => state.out) }),
    })
    const options = { ...start, entrypoint: 'map', persister, save: 'manual' } as const
    const graph = kit.graph({ actions: { map } })
    await createApplication(graph, options).run()

    const { state } = await (await resumeOrCreate(graph, options)).run()

    expect(state.one).toEqual(['saved'])
  })
})

it('a branch of a generator in another store is stored after its entry', async () => {
  const [main, own] = [memoryPersister(), memoryPersister()]
  const first = mortal(main)
  const desk = new Desk()
  const graph = kit.graph({ actions: { one: mapOf(desk, 'one', 'generator', own) } })
  const app = createApplication(graph, { ...start, entrypoint: 'one', persister: first.persister })
  const ids: string[] = []
  app.on('branch.queued', ({ appId }) => void ids.push(appId))
  app.on('map.start', () => first.crash())
  void app.run().catch(() => {})
  await flush()

  const stored = await Promise.all(ids.map((appId) => own.load({ appId })))
  const { status } = await (await resumeOrCreate(graph, { ...start, entrypoint: 'one', persister: main })).run()

  expect([ids.length, stored, status]).toEqual([2, [undefined, undefined], 'finished'])
})
