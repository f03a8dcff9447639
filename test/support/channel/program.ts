// Owns: what crosses by reference: plans and trackers are part of the program, which both ends have.

/** The program of both ends: its parts by name. */
export class Program {
  readonly #names = new WeakMap<object, string>()
  readonly #parts = new Map<string, WeakRef<object>>()
  #count = 0

  nameOf(part: object): string {
    const known = this.#names.get(part)
    if (known !== undefined) return known
    const name = `part-${this.#count++}`
    this.#names.set(part, name)
    this.#parts.set(name, new WeakRef(part))
    return name
  }

  /** @throws {TypeError} for a part that this program lacks */
  part<T extends object>(name: string): T {
    const part = this.#parts.get(name)?.deref()
    if (part === undefined) throw new TypeError(`The program of this worker has no "${name}".`)
    return part as T
  }
}
