import { createApplication, defineState, task, type } from 'teasel'
import { tasksOf } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'

/** Numbers that branches add to, as in Burr's own tests: input → map → result. */
interface Sum {
  given: number
  list: number[]
  plus: number
  current: number
  outputs: number[]
  result: string
}
const kit = defineState<Sum>()
const take = kit.action({
  reads: [],
  writes: ['given'],
  inputs: { number: type<number>() },
  run: ({ inputs }) => ({ given: inputs.number }),
})
const tell = kit.action({
  reads: ['outputs'],
  writes: ['result'],
  run: ({ state }) => ({ result: state.outputs.join() }),
})

// Three kinds of branch: a bound action, an action made by a function, and a graph of several.
const added = kit.action({
  reads: ['given', 'plus'],
  writes: ['current'],
  inputs: { extra: type<number>() },
  run: ({ state, inputs }) => ({ current: state.given + state.plus + inputs.extra }),
})
const adder = (extra: number) =>
  kit.action({
    reads: ['given', 'plus'],
    writes: ['current'],
    run: async ({ state }) => ({ current: state.given + state.plus + extra }),
  })
const start = kit.action({ reads: ['given'], writes: ['current'], run: ({ state }) => ({ current: state.given }) })
const plus = kit.action({
  reads: ['current', 'plus'],
  writes: ['current'],
  run: ({ state }) => ({ current: state.current + state.plus }),
})
const more = kit.action({
  reads: ['current'],
  writes: ['current'],
  run: async ({ state }) => ({ current: state.current + 3000 }),
})
const graph = kit
  .graph({ actions: { start, plus, more }, transitions: { start: 'plus', plus: 'more' } })
  .runnable({ entrypoint: 'start', haltAfter: 'more' })
const kinds = { bound: added.bind({ extra: 1000 }), made: adder(2000), graph }

const outputsOf = (results: readonly { readonly state: { readonly current: number } }[]) => ({
  outputs: results.map(({ state }) => state.current),
})

