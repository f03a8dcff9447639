/**
 * An event or input that brings something along for the engine alone. Whoever looks at it, an inspector above all, finds
 * its type and nothing else: what the engine hands on is live, circular, and no business of the wire.
 */
export class Carrier<T> {
  readonly type: string
  readonly #brought: T

  constructor(type: string, brought: T) {
    this.type = type
    this.#brought = brought
  }

  /** What a carrier brings along; undefined for an event of somebody else that has the type of one. */
  static read<T>(carrier: object): T | undefined {
    return #brought in carrier ? (carrier as unknown as Carrier<T>).#brought : undefined
  }
}
