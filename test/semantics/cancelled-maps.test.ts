import { createApplication, defineState, ParallelError, resumeOrCreate, type SettlePolicy } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

// The cancel of a map as a whole.

interface Work {
  item: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const options = { appId: 'app', entrypoint: 'map', state: {}, logger: quiet } as const

interface Told {
  readonly ran: string[]
  /** `reduce` throws. */
  broken: boolean
}

/** A branch named `quick` is done at once, the others wait for their signal. */
const leaf = (told: Told) =>
  kit.action({
    reads: ['item'],
    writes: ['out'],
    run({ state: { item }, signal }) {
      told.ran.push(item)
      return item === 'quick' ? { out: item } : untilAborted(signal)
    },
  })

type Source = 'a record' | 'a generator' | 'an async generator'

/** The entries of a source; `gave` counts those that it has given. */
function sourceOf(kind: Source, gave: { count: number; closed: number; reason: unknown }) {
  const keys = ['quick', 'b', 'c', 'd']
  if (kind === 'a record') return Object.fromEntries(keys.map((item) => [item, { item }]))
  const entry = (item: string) => {
    gave.count += 1
    return [{ item }, { key: item }] as const
  }
  if (kind === 'a generator')
    return function* ({ signal }: { readonly signal: AbortSignal }) {
      try {
        for (const item of keys) yield entry(item)
      } finally {
        gave.closed += 1
        gave.reason = signal.reason
      }
    }
  return async function* ({ signal }: { readonly signal: AbortSignal }) {
    try {
      for (const item of keys) yield entry(item)
    } finally {
      gave.closed += 1
      gave.reason = signal.reason
    }
  }
}

function mapOf(source: Source, settle: SettlePolicy, concurrency = 2) {
  const told: Told = { ran: [], broken: false }
  const gave = { count: 0, closed: 0, reason: undefined as unknown }
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: settle as 'collect',
    concurrency,
    action: leaf(told),
    states: sourceOf(source, gave),
    reduce({ results }) {
      if (told.broken) throw new TypeError('reduce is broken')
      return {
        outs: results.map((r) => `${r.key} ${r.status}${r.status === 'cancelled' ? ` ${r.by}: ${r.reason}` : ''}`),
      }
    },
  })
  return { told, gave, graph: kit.graph({ actions: { map } }) }
}

const QUICK = 'quick done'
const lost = (...keys: string[]) => keys.map((key) => `${key} cancelled app: enough`)

