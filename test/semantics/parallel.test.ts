import * as fc from 'fast-check'
import {
  ContractError,
  createApplication,
  createLimit,
  defineState,
  ParallelError,
  printPath,
  TimeoutError,
  task,
} from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, chat, echo } from '../support/chat.js'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const start = (map: typeof echo | Parameters<typeof chat.graph>[0]['actions'][string], options: object = {}) =>
  createApplication(chat.graph({ actions: { map: map as typeof echo } }), {
    entrypoint: 'map',
    state: { prompt: 'p', prompts: ['a', 'b', 'c'] },
    logger: quiet,
    ...options,
  })

/** Branches that end on command. */
function gates(keys: readonly string[]) {
  const held = new Map<string, Deferred<string>>(keys.map((key) => [key, defer<string>()]))
  const live: string[] = []
  const wait = chat.action({
    reads: ['prompt'],
    writes: ['answer'],
    async run({ state, signal }) {
      live.push(state.prompt)
      const answer = await Promise.race([held.get(state.prompt)?.promise ?? '', untilAborted(signal)])
      return { answer }
    },
  })
  return {
    wait,
    live,
    open: (key: string, answer = key) => held.get(key)?.resolve(answer),
    fail: (key: string, why: string) => held.get(key)?.reject(new Error(why)),
  }
}

const keyed = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, { prompt: key }]))
const answers = { writes: ['answers'] as const, reads: ['prompt'] as const }

describe('results', () => {
  it('have key, index, identity, status, inputs, attempts and times of each branch', async () => {
    const clock = new ManualClock()
    const { wait, open, fail } = gates(['a', 'b'])
    const seen: unknown[] = []
    const map = chat.mapStates({
      ...answers,
      settle: 'collect',
      action: wait,
      states: keyed(['a', 'b']),
      reduce: ({ results }) => {
        seen.push(...results.map((r) => ({ ...r, appId: r.appId.length })))
        return { answers: {} }
      },
    })
    const app = start(map, { clock, appId: 'root' })
    const started = emitted(app, 'step.start', 'map/a', 'map/b')

    const run = app.run()
    await started
    clock.advance(10)
    open('b')
    await flush()
    clock.advance(5)
    fail('a', 'boom')
    await run

    const t0 = 1_700_000_000_000
    expect(seen).toEqual([
      {
        key: 'a',
        index: 0,
        appId: 52,
        inputs: {},
        attempts: 1,
        startedAt: t0,
        endedAt: t0 + 15,
        status: 'failed',
        state: { prompt: 'a' },
        error: expect.any(Error),
      },
      {
        key: 'b',
        index: 1,
        appId: 52,
        inputs: {},
        attempts: 1,
        startedAt: t0,
        endedAt: t0 + 10,
        status: 'done',
        state: { prompt: 'b', answer: 'b' },
        recovered: false,
      },
    ])
  })

  it('have ids that are hashes of the path of a branch: stable, and different for each visit', async () => {
    const ids: string[][] = []
    const map = chat.mapStates({
      ...answers,
      action: echo,
      states: keyed(['a', 'b']),
      reduce: ({ results }) => {
        ids.push(results.map((r) => r.appId))
        return { answers: {} }
      },
    })
    const graph = chat.graph({ actions: { map }, transitions: { map: 'map' } })
    const run = () => createApplication(graph, { entrypoint: 'map', state: { prompt: '' }, appId: 'root' })

    const app = run()
    await app.step()
    await app.step()
    await run().step()

    expect(new Set(ids.flat()).size).toBe(4)
    expect(ids[2]).toEqual(ids[0])
  })
})

