import { createApplication, defineMessage, defineState, ParallelError, task, type } from 'teasel'
import { tasksOf } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'

interface S {
  prompt: string
  tone: string
  answer: string
  words: string[]
  seen: Map<string, string>
  log: string[]
}
const kit = defineState<S>()
const hint = defineMessage('hint', type<string>())
const ask = kit.action({
  reads: ['prompt'],
  writes: ['answer'],
  inputs: { model: type<string>() },
  run: ({ state, inputs }) => ({ answer: `${inputs.model}: ${state.prompt}` }),
})
const echo = kit.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ answer: state.prompt }) })
const shout = kit.action({
  reads: ['prompt'],
  writes: ['answer'],
  run: ({ state }) => ({ answer: `${state.prompt}!` }),
})
const whisper = kit.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ answer: state.prompt }) })
const logOf = {
  reduce: ({ results }: { results: readonly { key: string; state: { answer: string } }[] }) => ({
    log: results.map(({ key, state }) => `${key} ${state.answer}`),
  }),
}
const appOf = (action: typeof echo, state: Partial<S> = { prompt: 'p' }) =>
  createApplication(kit.graph({ actions: { map: action } }) as never, { entrypoint: 'map', state } as never) as {
    run(options?: object): Promise<{ state: S }>
  }
const runOf = async (action: unknown, options: object = {}, state?: Partial<S>) =>
  (await appOf(action as typeof echo, state).run(options)).state.log

describe('the product of actions and states', () => {
  const actions = { list: [echo, shout, whisper], record: { echo, shout, whisper } }
  const updates = [{ prompt: 'a' }, { prompt: 'b' }]
  const forms = {
    'lists of known length': () => ({ actions: actions.list, states: updates }),
    'actions from a generator': () => ({
      *actions() {
        yield* actions.list
      },
      states: updates,
    }),
    'states from a generator': () => ({
      actions: actions.list,
      *states() {
        yield* updates
      },
    }),
    'both from generators': () => ({
      *actions() {
        yield* actions.list
      },
      *states() {
        yield* updates
      },
    }),
    'actions from an async generator': () => ({
      async *actions() {
        yield* actions.list
      },
      states: updates,
    }),
    'states from an async generator': () => ({
      actions: actions.list,
      async *states() {
        yield* updates
      },
    }),
    'both from async generators': () => ({
      async *actions() {
        yield* actions.list
      },
      async *states() {
        yield* updates
      },
    }),
    'one of each': () => ({
      async *actions() {
        yield* actions.list
      },
      *states() {
        yield* updates
      },
    }),
  }
  const loose = kit as unknown as { mapActionsAndStates(options: object): typeof echo }

  it.each(Object.entries(forms))('equals %s', async (_, sources) => {
    const map = loose.mapActionsAndStates({ reads: ['prompt'], writes: ['log'], ...sources(), ...logOf })

    const planned: [string, number, object][] = []
    for await (const { key, index, state } of tasksOf(map, { state: { prompt: 'p' } as never }))
      planned.push([key, index, state])

    const keys = ['0.0', '0.1', '1.0', '1.1', '2.0', '2.1']
    expect(planned).toEqual(keys.map((key, i) => [key, i, { prompt: key.endsWith('0') ? 'a' : 'b' }]))
    expect(await runOf(map)).toEqual(['0.0 a', '0.1 b', '1.0 a!', '1.1 b!', '2.0 a', '2.1 b'])
  })

  it('joins the keys and the inputs of both; those of the state win', async () => {
    const map = loose.mapActionsAndStates({
      reads: ['prompt'],
      writes: ['log'],
      actions: [[ask, { key: 'x', inputs: { model: 'of the action' } }], echo],
      states: { s: [{ prompt: 'a' }, { inputs: { model: 'of the state' } }], t: {} },
      ...logOf,
    })

    const planned: [string, object][] = []
    for await (const { key, inputs } of tasksOf(map, { state: { prompt: 'p' } as never })) planned.push([key, inputs])

    expect(planned).toEqual([
      ['x.s', { model: 'of the state' }],
      ['x.t', { model: 'of the action' }],
      ['1.s', { model: 'of the state' }],
      ['1.t', {}],
    ])
  })

  it('refuses equal keys before anything starts', async () => {
    const map = loose.mapActionsAndStates({
      reads: ['prompt'],
      writes: ['log'],
      actions: [
        [echo, { key: 'x' }],
        [shout, { key: 'x' }],
      ],
      states: [{}],
      ...logOf,
    })

    await expect(runOf(map)).rejects.toThrow('several branches would have the key "x.0"')
  })
})

