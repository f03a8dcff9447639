import { ContractError, createApplication, defineState, GraphError } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'
import { defer } from '../support/deferred.js'

const mapOver = (prompts: readonly string[]) =>
  chat.mapStates({
    reads: ['prompt'],
    writes: ['answers'],
    action: echo,
    states: () => prompts.map((prompt) => ({ prompt })),
    reduce: ({ results }) => ({ answers: answersOf(results) }),
  })

describe('mapStates', () => {
  it('S-023 maps an ordinary action, the same that runs alone', async () => {
    const map = mapOver(['a'])
    const graph = chat.graph({ actions: { echo, map }, transitions: { echo: 'map' } })
    const app = createApplication(graph, { entrypoint: 'echo', state: { prompt: 'alone' } })

    const { state } = await app.run()

    expect(state).toMatchObject({ answer: 'alone', answers: { 0: 'a' } })
  })

  it('S-024 cannot be declared without one of its parts', () => {
    const whole = {
      reads: ['prompt'],
      writes: ['answer'],
      action: echo,
      states: [{}],
      reduce: () => ({ answer: '' }),
    } as const
    const { reduce: _reduce, ...noReduce } = whole
    const { states: _states, ...noStates } = whole

    // @ts-expect-error reduce is missing
    expect(() => chat.mapStates(noReduce)).toThrow('A map action needs reduce: ({ results }) => update.')
    // @ts-expect-error states is missing
    const action = chat.mapStates(noStates)
    const app = createApplication(chat.graph({ actions: { action } }), {
      entrypoint: 'action',
      state: { prompt: '' } as never,
    })
    return expect(app.run()).rejects.toThrow('states gave undefined')
  })

  it('S-025 S-035 holds a map to its reads and writes, as any action', async () => {
    const peeking = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: echo,
      // @ts-expect-error reads a key that it does not declare
      states: ({ state }) => [{ prompt: state.verdict }],
      reduce: () => ({ answers: {} }),
    })
    const forgetting = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers', 'verdict'],
      action: echo,
      states: [{}],
      // @ts-expect-error forgets a key that it declares
      reduce: () => ({ answers: {} }),
    })
    const graph = chat.graph({ actions: { peeking, forgetting } })
    const run = (entrypoint: 'peeking' | 'forgetting') =>
      createApplication(graph, { entrypoint, state: { prompt: '', verdict: 'secret' } }).run()

    await expect(run('peeking')).rejects.toThrow(
      'Action "peeking" (step 0) read the key "verdict", which it does not declare. Add it to reads. Known reads: "prompt".',
    )
    await expect(run('forgetting')).rejects.toThrow(
      'Action "forgetting" (step 0) did not return "verdict", which it declares in writes. Return every declared key.',
    )
  })

  it('S-026 has its reads and writes as plain data, as an action does', () => {
    const map = mapOver([])

    expect({ reads: map.reads, writes: map.writes }).toEqual({ reads: ['prompt'], writes: ['answers'] })
  })

  it('S-027 takes an action, a bound action or a runnable graph to map', async () => {
    const graph = chat.graph({ actions: { echo } }).runnable({ entrypoint: 'echo' })
    const common = { reads: ['prompt'], writes: ['answer'], states: [{}] } as const
    const plain = chat.mapStates({
      ...common,
      action: echo,
      reduce: ({ results }) => ({ answer: results[0]?.state.answer ?? '' }),
    })
    const bound = chat.mapStates({
      ...common,
      action: ask.bind({ model: 'm' }),
      reduce: ({ results }) => ({ answer: results[0]?.state.answer ?? '' }),
    })
    const nested = chat.mapStates({
      ...common,
      action: graph,
      reduce: ({ results }) => ({ answer: results[0]?.state.answer ?? '' }),
    })
    const all = chat.graph({ actions: { plain, bound, nested }, transitions: { plain: 'bound', bound: 'nested' } })
    const answers: string[] = []

    for await (const { state } of createApplication(all, { entrypoint: 'plain', state: { prompt: 'p' } }).iterate()) {
      answers.push(state.answer)
    }

    expect(answers).toEqual(['p', 'm: p', 'p'])
  })

  it('S-028 needs no name for its action, and refuses a value that is no action clearly', async () => {
    const action = async () => ({})
    // @ts-expect-error a bare function is no action
    const make = () => chat.mapStates({ reads: [], writes: [], action, states: [{}], reduce: () => ({}) })

    expect(make).toThrow('A map action: action gave a function, which is neither an action nor a runnable graph.')
    const { state } = await createApplication(chat.graph({ actions: { map: mapOver(['unnamed']) } }), {
      entrypoint: 'map',
      state: { prompt: '' },
    }).run()
    expect(state.answers).toEqual({ 0: 'unnamed' })
  })

  it('S-029 takes states from an array, a record, a generator or an async generator', async () => {
    const common = { reads: ['prompts'], writes: ['answers'], action: echo } as const
    const reduce = ({ results }: { results: readonly { key: string; state: { answer: string } }[] }) => ({
      answers: answersOf(results),
    })
    const actions = {
      array: chat.mapStates({ ...common, states: [{ prompt: 'a' }, { prompt: 'b' }], reduce }),
      record: chat.mapStates({ ...common, states: { x: { prompt: 'a' }, y: { prompt: 'b' } }, reduce }),
      generator: chat.mapStates({
        ...common,
        *states({ state }) {
          for (const prompt of state.prompts) yield { prompt }
        },
        reduce,
      }),
      later: chat.mapStates({
        ...common,
        async *states({ state }) {
          for (const prompt of state.prompts) {
            await Promise.resolve()
            yield { prompt }
          }
        },
        reduce,
      }),
    }
    const graph = chat.graph({ actions, transitions: { array: 'record', record: 'generator', generator: 'later' } })
    const app = createApplication(graph, { entrypoint: 'array', state: { prompts: ['a', 'b'] } })
    const seen: unknown[] = []

    for await (const { state } of app.iterate()) seen.push(state.answers)

    const byPosition = { 0: 'a', 1: 'b' }
    expect(seen).toEqual([byPosition, { x: 'a', y: 'b' }, byPosition, byPosition])
  })

  it('S-030 S-037 makes states of the output of an earlier action', async () => {
    const plan = chat.action({
      reads: ['n'],
      writes: ['prompts'],
      run: ({ state }) => ({ prompts: Array.from({ length: state.n }, (_, i) => `q${i}`) }),
    })
    const map = chat.mapStates({
      reads: ['prompts'],
      writes: ['answers'],
      action: echo,
      states: ({ state }) => state.prompts.map((prompt) => ({ prompt })),
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const publish = chat.action({
      reads: ['answers'],
      writes: ['verdict'],
      run: ({ state }) => ({ verdict: Object.values(state.answers).join() }),
    })
    const graph = chat.graph({ actions: { plan, map, publish }, transitions: { plan: 'map', map: 'publish' } })

    const { state, sequenceId } = await createApplication(graph, { entrypoint: 'plan', state: { n: 3 } }).run()

    expect({ verdict: state.verdict, sequenceId }).toEqual({ verdict: 'q0,q1,q2', sequenceId: 2 })
  })

  it('S-031 leaves the state of the parent unchanged, down to nested values', async () => {
    const kit = defineState<{ bag: { items: string[] }; index: Map<string, number>; sizes: number[] }>()
    const change = kit.action({
      reads: ['bag', 'index'],
      writes: ['bag', 'index'],
      run({ state }) {
        state.index.set('branch', 1) // a copy of its own
        return { bag: { items: [...state.bag.items, 'more'] }, index: state.index }
      },
    })
    const map = kit.mapStates({
      reads: ['bag', 'index'],
      writes: ['sizes'],
      action: change,
      states: [{}, { bag: { items: [] } }],
      reduce: ({ results }) => ({ sizes: results.map((r) => r.state.bag.items.length) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { bag: { items: ['one'] }, index: new Map() },
    })

    const { state } = await app.run()

    expect(state).toEqual({ bag: { items: ['one'] }, index: new Map(), sizes: [2, 1] })
    expect(Object.isFrozen(state.bag.items)).toBe(true)
  })

  it('S-032 S-033 gives reduce the state of the parent and one result per branch, in order of declaration', async () => {
    const order: string[] = []
    const after = { a: defer(), bb: defer(), ccc: defer() }
    after.ccc.resolve()
    const slowFirst = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ state }) {
        await after[state.prompt as keyof typeof after].promise
        order.push(state.prompt)
        after[state.prompt === 'ccc' ? 'bb' : 'a'].resolve()
        return { answer: state.prompt }
      },
    })
    const map = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: slowFirst,
      states: [{ prompt: 'a' }, { prompt: 'bb' }, { prompt: 'ccc' }],
      reduce: ({ state, results }) => ({
        answers: { parent: state.prompt, children: results.map((r) => r.state.answer).join() },
      }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: 'parent' } })

    const { state } = await app.run()

    expect(order).toEqual(['ccc', 'bb', 'a'])
    expect(state.answers).toEqual({ parent: 'parent', children: 'a,bb,ccc' })
  })

  it('S-034 refuses the state of a branch as the update of the parent', async () => {
    const leaky = chat.mapStates({
      reads: ['prompt'],
      writes: ['answer'],
      action: echo,
      states: [{}],
      // @ts-expect-error holds `prompt`, which is the branch's own
      reduce: ({ results }) => ({ ...results[0]?.state, answer: '' }),
    })
    const app = createApplication(chat.graph({ actions: { leaky } }), {
      entrypoint: 'leaky',
      state: { prompt: 'kept' },
    })

    const failure = await app.run().catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(ContractError)
    expect(failure).toMatchObject({ fault: { kind: 'undeclared-write', keys: ['prompt'] } })
    expect(app.state).toEqual({ prompt: 'kept' })
  })

  it('S-036 is used in a graph as any action is, by name and with transitions', async () => {
    const map = mapOver(['a'])
    const graph = chat.graph({ actions: { first: map, second: map }, transitions: { first: 'second' } })
    const app = createApplication(graph, { entrypoint: 'first', state: { prompt: '' } })

    const { action, next } = await app.run({ haltAfter: 'first' })

    expect({ action, next }).toEqual({ action: 'first', next: 'second' })
    expect(() => chat.graph({ actions: { map }, transitions: { map: 'nowhere' as 'map' } })).toThrow(GraphError)
  })

  it('S-038 runs as many branches as there are states: none, one, or a number known only at run time', async () => {
    const graph = (count: number) =>
      chat.graph({ actions: { map: mapOver(Array.from({ length: count }, (_, i) => `p${i}`)) } })
    const size = async (count: number) =>
      Object.keys(
        (await createApplication(graph(count), { entrypoint: 'map', state: { prompt: '' } }).run()).state.answers,
      ).length

    expect([await size(0), await size(1), await size(100)]).toEqual([0, 1, 100])
  })
})
