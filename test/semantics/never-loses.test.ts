import { createApplication, defineMessage, defineState, resumeOrCreate, SnapshotError, type } from 'teasel'
import { createPersister, memoryPersister, PersistenceError } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { mortal } from '../support/mortal-store.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  i: string
  item: string
  n: number
  out: string
  outs: string[]
  tags: Set<string>
}
const kit = defineState<Work>()
const options = { appId: 'app', entrypoint: 'map', state: {}, graceMs: 1, logger: quiet } as const

describe('a crash', () => {
  /** A map over a generator; the branches in `held` wait for their signal. */
  function poured(ran: string[], keys: readonly string[], held: ReadonlySet<string>, ended?: () => void) {
    const work = kit.action({
      reads: ['i'],
      writes: ['out'],
      async run({ state: { i }, signal }) {
        ran.push(i)
        if (held.has(i)) await untilAborted(signal)
        return { out: `${i}!` }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: work,
      async *states() {
        for (const key of keys) yield [{ i: key }, { key }] as const
        ended?.()
      },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    return kit.graph({ actions: { map } })
  }

  async function cutOff(keys: readonly string[], held: readonly string[], concurrency?: number) {
    const store = memoryPersister()
    const first = mortal(store)
    const [ran, ended] = [[] as string[], defer()]
    const graph = poured(ran, keys, new Set(held), () => ended.resolve())
    void createApplication(graph, {
      ...options,
      persister: first.persister,
      ...(concurrency !== undefined && { concurrency }),
    }).run()
    for (let i = 0; i < 5; i++) await flush()
    first.crash()
    return { store, ran, ended: ended.promise }
  }

  it('keeps the entry of a generator with the first record of its branch: a done one does not run again', async () => {
    const { store } = await cutOff(['a', 'b'], ['b'])
    const ran: string[] = []

    const app = await resumeOrCreate(poured(ran, ['a', 'b'], new Set()), { ...options, persister: store })

    expect((await app.run()).state.outs).toEqual(['a!', 'b!'])
    expect(ran).toEqual(['b'])
  })

  it('keeps the number of entries of a generator: one more is refused on resume', async () => {
    const { store, ended } = await cutOff(['a', 'b'], ['b'])
    await ended

    const app = await resumeOrCreate(poured([], ['a', 'b', 'c'], new Set()), { ...options, persister: store })

    const error = await app.run().catch((thrown: Error) => thrown.cause)
    expect(error).toBeInstanceOf(SnapshotError)
    expect(String(error)).toContain('more than 2 entries')
  })

  it('keeps that watch settled the map: queued branches never start', async () => {
    const store = memoryPersister()
    const first = mortal(store)
    const build = (ran: string[], reducing: Promise<void>) => {
      const work = kit.action({
        reads: ['i'],
        writes: ['out'],
        async *run({ state: { i } }) {
          ran.push(i)
          yield 'token'
          return { out: `${i}!` }
        },
      })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        settle: 'collect',
        concurrency: 1,
        action: work,
        states: { a: { i: 'a' }, b: { i: 'b' }, c: { i: 'c' } },
        watch: ({ event, settle }) => {
          if (event.type === 'chunk') settle()
        },
        reduce: async ({ results }) => {
          await reducing
          return { outs: results.map(({ status }) => status) }
        },
      })
      return kit.graph({ actions: { map } })
    }
    const ran: string[] = []
    void createApplication(build(ran, new Promise(() => {})), { ...options, persister: first.persister })
      .run()
      .catch(() => {})
    for (let i = 0; i < 5; i++) await flush()
    first.crash()

    const app = await resumeOrCreate(build(ran, Promise.resolve()), { ...options, persister: store })
    const { state } = await app.run()

    expect(ran).toEqual(['a'])
    expect(state.outs).toEqual(['cancelled', 'cancelled', 'cancelled'])
  })

  it('keeps the failure of a branch after its last step', async () => {
    const persister = memoryPersister()
    const runner = mortal(persister)
    const graph = (hold: boolean) => {
      const map = kit.mapActions({
        reads: [],
        writes: ['outs'],
        settle: 'collect',
        actions: {
          a: kit.action({ reads: [], writes: ['item'], run: () => ({ item: 'a' }) }),
          b: kit.action({
            reads: [],
            writes: ['item'],
            run: () => (hold ? new Promise<never>(() => {}) : { item: 'b' }),
          }),
        },
        reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
      })
      return kit.graph({ actions: { map } })
    }
    const app = createApplication(graph(true), {
      ...options,
      persister: runner.persister,
      interceptors: [
        {
          name: 'strict',
          onFault: 'fail',
          afterStep: ({ action }) => {
            if (action === 'a') throw new RangeError('no')
          },
        },
      ],
    })
    void app.run().catch(() => {})
    for (let i = 0; i < 5; i++) await flush()
    runner.crash()

    const { state } = await (await resumeOrCreate(graph(false), { ...options, persister })).run()
    expect(state.outs).toEqual(['failed', 'done'])
  })

  it('keeps the cancel of a branch while an interceptor refused its last step', async () => {
    const persister = memoryPersister()
    const runner = mortal(persister)
    const asked = defer()
    const graph = (hold: boolean) => {
      const work = (name: string) =>
        kit.action({
          reads: [],
          writes: ['item'],
          run: () => (hold && name === 'b' ? new Promise<never>(() => {}) : { item: name }),
        })
      const map = kit.mapActions({
        reads: [],
        writes: ['outs'],
        settle: 'collect',
        actions: { a: work('a'), b: work('b') },
        reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
      })
      return kit.graph({ actions: { map } })
    }
    const app = createApplication(graph(true), {
      ...options,
      graceMs: 1_000,
      persister: runner.persister,
      interceptors: [
        {
          name: 'strict',
          onFault: 'fail',
          async afterStep({ action }) {
            if (action !== 'a') return
            await asked.promise
            throw new RangeError('no')
          },
        },
      ],
    })
    const settled: string[] = []
    app.on('branch.settled', ({ status }) => void settled.push(status))
    void app.run().catch(() => {})
    for (let i = 0; i < 5; i++) await flush()
    app.cancel({ path: 'map/a', reason: 'not needed' })
    asked.resolve()
    for (let i = 0; i < 5; i++) await flush()
    runner.crash()

    const { state } = await (await resumeOrCreate(graph(false), { ...options, persister })).run()
    expect([settled, state.outs]).toEqual([['cancelled'], ['cancelled', 'done']])
  })

  it('after a step gives the next wait a note of its own', async () => {
    const persister = memoryPersister()
    const approve = defineMessage('approve', type<string>())
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(approve)).body }),
    })
    const graph = kit.graph({ actions: { map: ask, again: ask }, transitions: { map: 'again' } })
    const runner = mortal(persister)
    const first = createApplication(graph, { ...options, persister: runner.persister })
    void first.run().catch(() => {})
    await flush()
    first.on('step.end', () => runner.crash())
    await first.send(approve('one'))
    await flush()
    await (await resumeOrCreate(graph, { ...options, persister })).run({ whenWaiting: 'return' })
    expect(await persister.load({ appId: 'app' })).toMatchObject({
      status: 'waiting',
      sequenceId: 0,
      waiting: { waits: [{ action: 'again' }] },
    })
  })

  it('keeps the order in which branches settled, also of one with an overwritten note', async () => {
    const persister = memoryPersister()
    const runner = mortal(persister)
    const [time, gates] = [new ManualClock(), { first: defer(), again: defer(), b: defer(), c: defer() }]
    const graph = (live: boolean) => {
      let begun = 0
      const a = kit.action({
        reads: [],
        writes: ['item'],
        async run({ context }): Promise<{ item: string }> {
          if (begun++ === 0) throw new TypeError('not yet')
          await context.once(`key ${context.attempt}`, () => 'value')
          await gates.again.promise
          throw new TypeError('no')
        },
      })
      const b = kit.action({ reads: [], writes: ['item'], run: () => gates.b.promise.then(() => ({ item: 'b' })) })
      const c = kit.action({
        reads: [],
        writes: ['item'],
        run: () => (live ? new Promise<never>(() => {}) : { item: 'c' }),
      })
      const map = kit.mapActions({
        reads: [],
        writes: ['outs'],
        settle: 'collect',
        retry: { attempts: 2, delayMs: 0 },
        actions: { a, b, c },
        initial: { outs: [] },
        reduceEach: ({ acc, result }) => ({ outs: [...acc.outs, `${result.key} ${result.status}`] }),
      })
      return kit.graph({ actions: { map } })
    }
    const app = createApplication(graph(true), { ...options, persister: runner.persister, clock: time })
    void app.run().catch(() => {})
    await time.fire(0)
    for (const [key, gate] of [
      ['b', gates.b],
      ['a', gates.again],
    ] as const) {
      const settled = emitted(app, 'branch.settled', `map/${key}`)
      gate.resolve()
      await settled
    }
    runner.crash()
    gates.b = defer()

    const { state } = await (await resumeOrCreate(graph(false), { ...options, persister, clock: time })).run()

    expect(state.outs).toEqual(['b done', 'a failed', 'c done'])
  })
})

