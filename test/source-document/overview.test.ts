import { createApplication, defineState, task } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

describe('overview', () => {
  it('S-001 runs several actions at the same time', async () => {
    const gates = { left: defer<string>(), right: defer<string>() }
    const calls: string[] = []
    const wait = (key: 'left' | 'right') =>
      chat.action({
        reads: [],
        writes: ['answer'],
        async run() {
          calls.push(key)
          return { answer: await gates[key].promise }
        },
      })
    const both = chat.mapActions({
      reads: [],
      writes: ['answers'],
      actions: { left: wait('left'), right: wait('right') },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { both } }), { entrypoint: 'both', state: {} })
    const started = emitted(app, 'step.start', 'both/left', 'both/right')

    const run = app.run()
    await started
    const before = [...calls]
    gates.right.resolve('second')
    gates.left.resolve('first')
    const { state } = await run

    expect(before).toEqual(['left', 'right'])
    expect(state.answers).toEqual({ left: 'first', right: 'second' })
  })

  it('S-002 S-014 runs a graph of several actions as a branch', async () => {
    const line = defineState<{ prompt: string; a: string; b: string; c: string }>()
    const a = line.action({ reads: ['prompt'], writes: ['a'], run: ({ state }) => ({ a: `${state.prompt}a` }) })
    const b = line.action({ reads: ['a'], writes: ['b'], run: ({ state }) => ({ b: `${state.a}b` }) })
    const c = line.action({ reads: ['b'], writes: ['c'], run: ({ state }) => ({ c: `${state.b}c` }) })
    const three = line.graph({ actions: { a, b, c }, transitions: { a: 'b', b: 'c' } }).runnable({ entrypoint: 'a' })
    const common = { reads: ['prompt'], writes: ['answers'] } as const
    const ends = (results: readonly { key: string; state: { c: string } }[]) => ({
      answers: Object.fromEntries(results.map((r) => [r.key, r.state.c])),
    })
    const actions = {
      byActions: chat.mapActions({ ...common, actions: { x: three }, reduce: ({ results }) => ends(results) }),
      byStates: chat.mapStates({
        ...common,
        action: three,
        states: { x: { prompt: '1' }, y: { prompt: '2' } },
        reduce: ({ results }) => ends(results),
      }),
      byBoth: chat.mapActionsAndStates({
        ...common,
        actions: { g: three },
        states: { x: { prompt: '3' } },
        reduce: ({ results }) => ends(results),
      }),
    }
    const graph = chat.graph({ actions, transitions: { byActions: 'byStates', byStates: 'byBoth' } })
    const app = createApplication(graph, { entrypoint: 'byActions', state: { prompt: '0' } })
    const seen: unknown[] = []

    for await (const step of app.iterate()) seen.push(step.state.answers)

    expect(seen).toEqual([{ x: '0abc' }, { x: '1abc', y: '2abc' }, { 'g.x': '3abc' }])
  })

  it('S-003 runs a different kind of action in each branch', async () => {
    const shouted = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async *run({ state }) {
        yield 1
        return { answer: state.prompt.toUpperCase() }
      },
    })
    const twice = chat
      .graph({
        actions: {
          echo,
          again: chat.action({
            reads: ['answer'],
            writes: ['answer'],
            run: ({ state }) => ({ answer: state.answer + state.answer }),
          }),
        },
        transitions: { echo: 'again' },
      })
      .runnable({ entrypoint: 'echo' })
    const mixed = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { plain: echo, bound: ask.bind({ model: 'gpt-4' }), streamed: shouted, graph: twice },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { mixed } }), { entrypoint: 'mixed', state: { prompt: 'hi' } })

    const { state } = await app.run()

    expect(state.answers).toEqual({ plain: 'hi', bound: 'gpt-4: hi', streamed: 'HI', graph: 'hihi' })
  })

  it('S-004 asks one model with several prompts', async () => {
    const compare = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: ask.bind({ model: 'gpt-4' }),
      states: ({ state }) => ({ plain: {}, polite: { prompt: `${state.prompt}, please` } }),
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { compare } }), {
      entrypoint: 'compare',
      state: { prompt: 'sing' },
    })

    const { state } = await app.run()

    expect(state.answers).toEqual({ plain: 'gpt-4: sing', polite: 'gpt-4: sing, please' })
  })

  it('S-005 asks several models with one prompt', async () => {
    const compare = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { gpt4: ask.bind({ model: 'gpt-4' }), o1: ask.bind({ model: 'o1' }) },
      reduce: ({ branches }) => ({ answers: { gpt4: branches.gpt4.state.answer, o1: branches.o1.state.answer } }),
    })
    const app = createApplication(chat.graph({ actions: { compare } }), {
      entrypoint: 'compare',
      state: { prompt: 'sing' },
    })

    const { state } = await app.run()

    expect(state.answers).toEqual({ gpt4: 'gpt-4: sing', o1: 'o1: sing' })
  })

  it('S-006 asks several models with several prompts', async () => {
    const compare = chat.mapActionsAndStates({
      reads: [],
      writes: ['answers'],
      actions: { gpt4: ask.bind({ model: 'gpt-4' }), o1: ask.bind({ model: 'o1' }) },
      states: { short: { prompt: 'hi' }, long: { prompt: 'good morning' } },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { compare } }), { entrypoint: 'compare', state: {} })

    const { state } = await app.run()

    expect(state.answers).toEqual({
      'gpt4.short': 'gpt-4: hi',
      'gpt4.long': 'gpt-4: good morning',
      'o1.short': 'o1: hi',
      'o1.long': 'o1: good morning',
    })
  })

  it('S-007 calls several tools, and selects from their results', async () => {
    const tool = (answer: string) => chat.action({ reads: [], writes: ['answer'], run: () => ({ answer }) })
    const longest = chat.mapActions({
      reads: [],
      writes: ['answer'],
      actions: { search: tool('short'), wiki: tool('the longest answer'), sql: tool('medium one') },
      reduce: ({ results }) => ({
        answer: results.map((r) => r.state.answer).reduce((best, one) => (one.length > best.length ? one : best), ''),
      }),
    })
    const app = createApplication(chat.graph({ actions: { longest } }), { entrypoint: 'longest', state: {} })

    const { state } = await app.run()

    expect(state.answer).toBe('the longest answer')
  })

  it('S-008 S-009 searches in two ways at once, with plain functions and no model', async () => {
    const texts = ['red apple', 'green pear', 'red pear']
    const find = defineState<{ query: string; hits: string[]; found: Record<string, string[]> }>()
    const byWord = find.action({
      reads: ['query'],
      writes: ['hits'],
      run: ({ state }) => ({ hits: texts.filter((text) => text.split(' ').includes(state.query)) }),
    })
    const byPrefix = find.action({
      reads: ['query'],
      writes: ['hits'],
      run: ({ state }) => ({ hits: texts.filter((text) => text.startsWith(state.query[0] ?? '')) }),
    })
    const search = find.mapActions({
      reads: ['query'],
      writes: ['found'],
      actions: { byWord, byPrefix },
      reduce: ({ branches }) => ({ found: { word: branches.byWord.state.hits, prefix: branches.byPrefix.state.hits } }),
    })
    const app = createApplication(find.graph({ actions: { search } }), {
      entrypoint: 'search',
      state: { query: 'pear' },
    })

    const { state } = await app.run()

    expect(state.found).toEqual({ word: ['green pear', 'red pear'], prefix: [] })
  })

  it('S-010 S-016 offers maps and tasks; either is one step of its application', async () => {
    const common = { reads: ['prompt'], writes: ['answers'] } as const
    const high = chat.mapStates({
      ...common,
      action: echo,
      states: [{ prompt: 'a' }, { prompt: 'b' }],
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const low = chat.parallel({
      ...common,
      tasks: [task({ action: echo, state: { prompt: 'a' } }), task({ action: echo, state: { prompt: 'b' } })],
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const graph = chat.graph({ actions: { high, low }, transitions: { high: 'low' } })
    const app = createApplication(graph, { entrypoint: 'high', state: { prompt: '' } })

    const first = await app.step()
    const second = await app.step()

    expect(first).toMatchObject({ action: 'high', sequenceId: 0, update: { answers: { 0: 'a', 1: 'b' } } })
    expect(second).toMatchObject({ action: 'low', sequenceId: 1, update: { answers: { 0: 'a', 1: 'b' } } })
  })

  it('S-011 S-020 maps one action over several states and reduces', async () => {
    const map = chat.mapStates({
      reads: ['prompts'],
      writes: ['answer'],
      action: echo,
      states: ({ state }) => state.prompts.map((prompt) => ({ prompt })),
      reduce: ({ results }) => ({ answer: results.map((r) => r.state.answer).join('+') }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { prompts: ['x', 'y', 'z'] },
    })

    expect((await app.run()).state.answer).toBe('x+y+z')
  })

  it('S-012 S-021 maps several actions over one state and reduces', async () => {
    const twice = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: ({ state }) => ({ answer: state.prompt.repeat(2) }),
    })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      actions: [echo, twice],
      reduce: ({ results }) => ({ answer: results.map((r) => r.state.answer).join('+') }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: 'x' } })

    expect((await app.run()).state.answer).toBe('x+xx')
  })

  it('S-013 maps several actions over several states, each with each', async () => {
    const twice = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: ({ state }) => ({ answer: state.prompt.repeat(2) }),
    })
    const map = chat.mapActionsAndStates({
      reads: [],
      writes: ['answer'],
      actions: [echo, twice],
      states: [{ prompt: 'x' }, { prompt: 'y' }],
      reduce: ({ results }) => ({ answer: results.map((r) => r.state.answer).join('+') }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    expect((await app.run()).state.answer).toBe('x+y+xx+yy')
  })

  it('S-015 has an action, a state and inputs per task', async () => {
    const low = chat.parallel({
      reads: ['prompts'],
      writes: ['answers'],
      *tasks({ state }) {
        for (const [i, prompt] of state.prompts.entries()) {
          yield task({ action: ask, key: `q${i}`, state: { prompt }, inputs: { model: `m${i}` } })
        }
        yield task({ action: echo, key: 'last', state: { prompt: 'end' } })
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { low } }), {
      entrypoint: 'low',
      state: { prompts: ['a', 'b'] },
    })

    expect((await app.run()).state.answers).toEqual({ q0: 'm0: a', q1: 'm1: b', last: 'end' })
  })

  it('S-018 S-113 runs applications created by an action, bound to their parent', async () => {
    const graph = chat.graph({ actions: { echo } })
    const paths: string[] = []
    const manual = chat.action({
      reads: ['prompts'],
      writes: ['answers'],
      async run({ state, context }) {
        const ends = await Promise.all(
          state.prompts.map(async (prompt) => {
            const app = createApplication(graph, {
              entrypoint: 'echo',
              state: { prompt },
              parent: context,
              key: prompt,
            })
            return [prompt, (await app.run()).state.answer]
          }),
        )
        return { answers: Object.fromEntries(ends) }
      },
    })
    const app = createApplication(chat.graph({ actions: { manual } }), {
      entrypoint: 'manual',
      state: { prompts: ['a', 'b'] },
    })
    app.on('step.end', ({ path }) => paths.push(path.map((segment) => `${segment.map}/${segment.key}`).join()))

    const { state } = await app.run()

    expect(state.answers).toEqual({ a: 'a', b: 'b' })
    expect(paths).toEqual(['manual/a', 'manual/b', ''])
  })

  it('S-115 binds an application created by an action to its parent: identity, limit, events and cancel', async () => {
    let running = 0
    let most = 0
    const seen: unknown[] = []
    const work = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ state, signal, context }) {
        running += 1
        most = Math.max(most, running)
        await Promise.resolve()
        running -= 1
        if (state.prompt === 'wait') await untilAborted(signal)
        return { answer: context.appId }
      },
    })
    const graph = chat.graph({ actions: { work } })
    const manual = chat.action({
      reads: ['prompts'],
      writes: ['answers'],
      async run({ state, context }) {
        const apps = state.prompts.map((prompt) =>
          createApplication(graph, { entrypoint: 'work', state: { prompt }, parent: context, key: prompt }),
        )
        const ends = await Promise.all(apps.map((app) => app.run()))
        seen.push(ends.map(({ status }) => status))
        return { answers: Object.fromEntries(apps.map(({ appId, state: { answer } }) => [appId, answer])) }
      },
    })
    const start = (prompts: string[]) =>
      createApplication(chat.graph({ actions: { manual } }), {
        entrypoint: 'manual',
        state: { prompts },
        appId: 'root',
        concurrency: 1,
      })
    const [first, second] = [await start(['a', 'b']).run(), await start(['b', 'a']).run()]
    const cancelled = start(['wait', 'x'])

    const run = cancelled.run()
    await flush()
    await cancelled.cancel({ reason: 'enough' })

    const ids = Object.entries(first.state.answers)
    expect(ids.every(([id, answer]) => id === answer && id.length === 52)).toBe(true)
    expect(Object.keys(second.state.answers).sort()).toEqual(ids.map(([id]) => id).sort())
    expect({ most, last: seen.at(-1), status: (await run).status }).toEqual({
      most: 1,
      last: ['cancelled', 'cancelled'],
      status: 'cancelled',
    })
  })

  it('S-019 starts every configuration, and joins only when all have ended', async () => {
    const gates = [defer(), defer(), defer()]
    const wait = defineState<{ n: number; total: number }>()
    const one = wait.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state }) {
        await gates[state.n]?.promise
        return { n: state.n + 1 }
      },
    })
    let joined = 0
    const all = wait.mapStates({
      reads: [],
      writes: ['total'],
      action: one,
      states: [{ n: 0 }, { n: 1 }, { n: 2 }],
      reduce: ({ results }) => {
        joined += 1
        return { total: results.reduce((sum, r) => sum + r.state.n, 0) }
      },
    })
    const app = createApplication(wait.graph({ actions: { all } }), { entrypoint: 'all', state: {} })
    let live = 0
    app.on('branch.start', () => (live += 1))
    const started = emitted(app, 'step.start', 'all/0', 'all/1', 'all/2')

    const run = app.run()
    await started
    gates[0]?.resolve()
    gates[2]?.resolve()
    await flush()
    const joinedEarly = joined
    gates[1]?.resolve()
    const { state } = await run

    expect({ live, joinedEarly, joined, total: state.total }).toEqual({ live: 3, joinedEarly: 0, joined: 1, total: 6 })
  })

  it('S-022 makes a child application of a single action as of a graph', async () => {
    const graph = chat.graph({ actions: { only: echo } }).runnable({ entrypoint: 'only' })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { bare: echo, graph },
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.appId])) }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { prompt: '' },
      appId: 'root',
    })
    const ids = new Map<string, string>()
    app.on('step.end', (event) => event.path.length === 1 && ids.set(event.path[0]?.key ?? '', event.appId))

    const { state } = await app.run()

    expect(Object.fromEntries(ids)).toEqual(state.answers)
    expect(new Set([...ids.values(), 'root']).size).toBe(3)
  })
})