describe('parallelism, by the tests of Burr', () => {
  it('T-PA-01 passes the state of the map to every branch without its own', async () => {
    const map = kit.mapActions({
      reads: ['given', 'plus'],
      writes: ['outputs'],
      actions: { a: adder(0), b: adder(1) },
      reduce: ({ results }) => outputsOf(results),
    })

    const states = []
    for await (const { state } of tasksOf(map, { state: { given: 5, plus: 2 } })) states.push(state)

    expect(states).toEqual([
      { given: 5, plus: 2 },
      { given: 5, plus: 2 },
    ])
  })

  it('T-PA-02 runs a bound action, a created action and a graph side by side in branches', async () => {
    const map = kit.mapActions({
      reads: ['given'],
      writes: ['outputs'],
      state: () => ({ plus: 10 }),
      actions: kinds,
      reduce: ({ results }) => outputsOf(results),
    })
    const whole = kit.graph({ actions: { take, map, tell }, transitions: { take: 'map', map: 'tell' } })
    const app = createApplication(whole, { entrypoint: 'take', state: {} })
    const steps: string[] = []
    const branches = new Set<string>()
    app.on('step.end', ({ path, source, appId }) => {
      if (path.length === 0) steps.push(source)
      else branches.add(appId)
    })

    const { state } = await app.run({ inputs: { number: 1 }, haltAfter: 'tell' })

    expect(state.outputs).toEqual([1011, 2011, 3011])
    expect(steps).toEqual(['take', 'map', 'tell'])
    expect(branches.size).toBe(3)
  })

  it('T-PA-03 keeps the order of the branches, in any order of their ends', async () => {
    const gates = [defer(), defer(), defer()]
    const wait = kit.action({
      reads: ['given'],
      writes: ['current'],
      inputs: { place: type<number>() },
      async run({ state, inputs }) {
        await gates[inputs.place]?.promise
        return { current: state.given + inputs.place }
      },
    })
    const map = kit.mapActions({
      reads: ['given'],
      writes: ['outputs'],
      actions: [0, 1, 2].map((place) => wait.bind({ place })),
      reduce: async ({ results }) => {
        await Promise.resolve()
        return outputsOf(results)
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { given: 10 } })
    const settled: string[] = []
    app.on('branch.settled', ({ key, index }) => {
      settled.push(key)
      gates[index - 1]?.resolve()
    })

    const running = app.run()
    gates[2]?.resolve()

    expect((await running).state.outputs).toEqual([10, 11, 12])
    expect(settled).toEqual(['2', '1', '0'])
  })

  it.each(Object.entries(kinds))('T-PA-04 maps the states of a generator over one branch: %s', async (_, action) => {
    const map = kit.mapStates({
      reads: ['list'],
      writes: ['outputs'],
      action,
      *states({ state }) {
        for (const given of state.list) yield { given, plus: 10 }
      },
      reduce: ({ results }) => outputsOf(results),
    })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { list: [100, 200, 300] },
    })
    const ids = new Set<string>()
    app.on('branch.start', ({ appId }) => ids.add(appId))

    const { state } = await app.run()

    expect(state.outputs.map((output) => output % 1000)).toEqual([110, 210, 310])
    expect(ids.size).toBe(3)
  })

  it.each(Object.entries(kinds))(
    'T-PA-05 maps the states of an async generator over one branch: %s',
    async (_, action) => {
      const map = kit.mapStates({
        reads: ['list'],
        writes: ['outputs'],
        action,
        async *states({ state }) {
          for (const given of state.list) {
            await Promise.resolve()
            yield { given, plus: 10 }
          }
        },
        reduce: ({ results }) => outputsOf(results),
      })
      const app = createApplication(kit.graph({ actions: { map } }), {
        entrypoint: 'map',
        state: { list: [100, 200, 300] },
      })

      expect((await app.run()).state.outputs.map((output) => output % 1000)).toEqual([110, 210, 310])
    },
  )

  const nine = [1110, 1210, 1310, 2110, 2210, 2310, 3110, 3210, 3310]
  const product = kit.mapActionsAndStates({
    reads: ['list'],
    writes: ['outputs'],
    actions: kinds,
    states: ({ state }) => state.list.map((given) => ({ given, plus: 10 })),
    reduce: ({ results }) => outputsOf(results),
  })

  it('T-PA-06 runs every action on every state, action by action', async () => {
    const app = createApplication(kit.graph({ actions: { product } }), {
      entrypoint: 'product',
      state: { list: [100, 200, 300] },
    })
    const ids = new Set<string>()
    app.on('branch.start', ({ appId }) => ids.add(appId))

    expect((await app.run()).state.outputs).toEqual(nine)
    expect(ids.size).toBe(9)
  })

  it('T-PA-07 runs every action of an async generator on every state of one', async () => {
    const later = kit.mapActionsAndStates({
      reads: ['list'],
      writes: ['outputs'],
      async *actions() {
        await Promise.resolve()
        yield kinds.bound
        yield kinds.made
        yield kinds.graph
      },
      async *states({ state }) {
        for (const given of state.list) yield { given, plus: 10 }
      },
      reduce: ({ results }) => outputsOf(results),
    })
    const app = createApplication(kit.graph({ actions: { later } }), {
      entrypoint: 'later',
      state: { list: [100, 200, 300] },
    })

    expect((await app.run()).state.outputs).toEqual(nine)
  })

  it('T-PA-08 runs the yielded tasks, each with its own key', async () => {
    const tasks = kit.parallel({
      reads: ['list'],
      writes: ['outputs'],
      *tasks({ state }) {
        for (const [i, action] of Object.values(kinds).entries())
          for (const [j, given] of state.list.entries())
            yield task({ action, key: `${i}_${j}`, state: { given, plus: 10 } })
      },
      reduce: ({ results }) => outputsOf(results),
    })
    const app = createApplication(kit.graph({ actions: { tasks } }), {
      entrypoint: 'tasks',
      state: { list: [100, 200, 300] },
    })
    const keys: string[] = []
    app.on('branch.start', ({ key }) => keys.push(key))

    expect((await app.run()).state.outputs).toEqual(nine)
    expect(keys).toEqual(['0_0', '0_1', '0_2', '1_0', '1_1', '1_2', '2_0', '2_1', '2_2'])
  })

  it('T-PA-09 takes tasks from an async generator, and gives them to an async reduce', async () => {
    const tasks = kit.parallel({
      reads: ['list'],
      writes: ['outputs'],
      async *tasks({ state }) {
        for (const given of state.list) {
          await Promise.resolve()
          yield task({ action: kinds.bound, state: { given, plus: 10 } })
        }
      },
      reduce: async ({ results }) => outputsOf(results),
    })
    const app = createApplication(kit.graph({ actions: { tasks } }), { entrypoint: 'tasks', state: { list: [1, 2] } })

    expect((await app.run()).state.outputs).toEqual([1011, 1012])
  })

  it('T-PA-10 needs no class: the product is one call with functions', async () => {
    const short = kit.mapActionsAndStates({
      reads: ['given'],
      writes: ['outputs'],
      actions: [kinds.bound, kinds.made, kinds.graph],
      states: ({ state }) => [{ plus: 1 }, { plus: 2 }, { given: state.given + 100, plus: 3 }],
      reduce: ({ results }) => outputsOf(results),
    })
    const app = createApplication(kit.graph({ actions: { short } }), { entrypoint: 'short', state: { given: 0 } })

    expect((await app.run()).state.outputs).toEqual([1001, 1002, 1103, 2001, 2002, 2103, 3001, 3002, 3103])
  })
})

