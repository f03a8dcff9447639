/** SHA-256 (FIPS 180-4) for platforms without a synchronous implementation. Bytes in, 32 bytes out. */
export function sha256(message: Uint8Array): Uint8Array {
  const { k, h0 } = constants()
  const length = ((message.length + 8) >> 6) + 1
  const words = new DataView(new ArrayBuffer(length * 64))
  const padded = new Uint8Array(words.buffer)
  padded.set(message)
  padded[message.length] = 0x80
  words.setUint32(length * 64 - 8, Math.floor(message.length / 0x20000000))
  words.setUint32(length * 64 - 4, message.length << 3)
  const hash = Int32Array.from(h0)
  const w = new Int32Array(64)
  for (let block = 0; block < length; block++) {
    for (let i = 0; i < 16; i++) w[i] = words.getInt32(block * 64 + i * 4)
    for (let i = 16; i < 64; i++) {
      const a = at(w, i - 15)
      const b = at(w, i - 2)
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)
      w[i] = (at(w, i - 16) + s0 + at(w, i - 7) + s1) | 0
    }
    compress(hash, w, k)
  }
  const digest = new DataView(new ArrayBuffer(32))
  hash.forEach((word, i) => void digest.setInt32(i * 4, word))
  return new Uint8Array(digest.buffer)
}

function compress(hash: Int32Array, w: Int32Array, k: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + at(k, i) + at(w, i)) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, i) => {
    hash[i] = (at(hash, i) + word) | 0
  })
}

const at = (words: Int32Array, i: number): number => words[i] ?? 0
const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

let made: { readonly k: Int32Array; readonly h0: Int32Array } | undefined

/** The fractional bits of the roots of the first primes. */
function constants(): { readonly k: Int32Array; readonly h0: Int32Array } {
  if (made !== undefined) return made
  const primes: number[] = []
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n)
  const bits = (root: number) => ((root - Math.floor(root)) * 0x100000000) | 0
  made = {
    k: Int32Array.from(primes, (p) => bits(Math.cbrt(p))),
    h0: Int32Array.from(primes.slice(0, 8), (p) => bits(Math.sqrt(p))),
  }
  return made
}
