import { type ActionContext, type CancelAnswer, createApplication, defineState, type Path } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'

// The results of a cancel, for its caller.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const waits = kit.action({ reads: ['item'], writes: ['out'], run: ({ signal }) => untilAborted(signal) })

/** One map over branches that wait for their signal, except `quick`, which is done at once. */
function start(concurrency = 64, persister = false) {
  const held = defer()
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    concurrency,
    action: kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ state: { item }, signal }) => {
        if (item !== 'quick') await Promise.race([untilAborted(signal), held.promise])
        return { out: item }
      },
    }),
    states: { quick: { item: 'quick' }, 'a/b': { item: 'a/b' }, c: { item: 'c' }, d: { item: 'd' } },
    reduce: ({ results }) => ({ outs: results.map((r) => `${r.key} ${r.status}`) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), {
    entrypoint: 'map',
    state: {},
    ...(persister && { persister: memoryPersister() }),
  })
  return { app, held, run: app.run() }
}

describe.each([
  ['without a persister', false],
  ['with a persister', true],
])('app.cancel, %s, returns', (_, persister) => {
  const askedIn = async (path: string | Path, concurrency = 64): Promise<[CancelAnswer, readonly string[]]> => {
    const { app, held, run } = start(concurrency, persister)
    await flush()
    const answer = await app.cancel({ path })
    held.resolve()
    return [answer, (await run).state.outs]
  }

  it('`cancelled` for a running branch, by its printed path, its segments, or its key', async () => {
    const outs = ['quick done', 'a/b cancelled', 'c done', 'd done']

    expect(await askedIn('map/a~1b')).toEqual(['cancelled', outs])
    expect(await askedIn([{ map: 'map', visit: 1, key: 'a/b' }])).toEqual(['cancelled', outs])
    expect(await askedIn('a/b')).toEqual(['cancelled', outs])
  })

  it('`cancelled` for a queued branch', async () => {
    expect(await askedIn('map/d', 1)).toEqual(['cancelled', ['quick done', 'a/b done', 'c done', 'd cancelled']])
  })

  it('`settled` for a branch with a result', async () => {
    const outs = ['quick done', 'a/b done', 'c done', 'd done']

    expect(await askedIn('map/quick')).toEqual(['settled', outs])
    expect(await askedIn('quick')).toEqual(['settled', outs])
  })

  it.each(['map/x', 'Map/c', 'map#2/c', 'map/a/b', 'map/c/further', 'x'])(
    '`unknown` for an unknown path: %s',
    async (path) => {
      expect(await askedIn(path)).toEqual(['unknown', ['quick done', 'a/b done', 'c done', 'd done']])
    },
  )

  it('`cancelled` for itself while it runs, and `settled` before and after', async () => {
    const { app, run } = start(64, persister)
    const answer = await app.cancel()
    const { status } = await run

    const after = await app.cancel()

    expect([answer, status, after]).toEqual(['cancelled', 'cancelled', 'settled'])
    const idle = createApplication(kit.graph({ actions: { waits } }), { entrypoint: 'waits', state: { item: '' } })
    expect(await idle.cancel()).toBe('settled')
  })
})

describe('app.cancel returns', () => {
  it('`cancelled` twice until the cancelled action has ended', async () => {
    const held = defer()
    const slow = kit.action({ reads: [], writes: ['out'], run: () => held.promise.then(() => ({ out: '' })) })
    const app = createApplication(kit.graph({ actions: { slow } }), { entrypoint: 'slow', state: {} })
    const run = app.run()

    const both = [app.cancel(), app.cancel()]
    held.resolve()

    expect([await Promise.all(both), (await run).status]).toEqual([['cancelled', 'cancelled'], 'cancelled'])
  })
})

