import { createApplication, defineState, InputError, MissingInputError, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'

describe('inputs of branches', () => {
  it('S-062 maps over inputs: one state, other inputs in each branch', async () => {
    const models = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: ask,
      states: { a: [{}, { inputs: { model: 'gpt-4' } }], b: [{}, { inputs: { model: 'o1' } }] },
      reduce: ({ branches }) => ({ answers: { a: branches.a.state.answer, b: branches.b.state.answer } }),
    })
    const app = createApplication(chat.graph({ actions: { models } }), { entrypoint: 'models', state: { prompt: 'p' } })

    expect((await app.run()).state.answers).toEqual({ a: 'gpt-4: p', b: 'o1: p' })
  })

  it('S-063 binds an input to a key of the state', async () => {
    const kit = defineState<{ favourite: string; prompt: string; answer: string; answers: Record<string, string> }>()
    const byState = ask.bindState({ model: 'favourite' })
    const map = kit.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: byState,
      states: [{ favourite: 'a' }, { favourite: 'b' }],
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const graph = kit.graph({ actions: { byState, map }, transitions: { byState: 'map' } })

    const { state } = await createApplication(graph, {
      entrypoint: 'byState',
      state: { favourite: 'x', prompt: 'p' },
    }).run()

    expect(byState.reads).toEqual(['prompt', 'favourite'])
    expect(state).toMatchObject({ answer: 'x: p', answers: { 0: 'a: p', 1: 'b: p' } })
  })

  it('S-064 S-066 takes inputs beside the action or state of an entry', async () => {
    const map = chat.mapStates({
      reads: ['prompts'],
      writes: ['answers'],
      action: ask,
      *states({ state }) {
        for (const prompt of state.prompts)
          yield [{ prompt }, { key: prompt, inputs: { model: `for ${prompt}` } }] as const
      },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const both = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { one: [ask, { inputs: { model: 'beside' } }], two: ask.bind({ model: 'bound' }) },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const graph = chat.graph({ actions: { map, both }, transitions: { map: 'both' } })
    const seen: unknown[] = []

    for await (const { state } of createApplication(graph, {
      entrypoint: 'map',
      state: { prompt: 'p', prompts: ['x', 'y'] },
    }).iterate()) {
      seen.push(state.answers)
    }

    expect(seen).toEqual([
      { x: 'for x: x', y: 'for y: y' },
      { one: 'beside: p', two: 'bound: p' },
    ])
  })

  it('S-065 treats the inputs of a branch as those of a run: parsed, required, unknown refused', async () => {
    const strict = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      inputs: { times: type<number>({ default: 2 }), mark: type<string>() },
      run: ({ state, inputs }) => ({ answer: state.prompt.repeat(inputs.times) + inputs.mark }),
    })
    const map = (inputs: object) =>
      chat.mapStates({
        reads: ['prompt'],
        writes: ['answers'],
        action: strict,
        states: () => [[{}, { inputs }]] as const,
        reduce: ({ results }) => ({ answers: answersOf(results) }),
      })
    const run = (inputs: object) => {
      const graph = chat.graph({ actions: { map: map(inputs) } })
      return createApplication(graph, { entrypoint: 'map', state: { prompt: 'p' } }).run({ inputs: {} as never })
    }

    expect((await run({ mark: '!' })).state.answers).toEqual({ 0: 'pp!' })
    await expect(run({})).rejects.toMatchObject({ cause: expect.any(MissingInputError) })
    await expect(run({ mark: '', tims: 3 })).rejects.toThrow(
      'Action "map", branch "0" (step 0) does not take the input "tims". Did you mean "times"?',
    )
  })

  it('S-067 passes the inputs of a run on to the branches that declare them, below their own', async () => {
    const seen: unknown[] = []
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { asked: ask, own: [ask, { inputs: { model: 'own' } }], plain: echo },
      reduce: ({ results }) => {
        seen.push(...results.map((r) => r.inputs))
        return { answers: answersOf(results) }
      },
    })
    const nested = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: map,
      states: [{}],
      reduce: ({ results }) => ({ answers: results[0]?.state.answers ?? {} }),
    })
    const app = createApplication(chat.graph({ actions: { nested } }), { entrypoint: 'nested', state: { prompt: 'p' } })

    const { state } = await app.run({ inputs: { model: 'run' } })

    expect(state.answers).toEqual({ asked: 'run: p', own: 'own: p', plain: 'p' })
    expect(seen).toEqual([{ model: 'run' }, { model: 'own' }, {}])
    await expect(app.run({ inputs: { model: '', modl: '' } as never })).rejects.toBeInstanceOf(InputError)
  })
})
