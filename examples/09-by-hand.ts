// Applications made by hand inside an action: for what no map says.
//
// Two readers go through the addresses, one from the oldest on, one from the newest back, and take steps in turn until
// each has found the word. The mistake to avoid is to leave out `parent: context`: the applications would run, but a
// cancel would not reach them, limits would not count them, and their events would go nowhere. With it they hang below
// this step, under the key you give, and end when it ends.

import { createApplication, defineState } from 'teasel'
import { addresses, quoteOf } from './addresses.js'

interface Reader {
  word: string
  /** Addresses not read yet, by position. */
  left: number[]
  found: { year: number; quote: string }[]
}

const reader = defineState<Reader>()
const readOne = reader.action({
  reads: ['word', 'left'],
  writes: ['left', 'found'],
  run({ state: { word, left } }) {
    const [at = -1, ...rest] = left
    const address = addresses[at] ?? { year: 0, text: '' }
    const quote = quoteOf(word, address)
    return { left: rest, found: quote === undefined ? [] : [{ year: address.year, quote }] }
  },
})
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "readOne" as n0
//   [*] --> n0
//   n0 --> n0 : not found yet
//   n0 --> [*] : otherwise
// ```
export const readerGraph = reader.graph({
  actions: { readOne },
  transitions: {
    readOne: [
      { to: 'readOne', when: ({ state }) => state.found.length === 0 && state.left.length > 0, name: 'not found yet' },
    ],
  },
})

const search = defineState<{ word: string; first: Reader['found']; last: Reader['found'] }>()
const findBoth = search.action({
  reads: ['word'],
  writes: ['first', 'last'],
  async *run({ state: { word }, context }) {
    const start = (key: string, left: number[]) =>
      createApplication(readerGraph, { entrypoint: 'readOne', state: { word, left, found: [] }, parent: context, key })
    const all = addresses.map((_, i) => i)
    const oldest = start('oldest', all)
    const newest = start('newest', all.toReversed())
    for (let round = 1; ; round++) {
      const [forth, back] = await Promise.all([oldest.step(), newest.step()])
      if (forth === undefined && back === undefined) break
      yield { round, forth: forth !== undefined, back: back !== undefined }
    }
    return { first: oldest.state.found, last: newest.state.found }
  },
})

export const graph = search.graph({ actions: { findBoth } })

/** Finds who said a word first, and who last, and how many steps each reader took. */
export async function firstAndLast(word: string) {
  await using app = createApplication(graph, { entrypoint: 'findBoth', state: { word } })
  const steps = { oldest: 0, newest: 0 }
  for await (const event of app.stream()) {
    if (event.type !== 'chunk') continue
    if (event.chunk.forth) steps.oldest += 1
    if (event.chunk.back) steps.newest += 1
  }
  return { first: app.state.first[0], last: app.state.last[0], steps }
}

for (const word of ['electricity', 'telephone', 'computer']) {
  const { first, last, steps } = await firstAndLast(word)
  console.log(`${word}, after ${steps.oldest} and ${steps.newest} addresses read`)
  for (const one of [first, last]) console.log(`  ${one?.year}: ${one?.quote.slice(0, 150)} …`)
}