describe('app.cancel of a map', () => {
  it('cancels what runs and what is queued, with its reason, and reduces under `collect`', async () => {
    const { graph, told } = mapOf('a record', 'collect')
    const app = createApplication(graph, options)
    const run = app.run()
    await flush()

    const answer = await app.cancel({ map: 'map', reason: 'enough' })

    expect([answer, (await run).state.outs]).toEqual(['cancelled', [QUICK, ...lost('b', 'c', 'd')]])
    expect(told.ran).toEqual(['quick', 'b', 'c'])
  })

  it.each(['a generator', 'an async generator'] as const)('takes no more from %s, and closes it', async (source) => {
    const { graph, told, gave } = mapOf(source, 'collect')
    const app = createApplication(graph, options)
    const run = app.run()
    await flush()

    const answer = await app.cancel({ map: 'map', reason: 'enough' })

    expect([answer, (await run).state.outs]).toEqual(['cancelled', [QUICK, ...lost('b', 'c')]])
    expect([told.ran, gave]).toEqual([['quick', 'b', 'c'], { count: 3, closed: 1, reason: 'enough' }])
  })

  it('takes no more from an async generator that is about to give', async () => {
    const held = defer()
    const told: Told = { ran: [], broken: false }
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      action: leaf(told),
      async *states() {
        yield [{ item: 'b' }, { key: 'b' }]
        await held.promise
        yield [{ item: 'c' }, { key: 'c' }]
      },
      reduce: ({ results }) => ({ outs: results.map((r) => `${r.key} ${r.status}`) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), options)
    const run = app.run()
    await flush()

    const answer = app.cancel({ map: 'map' })
    await flush()
    held.resolve()

    expect([await answer, (await run).state.outs, told.ran]).toEqual(['cancelled', ['b cancelled'], ['b']])
  })

  it.each<[SettlePolicy, string]>([
    ['all', 'cannot settle as \'all\': 3 of 4 branches were cancelled: "b", "c" and "d".'],
    ['any', 'done'],
    ['first', 'done'],
    [{ atLeast: 2 }, 'cannot settle as { atLeast: 2 }: 3 of 4 branches were cancelled: "b", "c" and "d".'],
  ])('lets the policy decide: %o', async (settle, end) => {
    const { graph } = mapOf('a record', settle)
    const app = createApplication(graph, options)
    const run = app.run().then(() => 'done', String)
    await flush()
    await app.cancel({ map: 'map', reason: 'enough' })

    expect(await run).toContain(end)
  })

  it.each(['a generator', 'an async generator'] as const)(
    'fails under `all`, also where no branch was lost: %s might have given more',
    async (kind) => {
      const held = defer()
      const gave = { count: 0, closed: 0, reason: undefined }
      const all = sourceOf(kind, gave)
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        concurrency: 1,
        action: kit.action({ reads: ['item'], writes: ['out'], run: ({ state }) => ({ out: state.item }) }),
        async *states(given) {
          for await (const one of typeof all === 'function' ? all(given) : []) {
            if (gave.count === 3) await held.promise
            yield one
          }
        },
        reduce: ({ results }) => ({ outs: results.map((r) => r.key) }),
      })
      const app = createApplication(kit.graph({ actions: { map } }), options)
      const run = app.run().catch((error: unknown) => error)
      await flush()

      const answer = app.cancel({ map: 'map' })
      held.resolve()
      const error = await run

      expect(await answer).toBe('cancelled')
      expect(error).toBeInstanceOf(ParallelError)
      expect(String(error)).toContain("cannot settle as 'all': there are only 2 branches, and the map was cancelled.")
    },
  )

  it('answers `unknown` for another name or visit, `cancelled` until it has ended, `settled` while it reduces', async () => {
    const [ends, reduces] = [defer(), defer()]
    const slow = kit.action({ reads: [], writes: ['out'], run: () => ends.promise.then(() => ({ out: '' })) })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      actions: { slow },
      reduce: async ({ results }) => {
        await reduces.promise
        return { outs: results.map((r) => r.status) }
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), options)
    const before = await app.cancel({ map: 'map' })
    const run = app.run()
    await flush()

    const others = await Promise.all(['Map', 'map#2', 'slow', ''].map((name) => app.cancel({ map: name })))
    const both = [app.cancel({ map: 'map' }), app.cancel({ map: 'map' })]
    ends.resolve()
    await flush()
    const late = app.cancel({ map: 'map' })
    reduces.resolve()

    expect([before, others]).toEqual(['unknown', ['unknown', 'unknown', 'unknown', 'unknown']])
    expect([await Promise.all(both), await late]).toEqual([['cancelled', 'cancelled'], 'settled'])
    expect((await run).state.outs).toEqual(['cancelled'])
    expect(await app.cancel({ map: 'map' })).toBe('unknown')
  })

  it('of a visit alone: the next visit begins anew', async () => {
    const told: Told = { ran: [], broken: false }
    let visits = 0
    const map = kit.mapActions({
      reads: ['item?'],
      writes: ['outs', 'item'],
      settle: 'collect',
      actions: { b: leaf(told) },
      state: () => ({ item: 'b' }),
      reduce: ({ results }) => ({ outs: results.map((r) => r.status), item: `${++visits}` }),
    })
    const app = createApplication(
      kit.graph({ actions: { map }, transitions: { map: [{ to: 'map', when: ({ state }) => state.item === '1' }] } }),
      options,
    )
    const run = app.run()
    await flush()

    const answers = [await app.cancel({ map: 'map' })]
    await flush()
    answers.push(await app.cancel({ map: 'map' }), await app.cancel({ map: 'map#2' }))

    expect([answers, (await run).status]).toEqual([['cancelled', 'unknown', 'cancelled'], 'finished'])
    expect(told.ran).toEqual(['b', 'b'])
  })

  it('of a branch: the map at its path ends, and nothing beside it', async () => {
    const told: Told = { ran: [], broken: false }
    const inner = kit.mapStates({
      reads: ['item'],
      writes: ['out'],
      settle: 'collect',
      action: leaf(told),
      states: { b: { item: 'b' }, c: { item: 'c' } },
      reduce: ({ results }) => ({ out: results.map((r) => r.status).join() }),
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      state: () => ({ item: 'd' }),
      actions: { left: inner, right: leaf(told) },
      reduce: ({ results }) => ({ outs: results.map((r) => (r.status === 'done' ? r.state.out : r.status)) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), options)
    const run = app.run()
    await flush()

    const answers = [
      await app.cancel({ path: 'map/right', map: 'inner' }),
      await app.cancel({ path: 'map/nobody', map: 'left' }),
      await app.cancel({ path: [{ map: 'map', visit: 1, key: 'left' }], map: 'left' }),
      await app.cancel({ path: 'map/left', map: 'left' }),
    ]
    await app.cancel({ path: 'map/right' })

    expect(answers).toEqual(['unknown', 'unknown', 'cancelled', 'settled'])
    expect((await run).state.outs).toEqual(['cancelled,cancelled', 'cancelled'])
  })

  it('from its own source cancels every branch before one starts', async () => {
    const told: Told = { ran: [], broken: false }
    const answers: Promise<unknown>[] = []
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      action: leaf(told),
      states() {
        answers.push(app.cancel({ map: 'map', reason: 'enough' }))
        return { b: { item: 'b' }, c: { item: 'c' } }
      },
      reduce: ({ results }) => ({ outs: results.map((r) => `${r.key} ${r.status}`) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), options)

    const { state } = await app.run()

    expect([state.outs, told.ran]).toEqual([['b cancelled', 'c cancelled'], []])
    expect(await Promise.all(answers)).toEqual(['cancelled'])
  })

  it('from a listener of its first branch starts no further one', async () => {
    const { graph, told } = mapOf('a generator', 'collect', 64)
    const app = createApplication(graph, options)
    const started: string[] = []
    app.on('branch.start', ({ key }) => {
      started.push(key)
      void app.cancel({ map: 'map', reason: 'enough' })
    })

    const { state } = await app.run()

    // Where the slice of the engine is over, the first branch starts in a later turn, when more of them are queued.
    const made = lost('quick', 'b', 'c', 'd').slice(0, state.outs?.length)
    expect([state.outs, started, told.ran]).toEqual([made, ['quick'], []])
    expect(made.length).toBeGreaterThan(0)
  })

  it('abandons code that ignores it after the grace period of the map', async () => {
    const held = defer()
    const stubborn = kit.action({ reads: [], writes: ['out'], run: () => held.promise.then(() => ({ out: '' })) })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      graceMs: 1,
      actions: { stubborn },
      reduce: ({ results }) => ({ outs: results.map((r) => r.status) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), options)
    const run = app.run()
    await flush()

    await app.cancel({ map: 'map' })
    const { state, leaked } = await run
    held.resolve()

    expect([state.outs, leaked.map(({ path }) => path)]).toEqual([['cancelled'], ['map/stubborn']])
  })
})

