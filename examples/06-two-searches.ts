// A search by meaning and a search by words at the same time, fused into one ranking.
//
// The two retrievers are ordinary actions from another file, over two keys of their own: they fit this state because it
// has those keys too. The mistake to avoid is to compare the scores of two engines: they mean nothing to each other.
// Ranks do, so the reducer adds up `1 / (60 + rank)` (reciprocal rank fusion).
//
// The "web" here is simulated: an inverted index (BM25) over the addresses, which is what stands behind a web search.

import { createApplication, defineState } from 'teasel'
import { Library } from './research/library.js'
import { bm25, meaning, type Search } from './research/retrievers.js'
import { termsOf } from './research/words.js'

interface Asked extends Search {
  question: string
  /** Passages, best first, with the rank that each search gave them. */
  best: { passage: number; web: number | undefined; semantic: number | undefined }[]
}

export const library = await Library.read()
const kit = defineState<Asked>()

const prepare = kit.action({
  reads: ['question'],
  writes: ['query'],
  run: ({ state }) => ({ query: { terms: termsOf(state.question), filter: { from: 1790, to: 2021, presidents: [] } } }),
})

const search = kit.mapActions({
  reads: ['query'],
  writes: ['best'],
  actions: { web: bm25(library), semantic: meaning(library) },
  reduce({ branches: { web, semantic } }) {
    const rank = (hits: Search['hits'], passage: number): number | undefined => {
      const at = hits.findIndex((hit) => hit.passage === passage)
      return at < 0 ? undefined : at + 1
    }
    const worth = (at: number | undefined): number => (at === undefined ? 0 : 1 / (60 + at))
    const found = new Set([...web.state.hits, ...semantic.state.hits].map(({ passage }) => passage))
    const best = [...found].map((passage) => ({
      passage,
      web: rank(web.state.hits, passage),
      semantic: rank(semantic.state.hits, passage),
    }))
    return {
      best: best.sort((a, b) => worth(b.web) + worth(b.semantic) - worth(a.web) - worth(a.semantic)).slice(0, 5),
    }
  },
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "prepare" as n0
//   state "search" as n1 {
//     state "web" as n2
//     --
//     state "semantic" as n3
//   }
//   [*] --> n0
//   n0 --> n1
//   n1 --> [*]
// ```
export const graph = kit.graph({ actions: { prepare, search }, transitions: { prepare: 'search' } })

const app = createApplication(graph, {
  entrypoint: 'prepare',
  state: { question: 'forests and the waste of timber' },
})
export const { state } = await app.run()
export const passages = state.best.map(({ passage }) => library.passages[passage])

const said = (rank: number | undefined): string => (rank === undefined ? 'not found' : `rank ${rank}`)
console.log(state.question)
state.best.forEach(({ web, semantic }, i) => {
  const { year, president, sentences } = passages[i] ?? { year: 0, president: '', sentences: [] }
  console.log(`\n${president}, ${year} (web: ${said(web)}, semantic: ${said(semantic)})`)
  console.log(`  ${sentences.join(' ').slice(0, 200)} …`)
})
