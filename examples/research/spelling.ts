import Fuse from 'fuse.js'
import { rootOf } from './words.js'

// Words that are spelt almost alike: for a misspelt word those that were meant, for a right one the rest of its family.

/** What has to be known of the words of a library. */
export interface Vocabulary {
  /** Every term, with the number of passages it stands in. */
  readonly counts: ReadonlyMap<string, number>
  /** How close two terms are in meaning, -1 … 1. */
  likeness(a: string, b: string): number
}

const FAMILY = 3
const ALIKE = 0.2

export class Speller {
  readonly #vocabulary: Vocabulary
  readonly #index: Fuse<string>
  readonly #families: ReadonlyMap<string, readonly string[]>
  readonly #asked = new Map<string, readonly string[]>()

  constructor(vocabulary: Vocabulary) {
    const words = [...vocabulary.counts].filter(([, count]) => count >= 3).map(([term]) => term)
    this.#vocabulary = vocabulary
    this.#index = new Fuse(words, { threshold: 0.4, minMatchCharLength: 2, ignoreLocation: true, includeScore: true })
    this.#families = familiesOf(words)
  }

  /** Other words for a term, best first; none for nonsense. */
  near(term: string): readonly string[] {
    let found = this.#asked.get(term)
    if (found === undefined) {
      found = this.#count(term) > 0 ? this.#family(term) : this.#meant(term)
      this.#asked.set(term, found)
    }
    return found
  }

  #family(term: string): string[] {
    return (this.#families.get(rootOf(term)) ?? [])
      .filter((other) => other !== term && this.#vocabulary.likeness(term, other) >= ALIKE)
      .sort((a, b) => this.#count(b) - this.#count(a))
      .slice(0, FAMILY)
  }

  /** Few letters away, and rather a common word than a rare one. */
  #meant(term: string): string[] {
    const most = term.length < 4 ? 0 : term.length < 7 ? 1 : 2
    return this.#index
      .search(term, { limit: 60 })
      .map(({ item }) => ({ item, far: distance(term, item) }))
      .filter(({ far }) => far <= most)
      .map(({ item, far }) => ({ item, cost: far - 0.25 * Math.log10(this.#count(item)) }))
      .sort((a, b) => a.cost - b.cost)
      .slice(0, 1)
      .map(({ item }) => item)
  }

  #count(term: string): number {
    return this.#vocabulary.counts.get(term) ?? 0
  }
}

/** How many letters have to be added, left out, changed or swapped with their neighbour (Damerau, Levenshtein). */
export function distance(a: string, b: string): number {
  let [older, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(changed, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (older[j - 2] ?? 0) + 1)
      row.push(best)
    }
    ;[older, last] = [last, row]
  }
  return last[b.length] ?? 0
}

function familiesOf(words: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const word of words) {
    const root = rootOf(word)
    groups.set(root, [...(groups.get(root) ?? []), word])
  }
  return groups
}
