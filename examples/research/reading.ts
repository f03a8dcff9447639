import { defineState } from 'teasel'
import type { Library } from './library.js'
import { termsOf } from './words.js'

// How one candidate is read: a graph of two actions, over a state of its own. The main graph runs it in a branch for
// each candidate, and sees no more of it than its last state.

export interface Reading {
  passage: number
  /** What the question is about: each a word, or several that may stand for it. */
  terms: (readonly string[])[]
  phrases: (readonly [string, string])[]
  /** Sentences of the passage that speak of the question, as they can be quoted. */
  quotes: string[]
  quote: string
  score: number
}

const reading = defineState<Reading>()
const LONGEST = 420
const SHORTEST = 45
/** `PANAMA CANAL TREATY The …`: older addresses run their headings into the text. */
const HEADING = /^(?:[A-Z][A-Z'-]+[.,;:]?\s+){1,8}(?=[A-Z][a-z]|[A-Z]\s)/
const CEREMONY = /fellow[- ]citizens|mr\. (?:speaker|president)|members of (?:the )?congress|honou?red guests/i

export function readingGraph(library: Library) {
  const extract = reading.action({
    reads: ['passage', 'terms'],
    writes: ['quotes'],
    run({ state }) {
      const wanted = new Set(state.terms.flat())
      const sentences = library.passages[state.passage]?.sentences ?? []
      const speaks = (sentence: string | undefined) => termsOf(sentence ?? '').some((term) => wanted.has(term))
      const quotes = sentences.flatMap((sentence, i) => {
        if (!speaks(sentence) || CEREMONY.test(sentence)) return []
        const next = sentences[i + 1]
        const longer = next === undefined ? [] : [`${sentence} ${next}`]
        return [sentence, ...longer].map((quote) => quote.replace(HEADING, ''))
      })
      return { quotes: quotes.filter((quote) => quote.length >= SHORTEST && quote.length <= LONGEST) }
    },
  })
  const score = reading.action({
    reads: ['quotes', 'terms', 'phrases'],
    writes: ['quote', 'score'],
    run({ state }) {
      const weight = (words: readonly string[]): number => Math.max(...words.map((word) => library.weight(word)))
      const sum = (groups: readonly (readonly string[])[]): number =>
        groups.reduce((all, words) => all + weight(words), 0)
      const wanted = new Set(state.terms.flat())
      const total = Math.max(sum(state.terms), 1e-9)
      const worth = (quote: string): number => {
        const found = termsOf(quote)
        const cover = sum(state.terms.filter((words) => words.some((word) => found.includes(word)))) / total
        const aside = state.phrases.some(([a, b]) => found.some((term, i) => term === a && found[i + 1] === b))
        const focus = found.filter((term) => wanted.has(term)).length / (found.length + 8)
        return cover + (aside ? 0.35 : 0) + Math.min(0.25, focus) - (quote.length > 330 ? 0.05 : 0)
      }
      const best = state.quotes.map((quote) => ({ quote, score: worth(quote) })).sort((a, b) => b.score - a.score)[0]
      return best ?? { quote: '', score: 0 }
    },
  })
  return reading
    .graph({
      actions: { extract, score },
      transitions: {
        extract: [{ to: 'score', when: ({ state }) => state.quotes.length > 0, name: 'something to quote' }],
      },
    })
    .runnable({ entrypoint: 'extract', haltAfter: 'score' })
}