const stores: Readonly<Record<string, () => { readonly persister?: Persister }>> = {
  nowhere: () => ({}),
  memory: () => ({ persister: memoryPersister() }),
  sqlite: () => ({ persister: sqlitePersister({ file: ':memory:' }) }),
}

describe.each(Object.entries(stores))(
  'a map that was cancelled stays so when its step runs again (stored: %s)',
  (_, store) => {
    it.each(['a record', 'a generator', 'an async generator'] as const)('from %s', async (source) => {
      const { graph, told, gave } = mapOf(source, 'collect')
      const app = createApplication(graph, { ...options, ...store() })
      told.broken = true
      const first = app.run().catch((error: unknown) => error)
      await flush()
      await app.cancel({ map: 'map', reason: 'enough' })
      await first
      const [ran, given] = [[...told.ran], gave.count]
      told.broken = false
      gave.count = 0

      const { state } = await app.run()

      const known = source === 'a record'
      expect([ran, told.ran]).toEqual([['quick', 'b', 'c'], ran])
      expect(state.outs).toEqual([QUICK, ...lost('b', 'c', ...(known ? ['d'] : []))])
      expect([given, gave.count]).toEqual(known ? [0, 0] : [3, 3])
    })
  },
)

describe('a stored map that was cancelled', () => {
  it.each(['a record', 'a generator'] as const)('stays so when its process dies: from %s', async (source) => {
    const persister = memoryPersister()
    const { graph, told } = mapOf(source, 'collect')
    const doomed = mortal(persister)
    const first = createApplication(graph, { ...options, persister: doomed.persister })
    told.broken = true
    void first.run().catch(() => {})
    await flush()
    await first.cancel({ map: 'map', reason: { why: 'enough', at: new Date(0) } })
    doomed.crash()
    told.broken = false
    told.ran.length = 0

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    const gone = source === 'a record' ? ['b', 'c', 'd'] : ['b', 'c']
    expect(told.ran).toEqual([])
    expect(state.outs).toEqual([QUICK, ...gone.map((key) => `${key} cancelled app: [object Object]`)])
  })

  it('before its first branch has no branch after a resume either', async () => {
    const persister = memoryPersister()
    const held = defer()
    const told: Told = { ran: [], broken: true }
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      action: leaf(told),
      async *states() {
        await held.promise
        yield { item: 'quick' }
      },
      reduce({ results }) {
        if (told.broken) throw new TypeError('reduce is broken')
        return { outs: results.map((r) => r.key) }
      },
    })
    const graph = kit.graph({ actions: { map } })
    const first = createApplication(graph, { ...options, persister })
    const run = first.run().catch(() => {})
    await flush()
    const answer = first.cancel({ map: 'map' })
    held.resolve()
    await run
    told.broken = false

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect([await answer, state.outs, told.ran]).toEqual(['cancelled', [], []])
  })

  it('while it is restored keeps what is done, and starts nothing', async () => {
    const persister = memoryPersister()
    const { graph, told } = mapOf('a record', 'collect')
    const first = createApplication(graph, { ...options, persister })
    const run = first.run()
    await flush()
    await first.shutdown()
    await run
    told.ran.length = 0
    const second = await resumeOrCreate(graph, { ...options, persister })
    second.on('map.start', () => void second.cancel({ map: 'map', reason: 'enough' }))

    const { state } = await second.run()

    expect([state.outs, told.ran]).toEqual([[QUICK, ...lost('b', 'c', 'd')], []])
  })

  it('with a reason that is no data is stored with its description', async () => {
    const persister = memoryPersister()
    const { graph, told } = mapOf('a generator', 'collect')
    const first = createApplication(graph, { ...options, persister })
    told.broken = true
    const run = first.run().catch(() => {})
    await flush()
    await first.cancel({ map: 'map', reason: () => 'no data' })
    await run
    told.broken = false

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(state.outs).toEqual([QUICK, ...['b', 'c'].map((key) => `${key} cancelled app: a function`)])
  })
})
