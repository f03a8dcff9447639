// Bytes as base64, by what every platform has.

const VIEWS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const
type ViewName = keyof typeof VIEWS

/** Bytes as they are stored: whose they are, and base64. */
export interface StoredBytes {
  readonly n: string
  readonly v: string
}

export function isBytes(value: object): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}

/** Bytes, and whose they are: only what a view shows, not the buffer behind it. */
export function bytesOf(value: ArrayBufferView | ArrayBuffer): { readonly name: string; readonly bytes: Uint8Array } {
  if (value instanceof ArrayBuffer) return { name: 'ArrayBuffer', bytes: new Uint8Array(value) }
  const name = (value as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag]
  return { name, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) }
}

export function fromBytes(value: ArrayBufferView | ArrayBuffer): StoredBytes {
  const { name, bytes } = bytesOf(value)
  return { n: name, v: base64(bytes) }
}

/** @returns undefined for a name that is none */
export function toBytes({ n, v }: StoredBytes): ArrayBufferView | ArrayBuffer | undefined {
  const { buffer } = Uint8Array.from(atob(v), (char) => char.charCodeAt(0))
  if (n === 'ArrayBuffer') return buffer
  if (n === 'DataView') return new DataView(buffer)
  return n in VIEWS ? new VIEWS[n as ViewName](buffer) : undefined
}

const CHUNK = 0x8000

export function base64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK))
  return btoa(text)
}
