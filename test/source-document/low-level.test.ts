import { createApplication, task, tasksOf } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, ask, chat, echo } from '../support/chat.js'

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

  it('S-069 combines actions, inputs and states as each task says', async () => {
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

  it('S-070 runs the tasks of a map as the map itself runs them', async () => {
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
})
