import { createApplication } from 'teasel'
import { tasksOf } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat } from '../support/chat.js'

const model = (name: string) => ask.bind({ model: name })

describe('mapActionsAndStates', () => {
  it('S-049 runs all combinations, action by action', async () => {
    const started: string[] = []
    const product = chat.mapActionsAndStates({
      reads: [],
      writes: ['answers'],
      actions: { a: model('a'), b: model('b'), c: model('c') },
      states: { 1: { prompt: 'one' }, 2: { prompt: 'two' }, 3: { prompt: 'three' } },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { product } }), { entrypoint: 'product', state: {} })
    app.on('branch.start', ({ key }) => started.push(key))

    const { state } = await app.run()

    expect(started).toEqual(['a.1', 'a.2', 'a.3', 'b.1', 'b.2', 'b.3', 'c.1', 'c.2', 'c.3'])
    expect(Object.keys(state.answers)).toEqual(started)
    expect(state.answers['c.2']).toBe('c: two')
  })

  it('S-050 gives the tasks of a map over states or actions when the other side has one entry', async () => {
    const common = { reads: ['prompt'], writes: ['answers'], reduce: () => ({ answers: {} }) } as const
    const states = [{ prompt: 'x' }, { prompt: 'y' }] as const
    const plan = async (tasks: AsyncIterable<{ state: object; action: object }>) => {
      const seen: unknown[] = []
      for await (const { state, action } of tasks) seen.push([action === one, state])
      return seen
    }
    const one = model('a')
    const product = chat.mapActionsAndStates({ ...common, actions: [one], states })
    const map = chat.mapStates({ ...common, action: one, states })

    const seen = await plan(tasksOf(product, { state: { prompt: '' } }))

    expect(seen).toEqual([
      [true, { prompt: 'x' }],
      [true, { prompt: 'y' }],
    ])
    expect(seen).toEqual(await plan(tasksOf(map, { state: { prompt: '' } })))
  })

  it('S-051 pulls both generators, and calls each once', async () => {
    const calls = { actions: 0, states: 0 }
    const product = chat.mapActionsAndStates({
      reads: ['prompts'],
      writes: ['answers'],
      *actions() {
        calls.actions += 1
        yield model('a')
        yield model('b')
      },
      async *states({ state }) {
        calls.states += 1
        for (const prompt of state.prompts) yield { prompt }
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { product } }), {
      entrypoint: 'product',
      state: { prompts: ['x', 'y'] },
    })

    expect((await app.run()).state.answers).toEqual({ '0.0': 'a: x', '0.1': 'a: y', '1.0': 'b: x', '1.1': 'b: y' })
    expect(calls).toEqual({ actions: 1, states: 1 })
  })

  it('S-052 S-053 shows the action, the state and the bound input of each result', async () => {
    const product = chat.mapActionsAndStates({
      reads: [],
      writes: ['answers'],
      actions: { gpt4: model('gpt-4'), o1: model('o1') },
      states: { short: { prompt: 'hi' } },
      reduce: ({ results, branches }) => ({
        answers: {
          ...Object.fromEntries(results.map((r) => [`${r.index} ${r.key}`, `${r.inputs['model']} ${r.state.prompt}`])),
          direct: branches['o1.short'].state.answer,
        },
      }),
    })
    const app = createApplication(chat.graph({ actions: { product } }), { entrypoint: 'product', state: {} })

    expect((await app.run()).state.answers).toEqual({
      '0 gpt4.short': 'gpt-4 hi',
      '1 o1.short': 'o1 hi',
      direct: 'o1: hi',
    })
  })
})
