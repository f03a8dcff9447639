import { actorLogic, createApplication, defineState, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { toMermaid } from 'teasel/visualize'
import { createActor, toPromise } from 'xstate'

const kit = defineState<{ prompt: string; answer: string; answers: string[] }>()
const ask = kit.action({
  reads: ['prompt'],
  writes: ['answer'],
  inputs: { model: type<string>() },
  run: ({ state, inputs }) => ({ answer: `${inputs.model}: ${state.prompt}` }),
})
const compare = kit.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { small: ask.bind({ model: 'small' }), large: ask.bind({ model: 'large' }) },
  reduce: ({ branches }) => ({ answers: [branches.small.state.answer, branches.large.state.answer] }),
})
const graph = kit.graph({ actions: { compare } })
export const app = createApplication(graph, {
  entrypoint: 'compare',
  state: { prompt: '' },
  persister: memoryPersister(),
  clock: new ManualClock(),
})
const runnable = graph.runnable({ entrypoint: 'compare' })
export const picture: string = toMermaid(runnable)
export async function embedded(): Promise<number> {
  const output = await toPromise(createActor(actorLogic(runnable), { input: { state: { prompt: '' } } }).start())
  return output.state.answers.length
}
// @ts-expect-error an unknown action
createApplication(graph, { entrypoint: 'compere', state: { prompt: '' } })
// @ts-expect-error a state that lacks what the action reads
createActor(actorLogic(runnable), { input: { state: {} } })