describe('a source', () => {
  const loose = kit as unknown as { mapStates(options: object): typeof echo; mapActions(options: object): typeof echo }
  const none = () => ({ log: [] })

  it.each([
    ['an iterator', Symbol.iterator, { next: () => ({ done: false, value: { prompt: 'x' } }) }],
    ['an async iterator', Symbol.asyncIterator, { next: async () => ({ done: false, value: { prompt: 'x' } }) }],
  ])('that is %s without return is left without a call', async (_, symbol, iterator) => {
    const states = { [symbol]: () => iterator }
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      action: echo,
      states,
      settle: 'first',
      concurrency: 1,
      reduce: none,
    })

    expect(await runOf(map)).toEqual([])
  })

  it('that repeats a key too late to be refused settles no branch twice', async () => {
    const [asked, repeat, cleaned] = [defer(), defer(), defer()]
    const talk = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context, signal }) {
        await context.receiveOne(hint)
        await untilAborted(signal).catch(() => {})
        await cleaned.promise
        return { answer: 'late' }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      concurrency: 1,
      async *actions() {
        yield [talk, { key: 'a' }] as const
        asked.resolve()
        await repeat.promise
        yield [talk, { key: 'a' }] as const
      },
      ...logOf,
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, graceMs: Infinity })
    const seen: string[] = []
    app.on('branch.settled', ({ key }) => void seen.push(`settled ${key}`))
    app.on('step.end', ({ source }) => void seen.push(`ended ${source}`))
    const run = app.run()
    await asked.promise // one branch waits for a person, so there is room for another
    await app.send(hint('go'), { path: 'map/a' }) // now there is none
    repeat.resolve()
    await flush()

    const cancelled = app.cancel()
    await flush()
    seen.push('cleaned')
    cleaned.resolve()

    await Promise.all([cancelled, run])
    expect(seen).toEqual(['cleaned', 'ended map', 'settled a', 'ended map'])
  })

  it('that has ended does not settle a race without a winner', async () => {
    const gate = defer<{ answer: string }>()
    const slow = kit.action({ reads: [], writes: ['answer'], run: () => gate.promise })
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      action: slow,
      async *states() {
        yield {}
      },
      settle: 'first',
      ...logOf,
    })
    const run = runOf(map)
    await flush()

    gate.resolve({ answer: 'won' })

    expect(await run).toEqual(['0 won'])
  })

  it('that throws is the cause of the error', async () => {
    const thrown = new RangeError('no more')
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      action: echo,
      *states() {
        yield { prompt: 'a' }
        throw thrown
      },
      reduce: none,
    })

    const error = await runOf(map).catch((fault: unknown) => fault)

    expect((error as Error).cause).toBe(thrown)
  })

  it.each([
    ['iterator', Symbol.iterator],
    ['async iterator', Symbol.asyncIterator],
  ] as const)('that is an %s which cannot be closed is left open', async (_, kind) => {
    const faults: unknown[] = []
    let asked = 0
    const endless = { [kind]: () => ({ next: () => ({ done: false, value: { prompt: String(asked++) } }) }) }
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      settle: 'any',
      concurrency: 1,
      action: echo,
      states: () => endless,
      ...logOf,
    })
    const app = createApplication(kit.graph({ actions: { map } } as never), {
      entrypoint: 'map',
      state: { prompt: 'p' },
    } as never)
    app.on('fault', (event) => faults.push(event))

    expect(((await app.run()) as { state: S }).state.log).toEqual(['0 0'])
    expect({ asked, faults }).toEqual({ asked: 1, faults: [] })
  })

  it('that is asynchronous and throws is the cause of the error too', async () => {
    const thrown = new RangeError('no more')
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      action: echo,
      async *states() {
        yield { prompt: 'a' }
        throw thrown
      },
      reduce: none,
    })

    const error = await runOf(map).catch((fault: unknown) => fault)

    expect((error as Error).cause).toBe(thrown)
  })

  it.each([[{ graceMs: 0 }], [{ concurrency: 1 }]])('takes the option %j', async (option) => {
    const map = loose.mapStates({
      reads: [],
      writes: ['log'],
      action: echo,
      states: [{ prompt: 'a' }],
      ...option,
      ...logOf,
    })

    expect(await runOf(map)).toEqual(['0 a'])
  })
})