describe('context.cancel returns', () => {
  it('the status of each sibling', async () => {
    const answers: CancelAnswer[] = []
    const judge = kit.action({
      reads: ['item'],
      writes: ['out'],
      async run({ context }: { readonly context: ActionContext }) {
        await flush()
        for (const key of ['quick', 'slow', 'slow', 'nobody']) answers.push(context.cancel(key))
        return { out: 'judged' }
      },
    })
    const quick = kit.action({ reads: ['item'], writes: ['out'], run: () => ({ out: 'quick' }) })
    const map = kit.mapActions({
      reads: ['item'],
      writes: ['outs'],
      settle: 'collect',
      actions: { judge, quick, slow: waits },
      reduce: ({ results }) => ({ outs: results.map((r) => `${r.key} ${r.status}`) }),
    })

    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { item: '' } })

    expect((await app.run()).state.outs).toEqual(['judge done', 'quick done', 'slow cancelled'])
    expect(answers).toEqual(['settled', 'cancelled', 'cancelled', 'unknown'])
  })

  it('`unknown` for an application of an action below the name of another action', async () => {
    const begun = defer()
    const inner = kit.action({
      reads: [],
      writes: ['out'],
      run({ signal }) {
        begun.resolve()
        return untilAborted(signal)
      },
    })
    const outer = kit.action({
      reads: [],
      writes: ['out'],
      async run({ context }) {
        const graph = kit.graph({ actions: { inner } })
        const below = createApplication(graph, { entrypoint: 'inner', state: {}, parent: context, key: 'one' })
        return { out: (await below.run()).status }
      },
    })
    const app = createApplication(kit.graph({ actions: { outer } }), { entrypoint: 'outer', state: {} })
    const run = app.run()
    await begun.promise

    const answers = [await app.cancel({ path: 'inner/one' }), await app.cancel({ path: 'outer/one' })]

    expect([answers, (await run).state.out]).toEqual([['unknown', 'cancelled'], 'cancelled'])
  })

  it('`unknown` outside a branch', async () => {
    let answer: CancelAnswer | undefined
    const alone = kit.action({
      reads: [],
      writes: [],
      run({ context }) {
        answer = context.cancel('x')
        return {}
      },
    })

    await createApplication(kit.graph({ actions: { alone } }), { entrypoint: 'alone', state: {} }).run()

    expect(answer).toBe('unknown')
  })
})

describe('a cancel while the store of a map is read', () => {
  /** A map whose `reduce` threw, and whose second run waits for the store. `ran`: the branches of the second run. */
  async function tried(watched: boolean) {
    const persister = memoryPersister()
    const [ran, told, loaded] = [[] as string[], { broken: true }, defer()]
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      action: kit.action({
        reads: ['item'],
        writes: ['out'],
        run({ state: { item } }) {
          ran.push(item)
          if (told.broken && item !== 'a') throw new RangeError(`${item} failed`)
          return { out: item }
        },
      }),
      states: { a: { item: 'a' }, b: { item: 'b' }, c: { item: 'c' } },
      watch: ({ event, cancel }) => {
        if (watched && !told.broken && event.type === 'branch.settled' && event.key === 'a') cancel('b')
      },
      reduce({ results }) {
        if (told.broken) throw new RangeError('broken')
        return { outs: results.map((one) => `${one.key} ${one.status}`) }
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, persister })
    await app.run().catch(() => {})
    const { driver } = persister
    const load = driver.load.bind(driver)
    const asked = defer()
    driver.load = async (...args) => {
      asked.resolve()
      await loaded.promise
      return load(...args)
    }
    ran.length = 0
    told.broken = false
    const ids: string[] = []
    app.on('branch.settled', ({ result }) => void ids.push(`${result.key} ${result.appId}`))
    const idOf = (key: string): string => ids.find((one) => one.startsWith(`${key} `))?.slice(2) ?? ''
    const run = app.run()
    await asked.promise
    return { app, ran, loaded, persister, idOf, run }
  }

  it('reaches a resumed branch: it does not start, and is stored as cancelled', async () => {
    const { app, ran, loaded, persister, idOf, run } = await tried(false)

    const answers = ['map/a', 'b', 'map/x'].map((path) => app.cancel({ path }))
    loaded.resolve()

    expect((await run).state.outs).toEqual(['a done', 'b cancelled', 'c done'])
    expect([await Promise.all(answers), ran]).toEqual([['settled', 'cancelled', 'unknown'], ['c']])
    expect((await persister.load({ appId: idOf('b') }))?.cancelled).toMatchObject({ final: true, by: 'app' })
  })

  it('by `watch` works when it gets a branch that had settled', async () => {
    const { ran, loaded, run } = await tried(true)

    loaded.resolve()

    expect((await run).state.outs).toEqual(['a done', 'b cancelled', 'c done'])
    expect(ran).toEqual(['c'])
  })

  it('returns also when the whole application is cancelled first', async () => {
    const { app, loaded, run } = await tried(false)

    const answer = app.cancel({ path: 'b' })
    const whole = app.cancel()
    loaded.resolve()

    expect([await answer, await whole, (await run).status]).toEqual(['settled', 'cancelled', 'cancelled'])
  })
})
