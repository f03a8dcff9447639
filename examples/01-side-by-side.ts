// A map action runs plain functions side by side, and one reducer gathers what they found.
//
// Nothing here is special to language models: a branch is any function over a state. The mistake to avoid is the habit
// of `Promise.all`, where every function writes into one object that they share. Here a branch sees a frozen state and
// returns its own update; what it writes stays in the branch until `reduce` says what becomes of it.

import { createApplication, defineState } from 'teasel'
import { addressOf } from './addresses.js'
import { sentencesOf, wordsOf } from './research/words.js'

interface Measuring {
  text: string
  /** What one branch measured. Each branch has a `value` of its own. */
  value: number
  measures: Record<string, number>
}

const kit = defineState<Measuring>()

const measure = (of: (text: string) => number) =>
  kit.action({ reads: ['text'], writes: ['value'], run: ({ state }) => ({ value: of(state.text) }) })

const syllables = (word: string): number => word.toLowerCase().match(/[aeiouy]+/g)?.length ?? 1

/** Flesch's reading ease: 100 is easy, 0 is hard. */
function readingEase(text: string): number {
  const words = wordsOf(text)
  const all = words.reduce((sum, word) => sum + syllables(word), 0)
  return Math.round(206.835 - 1.015 * (words.length / sentencesOf(text).length) - 84.6 * (all / words.length))
}

const measureAll = kit.mapActions({
  reads: ['text'],
  writes: ['measures'],
  actions: {
    words: measure((text) => wordsOf(text).length),
    vocabulary: measure((text) => new Set(wordsOf(text.toLowerCase())).size),
    sentences: measure((text) => sentencesOf(text).length),
    ease: measure(readingEase),
  },
  reduce: ({ results }) => ({ measures: Object.fromEntries(results.map(({ key, state }) => [key, state.value])) }),
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "measureAll" as n0 {
//     state "words" as n1
//     --
//     state "vocabulary" as n2
//     --
//     state "sentences" as n3
//     --
//     state "ease" as n4
//   }
//   [*] --> n0
//   n0 --> [*]
// ```
export const graph = kit.graph({ actions: { measureAll } })

/** Measures the address of a year. */
export async function measuresOf(year: number): Promise<Readonly<Record<string, number>>> {
  const app = createApplication(graph, { entrypoint: 'measureAll', state: { text: addressOf(year).text } })
  return (await app.run()).state.measures
}

for (const year of [1790, 1862, 1946, 2021]) {
  const { words, vocabulary, sentences, ease } = await measuresOf(year)
  console.log(`${year}  ${words} words (${vocabulary} different), ${sentences} sentences, reading ease ${ease}`)
}
