// One model, several prompts: `mapStates` runs one action over several states.
//
// Each entry of `states` is an *update* laid over what the map reads: a branch gets the address and the model's settings
// as they are, and another question. The mistake to avoid is to tell answers by their position. Give the source as a
// record: its keys name the branches, in results, in events and in paths, whatever order they end in.
//
// The model is simulated (models.ts): it quotes.

import { createApplication, defineState } from 'teasel'
import { addressOf } from './addresses.js'
import { askModel } from './models.js'

interface Interview {
  text: string
  questions: Record<string, string>
  /** What one branch asks, and the answer that it got. */
  question: string
  answer: string
  answers: Record<string, string>
}

const kit = defineState<Interview>()

const prepare = kit.action({
  reads: [],
  writes: ['questions'],
  run: () => ({
    questions: {
      money: 'What about the currency and banks?',
      railroad: 'What about the Pacific railroad?',
      slavery: 'What about slavery and emancipation?',
    },
  }),
})

const ask = kit.action({
  reads: ['text', 'question'],
  writes: ['answer'],
  run: async ({ state, signal }) => ({ answer: await askModel('thorough', state, signal) }),
})

const askAll = kit.mapStates({
  reads: ['text', 'questions'],
  writes: ['answers'],
  action: ask,
  states: ({ state }) =>
    Object.fromEntries(Object.entries(state.questions).map(([key, question]) => [key, { question }])),
  reduce: ({ results }) => ({ answers: Object.fromEntries(results.map(({ key, state }) => [key, state.answer])) }),
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "prepare" as n0
//   state "askAll" as n1 {
//     state "each branch × N" as n2
//   }
//   [*] --> n0
//   n0 --> n1
//   n1 --> [*]
// ```
export const graph = kit.graph({ actions: { prepare, askAll }, transitions: { prepare: 'askAll' } })

const app = createApplication(graph, { entrypoint: 'prepare', state: { text: addressOf(1862).text } })
export const { state } = await app.run()

console.log('Lincoln, 1862, asked three things:')
for (const [key, answer] of Object.entries(state.answers)) console.log(`\n${key}: ${answer}`)
