// A sub-graph stands where an action stands: `subgraph` runs a graph over a state of its own.
//
// The mistake to avoid is to let the inner graph work on the outer state: then its scratch keys belong to everybody, and
// it can be used nowhere else. Here `state` maps in, `reduce` maps out, and the outer graph never sees `sentences`. The
// inner graph loops as long as it likes; from outside it is one step, and it can stand in a map just as well.

import { createApplication, defineState } from 'teasel'
import { addressOf } from './addresses.js'
import { sentencesOf, termsOf } from './research/words.js'

interface Summary {
  text: string
  longest: number
  /** What is left of the text, in its order, and what each sentence is worth. */
  sentences: { sentence: string; worth: number }[]
}

const summary = defineState<Summary>()

const weigh = summary.action({
  reads: ['text'],
  writes: ['sentences'],
  run({ state }) {
    const sentences = sentencesOf(state.text)
    const often = new Map<string, number>()
    for (const term of termsOf(state.text)) often.set(term, (often.get(term) ?? 0) + 1)
    const worth = (sentence: string): number => {
      const terms = termsOf(sentence)
      return terms.reduce((sum, term) => sum + (often.get(term) ?? 0), 0) / (terms.length + 6)
    }
    return { sentences: sentences.map((sentence) => ({ sentence, worth: worth(sentence) })) }
  },
})

/** Drops the sentence that is worth least. */
const trim = summary.action({
  reads: ['sentences'],
  writes: ['sentences'],
  run({ state: { sentences } }) {
    const least = sentences.reduce((a, b) => (b.worth < a.worth ? b : a))
    return { sentences: sentences.filter((one) => one !== least) }
  },
})

const lengthOf = ({ sentences }: Pick<Summary, 'sentences'>): number =>
  sentences.reduce((sum, { sentence }) => sum + sentence.length + 1, 0)
const tooLong = ({ state }: { readonly state: Summary }): boolean =>
  state.sentences.length > 1 && lengthOf(state) > state.longest

const summariser = summary
  .graph({
    actions: { weigh, trim },
    transitions: { weigh: [{ to: 'trim', when: tooLong }], trim: [{ to: 'trim', when: tooLong }] },
  })
  .runnable({ entrypoint: 'weigh' })

const report = defineState<{ year: number; text: string; summary: string; kept: number; headline: string }>()

const fetchText = report.action({
  reads: ['year'],
  writes: ['text'],
  run: ({ state }) => ({ text: addressOf(state.year).text }),
})
const summarise = report.subgraph({
  reads: ['text'],
  writes: ['summary', 'kept'],
  graph: summariser,
  state: ({ state }) => ({ text: state.text, longest: 500 }),
  reduce: ({ branch: { state } }) => ({
    summary: state.sentences.map(({ sentence }) => sentence).join(' '),
    kept: state.sentences.length,
  }),
})
const head = report.action({
  reads: ['year', 'summary', 'kept'],
  writes: ['headline'],
  run: ({ state }) => ({ headline: `${state.year} in ${state.kept} sentences, ${state.summary.length} characters` }),
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "fetchText" as n0
//   state "summarise" as n1 {
//     state "graph" as n3 {
//       state "weigh" as n4
//       state "trim" as n5
//       [*] --> n4
//       n4 --> n5 : tooLong
//       n4 --> [*] : otherwise
//       n5 --> n5 : tooLong
//       n5 --> [*] : otherwise
//     }
//   }
//   state "head" as n2
//   [*] --> n0
//   n0 --> n1
//   n1 --> n2
//   n2 --> [*]
// ```
export const graph = report.graph({
  actions: { fetchText, summarise, head },
  transitions: { fetchText: 'summarise', summarise: 'head' },
})

const app = createApplication(graph, { entrypoint: 'fetchText', state: { year: 1941 } })
/** The steps of the application, and how many the sub-graph took. */
export const steps: string[] = []
export let inner = 0
app.on('step.end', ({ path, action }) => {
  if (path.length === 0) steps.push(action)
  else inner += 1
})
export const { state } = await app.run()

console.log(`${state.headline} (${inner} steps inside, ${steps.length} outside)\n\n${state.summary}`)