describe('tasksOf', () => {
  const map = (states: object) =>
    kit.mapStates({
      reads: ['prompt'],
      writes: ['log'],
      inputs: { times: type<number>({ default: 2 }) },
      action: echo,
      states: states as never,
      ...logOf,
    })
  const keysOf = async (states: object, options: object = {}) => {
    const keys: string[] = []
    for await (const { key } of tasksOf(map(states), { state: { prompt: 'p' }, ...options } as never)) keys.push(key)
    return keys
  }

  it('reads generators of both kinds', async () => {
    const entries = [[{}, { key: 'x' }], {}]

    expect(
      await keysOf(function* () {
        yield* entries
      }),
    ).toEqual(['x', '1'])
    expect(
      await keysOf(async function* () {
        yield* entries
      }),
    ).toEqual(['x', '1'])
  })

  it('passes the parsed inputs and a signal to the source', async () => {
    const given: unknown[] = []
    const states = ({ inputs, signal }: { inputs: object; signal: AbortSignal }) => {
      given.push([inputs, signal.aborted])
      return []
    }

    await keysOf(states)
    await keysOf(states, { inputs: { times: 3 }, signal: AbortSignal.abort() })

    expect(given).toEqual([
      [{ times: 2 }, false],
      [{ times: 3 }, true],
    ])
  })

  it('refuses a runnable without tasks: a plain action, a runnable graph', async () => {
    const runnable = kit.graph({ actions: { echo } }).runnable({ entrypoint: 'echo' })

    for (const other of [echo, runnable])
      await expect(tasksOf(other as never, { state: { prompt: 'p' } as never }).next()).rejects.toThrow(
        'tasksOf takes a map action, parallel or subgraph.',
      )
  })
})

describe('the inputs of a run', () => {
  const mapOf = (actions: unknown) =>
    (kit as unknown as { mapActions(options: object): typeof echo }).mapActions({
      reads: ['prompt'],
      writes: ['log'],
      actions,
      ...logOf,
    })
  const asking = kit.graph({ actions: { ask } }).runnable({ entrypoint: 'ask' })
  const given = { inputs: { model: 'given' } }

  it('reach branches of a source that is known only at run time', async () => {
    expect(
      await runOf(
        mapOf(() => ({ a: ask, b: asking })),
        given,
      ),
    ).toEqual(['a given: p', 'b given: p'])
  })

  it('reach a parallel action in a branch', async () => {
    const inner = kit.parallel({
      reads: ['prompt'],
      writes: ['answer'],
      tasks: ({ state }) => [task({ action: ask, state: { prompt: state.prompt } })],
      reduce: ({ results }) => ({ answer: results.map(({ state }) => state.answer).join() }),
    })
    const below = kit.graph({ actions: { inner } }).runnable({ entrypoint: 'inner' })

    expect(await runOf(mapOf({ inner, echo, below }), given)).toEqual(['inner given: p', 'echo p', 'below given: p'])
  })

  it('do not reach bound inputs: of an action, of a graph, of an entry', async () => {
    const bound = { a: ask.bind({ model: 'bound' }), b: asking.bind({ model: 'bound' }) }
    const entry = [ask, { inputs: { model: 'own' } }]

    expect(await runOf(mapOf(bound))).toEqual(['a bound: p', 'b bound: p'])
    await expect(runOf(mapOf(bound), given)).rejects.toThrow('does not take the input "model"')
    await expect(runOf(mapOf([entry]), given)).rejects.toThrow('does not take the input "model"')
    expect(await runOf(mapOf([entry, ask]), given)).toEqual(['0 own: p', '1 given: p'])
    expect(await runOf(mapOf({ b: bound.b, c: ask }), given)).toEqual(['b bound: p', 'c given: p'])
  })
})

