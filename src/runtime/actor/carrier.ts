/**
 * An event or input with a payload for the engine alone. Inspectors see its type and nothing else: the payload is live
 * and circular.
 */
export class Carrier<T> {
  readonly type: string
  readonly #payload: T

  constructor(type: string, payload: T) {
    this.type = type
    this.#payload = payload
  }

  /** The payload of a carrier; undefined for a foreign event with the same type. */
  static read<T>(carrier: object): T | undefined {
    return #payload in carrier ? (carrier as unknown as Carrier<T>).#payload : undefined
  }
}
