import { createApplication, task, type } from 'teasel'
import { tasksOf, toMachine } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'
import { flushUntil, untilAborted } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('the low-level API', () => {
  it('S-068 compiles every map into tasks that can be looked at', async () => {
    const map = chat.mapActionsAndStates({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { asked: [ask, { inputs: { model: 'm' } }], plain: echo },
      *states() {
        yield {}
        yield [{ prompt: 'other' }, { timeoutMs: 50 }] as const
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })

    const tasks = await collect(tasksOf(map, { state: { prompt: 'p' } }))

    expect(tasks.map(({ key, index, state, inputs, timeoutMs }) => ({ key, index, state, inputs, timeoutMs }))).toEqual(
      [
        { key: 'asked.0', index: 0, state: { prompt: 'p' }, inputs: { model: 'm' }, timeoutMs: undefined },
        { key: 'asked.1', index: 1, state: { prompt: 'other' }, inputs: { model: 'm' }, timeoutMs: 50 },
        { key: 'plain.0', index: 2, state: { prompt: 'p' }, inputs: {}, timeoutMs: undefined },
        { key: 'plain.1', index: 3, state: { prompt: 'other' }, inputs: {}, timeoutMs: 50 },
      ],
    )
    expect(tasks.map(({ action }) => action)).toEqual([ask, ask, echo, echo])
  })

  it('S-069 combines the actions, inputs and states of each task', async () => {
    const graph = chat.graph({ actions: { echo } }).runnable({ entrypoint: 'echo' })
    const low = chat.parallel({
      reads: ['prompt'],
      writes: ['answers'],
      tasks: ({ state }) => ({
        first: task({ action: ask, state, inputs: { model: 'x' } }),
        second: task({ action: ask, state: { prompt: 'own' } }),
        third: task({ action: graph, state }),
      }),
      reduce: ({ branches }) => ({
        answers: { a: branches.first.state.answer, b: branches.second.state.answer, c: branches.third.state.answer },
      }),
    })
    const app = createApplication(chat.graph({ actions: { low } }), { entrypoint: 'low', state: { prompt: 'p' } })

    expect((await app.run({ inputs: { model: 'run' } })).state.answers).toEqual({ a: 'x: p', b: 'run: own', c: 'p' })
  })

  it('S-070 runs the tasks of a map as the map itself does', async () => {
    const high = chat.mapStates({
      reads: ['prompts'],
      writes: ['answers'],
      action: echo,
      states: ({ state }) => Object.fromEntries(state.prompts.map((prompt) => [prompt, { prompt }])),
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const low = chat.parallel({
      reads: ['prompts'],
      writes: ['answers'],
      async *tasks({ state }) {
        for await (const { key, state: own } of tasksOf(high, { state })) {
          yield task({ action: echo, key, state: { prompt: String(own['prompt']) } })
        }
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const graph = chat.graph({ actions: { high, low }, transitions: { high: 'low' } })
    const app = createApplication(graph, { entrypoint: 'high', state: { prompts: ['a', 'b'] } })

    const first = await app.step()
    const second = await app.step()

    expect(first?.state.answers).toEqual({ a: 'a', b: 'b' })
    expect(second?.state.answers).toEqual(first?.state.answers)
  })

  it('S-071 S-073 makes tasks of actions or graphs, from state, inputs and a signal', async () => {
    const given: string[] = []
    const graph = chat.graph({ actions: { echo } }).runnable({ entrypoint: 'echo' })
    const low = chat.parallel({
      reads: ['prompt'],
      writes: ['answers'],
      inputs: { times: type<number>() },
      tasks({ state, inputs, signal }) {
        given.push(state.prompt, String(inputs.times), String(signal.aborted))
        return Array.from({ length: inputs.times }, (_, i) => task({ action: i % 2 === 0 ? echo : graph, state }))
      },
      reduce: ({ results }) => ({ answers: { count: String(results.length) } }),
    })
    const app = createApplication(chat.graph({ actions: { low } }), { entrypoint: 'low', state: { prompt: 'p' } })

    expect((await app.run({ inputs: { times: 3 } })).state.answers).toEqual({ count: '3' })
    expect(given).toEqual(['p', '3', 'false'])
  })

  it('S-074 S-075 gives a task its action, state, inputs and key; its id is a stable hash, and no key comes twice', async () => {
    const low = (keys: readonly string[]) =>
      chat.parallel({
        reads: [],
        writes: ['answers'],
        tasks: keys.map((key) => task({ action: ask, key, state: { prompt: key }, inputs: { model: `m${key}` } })),
        reduce: ({ results }) => ({
          answers: Object.fromEntries(results.map((r) => [r.key, `${r.state.answer} ${r.appId}`])),
        }),
      })
    const run = async (keys: readonly string[]) => {
      const graph = chat.graph({ actions: { low: low(keys) } })
      return (await createApplication(graph, { entrypoint: 'low', state: {}, appId: 'root' }).run()).state.answers
    }
    const first = await run(['a', 'b'])
    const turned = await run(['b', 'a'])

    expect(first['a']).toMatch(/^ma: a [a-z2-7]{52}$/)
    expect(turned).toEqual(first)
    await expect(run(['a', 'a'])).rejects.toThrow('several branches would have the key "a"')
  })

  it('S-076 takes a time limit, a retry and a fallback per task, and a policy for failures per map', async () => {
    const clock = new ManualClock()
    const slow = chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
    const flaky = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ context }) {
        if (context.attempt === 1) throw new Error('not yet')
        return { answer: '' }
      },
    })
    const low = chat.parallel({
      reads: [],
      writes: ['answers'],
      settle: 'collect',
      tasks: {
        slow: task({ action: slow, state: { prompt: '' }, timeoutMs: 10 }),
        quick: task({ action: echo, state: { prompt: '' } }),
        flaky: task({ action: flaky, state: { prompt: '' }, retry: { attempts: 2, delayMs: 5, jitter: 0 } }),
        saved: task({ action: slow, state: { prompt: '' }, timeoutMs: 10, fallback: () => ({ answer: 'saved' }) }),
      },
      reduce: ({ branches: { slow: late, quick, flaky: twice, saved } }) => ({
        answers: {
          slow: late.status,
          quick: quick.status,
          flaky: `${twice.status} ${twice.attempts}`,
          saved: saved.status === 'done' && saved.recovered ? saved.state.answer : saved.status,
        },
      }),
    })
    const app = createApplication(chat.graph({ actions: { low } }), { entrypoint: 'low', state: {}, clock })

    let started = 0
    app.on('branch.start', () => void started++)
    const run = app.run()
    await flushUntil(() => started === 4) // a busy machine may start them in several turns
    await clock.fire(5) // flaky is tried again
    await clock.fire(5) // slow and saved run out of time

    expect((await run).state.answers).toEqual({ slow: 'failed', quick: 'done', flaky: 'done 2', saved: 'saved' })
  })

  it('S-077 S-078 reduces tasks as maps do, and must declare its reads and writes', async () => {
    const low = chat.parallel({
      reads: ['prompt'],
      writes: ['answer'],
      tasks: ({ state }) => [task({ action: echo, state }), task({ action: echo, state: { prompt: 'other' } })],
      reduce: ({ state, results }) => ({ answer: [state.prompt, ...results.map((r) => r.state.answer)].join() }),
    })
    // @ts-expect-error declares neither reads nor writes
    const silent = () => chat.parallel({ tasks: [], reduce: () => ({}) })
    const app = createApplication(chat.graph({ actions: { low } }), { entrypoint: 'low', state: { prompt: 'p' } })

    expect((await app.run()).state.answer).toBe('p,p,other')
    expect(silent).toThrow(TypeError)
  })
})

describe('under the hood', () => {
  it('S-109 S-110 is recursion: a graph in a branch runs as an application below, under the same limit', async () => {
    let running = 0
    let most = 0
    const leaf = chat.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state }) {
        running += 1
        most = Math.max(most, running)
        await Promise.resolve()
        running -= 1
        return { n: state.n * 2 }
      },
    })
    const graph = chat
      .graph({ actions: { leaf, again: leaf }, transitions: { leaf: 'again' } })
      .runnable({ entrypoint: 'leaf' })
    const inner = chat.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: graph,
      states: [{}, {}],
      reduce: ({ results }) => ({ n: results.reduce((sum, r) => sum + r.state.n, 0) }),
    })
    const outer = chat.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: inner,
      states: [{}, {}],
      reduce: ({ results }) => ({ n: results.reduce((sum, r) => sum + r.state.n, 0) }),
    })
    const app = createApplication(chat.graph({ actions: { outer } }), {
      entrypoint: 'outer',
      state: { n: 1 },
      concurrency: 2,
    })

    expect({ n: (await app.run()).state.n, most }).toEqual({ n: 16, most: 2 })
  })

  it('S-111 S-112 makes a runnable graph of an action, seen as a child application', async () => {
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { bare: echo },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: '' } })
    const children: unknown[] = []
    app.on('branch.start', ({ appId, path }) => children.push([appId.length, path]))

    await app.run()

    expect(Object.keys(toMachine(echo).states)).toEqual(['action', '(finished)'])
    expect(children).toEqual([[52, [{ map: 'map', visit: 1, key: 'bare' }]]])
  })
})
