import { setImmediate } from 'node:timers/promises'
import MiniSearch from 'minisearch'
import { addresses } from '../addresses.js'
import { MeaningIndex } from './meaning.js'
import { sentencesOf, stem, termsOf } from './words.js'

// The 233 State of the Union addresses, cut into passages, and the indexes over them. Built once, then only read.

/** A few sentences of one address. */
export interface Passage {
  readonly id: number
  readonly year: number
  readonly president: string
  readonly sentences: readonly string[]
}

/** What may be asked of a passage beside its words. */
export interface Filter {
  readonly from: number
  readonly to: number
  /** Names of presidents; none: all. */
  readonly presidents: readonly string[]
}

/** A passage found. */
export interface Hit {
  readonly passage: number
  readonly score: number
}

const PASSAGE_LENGTH = 700

export class Library {
  readonly passages: readonly Passage[]
  readonly presidents: readonly string[]
  readonly words: MiniSearch
  readonly meaning: MeaningIndex
  readonly #documents = new Map<string, number>()

  private constructor(passages: readonly Passage[], terms: readonly (readonly string[])[], words: MiniSearch) {
    this.presidents = [...new Set(addresses.map(({ president }) => president))]
    this.passages = passages
    this.words = words
    for (const list of terms) for (const term of new Set(list)) this.#documents.set(term, this.frequency(term) + 1)
    this.meaning = new MeaningIndex(terms, (term) => this.weight(term))
  }

  /**
   * Cuts the addresses into passages and builds the indexes, which takes a second or two.
   * @param progress told of each stage before it begins; the thread is free in between, so that it can be drawn
   */
  static async read(progress: (stage: string) => void = () => {}): Promise<Library> {
    const passages = addresses
      .flatMap(({ year, president, text }) =>
        chunk(sentencesOf(text)).map((sentences) => ({ year, president, sentences })),
      )
      .map((passage, id) => ({ id, ...passage }))
    progress(`Indexing the words of ${passages.length} passages …`)
    await setImmediate()
    const terms = passages.map(({ sentences }) => termsOf(sentences.join(' ')))
    const words = new MiniSearch({
      fields: ['terms'],
      tokenize: (text) => text.split(' '),
      processTerm: (term) => term,
    })
    const documents = terms.map((list, id) => ({ id, terms: list.join(' ') }))
    await words.addAllAsync(documents, { chunkSize: 500 })
    progress('Comparing words by their meaning …')
    await setImmediate()
    return new Library(passages, terms, words)
  }

  /** In how many passages a term stands. */
  frequency(term: string): number {
    return this.#documents.get(term) ?? 0
  }

  /** How much a term tells: rare ones more (inverse document frequency). */
  weight(term: string): number {
    return Math.log(1 + this.passages.length / (1 + this.frequency(term)))
  }

  /** All terms that stand in at least `least` passages. */
  vocabulary(least: number): string[] {
    return [...this.#documents].filter(([, count]) => count >= least).map(([term]) => term)
  }

  /** Passages by BM25 over the given terms, best first. */
  search(terms: readonly string[], filter: Filter, limit: number): Hit[] {
    const found = this.words.search(terms.map(stem).join(' '), { filter: ({ id }) => this.fits(Number(id), filter) })
    return found.slice(0, limit).map(({ id, score }) => ({ passage: Number(id), score }))
  }

  fits(id: number, { from, to, presidents }: Filter): boolean {
    const passage = this.passages[id]
    if (passage === undefined || passage.year < from || passage.year > to) return false
    return presidents.length === 0 || presidents.includes(passage.president)
  }
}

function chunk(sentences: readonly string[]): string[][] {
  const chunks: string[][] = []
  let open: string[] = []
  let length = 0
  for (const sentence of sentences) {
    open.push(sentence)
    length += sentence.length
    if (length < PASSAGE_LENGTH) continue
    chunks.push(open)
    open = []
    length = 0
  }
  if (open.length > 0) chunks.push(open)
  return chunks
}
