import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { addresses } from '../addresses.js'
import { termsOf } from '../research/words.js'

// Which addresses are alike: every one is compared with every earlier one. Each thread imports this module, so it only
// declares: no server, no run.

/** Two addresses, and how alike they are: 0 to 1. */
export interface Pair {
  readonly years: readonly [number, number]
  readonly alike: number
}

export const kit = defineState<{ from: number; to: number; nearest: Pair[] }>()

/** How often each word occurs in an address, and the length of that as a vector. */
interface Words {
  readonly counts: ReadonlyMap<string, number>
  readonly length: number
}

/** Of every address; counted when the first branch of a thread needs it. */
let counted: readonly Words[] | undefined

function wordsOfAll(): readonly Words[] {
  counted ??= addresses.map(({ text }) => {
    const counts = new Map<string, number>()
    for (const term of termsOf(text)) counts.set(term, (counts.get(term) ?? 0) + 1)
    return { counts, length: Math.hypot(...counts.values()) }
  })
  return counted
}

/** The cosine of the angle between two addresses. */
function cosine(a: Words, b: Words): number {
  let dot = 0
  for (const [term, count] of a.counts) dot += count * (b.counts.get(term) ?? 0)
  return dot / (a.length * b.length || 1)
}

/** Compares the addresses from one index to another with all earlier ones. */
export const compare = kit.action({
  reads: ['from', 'to'],
  writes: ['nearest'],
  run({ state: { from, to } }) {
    const words = wordsOfAll()
    const nearest = words.slice(from, to).map((mine, i): Pair => {
      const later = addresses[from + i]
      const found = words
        .slice(0, from + i)
        .map((other, j) => ({ j, alike: cosine(mine, other) }))
        .sort((a, b) => b.alike - a.alike)[0]
      return { years: [addresses[found?.j ?? 0]?.year ?? 0, later?.year ?? 0], alike: found?.alike ?? 0 }
    })
    return { nearest }
  },
})

export const registry = defineRegistry({ name: 'alike', module: import.meta.url, graphs: { compare } })