describe('settling', () => {
  it("'all' cancels the siblings of the first failure, waits for them, and fails with every result", async () => {
    const { wait, fail, live } = gates(['a', 'b', 'c'])
    const map = chat.mapStates({
      ...answers,
      action: wait,
      states: keyed(['a', 'b', 'c']),
      reduce: () => ({ answers: {} }),
    })
    const app = start(map)
    const started = emitted(app, 'step.start', 'map/a', 'map/b', 'map/c')
    const cancels: string[] = []
    app.on('cancel', ({ path, by, cause }) => void cancels.push(`${printPath(path)} by ${by}: ${cause}`))

    const run = app.run().catch((error: unknown) => error)
    await started
    fail('b', 'boom')
    const failure = (await run) as ParallelError<{ key: string; status: 'done' | 'failed' | 'cancelled'; by?: string }>

    expect(failure).toBeInstanceOf(ParallelError)
    expect(failure.message).toBe(
      `Map action "map" cannot settle as 'all': 1 of 3 branches failed: "b". First: Action "map" failed (step 0, branch map/b): boom`,
    )
    expect(failure.results.map(({ key, status, by }) => [key, status, by])).toEqual([
      ['a', 'cancelled', 'sibling'],
      ['b', 'failed', undefined],
      ['c', 'cancelled', 'sibling'],
    ])
    expect(cancels).toEqual(['map/a by sibling: sibling-failed', 'map/c by sibling: sibling-failed'])
    expect(failure.cause).toMatchObject({ name: 'ActionError', path: 'map/b', cause: new Error('boom') })
    expect(live).toEqual(['a', 'b', 'c'])
    expect(app.state).toEqual({ prompt: 'p', prompts: ['a', 'b', 'c'] })
  })

  it("'collect' passes failures to reduce as data", async () => {
    const { wait, fail, open } = gates(['a', 'b'])
    const map = chat.mapStates({
      ...answers,
      settle: 'collect',
      action: wait,
      states: keyed(['a', 'b']),
      reduce: ({ branches }) => ({
        answers: Object.fromEntries(
          Object.entries(branches).map(([key, r]) => [
            key,
            r.status === 'done' ? r.state.answer : r.status === 'failed' ? r.error.message : 'cancelled',
          ]),
        ),
      }),
    })
    const app = start(map)
    const started = emitted(app, 'step.start', 'map/a', 'map/b')

    const run = app.run()
    await started
    fail('a', 'no')
    open('b')

    expect((await run).state.answers).toEqual({ a: 'Action "map" failed (step 0, branch map/a): no', b: 'b' })
  })

  it.each([
    ['any', 'b', { a: 'failed', b: 'done', c: 'cancelled' }],
    ['first', undefined, { a: 'failed', b: 'cancelled', c: 'cancelled' }],
  ] as const)("'%s' ends when it has enough, and cancels the rest", async (policy, opened, expected) => {
    const { wait, fail, open } = gates(['a', 'b', 'c'])
    const map = chat.mapStates({
      ...answers,
      settle: policy,
      action: wait,
      states: keyed(['a', 'b', 'c']),
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.status])) }),
    })
    const app = start(map)
    const started = emitted(app, 'step.start', 'map/a', 'map/b', 'map/c')

    const run = app.run()
    await started
    fail('a', 'no')
    await flush()
    if (opened !== undefined) open(opened)

    expect((await run).state.answers).toEqual(expected)
  })

  it.each([
    [['a', 'b', 'c'], '"a", "b" and "c". First'],
    [['a', 'b', 'c', 'd'], '"a", "b" and "c" …. First'],
  ])('names at most three failed branches in its error: %j', async (keys, named) => {
    const { wait, fail } = gates(keys)
    const map = chat.mapStates({
      ...answers,
      settle: 'any',
      action: wait,
      states: keyed(keys),
      reduce: () => ({ answers: {} }),
    })

    const run = start(map).run()
    await flush()
    for (const key of keys) fail(key, 'no')

    await expect(run).rejects.toThrow(`${keys.length} of ${keys.length} branches failed: ${named}`)
  })

  it('{ atLeast } fails as soon as it can no longer be reached', async () => {
    const { wait, fail } = gates(['a', 'b', 'c'])
    const map = chat.mapStates({
      ...answers,
      settle: { atLeast: 2 },
      action: wait,
      states: keyed(['a', 'b', 'c']),
      reduce: () => ({ answers: {} }),
    })
    const app = start(map)
    const started = emitted(app, 'step.start', 'map/a', 'map/b', 'map/c')

    const run = app.run().catch((error: unknown) => error)
    await started
    fail('a', 'no')
    await flush()
    fail('b', 'no')

    expect(await run).toMatchObject({
      name: 'ParallelError',
      results: [{ status: 'failed' }, { status: 'failed' }, { status: 'cancelled' }],
    })
  })

  it.each([
    ['all', 'reduced'],
    ['collect', 'reduced'],
    ['first', 'reduced'],
    ['any', 'failed'],
    [{ atLeast: 1 }, 'failed'],
  ] as const)('%j without branches: %s', async (policy, outcome) => {
    const map = chat.mapStates({
      ...answers,
      settle: policy,
      action: echo,
      states: [],
      reduce: ({ results }) => ({ answers: { n: String(results.length) } }),
    })

    const end = await start(map)
      .run()
      .then(
        ({ state }) => (state.answers['n'] === '0' ? 'reduced' : 'odd'),
        (error: unknown) => (error instanceof ParallelError ? 'failed' : 'odd'),
      )

    expect(end).toBe(outcome)
  })

  it('fails a branch that times out, counted from its start', async () => {
    const clock = new ManualClock()
    const { wait, open } = gates(['a', 'b'])
    const map = chat.mapStates({
      ...answers,
      settle: 'collect',
      action: wait,
      states: { a: [{ prompt: 'a' }, { timeoutMs: 100 }], b: { prompt: 'b' } },
      reduce: ({ results }) => ({
        answers: Object.fromEntries(
          results.map((r) => [r.key, r.status === 'failed' ? `${r.error.name}: ${r.error.message}` : r.status]),
        ),
      }),
    })
    const app = start(map, { clock })

    const run = app.run()
    await clock.fire(100)
    await flush()
    open('b')

    expect((await run).state.answers).toEqual({ a: 'TimeoutError: Branch "map/a" took longer than 100 ms.', b: 'done' })
    expect(clock.pending).toBe(0)
    expect(TimeoutError.is(new TimeoutError('x', 1))).toBe(true)
  })
})

