import { bytesName, bytesOver } from '../state/kind.js'
import { bytesOf, type StoredBytes, toBytes } from './bytes.js'

// Owns: large bytes that cross beside a text. The text has their kind of view and their index:
// `{ "$": "bytes", "n": "Uint8Array", "i": 0 }`. No stored text has such a tag.
// B1  Each of the bytes belongs to its receiver: they are copied when the text is made.
// B2  The text names each of the bytes once. Others are refused, and so is a name without bytes.

/** A text, and the bytes that it names; undefined for none. */
export interface Encoded {
  readonly text: string
  readonly bytes: readonly ArrayBuffer[] | undefined
}

/**
 * Bytes from this length on cross beside the text. CPU of a branch that echoes them in a thread, beside the text and as
 * base64: no difference at 2 kB, 0.62 and 0.87 ms at 16 kB, 0.97 and 1.9 ms at 64 kB.
 */
const LEAST = 4 * 1024

/** Gathers the bytes that a text names. */
export class BytesOut {
  #list: ArrayBuffer[] | undefined

  get bytes(): Encoded['bytes'] {
    return this.#list
  }

  /** The form of large bytes; undefined for small ones. The text may leave it out: it is copied when its turn comes. */
  formOf(value: ArrayBufferView | ArrayBuffer): object | undefined {
    if (value.byteLength < LEAST) return undefined
    return { toJSON: () => ({ $: 'bytes', n: bytesName(value), i: this.#put(bytesOf(value).bytes.slice().buffer) }) }
  }

  #put(copy: ArrayBuffer): number {
    this.#list ??= []
    return this.#list.push(copy) - 1
  }
}

/** @throws {TypeError} for something else than a list of bytes */
export function assertBytes(list: unknown): asserts list is readonly ArrayBuffer[] {
  if (!Array.isArray(list)) throw new TypeError('Its bytes are no list.')
  const odd = list.findIndex((one) => !(one instanceof ArrayBuffer))
  if (odd >= 0) throw new TypeError(`Its bytes ${odd} are no ArrayBuffer.`)
}

/** Hands out the bytes that a text names. */
export class BytesIn {
  readonly #left: Map<unknown, ArrayBuffer>

  constructor(list: readonly ArrayBuffer[]) {
    this.#left = new Map(list.entries())
  }

  /**
   * Bytes of their stored form, or of their name.
   * @returns undefined for an unknown kind
   * @throws {RangeError} for a name without bytes, or whose bytes were taken
   */
  read(value: StoredBytes & { readonly i?: unknown }): ArrayBufferView | ArrayBuffer | undefined {
    const { n, i } = value
    if (i === undefined) return toBytes(value)
    const bytes = this.#left.get(i)
    if (bytes === undefined)
      throw new RangeError(`It names the bytes ${JSON.stringify(i)}, which are not there, or twice.`)
    this.#left.delete(i)
    return bytesOver(n, bytes)
  }

  /** @throws {RangeError} for bytes that the text does not name */
  assertTaken(): void {
    if (this.#left.size > 0) throw new RangeError(`It does not name the bytes ${[...this.#left.keys()].join(', ')}.`)
  }
}
