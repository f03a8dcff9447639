import { setTimeout as sleep } from 'node:timers/promises'
import { sentencesOf, termsOf } from './research/words.js'

// Stand-ins for language models, so that the examples need no key and no network. They are honest: each answers a
// question by quoting the one sentence of a text that it likes best, and the same question always gets the same answer.

/** How each model likes a sentence: by what it says of the question, `shared`, and by how it is said. */
const TASTE = {
  /** The first sentence that says something of it. */
  hasty: () => 1,
  /** Whatever says most of it. */
  thorough: (shared: number) => shared,
  /** Whatever says most of it in fewest words. */
  terse: (shared: number, sentence: string) => shared / sentence.length,
} as const

/** The simulated models. */
export type Model = keyof typeof TASTE

/** What can be quoted, in characters. */
const SHORTEST = 40
const LONGEST = 320

/** How long a simulated call takes, milliseconds: long enough to see that calls overlap. */
const LATENCY = 20

/**
 * Puts a question about a text to a simulated model.
 * @param signal ends the call, as it would end a request
 * @throws {RangeError} when the text says nothing of it
 */
export async function askModel(
  model: Model,
  asked: { readonly question: string; readonly text: string },
  signal: AbortSignal,
): Promise<string> {
  await sleep(LATENCY, undefined, { signal })
  const wanted = new Set(termsOf(asked.question))
  const quotes = sentencesOf(asked.text)
    .filter(({ length }) => length >= SHORTEST && length <= LONGEST)
    .map((sentence) => ({ sentence, shared: new Set(termsOf(sentence).filter((term) => wanted.has(term))).size }))
    .filter(({ shared }) => shared > 0)
    .map(({ sentence, shared }) => ({ sentence, worth: TASTE[model](shared, sentence) }))
  const best = quotes.reduce((a, b) => (b.worth > a.worth ? b : a), { sentence: '', worth: 0 })
  if (best.worth === 0) throw new RangeError(`The text says nothing of ${[...wanted].join(', ')}.`)
  return best.sentence
}
