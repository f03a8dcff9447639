import { createApplication, createLimit, defineMessage, defineState, printPath, resumeOrCreate, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  n: number
  ns: number[]
}
const kit = defineState<Work>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const waits = kit.action({ reads: [], writes: ['n'], run: ({ signal }) => untilAborted(signal) })
const fails = kit.action({
  reads: [],
  writes: ['n'],
  run: (): { n: number } => {
    throw new RangeError('no')
  },
})
const addThen = (last: typeof waits) =>
  kit.graph({ actions: { add, last }, transitions: { add: 'last' } }).runnable({ entrypoint: 'add' })
const told = (results: readonly { readonly status: string; readonly state: object }[]) =>
  results.map(({ status, state }) => [status, state])

describe('the result of a branch that is not done', () => {
  it('carries the last committed state, or the initial one', async () => {
    const seen: unknown[] = []
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['ns'],
      settle: 'collect',
      concurrency: 3,
      actions: { slow: addThen(waits), bad: addThen(fails), fresh: waits, queued: waits },
      watch: ({ event, cancel }) => {
        if (event.type === 'branch.settled' && event.key === 'bad') cancel(['slow', 'fresh', 'queued'])
      },
      reduce({ results, branches }) {
        seen.push(...told(results))
        const { slow } = branches
        if (slow.status === 'cancelled') expectTypeOf(slow.state.n).toEqualTypeOf<number | undefined>()
        // @ts-expect-error: the state of a cancelled branch may be incomplete
        if (slow.status === 'cancelled') slow.state satisfies { readonly n: number }
        return { ns: [] }
      },
    })

    await createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 1 } }).run()

    expect(seen).toEqual([
      ['cancelled', { n: 2 }],
      ['failed', { n: 2 }],
      ['cancelled', { n: 1 }],
      ['cancelled', { n: 1 }],
    ])
  })

  it('carries it after a resume too', async () => {
    const persister = memoryPersister()
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['ns'],
      settle: 'collect',
      actions: { slow: addThen(waits), late: waits },
      reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n ?? -1) }),
    })
    const options = { appId: 'app', entrypoint: 'map', state: { n: 1 }, persister, logger: quiet } as const
    const graph = kit.graph({ actions: { map } })
    const first = createApplication(graph, options)
    const added = emitted(first, 'transition', 'map/slow')
    const settled = emitted(first, 'branch.settled', 'map/slow')
    void first.run().catch(() => {})
    await added
    first.cancel({ path: 'map/slow' })
    await settled

    const second = await resumeOrCreate(graph, options)
    const started = emitted(second, 'step.start', 'map/late')
    const run = second.run()
    await started
    second.cancel({ path: 'map/late' })

    expect((await run).state.ns).toEqual([2, 1])
  })
})

describe('graceMs', () => {
  const deaf = { reads: [], writes: ['n'], run: () => new Promise<{ n: number }>(() => {}) } as const

  it.each(['action', 'entry'])('of one %s abandons its code sooner than the application', async (where) => {
    const clock = new ManualClock()
    const action = kit.action({ ...deaf, ...(where === 'action' ? { graceMs: 50 } : {}) })
    const quick = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 7 }) })
    const map = kit.mapActions({
      reads: [],
      writes: ['ns'],
      settle: 'any',
      actions: () => [[action, { key: 'deaf', ...(where === 'entry' ? { graceMs: 50 } : {}) }] as const, quick],
      reduce: ({ results }) => ({ ns: results.flatMap((one) => (one.status === 'done' ? [one.state.n] : [])) }),
    })
    const run = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: quiet,
    }).run()
    await clock.fire(50)

    expect(await run).toMatchObject({ state: { ns: [7] }, leaked: [{ path: 'map/deaf', action: 'map', sinceMs: 50 }] })
  })

  it('counts for each attempt that times out', async () => {
    const clock = new ManualClock()
    const action = kit.action({ ...deaf, timeoutMs: 100, graceMs: 10 })
    const run = createApplication(kit.graph({ actions: { action } }), {
      entrypoint: 'action',
      state: {},
      clock,
      logger: quiet,
    }).run()
    await clock.fire(100)
    await clock.fire(10)

    await expect(run).rejects.toThrow('Action "action" took longer than 100 ms')
  })
})

