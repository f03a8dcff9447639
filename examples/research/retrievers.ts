import Fuse from 'fuse.js'
import { defineState } from 'teasel'
import type { Hit, Library } from './library.js'
import type { Query } from './plan.js'

// Three ways to find passages. Each is an action over the same two keys, so that a map can run any of them on anything.

/** A word that the addresses lack, and those that they have instead. */
export interface Correction {
  readonly term: string
  readonly by: readonly string[]
}

/** What a retriever reads and writes. */
export interface Search {
  query: Query
  hits: Hit[]
  /** Words of the addresses that stood in for misspelt ones. */
  corrected: Correction[]
}

const search = defineState<Search>()
const LIMIT = 30
/** A shorter word that the addresses lack is taken for what it is, not for a misspelt one. */
const SHORTEST_MISSPELT = 5

/** Exact words, weighed by how rare they are (BM25). */
export const bm25 = (library: Library) =>
  search.action({
    reads: ['query'],
    writes: ['hits', 'corrected'],
    run: ({ state: { query } }) => ({ hits: library.search(query.terms, query.filter, LIMIT), corrected: [] }),
  })

/** Words that are spelt almost alike: finds what the question misspells. */
export function fuzzy(library: Library) {
  const known = library.vocabulary(3)
  const index = new Fuse(known, { threshold: 0.34, includeScore: true, minMatchCharLength: 3 })
  const spelling = (term: string): string[] => {
    if (library.frequency(term) > 0) return [term]
    if (term.length < SHORTEST_MISSPELT) return [] // almost any short word is close to another
    const near = index.search(term, { limit: 12 }).filter(({ item }) => Math.abs(item.length - term.length) <= 2)
    const best = near[0]?.score ?? 1
    return near
      .filter(({ score = 1 }) => score <= best + 0.05)
      .slice(0, 2)
      .map(({ item }) => item)
  }
  return search.action({
    reads: ['query'],
    writes: ['hits', 'corrected'],
    run({ state: { query } }) {
      const spelt = query.terms.map((term) => ({ term, by: spelling(term) }))
      const terms = spelt.flatMap(({ by }) => by)
      const corrected = spelt.filter(({ term, by }) => by.length > 0 && !by.includes(term))
      return { hits: terms.length === 0 ? [] : library.search(terms, query.filter, LIMIT), corrected }
    },
  })
}

/** Passages that mean something similar, whatever their words. */
export const meaning = (library: Library) =>
  search.action({
    reads: ['query'],
    writes: ['hits', 'corrected'],
    run: ({ state: { query } }) => ({
      hits: library.meaning.nearest(query.terms, (id) => library.fits(id, query.filter), LIMIT),
      corrected: [],
    }),
  })
