import { and, createApplication, defineState, type Interceptor, or, ParallelError, task, type } from 'teasel'
import { tasksOf } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

interface S {
  n: number
  list: number[]
  double: number
  out: number[]
  id: string
  default: string
}
const kit = defineState<S>()
const twice = kit.action({ reads: ['n'], writes: ['double'], run: ({ state }) => ({ double: 2 * state.n }) })
const outOf = (results: readonly { readonly state: { readonly double: number } }[]) => ({
  out: results.map(({ state }) => state.double),
})
const map = kit.mapStates({
  reads: ['list'],
  writes: ['out'],
  action: twice,
  states: ({ state }) => state.list.map((n) => ({ n })),
  reduce: ({ results }) => outOf(results),
})
const idsOf = async (list: readonly (readonly [number, string])[], appId = 'fixed') => {
  const keyed = kit.parallel({
    reads: ['n'],
    writes: ['out'],
    tasks: () => list.map(([n, key]) => task({ action: twice, state: { n }, key })),
    reduce: ({ results }) => outOf(results),
  })
  const app = createApplication(kit.graph({ actions: { keyed } }), { entrypoint: 'keyed', state: { n: 0 }, appId })
  const ids: Record<string, string> = {}
  app.on('branch.start', (event) => {
    ids[event.key] = event.appId
  })
  await app.run()
  return ids
}