describe('end to end, by the tests of Burr', () => {
  const collatz = defineState<{ n: number; path: number[] }>()
  const step = (next: (n: number) => number) =>
    collatz.action({
      reads: ['n', 'path'],
      writes: ['n', 'path'],
      run: ({ state }) => ({ n: next(state.n), path: [...state.path, state.n] }),
    })
  const even = step((n) => n / 2)
  const odd = step((n) => 3 * n + 1)
  const look = collatz.action({ reads: ['n'], writes: [], run: () => ({}) })

  it('T-E2E-01 walks a graph with a cycle to its end', async () => {
    const after = [
      { to: 'done', when: { n: 1 } },
      { to: 'even', when: ({ state }: { state: { n: number } }) => state.n % 2 === 0 },
      { to: 'odd' },
    ] as const
    const app = createApplication(
      collatz.graph({
        actions: { look, even, odd, done: look },
        transitions: { look: after, even: after, odd: after },
      }),
      { entrypoint: 'look', state: { n: 1000, path: [] } },
    )
    const taken: string[] = []
    app.on('step.end', ({ action }) => taken.push(action))

    const { state, action } = await app.run({ haltAfter: 'done' })

    expect({ n: state.n, action }).toEqual({ n: 1, action: 'done' })
    expect(state.path).toHaveLength(111)
    expect(taken.filter((name) => name !== 'done')).toHaveLength(112)
  })

  it('T-E2E-04 echoes its prompt on each call', async () => {
    const bot = defineState<{ prompt: string; response: string }>()
    const prompt = bot.action({
      reads: [],
      writes: ['prompt'],
      inputs: { prompt: type<string>() },
      run: ({ inputs }) => inputs,
    })
    const respond = bot.action({
      reads: ['prompt'],
      writes: ['response'],
      run: ({ state }) => ({ response: state.prompt }),
    })
    const app = createApplication(
      bot.graph({ actions: { prompt, respond }, transitions: { prompt: 'respond', respond: 'prompt' } }),
      { entrypoint: 'prompt', state: {} },
    )
    const said: string[] = []
    for (const text of ['hello', 'again']) {
      const { state } = await app.run({ inputs: { prompt: text }, haltAfter: 'respond' })
      said.push(state.response)
    }

    expect(said).toEqual(['hello', 'again'])
  })
})