describe('a limit', () => {
  it('has its numbers read and its size changed: growing admits waiting branches, shrinking interrupts none', async () => {
    const limit = createLimit(1)
    const ends = new Map<number, () => void>()
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state: { n } }) {
        const end = defer()
        ends.set(n, () => end.resolve())
        await end.promise
        return { n }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['ns'],
      action: work,
      concurrency: limit,
      states: [0, 1, 2, 3].map((n) => ({ n })),
      reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n) }),
    })
    const run = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()
    await flush()
    const look = () => [limit.max, limit.running, limit.waiting]
    const seen = [look()]
    limit.resize(Infinity)
    await flush()
    seen.push(look())
    limit.resize(1)
    seen.push(look())
    for (const end of ends.values()) end()

    expect(seen).toEqual([
      [1, 1, 3],
      [Infinity, 4, 0],
      [1, 4, 0],
    ])
    expect((await run).state.ns).toEqual([0, 1, 2, 3])
    expect(look()).toEqual([1, 0, 0])
  })

  it('that was made smaller admits none until fewer than that run', async () => {
    const limit = createLimit(2)
    const ends: (() => void)[] = []
    const work = kit.action({
      reads: [],
      writes: ['n'],
      async run() {
        const end = defer()
        ends.push(() => end.resolve())
        await end.promise
        return { n: 0 }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['ns'],
      action: work,
      concurrency: limit,
      states: [{}, {}, {}],
      reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n) }),
    })
    const run = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()
    await flush()
    limit.resize(1)
    const seen: number[][] = []

    for (let i = 0; i < 3; i++) {
      ends[i]?.()
      await flush()
      seen.push([limit.running, limit.waiting])
    }

    expect(seen).toEqual([
      [1, 1],
      [1, 0],
      [0, 0],
    ])
    expect((await run).state.ns).toEqual([0, 0, 0])
  })
})

describe('watch', () => {
  it('has a fresh memory for each visit of its map, and the path of the map', async () => {
    const seen: unknown[] = []
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['n'],
      actions: { a: add, b: add },
      watch: {
        memory: () => ({ ends: 0 }),
        on({ event, memory, appId, path }) {
          expectTypeOf(memory).toEqualTypeOf<{ ends: number }>()
          if (event.type === 'branch.settled') memory.ends += 1
          if (event.type === 'branch.settled') seen.push([event.key, memory.ends, appId, printPath(path)])
        },
      },
      reduce: ({ results }) => ({ n: results.length + (results[0]?.state.n ?? 0) }),
    })
    const graph = kit.graph({
      actions: { map },
      transitions: { map: [{ to: 'map', when: ({ state }) => state.n < 6 }] },
    })

    await createApplication(graph, { entrypoint: 'map', state: { n: 1 }, appId: 'x' }).run()

    expect(seen).toEqual([
      ['a', 1, 'x', ''],
      ['b', 2, 'x', ''],
      ['a', 1, 'x', ''],
      ['b', 2, 'x', ''],
    ])
  })
})

describe('messages of siblings', () => {
  const hint = defineMessage('hint', type<{ words: string[] }>())
  const sends = kit.action({
    reads: [],
    writes: ['n'],
    run({ context }) {
      context.broadcast(hint({ words: [] }))
      return { n: 0 }
    },
  })
  const takes = kit.action({
    reads: [],
    writes: ['n'],
    async run({ context }) {
      for await (const { body } of context.messages(hint)) {
        body.words.push('mine')
        await flush()
        return { n: body.words.length }
      }
      return { n: -1 }
    },
  })

  it.each(['', 'tell'])('from the key "%s" give each receiver a body of its own', async (key) => {
    const map = kit.mapActions({
      reads: [],
      writes: ['ns'],
      actions: () => [[sends, { key }] as const, [takes, { key: 'a' }] as const, [takes, { key: 'b' }] as const],
      reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n) }),
    })

    const { state } = await createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()

    expect(state.ns).toEqual([0, 1, 1])
  })
})

describe('a path as text', () => {
  it('distinguishes a map named like a second visit from that visit, and an empty key from the branches below it', () => {
    const at = (map: string, visit: number, key: string) => ({ map, visit, key })

    expect([
      printPath([at('m#2', 1, 'a')]),
      printPath([at('m', 2, 'a')]),
      printPath([at('m', 1, ''), at('b', 1, 'x')]),
      printPath([at('m', 1, 'b'), at('x', 1, '')]),
    ]).toEqual(['m~22/a', 'm#2/a', 'm/~/b/x', 'm/b/x'])
  })
})

