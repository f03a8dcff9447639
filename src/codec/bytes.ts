import { bytesName, bytesOver } from '../state/kind.js'

// Bytes as base64, with functions that every platform has.

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
  const { buffer } = Uint8Array.from(atob(v), (char) => char.charCodeAt(0))
  return bytesOver(n, buffer)
}

const CHUNK = 0x8000

export function base64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK))
  return btoa(text)
}
