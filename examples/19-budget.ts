// Many branches, one budget: as soon as it is spent, the branches that still run are cancelled, and the answers so far count.
//
// The mistake to avoid: adding up the costs in `reduce`. By then everything is spent. `watch` sees each chunk in the moment
// it is yielded; its memory belongs to this visit of the map, and `settle()` ends the map with what it has.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "readAll" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createApplication, defineState } from 'teasel'
import { addresses, quoteOf } from './addresses.js'

const kit = defineState<{ word: string; index: number; quote: string; quotes: string[] }>()

/** What a simulated model costs: a token for each word that it reads. */
const tokensOf = (text: string): number => text.split(/\s+/).length

const read = kit.action({
  reads: ['word', 'index'],
  writes: ['quote'],
  async *run({ state }) {
    const address = addresses[state.index] ?? { year: 0, president: '', text: '' }
    yield { tokens: tokensOf(address.text) } // reported before the work goes on
    return { quote: quoteOf(state.word, address) ?? '' }
  },
})

/** Quotes of a word, for at most `budget` tokens and one call. */
export function quotesGraph(budget: number) {
  const readAll = kit.mapStates({
    reads: ['word'],
    writes: ['quotes'],
    action: read,
    states: () => addresses.map((_, index) => ({ index })),
    concurrency: 4,
    settle: 'collect', // a cancelled branch is no failure
    watch: {
      memory: () => ({ spent: 0 }),
      on({ event, memory, settle }) {
        if (event.type !== 'chunk') return
        memory.spent += event.chunk.tokens
        if (memory.spent >= budget) settle() // cancels the rest
      },
    },
    reduce({ results }) {
      const done = results.filter((result) => result.status === 'done')
      return { quotes: done.map(({ state }) => state.quote).filter((quote) => quote !== '') }
    },
  })
  return kit.graph({ actions: { readAll } })
}

/** Looks for a word, and counts the addresses that were read to their end. */
export async function quotesFor(word: string, budget: number) {
  const app = createApplication(quotesGraph(budget), { entrypoint: 'readAll', state: { word } })
  const ended: string[] = []
  app.on('branch.settled', ({ status }) => ended.push(status))
  const { quotes } = (await app.run()).state
  return { quotes, read: ended.filter((status) => status === 'done').length, all: ended.length }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const budget of [20_000, 100_000]) {
    const { quotes, read, all } = await quotesFor('liberty', budget)
    console.log(`${budget} tokens: ${read} of ${all} addresses read, ${quotes.length} quotes. The last one:`)
    console.log(`  ${quotes.at(-1)}`)
  }
}
