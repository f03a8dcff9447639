import { type Clock, createApplication, createLimit, defineMessage, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { type Deferred, defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'

interface Work {
  n: number
  ns: number[]
}
const kit = defineState<Work>()
const go = defineMessage('go', type<number>())
const note = defineMessage('note', type<string>())

/** Asks a person, then works until `end`; counts concurrent work. */
function workers() {
  const log: string[] = []
  const jobs = new Map<string, { readonly begun: Deferred<void>; readonly ended: Deferred<void> }>()
  const jobOf = (key: string) => {
    const job = jobs.get(key) ?? { begun: defer(), ended: defer() }
    jobs.set(key, job)
    return job
  }
  let working = 0
  let most = 0
  const work = async (key: string): Promise<void> => {
    working += 1
    most = Math.max(most, working)
    log.push(`${key} works`)
    jobOf(key).begun.resolve()
    await jobOf(key).ended.promise
    working -= 1
  }
  const works = (key: string): Promise<void> => jobOf(key).begun.promise
  const end = async (key: string): Promise<void> => {
    await works(key)
    jobOf(key).ended.resolve()
  }
  const action = kit.action({
    reads: [],
    writes: ['n'],
    async run({ context, signal }) {
      const { body } = await context.receiveOne(go)
      signal.throwIfAborted()
      await work(context.path.at(-1)?.key ?? '')
      return { n: body }
    },
  })
  return { log, action, work, works, end, most: () => most }
}
const over = (action: ReturnType<typeof workers>['action'], keys: readonly string[], concurrency?: number) =>
  kit.mapActions({
    reads: [],
    writes: ['n', 'ns'],
    ...(concurrency === undefined ? {} : { concurrency }),
    actions: () => keys.map((key) => [action, { key }] as const),
    reduce: ({ results }) => ({ n: 0, ns: results.map(({ state }) => state.n) }),
  })
const appOf = (map: ReturnType<typeof over>, options: { readonly concurrency?: number } = {}) =>
  createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, ...options })

