/** One item mostly, several sometimes, in the order of their adding. With one it takes a quarter of the memory of a `Set`. */
export class Few<T extends object> implements Iterable<T> {
  #first: T | undefined
  #more: Set<T> | undefined

  get size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#more?.size ?? 0)
  }

  has(item: T): boolean {
    return this.#first === item || this.#more?.has(item) === true
  }

  add(item: T): void {
    if (this.size === 0) this.#first = item
    else {
      this.#more ??= new Set()
      this.#more.add(item)
    }
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    if (this.#first !== item) return this.#more?.delete(item) === true
    this.#first = undefined
    return true
  }

  *[Symbol.iterator](): Generator<T, void, void> {
    if (this.#first !== undefined) yield this.#first
    if (this.#more !== undefined) yield* this.#more
  }
}
