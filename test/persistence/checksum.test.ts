import { describe, expect, it } from 'vitest'
import { crc32 } from '../../src/internal/crc32.js'
import { crc32Of } from '../../src/internal/platform.js'

// A store of one platform is readable on another one.

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a checksum', () => {
  it('is the standard CRC-32', () => {
    expect([crc32(bytes('123456789')), crc32Of('123456789')]).toEqual([0xcbf43926, 0xcbf43926])
  })

  it.each(['', 'a', 'é🌱\0', '\ufeff{"f":2}', 'x'.repeat(5000)])(
    'is the same without the function of the platform: %j',
    (text) => {
      expect(crc32Of(text)).toBe(crc32(bytes(text)))
    },
  )

  it('of two texts is that of their concatenation, on every platform', () => {
    const [first, second] = ['job\n1\né🌱\n', '{"f":2}']
    const whole = crc32Of(first + second)

    expect([crc32Of(second, crc32Of(first)), crc32(bytes(second), crc32(bytes(first)))]).toEqual([whole, whole])
  })
})
