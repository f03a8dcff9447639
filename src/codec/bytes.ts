import { bytesName, bytesOver } from '../state/kind.js'

// Bytes as base64, with functions that every platform has; with those of Node where they are, which take a fiftieth.

/** The stored form of bytes: the kind of view, and base64. */
export interface StoredBytes {
  readonly n: string
  readonly v: string
}

export function isBytes(value: object): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}

/** Bytes and their kind of view. Only the part of the buffer that the view covers. */
export function bytesOf(value: ArrayBufferView | ArrayBuffer): { readonly name: string; readonly bytes: Uint8Array } {
  const name = bytesName(value) ?? ''
  if (value instanceof ArrayBuffer) return { name, bytes: new Uint8Array(value) }
  return { name, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) }
}

export function fromBytes(value: ArrayBufferView | ArrayBuffer): StoredBytes {
  const { name, bytes } = bytesOf(value)
  return { n: name, v: base64(bytes) }
}

/** @returns undefined for an unknown name. A `Buffer` becomes a `Uint8Array` on a platform without it. */
export function toBytes({ n, v }: StoredBytes): ArrayBufferView | ArrayBuffer | undefined {
  return bytesOver(n, (viaNode(v) ?? Uint8Array.from(atob(v), (char) => char.charCodeAt(0))).buffer)
}

/** Reads and writes base64 on Node. */
interface NodeBuffer extends Uint8Array<ArrayBuffer> {
  toString(encoding?: 'base64'): string
}
interface NodeBuffers {
  from(text: string, encoding: 'base64'): NodeBuffer
  from(buffer: ArrayBufferLike, offset: number, length: number): NodeBuffer
}

const { Buffer: node } = globalThis as { readonly Buffer?: NodeBuffers }

/** @returns undefined on another platform, and for a text that is no base64, which Node would pass over */
function viaNode(text: string): Uint8Array<ArrayBuffer> | undefined {
  const read = node?.from(text, 'base64')
  const length = (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0)
  return read?.length === length ? new Uint8Array(read) : undefined // a copy, because Node shares the buffers of small ones
}

const CHUNK = 0x8000

export function base64(bytes: Uint8Array): string {
  if (node !== undefined) return node.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let text = ''
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK))
  return btoa(text)
}