describe('the data that a branch gets and returns', () => {
  it('is frozen, also for a bare action as the branch', async () => {
    const split = kit.action({ reads: ['prompt'], writes: ['words'], run: ({ state }) => ({ words: [state.prompt] }) })
    const frozen: boolean[] = []
    const map = kit.mapActions({
      reads: ['prompt'],
      writes: ['log'],
      actions: { split },
      reduce: ({ branches }) => {
        frozen.push(Object.isFrozen(branches.split.state.words))
        return { log: [] }
      },
    })

    await runOf(map)

    expect(frozen).toEqual([true])
  })

  it('is a copy of its own when it is mutable', async () => {
    const note = kit.action({
      reads: ['seen', 'prompt'],
      writes: ['answer'],
      run: ({ state }) => {
        state.seen.set(state.prompt, 'seen')
        return { answer: [...state.seen.keys()].join() }
      },
    })
    const map = kit.mapStates({
      reads: ['seen'],
      writes: ['log'],
      action: note,
      states: [{ prompt: 'a' }, { prompt: 'b' }],
      reduce: ({ state, results }) => ({ log: [...results.map((r) => r.state.answer), `${state.seen.size}`] }),
    })

    expect(await runOf(map, {}, { seen: new Map() })).toEqual(['a', 'b', '0'])
  })

  it('is complete in a result as JSON', async () => {
    const map = kit.mapActions({
      reads: ['prompt'],
      writes: ['log'],
      actions: { echo },
      reduce: ({ results }) => ({ log: [JSON.stringify(results[0])] }),
    })

    expect(JSON.parse((await runOf(map))[0] ?? '')).toMatchObject({
      key: 'echo',
      index: 0,
      status: 'done',
      state: { prompt: 'p', answer: 'p' },
      appId: expect.stringMatching(/^[a-z0-9]{20,}$/),
    })
  })
})

describe('a sub-graph', () => {
  const fail = kit.action({
    reads: [],
    writes: ['answer'],
    run: async () => {
      throw new RangeError('no')
    },
  })
  const below = (action: object) =>
    kit.subgraph({
      reads: ['seen?'],
      writes: ['log'],
      graph: kit.graph({ actions: { inner: action as typeof fail } }).runnable({ entrypoint: 'inner' }),
      state: ({ state }) => ({ seen: state.seen ?? new Map(), words: ['w'] }),
      reduce: ({ branch }) => ({ log: [branch.state.answer, `${Object.isFrozen(branch.state.words)}`] }),
    })

  it('fails with the error of its graph, and its place', async () => {
    const error = await runOf(below(fail)).catch((fault: unknown) => fault)

    expect(error).not.toBeInstanceOf(ParallelError)
    expect(error).toMatchObject({
      name: 'ActionError',
      action: 'map',
      message: 'Action "map" failed (step 0): Action "inner" failed (step 0, branch map): no',
      cause: { name: 'ActionError', action: 'inner', path: 'map', cause: { message: 'no' } },
    })
  })

  it('starts on a frozen state of its own', async () => {
    const seen = new Map<string, string>()
    const write = kit.action({
      reads: ['seen'],
      writes: ['answer'],
      run: ({ state }) => {
        state.seen.set('inner', 'was here')
        return { answer: `${state.seen.size}` }
      },
    })

    expect(await runOf(below(write), {}, { seen })).toEqual(['1', 'true'])
    expect(seen.size).toBe(0)
  })
})
