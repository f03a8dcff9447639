import { type ActionContext, type CancelAnswer, createApplication, defineState, type Path } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, settle, untilAborted } from '../support/deferred.js'

// Whoever cancels is told what became of it.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const waits = kit.action({ reads: ['item'], writes: ['out'], run: ({ signal }) => untilAborted(signal) })

/** One map over branches that wait for their signal, of which `quick` is done at once. */
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
  ['with one', true],
])('app.cancel, %s, answers', (_, persister) => {
  const askedIn = async (path: string | Path, concurrency = 64): Promise<[CancelAnswer, readonly string[]]> => {
    const { app, held, run } = start(concurrency, persister)
    await settle()
    const answer = await app.cancel({ path })
    held.resolve()
    return [answer, (await run).state.outs]
  }

  it('`cancelled` of a branch that runs, by its printed path, its segments, or its key', async () => {
    const outs = ['quick done', 'a/b cancelled', 'c done', 'd done']

    expect(await askedIn('map/a~1b')).toEqual(['cancelled', outs])
    expect(await askedIn([{ map: 'map', visit: 1, key: 'a/b' }])).toEqual(['cancelled', outs])
    expect(await askedIn('a/b')).toEqual(['cancelled', outs])
  })

  it('`cancelled` of a branch that is queued', async () => {
    expect(await askedIn('map/d', 1)).toEqual(['cancelled', ['quick done', 'a/b done', 'c done', 'd cancelled']])
  })

  it('`settled` of a branch that has its result', async () => {
    const outs = ['quick done', 'a/b done', 'c done', 'd done']

    expect(await askedIn('map/quick')).toEqual(['settled', outs])
    expect(await askedIn('quick')).toEqual(['settled', outs])
  })

  it.each(['map/x', 'Map/c', 'map#2/c', 'map/a/b', 'map/c/further', 'x'])(
    '`unknown` of what is not there: %s',
    async (path) => {
      expect(await askedIn(path)).toEqual(['unknown', ['quick done', 'a/b done', 'c done', 'd done']])
    },
  )

  it('`cancelled` of itself while it runs, and `settled` before and after', async () => {
    const { app, run } = start(64, persister)
    const answer = await app.cancel()
    const { status } = await run

    const after = await app.cancel()

    expect([answer, status, after]).toEqual(['cancelled', 'cancelled', 'settled'])
    const idle = createApplication(kit.graph({ actions: { waits } }), { entrypoint: 'waits', state: { item: '' } })
    expect(await idle.cancel()).toBe('settled')
  })
})

describe('app.cancel answers', () => {
  it('`cancelled` twice while what it cancelled has not ended', async () => {
    const held = defer()
    const slow = kit.action({ reads: [], writes: ['out'], run: () => held.promise.then(() => ({ out: '' })) })
    const app = createApplication(kit.graph({ actions: { slow } }), { entrypoint: 'slow', state: {} })
    const run = app.run()

    const both = [app.cancel(), app.cancel()]
    held.resolve()

    expect([await Promise.all(both), (await run).status]).toEqual([['cancelled', 'cancelled'], 'cancelled'])
  })
})

describe('context.cancel answers', () => {
  it('what became of each sibling', async () => {
    const answers: CancelAnswer[] = []
    const judge = kit.action({
      reads: ['item'],
      writes: ['out'],
      async run({ context }: { readonly context: ActionContext }) {
        await settle()
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

  it('`unknown` where it is no branch', async () => {
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
