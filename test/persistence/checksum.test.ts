import { describe, expect, it } from 'vitest'
import { crc32 } from '../../src/internal/crc32.js'
import { crc32Of } from '../../src/internal/platform.js'

// What one platform stores, another one reads.

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a checksum', () => {
  it('is the CRC-32 that everybody knows', () => {
    expect([crc32(bytes('123456789')), crc32Of('123456789')]).toEqual([0xcbf43926, 0xcbf43926])
  })

  it.each(['', 'a', 'é🌱\0', '\ufeff{"f":2}', 'x'.repeat(5000)])(
    'is the same where the platform has none: %j',
    (text) => {
      expect(crc32Of(text)).toBe(crc32(bytes(text)))
    },
  )
})