describe('faults of Burr in parallel steps, absent here', () => {
  it('W-001 a loop that returns to a map runs its branches afresh, on the new state', async () => {
    const next = kit.action({
      reads: ['list'],
      writes: ['list'],
      run: ({ state }) => ({ list: state.list.map((n) => n + 100) }),
    })
    const graph = kit.graph({
      actions: { map, next },
      transitions: { map: [{ to: 'next', when: ({ state }) => (state.list[0] ?? 0) < 100 }], next: 'map' },
    })
    const app = createApplication(graph, { entrypoint: 'map', state: { list: [1, 2] } })
    const outs: unknown[] = []
    const ids = new Set<string>()
    app.on('step.end', (event) => {
      if (event.status === 'done' && event.source === 'map' && event.path.length === 0) outs.push(event.update)
    })
    app.on('branch.start', ({ appId }) => ids.add(appId))

    await app.run()

    expect(outs).toEqual([{ out: [2, 4] }, { out: [202, 204] }])
    expect(ids.size).toBe(4)
  })

  it('W-002 the branches of two maps of one application are always different', async () => {
    const graph = kit.graph({ actions: { first: map, second: map }, transitions: { first: 'second' } })
    const app = createApplication(graph, { entrypoint: 'first', state: { list: [1, 2] } })
    const ids = new Set<string>()
    app.on('branch.start', ({ appId }) => ids.add(appId))

    await app.run()

    expect(ids.size).toBe(4)
  })

  it('W-004 a failure cancels the siblings, and the step ends after they have ended', async () => {
    const log: string[] = []
    const cleaning = defer()
    const slow = kit.action({
      reads: ['n'],
      writes: ['double'],
      async run({ signal }) {
        try {
          return await untilAborted(signal)
        } finally {
          await cleaning.promise
          log.push('cleaned')
        }
      },
    })
    const broken = kit.action({
      reads: ['n'],
      writes: ['double'],
      run: (): { double: number } => {
        throw new RangeError('no')
      },
    })
    const both = kit.mapActions({
      reads: ['n'],
      writes: ['out'],
      actions: { slow, broken },
      reduce: () => ({ out: [] }),
    })
    const app = createApplication(kit.graph({ actions: { both } }), { entrypoint: 'both', state: { n: 1 } })
    const running = app.run().catch((error: unknown) => {
      log.push('rejected')
      return error
    })

    await flush()
    expect(log).toEqual([])
    cleaning.resolve()
    await running

    expect(log).toEqual(['cleaned', 'rejected'])
  })

  it('W-005 the error of a map carries every result, and the first failure in time as its cause', async () => {
    const gates = [defer(), defer()]
    const failing = (index: number) =>
      kit.action({
        reads: ['n'],
        writes: ['double'],
        async run(): Promise<{ double: number }> {
          await gates[index]?.promise
          throw new RangeError(`failure ${index}`)
        },
      })
    const all = kit.mapActions({
      reads: ['n'],
      writes: ['out'],
      actions: { good: twice, late: failing(0), early: failing(1) },
      reduce: () => ({ out: [] }),
    })
    const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: { n: 1 } })
    const cancelled = emitted(app, 'cancel', 'all/late')
    const running = app.run().catch((error: unknown) => error)
    gates[1]?.resolve()
    await cancelled
    gates[0]?.resolve()

    const error = await running

    expect(ParallelError.is(error)).toBe(true)
    expect(ParallelError.is(error) && error.results.map(({ key, status }) => `${key} ${status}`)).toEqual([
      'good done',
      'late cancelled',
      'early failed',
    ])
    expect(error).toMatchObject({ cause: { cause: { message: 'failure 1' } } })
  })

  it('W-007 every source gets the same arguments by name', async () => {
    const seen: string[][] = []
    const note = <A extends object>(args: A) => {
      seen.push(Object.keys(args).sort())
    }
    const product = kit.mapActionsAndStates({
      reads: ['n'],
      writes: ['out'],
      actions: (args) => {
        note(args)
        return [twice]
      },
      states: (args) => {
        note(args)
        return [{}]
      },
      reduce: ({ results }) => outOf(results),
    })

    await createApplication(kit.graph({ actions: { product } }), { entrypoint: 'product', state: { n: 1 } }).run()

    expect(seen).toHaveLength(2)
    expect(seen[0]).toEqual(seen[1])
    expect(seen[0]).toEqual(expect.arrayContaining(['inputs', 'state']))
  })

  it("W-008 a branch's keys stay in the branch: reduce writes what the map declares, and nothing is deleted", async () => {
    const leaking = kit.mapStates({
      reads: ['n'],
      writes: ['out'],
      action: twice,
      states: [{ n: 5 }],
      // @ts-expect-error the state of a branch is no update of the parent
      reduce: ({ results }) => ({ out: [], ...results[0]?.state }),
    })
    const tidy = kit.mapStates({
      reads: ['n'],
      writes: ['out'],
      action: twice,
      states: [{ n: 5 }],
      reduce: ({ results }) => outOf(results),
    })
    const run = (action: typeof tidy | typeof leaking) =>
      createApplication(kit.graph({ actions: { action } }), { entrypoint: 'action', state: { n: 1, id: 'kept' } }).run()

    await expect(run(leaking)).rejects.toThrow('returned "n" and "double", which they do not declare')
    expect((await run(tidy)).state).toEqual({ n: 1, id: 'kept', out: [10] })
  })

  it('W-009 branches run even when reduce ignores them', async () => {
    let ran = 0
    const count = kit.action({
      reads: [],
      writes: [],
      run: () => {
        ran += 1
        return {}
      },
    })
    const ignored = kit.mapStates({
      reads: [],
      writes: ['out'],
      action: count,
      states: [{}, {}, {}],
      reduce: () => ({ out: [] }),
    })

    await createApplication(kit.graph({ actions: { ignored } }), { entrypoint: 'ignored', state: {} }).run()

    expect(ran).toBe(3)
  })

  it('W-010 no branch changes the values of another one', async () => {
    const bags = defineState<{ list: number[]; bag: Map<string, number>; size: number }>()
    const change = bags.action({
      reads: ['list', 'bag'],
      writes: ['size'],
      inputs: { me: type<string>() },
      run: ({ state, inputs }) => {
        state.bag.set(inputs.me, 1)
        expect(() => state.list.push(1)).toThrow(TypeError)
        return { size: state.bag.size }
      },
    })
    const both = bags.mapActions({
      reads: ['list', 'bag'],
      writes: ['size'],
      actions: { a: change.bind({ me: 'a' }), b: change.bind({ me: 'b' }) },
      reduce: ({ branches }) => ({ size: branches.a.state.size + branches.b.state.size }),
    })
    const bag = new Map<string, number>()
    const app = createApplication(bags.graph({ actions: { both } }), { entrypoint: 'both', state: { list: [], bag } })

    const { state } = await app.run()

    expect([state.size, state.list, bag.size]).toEqual([2, [], 0])
  })

  it('W-011 a source is called once, also in a product of actions and states', async () => {
    let calls = 0
    const product = kit.mapActionsAndStates({
      reads: ['n'],
      writes: ['out'],
      actions: [twice, twice, twice],
      *states() {
        calls += 1
        yield { n: 1 }
        yield { n: 2 }
      },
      reduce: ({ results }) => outOf(results),
    })

    const app = createApplication(kit.graph({ actions: { product } }), { entrypoint: 'product', state: { n: 0 } })

    expect((await app.run()).state.out).toEqual([2, 4, 2, 4, 2, 4])
    expect(calls).toBe(1)
  })

  it('W-016 an entry keeps its identity when another is inserted before it', async () => {
    const before = await idsOf([
      [1, 'one'],
      [2, 'two'],
    ])
    const after = await idsOf([
      [0, 'zero'],
      [1, 'one'],
      [2, 'two'],
    ])

    expect({ one: after['one'], two: after['two'] }).toEqual(before)
    expect(new Set(Object.values(after)).size).toBe(3)
    expect((await idsOf([[1, 'one']], 'other'))['one']).not.toBe(before['one'])
  })

  it('W-017 two tasks with one key are refused before anything starts', async () => {
    await expect(
      idsOf([
        [1, 'same'],
        [2, 'same'],
      ]),
    ).rejects.toThrow('"same"')
  })

  it('W-018 a task holds data: it can be copied to another thread or process', async () => {
    for await (const { key, index, state, inputs } of tasksOf(map, { state: { list: [1, 2] } })) {
      expect(structuredClone({ key, index, state: { ...state }, inputs })).toEqual({
        key,
        index,
        state: { n: index + 1, list: [1, 2] },
        inputs: {},
      })
    }
  })
})

