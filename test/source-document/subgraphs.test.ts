import { createApplication, defineState, GraphError } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'

interface Query {
  prompt: string
  processed: string
  answer: string
}
const query = defineState<Query>()
const prepare = query.action({
  reads: ['prompt'],
  writes: ['processed'],
  run: ({ state }) => ({ processed: state.prompt.trim() }),
})
const answer = query.action({
  reads: ['processed'],
  writes: ['answer'],
  run: ({ state }) => ({ answer: `<${state.processed}>` }),
})
const graph = query.graph({ actions: { prepare, answer }, transitions: { prepare: 'answer', answer: 'prepare' } })
const runnable = graph.runnable({ entrypoint: 'prepare', haltAfter: 'answer' })

describe('sub-graphs', () => {
  it('S-054 S-059 replaces an action by a graph, to any depth', async () => {
    const inner = chat.subgraph({
      reads: ['prompt'],
      writes: ['answer'],
      graph: runnable,
      state: ({ state }) => ({ prompt: state.prompt }),
      reduce: ({ branch }) => ({ answer: branch.state.answer }),
    })
    const middle = chat.graph({ actions: { inner } }).runnable({ entrypoint: 'inner' })
    const outer = chat.subgraph({
      reads: ['prompt'],
      writes: ['verdict'],
      graph: middle,
      state: ({ state }) => ({ prompt: `${state.prompt}!` }),
      reduce: ({ branch }) => ({ verdict: branch.state.answer }),
    })
    const app = createApplication(chat.graph({ actions: { outer } }), {
      entrypoint: 'outer',
      state: { prompt: ' hi ' },
    })
    const depths: number[] = []
    app.on('step.end', ({ path }) => depths.push(path.length))

    const { state } = await app.run()

    expect(state).toEqual({ prompt: ' hi ', verdict: '<hi !>' })
    expect(depths).toEqual([2, 2, 1, 0])
  })

  it('S-055 describes the structure by actions and transitions', () => {
    expect(Object.keys(graph.actions)).toEqual(['prepare', 'answer'])
    expect(() => query.graph({ actions: { prepare }, transitions: { prepare: 'answr' as 'prepare' } })).toThrow(
      'transitions.prepare: There is no action "answr" to go to. Known actions: "prepare".',
    )
  })

  it('S-056 adds an entrypoint and the actions to halt after', async () => {
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { whole: runnable, first: graph.runnable({ entrypoint: 'prepare', haltAfter: ['prepare'] }) },
      reduce: ({ branches }) => ({
        answers: { whole: branches.whole.state.answer, first: String(Object.keys(branches.first.state)) },
      }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: 'q' } })

    expect((await app.run()).state.answers).toEqual({ whole: '<q>', first: 'prompt,processed' })
  })

  it('S-057 takes one action to halt after, a list of them, or a tag', async () => {
    const tagged = query.action({
      reads: ['prompt'],
      writes: ['answer'],
      tags: ['last'],
      run: ({ state }) => ({ answer: state.prompt }),
    })
    const loop = query.graph({ actions: { tagged }, transitions: { tagged: 'tagged' } })
    const halts = ['tagged', ['tagged'], { tag: 'last' }] as const
    const ends = await Promise.all(
      halts.map((haltAfter) =>
        createApplication(loop, { entrypoint: 'tagged', state: { prompt: 'p' } }).run({ haltAfter }),
      ),
    )

    expect(ends.map(({ status, sequenceId }) => [status, sequenceId])).toEqual([
      ['halted', 0],
      ['halted', 0],
      ['halted', 0],
    ])
    expect(() => graph.runnable({ entrypoint: 'prepare', haltAfter: 'anser' as 'answer' })).toThrow(GraphError)
  })

  it('S-058 keeps the keys of its own in the branch', async () => {
    const sub = chat.subgraph({
      reads: ['prompt'],
      writes: ['answer'],
      graph: runnable,
      state: ({ state }) => state,
      reduce: ({ branch, state }) => ({ answer: `${state.prompt}→${branch.state.processed}→${branch.state.answer}` }),
    })
    const app = createApplication(chat.graph({ actions: { sub } }), { entrypoint: 'sub', state: { prompt: ' a' } })

    expect((await app.run()).state).toEqual({ prompt: ' a', answer: ' a→a→<a>' })
  })

  it('S-060 S-061 runs one graph in many branches at once, beside others over the same state', async () => {
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`b${i}`, runnable])),
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer])) }),
    })
    const each = chat.mapStates({
      reads: ['prompts'],
      writes: ['answers'],
      action: runnable,
      states: ({ state }) => state.prompts.map((prompt) => ({ prompt })),
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer])) }),
    })
    const graphs = chat.graph({ actions: { map, each }, transitions: { map: 'each' } })
    const app = createApplication(graphs, { entrypoint: 'map', state: { prompt: 'p', prompts: [' x', 'y '] } })

    const same = await app.step()
    const own = await app.step()

    expect(new Set(Object.values(same?.state.answers ?? {}))).toEqual(new Set(['<p>']))
    expect(Object.keys(same?.state.answers ?? {})).toHaveLength(20)
    expect(own?.state.answers).toEqual({ 0: '<x>', 1: '<y>' })
  })
})
