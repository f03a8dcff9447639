// Words that keep the same company mean something similar. Each passage gets a sparse random vector; a word is the sum
// of the passages it stands in, a passage the sum of its most telling words (random indexing: Kanerva, Kristofersson,
// Holst 2000).

const SIZE = 96
const NONZERO = 6
/** How many of its words speak for a passage. */
const TELLING = 16

/** Something found by its meaning. */
export interface Near {
  readonly passage: number
  readonly score: number
}

export class MeaningIndex {
  readonly #words = new Map<string, Float32Array>()
  readonly #passages: Float32Array[] = []
  readonly #weight: (term: string) => number

  constructor(weight: (term: string) => number) {
    this.#weight = weight
  }

  /** Learns what words mean. All passages come here first. */
  learn(id: number, terms: Iterable<string>): void {
    const [places, signs] = sparse(id)
    for (const term of terms) {
      let vector = this.#words.get(term)
      if (vector === undefined) {
        vector = new Float32Array(SIZE)
        this.#words.set(term, vector)
      }
      for (let i = 0; i < NONZERO; i++) vector[places[i] ?? 0] = (vector[places[i] ?? 0] ?? 0) + (signs[i] ?? 0)
    }
  }

  /** Then they come here, in the order of their ids. */
  place(terms: Iterable<string>): void {
    const weighed = [...terms].map((term) => ({ term, weight: this.#weight(term) }))
    weighed.sort((a, b) => b.weight - a.weight)
    this.#passages.push(this.#sum(weighed.slice(0, TELLING).map(({ term }) => term)))
  }

  /** The passages closest to what the terms mean together, best first. */
  nearest(terms: readonly string[], fits: (id: number) => boolean, limit: number): Near[] {
    const wanted = this.#sum(terms)
    return this.#passages
      .flatMap((vector, passage) => (fits(passage) ? [{ passage, score: dot(wanted, vector) }] : []))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, limit)
  }

  /** How close two terms are, -1 … 1. */
  likeness(a: string, b: string): number {
    const [left, right] = [this.#words.get(a), this.#words.get(b)]
    if (left === undefined || right === undefined) return 0
    return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right) || 1)
  }

  #sum(terms: readonly string[]): Float32Array {
    const sum = new Float32Array(SIZE)
    for (const term of terms) {
      const vector = this.#words.get(term)
      if (vector === undefined) continue
      const share = this.#weight(term) / Math.sqrt(dot(vector, vector) || 1)
      for (let i = 0; i < SIZE; i++) sum[i] = (sum[i] ?? 0) + (vector[i] ?? 0) * share
    }
    const length = Math.sqrt(dot(sum, sum)) || 1
    return sum.map((value) => value / length)
  }
}

/** Where the vector of a passage is not zero, and whether it is +1 or -1 there. The same every time. */
function sparse(id: number): readonly [places: readonly number[], signs: readonly number[]] {
  let seed = (id + 1) * 2_654_435_761
  const drawn = Array.from({ length: NONZERO }, () => {
    seed = (Math.imul(seed ^ (seed >>> 15), 2_246_822_519) + 1) >>> 0
    return seed
  })
  return [drawn.map((value) => value % SIZE), drawn.map((value) => ((value >>> 20) % 2 === 0 ? 1 : -1))]
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < SIZE; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