it('a runner that commits between the claim of another one and its load is refused, and nothing is lost', async () => {
  const { driver } = memoryPersister()
  const gate = defer()
  const ran: string[] = []
  const step = (name: string, wait?: Promise<void>) =>
    kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state: { n } }) {
        ran.push(name)
        await wait
        return { n: n + 1 }
      },
    })
  const graph = (wait?: Promise<void>) =>
    kit.graph({ actions: { one: step('one'), two: step('two', wait) }, transitions: { one: 'two' } })
  const about = { ...options, entrypoint: 'one', state: { n: 0 } } as const
  const first = await resumeOrCreate(graph(gate.promise), { ...about, persister: createPersister(driver) })
  const lost = first.run().catch((thrown: unknown) => thrown)
  await flush()
  const late = createPersister(
    overDriver(driver, {
      async load(partitionKey, appIds, until) {
        gate.resolve() // the first runner tries to commit now
        await flush()
        return driver.load(partitionKey, appIds, until)
      },
      close() {},
    }),
  )

  const outcome = await (await resumeOrCreate(graph(), { ...about, persister: late })).run()

  expect(await lost).toBeInstanceOf(PersistenceError)
  expect([outcome.status, outcome.state.n, ran]).toEqual(['finished', 2, ['one', 'two', 'two']])
})

