import { createApplication, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'

const models = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { gpt4: ask.bind({ model: 'gpt-4' }), o1: ask.bind({ model: 'o1' }) },
  reduce: ({ results }) => ({ answers: answersOf(results) }),
})

describe('mapActions', () => {
  it('S-039 takes a parameter that is bound later', async () => {
    const cold = ask.bind({ model: 'cold' })
    const graph = chat.graph({ actions: { cold } })

    const { state } = await createApplication(graph, { entrypoint: 'cold', state: { prompt: 'p' } }).run()

    expect(state.answer).toBe('cold: p')
  })

  it('S-040 needs no state of its own when its reads suffice, and needs one otherwise', async () => {
    const other = defineState<{ topic: string; answers: Record<string, string>; prompt: string }>()
    const reading = other.mapActions({
      reads: ['topic'],
      writes: ['answers'],
      state: ({ state }) => ({ prompt: `about ${state.topic}` }),
      actions: { echo },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    // @ts-expect-error `prompt` is not read, and no state gives it
    const starving = other.mapActions({
      reads: ['topic'],
      writes: ['answers'],
      actions: { echo },
      reduce: () => ({ answers: {} }),
    })
    const graph = other.graph({ actions: { reading, starving } })
    const run = (entrypoint: 'reading' | 'starving') =>
      createApplication(graph, { entrypoint, state: { topic: 'tea' } }).run()

    expect((await run('reading')).state.answers).toEqual({ echo: 'about tea' })
    await expect(run('starving')).rejects.toThrow('reads "prompt", which is not set')
  })

  it('S-041 makes its actions in a generator that gets state, inputs and signal by name', async () => {
    const given: string[] = []
    const generated = chat.mapActions({
      reads: ['prompt', 'prompts'],
      writes: ['answers'],
      inputs: { tone: type<string>() },
      *actions(args) {
        given.push(...Object.keys(args).sort(), args.inputs.tone)
        for (const model of args.state.prompts) yield ask.bind({ model })
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { generated } }), {
      entrypoint: 'generated',
      state: { prompt: 'hi', prompts: ['a', 'b'] },
    })

    const { state } = await app.run({ inputs: { tone: 'dry' } })

    expect(state.answers).toEqual({ 0: 'a: hi', 1: 'b: hi' })
    expect(given).toEqual(expect.arrayContaining(['inputs', 'state', 'dry']))
  })

  it('S-042 binds one action several times beside other actions and graphs', async () => {
    const graph = chat.graph({ actions: { echo } }).runnable({ entrypoint: 'echo' })
    const mixed = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: [ask.bind({ model: 'gpt-4' }), ask.bind({ model: 'o1' }), echo, graph],
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { mixed } }), { entrypoint: 'mixed', state: { prompt: 'p' } })

    expect((await app.run()).state.answers).toEqual({ 0: 'gpt-4: p', 1: 'o1: p', 2: 'p', 3: 'p' })
  })

  it('S-043 distinguishes a parameter from a read: a bound input is no key of the state', async () => {
    // @ts-expect-error `model` is an input, no key of the state
    chat.action({ reads: ['prompt', 'model'], writes: ['answer'], run: () => ({ answer: '' }) })
    const confused = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      inputs: { model: type<string>() },
      // @ts-expect-error looks for the input in the state
      run: ({ state }) => ({ answer: String(state.model) }),
    })
    const graph = chat.graph({ actions: { confused: confused.bind({ model: 'm' }) } })
    const app = createApplication(graph, { entrypoint: 'confused', state: { prompt: '' } })

    await expect(app.run()).rejects.toThrow('read the key "model", which it does not declare')
  })

  it('S-044 S-046 starts all actions on one state, made from a single prompt', async () => {
    const calls: string[] = []
    const shared = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      state({ state }) {
        calls.push(state.prompt)
        return { prompt: state.prompt.toUpperCase() }
      },
      actions: { a: ask.bind({ model: 'a' }), b: ask.bind({ model: 'b' }) },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { shared } }), {
      entrypoint: 'shared',
      state: { prompt: 'hi' },
    })

    expect((await app.run()).state.answers).toEqual({ a: 'a: HI', b: 'b: HI' })
    expect(calls).toEqual(['hi'])
  })

  it('S-045 gives reduce one result per action, by its key', async () => {
    const app = createApplication(chat.graph({ actions: { models } }), { entrypoint: 'models', state: { prompt: 'p' } })

    expect((await app.run()).state.answers).toEqual({ gpt4: 'gpt-4: p', o1: 'o1: p' })
  })

  it('S-047 takes any list made by a loop, checked by the compiler', async () => {
    const looped = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      *actions() {
        for (const model of ['gpt-4', 'o1']) yield [ask.bind({ model }), { key: model }] as const
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const app = createApplication(chat.graph({ actions: { looped } }), { entrypoint: 'looped', state: { prompt: 'p' } })

    expect((await app.run()).state.answers).toEqual({ 'gpt-4': 'gpt-4: p', o1: 'o1: p' })
  })

  it('S-048 is used in a graph as a map over states is', async () => {
    const count = chat.action({
      reads: ['answers'],
      writes: ['n'],
      run: ({ state }) => ({ n: Object.keys(state.answers).length }),
    })
    const graph = chat.graph({ actions: { models, count }, transitions: { models: 'count' } })

    const { action, state } = await createApplication(graph, { entrypoint: 'models', state: { prompt: '' } }).run()

    expect({ action, n: state.n }).toEqual({ action: 'count', n: 2 })
  })
})
