// Words that keep the same company mean something similar. Each passage gets a sparse random vector; a word is the sum
// of the passages it stands in, a passage the sum of its words (random indexing: Kanerva, Kristofersson, Holst 2000).

const SIZE = 96
const NONZERO = 6

export class MeaningIndex {
  readonly #words = new Map<string, Float32Array>()
  readonly #passages: Float32Array[]
  readonly #weight: (term: string) => number

  /** @param terms the terms of each passage */
  constructor(terms: readonly (readonly string[])[], weight: (term: string) => number) {
    this.#weight = weight
    terms.forEach((list, id) => {
      const places = sparse(id)
      for (const term of new Set(list)) addSparse(this.#vector(term), places)
    })
    for (const vector of this.#words.values()) normalise(vector)
    this.#passages = terms.map((list) => this.#sum(new Set(list)))
  }

  #vector(term: string): Float32Array {
    let vector = this.#words.get(term)
    if (vector === undefined) {
      vector = new Float32Array(SIZE)
      this.#words.set(term, vector)
    }
    return vector
  }

  #sum(terms: Iterable<string>): Float32Array {
    const sum = new Float32Array(SIZE)
    for (const term of terms) {
      const vector = this.#words.get(term)
      if (vector === undefined) continue
      const weight = this.#weight(term)
      for (let i = 0; i < SIZE; i++) sum[i] = (sum[i] ?? 0) + (vector[i] ?? 0) * weight
    }
    return normalise(sum)
  }

  /** The passages closest to what the terms mean together, best first. */
  nearest(
    terms: readonly string[],
    fits: (id: number) => boolean,
    limit: number,
  ): { passage: number; score: number }[] {
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
    return left === undefined || right === undefined ? 0 : dot(left, right)
  }
}

/** Where the vector of a passage is not zero: positions, and +1 or -1. The same every time. */
function sparse(id: number): readonly (readonly [at: number, sign: number])[] {
  let seed = (id + 1) * 2_654_435_761
  return Array.from({ length: NONZERO }, () => {
    seed = (Math.imul(seed ^ (seed >>> 15), 2_246_822_519) + 1) >>> 0
    return [seed % SIZE, (seed >>> 20) % 2 === 0 ? 1 : -1]
  })
}

function addSparse(vector: Float32Array, places: ReturnType<typeof sparse>): void {
  for (const [at, sign] of places) vector[at] = (vector[at] ?? 0) + sign
}

function normalise(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector))
  if (length > 0) for (let i = 0; i < SIZE; i++) vector[i] = (vector[i] ?? 0) / length
  return vector
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < SIZE; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
