import { nanoid } from 'nanoid'
import { sha256Of } from './platform.js'

/** A new random id of 21 URL-safe characters. */
export const createId = (): string => nanoid()

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** A stable id of a value: SHA-256 of its JSON in lower-case base32 (RFC 4648, no padding), 52 characters. */
export function hashId(value: unknown): string {
  // Joined at the end: a text that grows by `+=` keeps a piece of 32 bytes for each letter.
  const letters: (string | undefined)[] = []
  let bits = 0
  let buffer = 0
  for (const byte of sha256Of(JSON.stringify(value))) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      letters.push(ALPHABET[(buffer >>> bits) & 31])
    }
    buffer &= (1 << bits) - 1
  }
  letters.push(ALPHABET[(buffer << (5 - bits)) & 31])
  return letters.join('')
}
