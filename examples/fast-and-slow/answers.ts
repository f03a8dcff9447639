import { defineState } from 'teasel'
import type { Library } from '../research/library.js'
import { termsOf } from '../research/words.js'

// The two graphs that answer one question, each in its way.

export interface Answering {
  question: string
  quote: string
  /** How many of the question's terms the quote speaks of, from 0 to 1. */
  cover: number
  /** How many passages have been read. */
  read: number
  answer: string
}

const kit = defineState<Answering>()
const AT_ONCE = 400

/** A sentence, and which part of the terms it speaks of. */
function bestSentence(sentences: readonly string[], terms: readonly string[]) {
  const covers = sentences.map((quote) => {
    const found = new Set(termsOf(quote))
    return { quote, cover: terms.filter((term) => found.has(term)).length / terms.length }
  })
  return covers.sort((a, b) => b.cover - a.cover || a.quote.length - b.quote.length)[0] ?? { quote: '', cover: 0 }
}

/** Looks at the passage that fits best, and tells its best sentence word by word. */
export function quickGraph(library: Library) {
  const glance = kit.action({
    reads: ['question'],
    writes: ['quote', 'cover'],
    run({ state }) {
      const terms = termsOf(state.question)
      const [hit] = library.search(terms, { from: 0, to: 3000, presidents: [] }, 1)
      return bestSentence(library.passages[hit?.passage ?? -1]?.sentences ?? [], terms)
    },
  })
  const tell = kit.action({
    reads: ['quote'],
    writes: ['answer'],
    async *run({ state }) {
      for (const word of state.quote.split(' ')) yield { word }
      return { answer: state.quote }
    },
  })
  return kit.graph({ actions: { glance, tell }, transitions: { glance: 'tell' } }).runnable({ entrypoint: 'glance' })
}

/** Reads every passage, many at a step, and keeps the best sentence so far. */
export function thoroughGraph(library: Library) {
  const study = kit.action({
    reads: ['question', 'quote?', 'cover?', 'read?'],
    writes: ['quote', 'cover', 'read', 'answer'],
    run({ state: { question, quote = '', cover = 0, read = 0 } }) {
      const some = library.passages.slice(read, read + AT_ONCE).flatMap(({ sentences }) => sentences)
      const found = bestSentence(some, termsOf(question))
      const best = found.cover > cover ? found : { quote, cover }
      return { ...best, answer: best.quote, read: read + AT_ONCE }
    },
  })
  const more = ({ state }: { readonly state: Readonly<Answering> }) => state.read < library.passages.length
  return kit
    .graph({ actions: { study }, transitions: { study: [{ to: 'study', when: more }] } })
    .runnable({ entrypoint: 'study' })
}
