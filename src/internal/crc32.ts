let made: Int32Array | undefined

/**
 * CRC-32 (ISO 3309, as in zlib) for platforms without an implementation.
 * @param before the sum of what precedes the bytes
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  made ??= Int32Array.from({ length: 256 }, (_, byte) => remainder(byte))
  let sum = ~before
  for (let i = 0; i < bytes.length; i++) sum = (made[(sum ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (sum >>> 8)
  return ~sum >>> 0
}

function remainder(byte: number): number {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1 ? 0xedb88320 : 0) ^ (rest >>> 1)
  return rest
}