describe('sources', () => {
  it('are pulled only as far as the window reaches', async () => {
    let pulled = 0
    const { wait, open } = gates(['0', '1', '2', '3', '4'])
    const map = chat.mapStates({
      ...answers,
      action: wait,
      concurrency: 2,
      *states() {
        for (let i = 0; i < 5; i++) {
          pulled += 1
          yield { prompt: String(i) }
        }
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = start(map)
    const ahead: number[] = []

    const run = app.run()
    for (const key of ['0', '1', '2', '3', '4']) {
      await flush()
      ahead.push(pulled)
      open(key)
    }
    await run

    expect(ahead).toEqual([2, 3, 4, 5, 5])
  })

  it('that are asynchronous start a branch as soon as its entry comes', async () => {
    const next = [defer<string>(), defer<string>()]
    const { wait, live, open } = gates(['x', 'y'])
    const map = chat.mapStates({
      ...answers,
      action: wait,
      async *states() {
        for (const one of next) yield { prompt: await one.promise }
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const run = start(map).run()

    await flush()
    const seen = [[...live]]
    next[0]?.resolve('x')
    await flush()
    seen.push([...live])
    open('x')
    await flush()
    next[1]?.resolve('y')
    open('y')
    await run

    expect(seen).toEqual([[], ['x']])
  })

  it('of known length start nothing when two keys are the same', async () => {
    const { wait, live } = gates(['a'])
    const map = chat.mapStates({
      ...answers,
      action: wait,
      states: () => [
        [{ prompt: 'a' }, { key: 'k' }],
        [{ prompt: 'a' }, { key: 'k' }],
      ],
      reduce: () => ({ answers: {} }),
    })

    await expect(start(map).run()).rejects.toBeInstanceOf(ContractError)
    expect(live).toEqual([])
  })

  it('that throw half-way cancel running branches, run their finally, and fail the step', async () => {
    const { wait } = gates(['a'])
    const log: string[] = []
    const map = chat.mapStates({
      ...answers,
      action: wait,
      *states() {
        try {
          yield { prompt: 'a' }
          throw new RangeError('no more')
        } finally {
          log.push('finally')
        }
      },
      reduce: () => ({ answers: {} }),
    })
    const app = start(map)
    app.on('branch.settled', ({ key, status }) => log.push(`${key} ${status}`))

    await expect(app.run()).rejects.toThrow('Action "map" failed (step 0): its source threw after 1 branch: no more')
    expect(log).toEqual(['finally', '0 cancelled'])
  })

  it('give no further branch once the map has enough, while others end', async () => {
    const late = defer<{ answer: string }>()
    const given: number[] = []
    const work = chat.action({
      reads: ['n'],
      writes: ['answer'],
      run: ({ state }) => (state.n === 0 ? { answer: '' } : late.promise),
    })
    const map = chat.mapStates({
      ...answers,
      settle: 'any',
      action: work,
      concurrency: 2,
      *states() {
        for (let n = 0; ; n++) {
          given.push(n)
          yield { n }
        }
      },
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.status])) }),
    })
    const app = start(map)
    const settled = emitted(app, 'branch.settled')
    const run = app.run()
    await settled
    const before = [...given]
    await flush()
    late.resolve({ answer: 'late' })

    expect((await run).state.answers).toEqual({ 0: 'done', 1: 'cancelled' })
    expect(given).toEqual(before)
  })

  it('are closed when the map has enough before they end', async () => {
    let closed = false
    const map = chat.mapStates({
      ...answers,
      settle: 'any',
      action: echo,
      concurrency: 1,
      *states() {
        try {
          for (let i = 0; ; i++) yield { prompt: String(i) }
        } finally {
          closed = true
        }
      },
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.status])) }),
    })

    expect((await start(map).run()).state.answers).toEqual({ 0: 'done' })
    expect(closed).toBe(true)
  })
})