describe('an answered branch', () => {
  it('takes a place before it continues, in the order of the answers', async () => {
    const { log, action, end, most } = workers()
    const app = appOf(over(action, ['a', 'b', 'c'], 1))
    const waiting = emitted(app, 'wait', 'map/a', 'map/b', 'map/c')
    const run = app.run()
    await waiting

    for (const key of ['c', 'a', 'b']) await app.send(go(1), { path: `map/${key}` })
    await flush()
    const atFirst = [...log]
    for (const key of ['c', 'a', 'b']) await end(key)

    expect(atFirst).toEqual(['c works'])
    expect(log).toEqual(['c works', 'a works', 'b works'])
    expect(most()).toBe(1)
    expect((await run).state.ns).toEqual([1, 1, 1])
  })

  it('continues before a new branch starts', async () => {
    const { log, action, work, end } = workers()
    const plain = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        await work(context.path.at(-1)?.key ?? '')
        return { n: 0 }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['n', 'ns'],
      concurrency: 1,
      actions: { asks: action, first: plain, second: plain },
      reduce: ({ results }) => ({ n: 0, ns: results.map(({ state }) => state.n) }),
    })
    const app = appOf(map)
    const started = emitted(app, 'step.start', 'map/asks', 'map/first')
    const run = app.run()
    await started

    await app.send(go(7), { path: 'map/asks' })
    for (const key of ['first', 'asks', 'second']) await end(key)

    expect(log).toEqual(['first works', 'asks works', 'second works'])
    expect((await run).state.ns).toEqual([7, 0, 0])
  })

  it('takes a place in every map above, and one at a time continues under an outer concurrency of one', async () => {
    const { log, action, works, end, most } = workers()
    const outer = kit.mapActions({
      reads: [],
      writes: ['n', 'ns'],
      concurrency: 1,
      actions: { x: over(action, ['a', 'b'], 2), y: over(action, ['c'], 2) },
      reduce: ({ results }) => ({ n: 0, ns: results.flatMap(({ state }) => state.ns) }),
    })
    const app = appOf(outer)
    const waiting = emitted(app, 'wait', 'map/x/x/a', 'map/x/x/b', 'map/y/y/c')
    const run = app.run()
    await waiting

    await app.send(go(1), { path: 'map/y/y/c' })
    await app.send(go(2), { path: 'map/x/x/a' })
    await app.send(go(3), { path: 'map/x/x/b' })
    await flush()
    const atFirst = [...log]
    await end('c')
    await Promise.all([works('a'), works('b')])
    const then = [...log]
    await Promise.all([end('a'), end('b')])

    expect(atFirst).toEqual(['c works'])
    expect(then).toEqual(['c works', 'a works', 'b works'])
    expect(most()).toBe(2)
    expect((await run).state.ns).toEqual([2, 3, 1])
  })

  it('gets its place though a sibling waits for its message', async () => {
    const asks = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const { body } = await context.receiveOne(go)
        context.send('hears', note('here'))
        return { n: body }
      },
    })
    const hears = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        for await (const { body } of context.messages(note)) return { n: body.length }
        return { n: -1 }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['n', 'ns'],
      concurrency: 1,
      actions: { asks, hears },
      reduce: ({ results }) => ({ n: 0, ns: results.map(({ state }) => state.n) }),
    })
    const app = appOf(map)
    const waiting = emitted(app, 'wait', 'map/asks', 'map/hears')
    const run = app.run()
    await waiting

    await app.send(go(5), { path: 'map/asks' })

    expect((await run).state.ns).toEqual([5, 4])
  })

  it('needs no place once it is cancelled', async () => {
    const { log, action, works, end } = workers()
    const map = kit.mapActions({
      reads: [],
      writes: ['n', 'ns'],
      concurrency: 1,
      settle: 'collect',
      actions: { a: action, b: action },
      reduce: ({ results }) => ({ n: 0, ns: results.map((one) => (one.status === 'done' ? one.state.n : -1)) }),
    })
    const app = appOf(map)
    const waiting = emitted(app, 'wait', 'map/a', 'map/b')
    const run = app.run()
    await waiting
    await app.send(go(1), { path: 'map/a' })
    await works('a')
    await app.send(go(2), { path: 'map/b' })
    await flush()

    app.cancel({ path: 'map/b' })
    await flush()
    const whileOneWorks = [...log]
    await end('a')

    expect(whileOneWorks).toEqual(['a works'])
    expect((await run).state.ns).toEqual([1, -1])
  })

  it('holds no permit of a shared limit while it waits for its place', async () => {
    const { log, action, end } = workers()
    const limit = createLimit(1)
    const map = over(action, ['a', 'b'], 1)
    const other = kit.mapActions({
      reads: [],
      writes: ['n', 'ns'],
      concurrency: limit,
      actions: { x: map, y: over(action, ['c'], 1) },
      reduce: ({ results }) => ({ n: 0, ns: results.flatMap(({ state }) => state.ns) }),
    })
    const app = appOf(other)
    const waiting = emitted(app, 'wait', 'map/x/x/a', 'map/y/y/c', 'map/x/x/b')
    const run = app.run()
    await waiting

    for (const path of ['map/x/x/a', 'map/x/x/b', 'map/y/y/c']) await app.send(go(1), { path })
    for (const key of ['a', 'c', 'b']) await end(key)

    expect((await run).state.ns).toEqual([1, 1, 1])
    expect(log).toEqual(['a works', 'c works', 'b works'])
    expect([limit.running, limit.waiting]).toEqual([0, 0])
  })
})

describe('the time limit of a run that returned as waiting', () => {
  it.each(['action', 'branch', 'wait'])('of its %s holds no process until the run is joined again', async (of) => {
    const told: string[] = []
    const timer = { ref: () => void told.push('ref'), unref: () => void told.push('unref') }
    const clock: Clock = { now: () => 1_000, setTimeout: () => timer, clearTimeout() {} }
    const limit = { timeoutMs: 60_000 }
    const ask = kit.action({
      reads: [],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(go, of === 'wait' ? limit : {})).body }),
      ...(of === 'action' ? limit : {}),
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['n'],
      actions: { a: ask },
      reduce: ({ results }) => ({ n: results[0]?.state.n ?? -1 }),
      ...(of === 'branch' ? limit : {}),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, clock })

    const first = await app.run({ whenWaiting: 'return' })
    const left = [...told]
    const second = app.run()
    const joined = [...told]
    await app.send(go(3), { path: 'map/a' })

    expect(first.status).toBe('waiting')
    expect([left.at(-1), joined.at(-1)]).toEqual(['unref', 'ref'])
    expect((await second).state.n).toBe(3)
  })
})
