import { defineState } from 'teasel'
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
  /** The terms of the plan, with misspelt ones replaced. */
  terms: string[]
  /** Which retrievers failed on what, and why. */
  failures: string[]
  sources: Source[]
  answer: string
}

const research = defineState<Research>()
const CANDIDATES = 40
const SOURCES = 4
/** Reciprocal rank fusion: a place near the top counts much, wherever it is (Cormack, Clarke, Buettcher 2009). */
const RANK_CONSTANT = 60

/** How the retrievers are made; a test gives others. */
export const retrieversOf = (library: Library) => ({
  bm25: bm25(library),
  fuzzy: fuzzy(library),
  meaning: meaning(library),
})

export function researchGraph(library: Library, retrievers = retrieversOf(library)) {
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
      const corrected = new Set<string>()
      const failures: string[] = []
      for (const result of results) {
        if (result.status === 'failed') failures.push(`${result.key}: ${result.error.message}`)
        if (result.status !== 'done') continue
        for (const term of result.state.corrected) corrected.add(term)
        result.state.hits.forEach(({ passage }, rank) => {
          fused.set(passage, (fused.get(passage) ?? 0) + 1 / (RANK_CONSTANT + rank))
        })
      }
      const candidates = [...fused].map(([passage, score]) => ({ passage, score })).sort((a, b) => b.score - a.score)
      const known = state.plan.terms.filter((term) => library.frequency(term) > 0)
      return { candidates: candidates.slice(0, CANDIDATES), terms: [...known, ...corrected], failures }
    },
  })

  const read = research.mapStates({
    reads: ['candidates', 'terms', 'plan'],
    writes: ['sources'],
    action: readingGraph(library),
    states: ({ state }) =>
      Object.fromEntries(
        state.candidates.map(({ passage }) => [
          `${library.passages[passage]?.year} ${passage}`,
          { passage, terms: [...state.terms], phrases: [...state.plan.phrases] },
        ]),
      ),
    reduce({ results }) {
      const found = results.flatMap(({ state }) => {
        const passage = library.passages[state.passage]
        if (passage === undefined || (state.score ?? 0) <= 0) return []
        return [{ year: passage.year, president: passage.president, passage: state.quote, score: state.score }]
      })
      return { sources: choose(found) }
    },
  })

  const answer = research.action({
    reads: ['plan', 'terms', 'sources'],
    writes: ['answer'],
    run: ({ state }) => ({ answer: [overview(library, state), ...state.sources.map(quoted)].join('\n\n') }),
  })

  const giveUp = research.action({
    reads: ['question'],
    writes: ['answer'],
    run: () => ({ answer: 'Nothing in the State of the Union addresses speaks of that.' }),
  })

  return research.graph({
    actions: { plan, search, read, answer, giveUp },
    transitions: {
      plan: 'search',
      search: [{ to: 'giveUp', when: { candidates: [] }, name: 'nothing found' }, { to: 'read' }],
      read: [{ to: 'giveUp', when: { sources: [] }, name: 'nothing to quote' }, { to: 'answer' }],
    },
  })
}

/** The best sources, not all of one year or one president, in the order of their years. */
function choose(found: readonly Source[]): Source[] {
  const chosen: Source[] = []
  const worth = (source: Source): number =>
    source.score -
    0.3 * chosen.filter(({ year }) => Math.abs(year - source.year) <= 1).length -
    0.1 * chosen.filter(({ president }) => president === source.president).length
  const left = found.filter((source, i) => found.findIndex(({ passage }) => passage === source.passage) === i)
  const bar = 0.6 * Math.max(0, ...left.map(({ score }) => score))
  while (chosen.length < SOURCES) {
    const best = left
      .filter((source) => source.score >= bar && !chosen.includes(source))
      .sort((a, b) => worth(b) - worth(a))[0]
    if (best === undefined) break
    chosen.push(best)
  }
  return chosen.map((source) => ({ ...source, score: Number(source.score.toFixed(3)) })).sort((a, b) => a.year - b.year)
}

const quoted = ({ year, president, passage }: Source): string => `${president}, ${year}:\n  “${passage}”`

/** In which years, and how often, the addresses speak of the matter. */
function overview(
  library: Library,
  { plan, terms }: { readonly plan: Plan; readonly terms: readonly string[] },
): string {
  const matter = (
    plan.phrases[0] ?? terms.toSorted((a, b) => library.frequency(a) - library.frequency(b)).slice(0, 1)
  ).join(' ')
  const years = new Map<number, string>()
  for (const { passage } of library.search(matter.split(' '), plan.filter, library.passages.length)) {
    const found = library.passages[passage]
    if (found !== undefined && includesAll(found.sentences.join(' '), matter)) years.set(found.year, found.president)
  }
  const sorted = [...years].sort((a, b) => a[0] - b[0])
  const [first, last] = [sorted[0], sorted.at(-1)]
  if (first === undefined || last === undefined) return `What the addresses say that comes closest:`
  const span =
    first[0] === last[0]
      ? `in ${first[0]} (${first[1]})`
      : `first in ${first[0]} (${first[1]}), last in ${last[0]} (${last[1]})`
  return `“${matter}” is spoken of in ${sorted.length} ${sorted.length === 1 ? 'year' : 'years'}${asked(plan)}, ${span}.`
}

const asked = ({ filter: { from, to, presidents } }: Plan): string => {
  const who = presidents.length === 0 ? '' : ` by ${presidents.join(' and ')}`
  return to - from > 200 ? who : `${who} between ${from} and ${to}`
}

const includesAll = (text: string, matter: string): boolean => {
  const lower = text.toLowerCase()
  return matter.split(' ').every((term) => lower.includes(term))
}
