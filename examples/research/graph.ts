import { defineState, or } from 'teasel'
import { choose, firstMention, nothingFound, overview, quoted } from './answer.js'
import type { Hit, Library } from './library.js'
import { type Plan, planOf, type Query } from './plan.js'
import { readingGraph } from './reading.js'
import { bm25, fuzzy, meaning } from './retrievers.js'

// plan → search (every retriever × every way to ask) → read (a graph per candidate) → answer

/** A quotation with where it is from. */
export interface Source {
  readonly year: number
  readonly president: string
  readonly passage: string
  readonly score: number
}

export interface Research {
  question: string
  plan: Plan
  /** What one branch of the search asks. */
  query: Query
  candidates: Hit[]
  /** The terms of the plan, misspelt ones replaced: each a word, or several that may stand for it. */
  terms: (readonly string[])[]
  /** Which retrievers failed on what, and why. */
  failures: string[]
  sources: Source[]
  answer: string
}

const research = defineState<Research>()
const CANDIDATES = 40
/** Reciprocal rank fusion: a place near the top counts much, wherever it is (Cormack, Clarke, Buettcher 2009). */
const RANK_CONSTANT = 60

/** How the retrievers are made; a test gives others. */
const retrieversOf = (library: Library) => ({
  bm25: bm25(library),
  fuzzy: fuzzy(library),
  meaning: meaning(library),
})

/** Everything that runs in branches. */
export const partsOf = (library: Library) => ({ ...retrieversOf(library), reading: readingGraph(library) })

export function researchGraph(library: Library, { reading, ...retrievers } = partsOf(library)) {
  const plan = research.action({
    reads: ['question'],
    writes: ['plan'],
    run: ({ state }) => ({ plan: planOf(state.question, library) }),
  })

  const search = research.mapActionsAndStates({
    reads: ['plan'],
    writes: ['candidates', 'terms', 'failures'],
    actions: retrievers,
    states: ({ state }) =>
      Object.fromEntries(Object.entries(state.plan.queries).map(([name, query]) => [name, { query }])),
    settle: 'collect',
    reduce({ state, results }) {
      const fused = new Map<number, number>()
      const corrected = new Map<string, readonly string[]>()
      const failures: string[] = []
      for (const result of results) {
        if (result.status === 'failed') failures.push(`${result.key}: ${result.error.message}`)
        if (result.status !== 'done') continue
        for (const { term, by } of result.state.corrected) corrected.set(term, by)
        result.state.hits.forEach(({ passage }, rank) => {
          fused.set(passage, (fused.get(passage) ?? 0) + 1 / (RANK_CONSTANT + rank))
        })
      }
      const candidates = [...fused].map(([passage, score]) => ({ passage, score })).sort((a, b) => b.score - a.score)
      const terms = state.plan.terms.flatMap((term) => {
        const words = library.frequency(term) > 0 ? [term] : corrected.get(term)
        return words === undefined ? [] : [words]
      })
      const earliest = state.plan.first ? firstMention(library, state.plan, terms) : []
      return { candidates: [...earliest, ...candidates.slice(0, CANDIDATES)], terms, failures }
    },
  })

  const read = research.mapStates({
    reads: ['candidates', 'terms', 'plan'],
    writes: ['sources'],
    action: reading,
    states: ({ state }) =>
      Object.fromEntries(
        state.candidates.map(({ passage }) => [
          `${library.passages[passage]?.year} ${passage}`,
          { passage, terms: [...state.terms], phrases: [...state.plan.phrases] },
        ]),
      ),
    reduce({ state: { plan }, results }) {
      const found = results.flatMap(({ state }) => {
        const passage = library.passages[state.passage]
        if (passage === undefined || (state.score ?? 0) <= 0) return []
        return [{ year: passage.year, president: passage.president, passage: state.quote, score: state.score }]
      })
      return { sources: choose(found, plan.first) }
    },
  })

  const answer = research.action({
    reads: ['plan', 'terms', 'sources'],
    writes: ['answer'],
    run: ({ state }) => ({ answer: [overview(library, state), ...state.sources.map(quoted)].join('\n\n') }),
  })

  const giveUp = research.action({
    reads: ['question', 'plan'],
    writes: ['answer'],
    run: ({ state }) => ({ answer: nothingFound(library, state.question, state.plan) }),
  })

  return research.graph({
    actions: { plan, search, read, answer, giveUp },
    transitions: {
      plan: 'search',
      search: [{ to: 'giveUp', when: or({ candidates: [] }, { terms: [] }), name: 'nothing found' }, { to: 'read' }],
      read: [{ to: 'giveUp', when: { sources: [] }, name: 'nothing to quote' }, { to: 'answer' }],
    },
  })
}