describe('faults of Burr in the core, absent here', () => {
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const loop = kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] } })

  it('W-063 interceptors run around an iterated run, and get its end', async () => {
    const log: string[] = []
    const recorder: Interceptor = {
      beforeRun: () => void log.push('before'),
      afterRun: (_, { status }) => void log.push(`after ${status}`),
    }
    const broken = kit.action({
      reads: [],
      writes: ['n'],
      run: (): { n: number } => {
        throw new RangeError('no')
      },
    })
    const app = createApplication(loop, { entrypoint: 'add', state: { n: 0 }, interceptors: [recorder] })
    const failing = createApplication(kit.graph({ actions: { broken } }), {
      entrypoint: 'broken',
      state: {},
      interceptors: [recorder],
    })

    for await (const { sequenceId } of app.iterate()) log.push(`step ${sequenceId}`)
    await failing
      .iterate()
      .next()
      .catch(() => {})

    expect(log).toEqual(['before', 'step 0', 'step 1', 'step 2', 'after done', 'before', 'after failed'])
  })

  it('W-065 inputs reach every step of their run, and no step of the next one', async () => {
    const seen: (string | undefined)[] = []
    const look = kit.action({
      reads: ['n'],
      writes: ['n'],
      inputs: { word: type<string>({ optional: true }) },
      run: ({ state, inputs }) => {
        seen.push(inputs.word)
        return { n: state.n + 1 }
      },
    })
    const graph = kit.graph({ actions: { look }, transitions: { look: 'look' } })
    const app = createApplication(graph, { entrypoint: 'look', state: { n: 0 } })

    await app.run({ inputs: { word: 'a' }, maxSteps: 2 }).catch(() => {})
    await app.run({ haltAfter: 'look' })

    expect(seen).toEqual(['a', 'a', undefined])
  })

  it('W-067 two applications of one graph share nothing', async () => {
    let calls = 0
    const options = { entrypoint: 'add', state: { n: 0 }, interceptors: [{ beforeStep: () => void calls++ }] } as const
    const one = createApplication(loop, options)
    const two = createApplication(loop, options)

    await one.run()

    expect([one.state.n, two.state.n, calls, one.appId === two.appId]).toEqual([3, 0, 3, false])
  })

  it('W-069 an action keeps its own context, also after an application that it created has run', async () => {
    const ids: string[] = []
    const outer = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state, context }) {
        ids.push(context.appId)
        const inner = createApplication(loop, { entrypoint: 'add', state, parent: context, key: 'inner' })
        const end = await inner.run()
        ids.push(context.appId, `${context.sequenceId}`)
        return { n: end.state.n }
      },
    })
    const app = createApplication(kit.graph({ actions: { outer } }), {
      entrypoint: 'outer',
      state: { n: 0 },
      appId: 'mine',
    })

    expect((await app.run()).state.n).toBe(3)
    expect(ids).toEqual(['mine', 'mine', '0'])
  })

  it('W-070 no operation on state half works: a change in place throws', async () => {
    const tries: (() => unknown)[] = []
    const change = kit.action({
      reads: ['n', 'list'],
      writes: ['n'],
      run: ({ state }) => {
        tries.push(
          () => Object.assign(state, { n: 1.5 }),
          () => state.list.push(1),
          () => Reflect.deleteProperty(state, 'n') || Object.assign(state, { n: 0 }),
        )
        return { n: state.n + 0.5 }
      },
    })
    const app = createApplication(kit.graph({ actions: { change } }), {
      entrypoint: 'change',
      state: { n: 1, list: [] },
    })

    expect((await app.run()).state).toEqual({ n: 1.5, list: [] })
    for (const one of tries) expect(one).toThrow(TypeError)
  })

  it('W-071 conditions test any key of the state, set or not', async () => {
    const look = kit.action({ reads: [], writes: [], run: () => ({}) })
    const graph = kit.graph({
      actions: { look, default: look, list: look, id: look },
      transitions: {
        look: [{ to: 'default', when: or<S>({ default: 'default' }, { id: 'x' }) }],
        default: [{ to: 'list', when: ({ state }) => state.list.map((n) => n + 1).every((item) => item > 1) }],
        list: [{ to: 'id', when: and<S>(({ state }) => state.id.startsWith('x'), { id: 'x' }) }],
      },
    })
    const app = createApplication(graph, { entrypoint: 'look', state: { id: 'x', list: [1, 2] } })

    expect((await app.run()).action).toBe('id')
  })

  it('W-072 a value that is no action is refused by its name, and never dropped', () => {
    const object = { reads: [], writes: [], run: () => ({}) }
    expect(() =>
      // @ts-expect-error neither is an action
      kit.graph({ actions: { add, object, graph: loop.runnable({ entrypoint: 'add' }) } }),
    ).toThrow(
      'The graph has 2 faults:\n  actions.object: This is an object, not an action. Make one with action({ … }) or a map action.\n  actions.graph: This is a runnable graph. Wrap it: subgraph({ graph, reads, writes, state, reduce }).',
    )
  })

  it('W-073 chunks from every place are counted alike: by the gapless number of each event', async () => {
    const pour = kit.action({
      reads: ['n'],
      writes: ['double'],
      async *run({ state }) {
        yield 'a'
        yield 'b'
        return { double: state.n }
      },
    })
    const fan = kit.mapStates({
      reads: ['n'],
      writes: ['out'],
      action: pour,
      states: [{}, {}],
      reduce: ({ results }) => outOf(results),
    })
    const app = createApplication(kit.graph({ actions: { pour, fan }, transitions: { pour: 'fan' } }), {
      entrypoint: 'pour',
      state: { n: 0 },
    })
    const numbers: number[] = []
    const sources: string[] = []
    app.on('*', (event) => {
      numbers.push(event.seq)
      if (event.type === 'chunk') sources.push(event.path.map(({ map: name, key }) => `${name}/${key}`).join())
    })

    await app.run()

    expect(numbers).toEqual(numbers.map((_, index) => index))
    expect(sources.filter((path) => path === '')).toHaveLength(2)
    expect(sources.filter((path) => path === 'fan/1')).toHaveLength(2)
  })

  it('W-074 interceptors get the inputs as the action does: its own, parsed, with defaults', async () => {
    const told: unknown[] = []
    const greet = kit.action({
      reads: [],
      writes: ['id'],
      inputs: { name: type<string>(), mark: type<string>({ default: '!' }) },
      run: ({ inputs }) => ({ id: inputs.name + inputs.mark }),
    })
    const other = kit.action({
      reads: [],
      writes: ['default'],
      inputs: { extra: type<number>() },
      run: () => ({ default: '' }),
    })
    const app = createApplication(kit.graph({ actions: { greet, other }, transitions: { greet: 'other' } }), {
      entrypoint: 'greet',
      state: {},
      interceptors: [{ beforeStep: ({ inputs }) => void told.push(inputs) }],
    })

    await app.run({ inputs: { name: 'you', extra: 1 } })

    expect(told).toEqual([{ name: 'you', mark: '!' }, { extra: 1 }])
  })

  it('W-076 an error after the action leaves the step uncommitted: a further run takes it again', async () => {
    let faulty = true
    const graph = kit.graph({
      actions: { add },
      transitions: {
        add: [
          {
            to: 'add',
            when: ({ state }) => {
              if (faulty && state.n === 2) throw new RangeError('no')
              return state.n < 3
            },
          },
        ],
      },
    })
    const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })

    await expect(app.run()).rejects.toThrow('chose no transition')
    const between = [app.state.n, app.sequenceId, app.next]
    faulty = false
    const { state, sequenceId } = await app.run()

    expect(between).toEqual([1, 0, 'add'])
    expect([state.n, sequenceId]).toEqual([3, 2])
  })
})