it('the error of a generator source is the cause, as of a function source', async () => {
  const thrown = new RangeError('no more')
  const map = kit.mapStates({
    reads: [],
    writes: ['n'],
    action: add,
    *states() {
      yield { n: 1 }
      throw thrown
    },
    reduce: () => ({ n: 0 }),
  })
  const seen: unknown[] = []
  const graph = kit.graph({
    actions: { map, add },
    onError: {
      map: [
        {
          to: 'add',
          when: ({ error }) => {
            seen.push(error)
            return false
          },
        },
      ],
    },
  })

  const failure: unknown = await createApplication(graph, { entrypoint: 'map', state: { n: 0 } })
    .run()
    .catch((error: unknown) => error)

  expect(seen).toEqual([thrown])
  expect((failure as Error).cause).toBe(thrown)
})

it('an unread reader keeps no more than its buffer and 500 events', async () => {
  const graph = kit.graph({
    actions: { add },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 400 }] },
  })
  const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })
  const events = app.events({ buffer: 5 })
  await app.run()
  await app[Symbol.asyncDispose]()

  const read = []
  for await (const event of events) read.push(event)

  expect(read.length).toBe(506)
  expect(read.at(-1)).toMatchObject({ type: 'dropped' })
})

it('a schema of an input that refuses without a reason refuses', async () => {
  const mute = { '~standard': { version: 1, vendor: 'mute', validate: () => ({ issues: [] }) } } as const
  const step = kit.action({ reads: [], writes: ['n'], inputs: { x: mute }, run: () => ({ n: 1 }) })
  const app = createApplication(kit.graph({ actions: { step } }), { entrypoint: 'step', state: {} })

  await expect(app.run({ inputs: { x: 1 as never } })).rejects.toThrow('The input "x" does not fit')
})

describe('a bare action in a branch', () => {
  it('is named by its key in a record, else by its own name, else like its map', async () => {
    const named = kit.action({ reads: [], writes: ['n'], name: 'count', run: () => ({ n: 1 }) })
    const fold = { reads: [], writes: ['ns'], reduce: () => ({ ns: [] }) } as const
    const graph = kit.graph({
      actions: {
        record: kit.mapActions({ ...fold, actions: { a: named } }),
        list: kit.mapActions({ ...fold, actions: [named] }),
        plain: kit.mapStates({ ...fold, action: add, states: [{ n: 1 }] }),
      },
      transitions: { record: 'list', list: 'plain' },
    })
    const app = createApplication(graph, { entrypoint: 'record', state: {} })
    const seen: string[] = []
    app.on('step.start', ({ path, source }) => void (path.length > 0 && seen.push(`${printPath(path)} ${source}`)))

    await app.run()

    expect(seen).toEqual(['record/a a', 'list/0 count', 'plain/0 plain'])
  })

  it('that is abandoned is logged with its path', async () => {
    const clock = new ManualClock()
    const warned: unknown[] = []
    const deaf = kit.action({ reads: [], writes: ['n'], graceMs: 5, run: () => new Promise<{ n: number }>(() => {}) })
    const map = kit.mapActions({ reads: [], writes: ['ns'], actions: { deaf }, reduce: () => ({ ns: [] }) })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: { ...quiet, warn: (text) => void warned.push(text) },
    })
    const started = emitted(app, 'step.start', 'map/deaf')
    const run = app.run()
    await started
    app.cancel()

    clock.advance(5)
    await run

    expect(warned).toEqual([expect.stringMatching(/^Action "deaf" \(branch map\/deaf\) ignored a cancel for 5 ms/)])
  })
})

describe('a branch with an empty key beside others', () => {
  it('and its siblings each have a path of their own', async () => {
    const go = defineMessage('go', type<number>())
    const ask = kit.action({
      reads: [],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['ns'],
      actions: { '': ask, a: ask },
      reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const waiting = emitted(app, 'wait', 'map/a')
    const run = app.run()
    await waiting

    const sent = [await app.send(go(2), { path: 'map/a' }), await app.send(go(1), { path: 'map' })]

    expect(sent).toEqual(['delivered', 'delivered'])
    expect((await run).state.ns).toEqual([1, 2])
  })
})
