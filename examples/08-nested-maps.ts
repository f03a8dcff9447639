// A map in a map: for each president a branch, and in it a branch for each of his addresses.
//
// The mistake to avoid is `concurrency: 4` on both maps: that is 4 × 4 at once. Give the limit to the application: it
// counts the actions that really work, in all maps below together. A branch that stands at an inner map holds no permit,
// so a limit of one would end as well.

import { createApplication, defineState } from 'teasel'
import { addresses } from './addresses.js'
import { wordsOf } from './research/words.js'

interface Counting {
  word: string
  text: string
  /** How often the word stands in the text, per ten thousand words. */
  rate: number
}
interface Presidency {
  word: string
  president: string
  rates: number[]
  average: number
}
interface Survey {
  word: string
  presidents: string[]
  averages: Record<string, number>
}

/** Actions that are at work, and the most that ever were. */
export const load = { now: 0, most: 0 }

const count = defineState<Counting>().action({
  reads: ['word', 'text'],
  writes: ['rate'],
  async run({ state, signal }) {
    load.most = Math.max(load.most, ++load.now)
    await new Promise((resolve) => setImmediate(resolve)) // a real one would wait for a file or a service here
    load.now -= 1
    signal.throwIfAborted()
    const words = wordsOf(state.text.toLowerCase())
    return { rate: (10_000 * words.filter((word) => word === state.word).length) / words.length }
  },
})

const presidency = defineState<Presidency>()
const countAll = presidency.mapStates({
  reads: ['word', 'president'],
  writes: ['rates'],
  action: count,
  states: ({ state }) =>
    Object.fromEntries(
      addresses
        .filter(({ president }) => president === state.president)
        .map(({ year, text }, i) => [`${year}-${i}`, { text }]),
    ),
  reduce: ({ results }) => ({ rates: results.map(({ state }) => state.rate) }),
})
const average = presidency.action({
  reads: ['rates'],
  writes: ['average'],
  run: ({ state: { rates } }) => ({ average: Math.round(rates.reduce((a, b) => a + b, 0) / rates.length) }),
})
const perPresident = presidency
  .graph({ actions: { countAll, average }, transitions: { countAll: 'average' } })
  .runnable({ entrypoint: 'countAll' })

const survey = defineState<Survey>()
const compare = survey.mapStates({
  reads: ['word', 'presidents'],
  writes: ['averages'],
  action: perPresident,
  states: ({ state }) => Object.fromEntries(state.presidents.map((president) => [president, { president }])),
  reduce: ({ results }) => ({ averages: Object.fromEntries(results.map(({ key, state }) => [key, state.average])) }),
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "compare" as n0 {
//     state "each branch × N" as n1 {
//       state "countAll" as n2 {
//         state "each branch × N" as n4
//       }
//       state "average" as n3
//       [*] --> n2
//       n2 --> n3
//       n3 --> [*]
//     }
//   }
//   [*] --> n0
//   n0 --> [*]
// ```
export const graph = survey.graph({ actions: { compare } })

const app = createApplication(graph, {
  entrypoint: 'compare',
  state: { word: 'freedom', presidents: ['Abraham Lincoln', 'Franklin D Roosevelt', 'Ronald Reagan', 'Barack Obama'] },
  concurrency: 4,
})
/** How many branches settled, by depth. */
export const settled = [0, 0]
app.on('branch.settled', ({ path }) => {
  settled[path.length - 1] = (settled[path.length - 1] ?? 0) + 1
})
export const { state } = await app.run()

console.log(`"${state.word}" per ten thousand words:`)
for (const [president, rate] of Object.entries(state.averages)) console.log(`  ${president.padEnd(22)}${rate}`)
console.log(`${settled.join(' branches, with ')} below them; never more than ${load.most} at work.`)
