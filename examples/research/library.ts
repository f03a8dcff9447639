import MiniSearch from 'minisearch'
import { addresses, type Passage, passagesOf } from './corpus.js'
import { MeaningIndex } from './meaning.js'
import { Speller } from './spelling.js'

// The indexes over all passages. Built once, piece by piece, then only read.

/** How far the building is. */
export interface Progress {
  readonly doing: 'reading' | 'indexing words' | 'learning meanings'
  readonly done: number
  readonly total: number
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

const EVERYTHING: Filter = { from: 0, to: Number.POSITIVE_INFINITY, presidents: [] }
const PIECE = 600

export class Library {
  readonly passages: Passage[] = []
  readonly meaning = new MeaningIndex((term) => this.weight(term))
  /** In how many passages each term stands. */
  readonly counts = new Map<string, number>()
  readonly #words = new MiniSearch<Passage>({
    fields: ['terms'],
    tokenize: (text) => text.split(' '),
    processTerm: (term) => term,
    extractField: ({ id, terms }, field) => (field === 'id' ? id : terms.join(' ')),
  })
  readonly #building = this.#build()
  #speller: Speller | undefined

  /** Builds the next piece; nothing is left to build when it returns undefined. */
  build(): Progress | undefined {
    return this.#building.next().value ?? undefined
  }

  *#build(): Generator<Progress, undefined> {
    const all = addresses()
    for (const [i, address] of all.entries()) {
      const found = passagesOf(address, this.passages.length)
      this.passages.push(...found)
      for (const { terms } of found)
        for (const term of new Set(terms)) this.counts.set(term, (this.counts.get(term) ?? 0) + 1)
      if (i % 25 === 0) yield { doing: 'reading', done: i, total: all.length }
    }
    const total = this.passages.length
    for (let done = 0; done < total; done += PIECE) {
      this.#words.addAll(this.passages.slice(done, done + PIECE))
      yield { doing: 'indexing words', done, total }
    }
    for (const { id, terms } of this.passages) this.meaning.learn(id, new Set(terms))
    for (const { id, terms } of this.passages) {
      this.meaning.place(new Set(terms))
      if (id % PIECE === 0) yield { doing: 'learning meanings', done: id, total }
    }
    this.#speller = new Speller({ counts: this.counts, likeness: (a, b) => this.meaning.likeness(a, b) })
  }

  /** In how many passages a term stands. */
  frequency(term: string): number {
    return this.counts.get(term) ?? 0
  }

  /** How much a term tells: rare ones more (inverse document frequency). */
  weight(term: string): number {
    return Math.log(1 + this.passages.length / (1 + this.frequency(term)))
  }

  get presidents(): readonly string[] {
    return [...new Set(this.passages.map(({ president }) => president))]
  }

  /** Passages by BM25 over the given terms, best first. */
  search(terms: readonly string[], limit: number, filter: Filter = EVERYTHING): Hit[] {
    if (terms.length === 0) return []
    const found = this.#words.search(terms.join(' '), { filter: ({ id }) => this.fits(Number(id), filter) })
    return found.slice(0, limit).map(({ id, score }) => ({ passage: Number(id), score }))
  }

  /** Words that are spelt almost like a term. */
  spelling(term: string): readonly string[] {
    return this.#speller?.near(term) ?? []
  }

  /** All passages in which every one of the phrases stands, oldest first. A phrase is one term or several in a row. */
  mentions(phrases: readonly (readonly string[])[], filter: Filter = EVERYTHING): Passage[] {
    return this.passages.filter(
      ({ id, terms }) => this.fits(id, filter) && phrases.every((phrase) => includesPhrase(terms, phrase)),
    )
  }

  fits(id: number, { from, to, presidents }: Filter): boolean {
    const passage = this.passages[id]
    if (passage === undefined || passage.year < from || passage.year > to) return false
    return presidents.length === 0 || presidents.includes(passage.president)
  }
}

/** Whether the terms of a phrase stand in a row. */
export const includesPhrase = (terms: readonly string[], phrase: readonly string[]): boolean =>
  terms.some((term, at) => term === phrase[0] && phrase.every((wanted, i) => terms[at + i] === wanted))
