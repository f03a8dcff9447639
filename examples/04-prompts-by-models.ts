// Every prompt on every model: `mapActionsAndStates` runs the whole product.
//
// Keys are joined, `terse.economy`, action first. The mistake to avoid is to nest two maps by hand and to count rows and
// columns: the product says which cell a result is, and each branch's last state still holds the question it was asked,
// so the reducer need not remember anything.
//
// The models are simulated (models.ts): they quote, each by its own taste.

import { createApplication, defineState, type } from 'teasel'
import { addressOf } from './addresses.js'
import { askModel, type Model } from './models.js'

interface Grid {
  text: string
  question: string
  answer: string
  /** Answers by question, then by model. */
  grid: Record<string, Record<string, string>>
}

const kit = defineState<Grid>()

const ask = kit.action({
  reads: ['question', 'text'],
  writes: ['answer'],
  inputs: { model: type<Model>() },
  run: async ({ state, inputs, signal }) => ({ answer: await askModel(inputs.model, state, signal) }),
})

const askAll = kit.mapActionsAndStates({
  reads: ['text'],
  writes: ['grid'],
  actions: { hasty: ask.bind({ model: 'hasty' }), terse: ask.bind({ model: 'terse' }) },
  states: {
    economy: { question: 'What about inflation and unemployment?' },
    energy: { question: 'What about oil and energy?' },
    world: { question: 'What about the Soviet Union and Afghanistan?' },
  },
  reduce({ results }) {
    const grid: Record<string, Record<string, string>> = {}
    for (const { key, state } of results) {
      const [model = ''] = key.split('.')
      grid[state.question] = { ...grid[state.question], [model]: state.answer }
    }
    return { grid }
  },
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "askAll" as n0 {
//     state "hasty × N" as n1
//     --
//     state "terse × N" as n2
//   }
//   [*] --> n0
//   n0 --> [*]
// ```
export const graph = kit.graph({ actions: { askAll } })

const app = createApplication(graph, { entrypoint: 'askAll', state: { text: addressOf(1980).text } })
export const keys: string[] = []
app.on('branch.queued', ({ key }) => keys.push(key))
export const { state } = await app.run()

console.log(`Carter, 1980: ${keys.length} branches (${keys.join(', ')})`)
for (const [question, answers] of Object.entries(state.grid)) {
  console.log(`\n${question}`)
  for (const [model, answer] of Object.entries(answers)) console.log(`  ${model}: ${answer}`)
}