it('the signal of an async source fires when the map has settled', async () => {
  const seen: unknown[] = []
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'any',
    action: kit.action({ reads: ['i'], writes: ['out'], run: ({ state: { i } }) => ({ out: `${i}!` }) }),
    async *states({ signal }) {
      yield { i: 'a' }
      seen.push(signal.aborted)
      await untilAborted(signal).catch(() => {})
      seen.push(signal.aborted)
    },
    reduce: ({ results }) => ({ outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }),
  })

  const { state } = await createApplication(kit.graph({ actions: { map } }), options).run()

  expect([state.outs, seen]).toEqual([['a!'], [false, true]])
})

it('a Set is copied for each branch that reads it', async () => {
  const tags = new Set(['first'])
  const work = kit.action({
    reads: ['i', 'tags'],
    writes: ['out'],
    run: ({ state: { i, tags: own } }) => {
      own.add(i)
      return { out: [...own].join() }
    },
  })
  const map = kit.mapStates({
    reads: ['tags'],
    writes: ['outs'],
    action: work,
    states: { a: { i: 'a' }, b: { i: 'b' } },
    reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { ...options, state: { tags } })

  const { state } = await app.run()

  expect([state.outs, [...state.tags]]).toEqual([['first,a', 'first,b'], ['first']])
})
