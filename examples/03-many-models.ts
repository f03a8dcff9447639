// One prompt, several models: `mapActions` runs several actions over one state.
//
// `bind` makes an action per model of a single one. The mistake to avoid is to write the model into the state and switch
// on it: then every action that only passes by carries a key it does not need. What varies between the branches of one
// map is an input; state is what the graph is about. With a record of actions, the reducer knows each branch by name,
// and the compiler refuses a name that is none.
//
// The models are simulated (models.ts): they quote, each by its own taste.

import { createApplication, defineState, type } from 'teasel'
import { addressOf } from './addresses.js'
import { askModel, type Model } from './models.js'

interface Comparison {
  question: string
  text: string
  answer: string
  shortest: string
  answers: Record<Model, string>
}

const kit = defineState<Comparison>()

const ask = kit.action({
  reads: ['question', 'text'],
  writes: ['answer'],
  inputs: { model: type<Model>() },
  run: async ({ state, inputs, signal }) => ({ answer: await askModel(inputs.model, state, signal) }),
})

const compare = kit.mapActions({
  reads: ['question', 'text'],
  writes: ['answers', 'shortest'],
  actions: {
    hasty: ask.bind({ model: 'hasty' }),
    thorough: ask.bind({ model: 'thorough' }),
    terse: ask.bind({ model: 'terse' }),
  },
  reduce({ branches: { hasty, thorough, terse }, results }) {
    const shortest = results.reduce((a, b) => (b.state.answer.length < a.state.answer.length ? b : a))
    return {
      answers: { hasty: hasty.state.answer, thorough: thorough.state.answer, terse: terse.state.answer },
      shortest: shortest.key,
    }
  },
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "compare" as n0 {
//     state "hasty" as n1
//     --
//     state "thorough" as n2
//     --
//     state "terse" as n3
//   }
//   [*] --> n0
//   n0 --> [*]
// ```
export const graph = kit.graph({ actions: { compare } })

const app = createApplication(graph, {
  entrypoint: 'compare',
  state: { question: 'What about the public debt?', text: addressOf(1862).text },
})
export const { state } = await app.run()

console.log(`${state.question} (Lincoln, 1862)`)
for (const [model, answer] of Object.entries(state.answers)) console.log(`\n${model}: ${answer}`)
console.log(`\nThe shortest answer is that of ${state.shortest}.`)