describe('limits', () => {
  it('are exact, for a window and for a shared limit', async () => {
    const count = defineState<{ n: number; total: number }>()
    let running = 0
    let most = 0
    const work = count.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state }) {
        running += 1
        most = Math.max(most, running)
        for (let i = 0; i < 3; i++) await Promise.resolve()
        running -= 1
        return { n: state.n }
      },
    })
    const map = (concurrency: number | ReturnType<typeof createLimit>) =>
      count.mapStates({
        reads: [],
        writes: ['total'],
        action: work,
        concurrency,
        states: Array.from({ length: 30 }, (_, n) => ({ n })),
        reduce: ({ results }) => ({ total: results.length }),
      })
    const mostOf = async (concurrency: number | ReturnType<typeof createLimit>) => {
      most = 0
      await createApplication(count.graph({ actions: { map: map(concurrency) } }), {
        entrypoint: 'map',
        state: {},
      }).run()
      return most
    }

    expect([await mostOf(1), await mostOf(7), await mostOf(createLimit(4))]).toEqual([1, 7, 4])
  })

  it('shared by four levels of maps with one permit end, and never run two leaves at once', async () => {
    const kit = defineState<{ depth: number; leaves: number }>()
    let running = 0
    let most = 0
    const leaf = kit.action({
      reads: [],
      writes: ['leaves'],
      async run() {
        running += 1
        most = Math.max(most, running)
        await Promise.resolve()
        running -= 1
        return { leaves: 1 }
      },
    })
    const over = (action: typeof leaf) =>
      kit.mapStates({
        reads: [],
        writes: ['leaves'],
        action,
        states: [{}, {}, {}],
        reduce: ({ results }) => ({ leaves: results.reduce((sum, { state }) => sum + state.leaves, 0) }),
      })
    const top = over(over(over(over(leaf))))
    const app = createApplication(kit.graph({ actions: { top } }), { entrypoint: 'top', state: {}, concurrency: 1 })

    const { state } = await app.run()

    expect({ leaves: state.leaves, most }).toEqual({ leaves: 81, most: 1 })
  })

  it('hold for any tree of maps and graphs (property)', async () => {
    const kit = defineState<{ leaves: number }>()
    type Tree = readonly Tree[]
    const tree: fc.Arbitrary<Tree> = fc.letrec<{ node: Tree }>((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('node'), { minLength: 1, maxLength: 3 })),
    })).node

    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 3 }), async (shape, max) => {
        let running = 0
        let most = 0
        const leaf = kit.action({
          reads: [],
          writes: ['leaves'],
          async run() {
            running += 1
            most = Math.max(most, running)
            await Promise.resolve()
            running -= 1
            return { leaves: 1 }
          },
        })
        const build = (node: Tree): typeof leaf =>
          node.length === 0
            ? leaf
            : kit.mapActions({
                reads: [],
                writes: ['leaves'],
                actions: node.map(build),
                reduce: ({ results }) => ({ leaves: results.reduce((sum, { state }) => sum + state.leaves, 0) }),
              })
        const count = (node: Tree): number =>
          node.length === 0 ? 1 : node.reduce((sum, child) => sum + count(child), 0)
        const graph = kit.graph({ actions: { top: build(shape) } })

        const { state } = await createApplication(graph, { entrypoint: 'top', state: {}, concurrency: max }).run()

        expect(state.leaves).toBe(count(shape))
        expect(most).toBeLessThanOrEqual(max)
      }),
      { numRuns: 60 },
    )
  })
})

describe('tasks', () => {
  it('run only on their own state', async () => {
    const low = chat.parallel({
      reads: ['prompt'],
      writes: ['answers'],
      tasks: ({ state }) => [task({ action: echo, key: 'x', state: { prompt: `${state.prompt}!` } })],
      reduce: ({ results }) => ({
        answers: Object.fromEntries(results.map((r) => [r.key, Object.keys(r.state).join()])),
      }),
    })

    expect((await start(low).run()).state.answers).toEqual({ x: 'prompt,answer' })
  })
})
