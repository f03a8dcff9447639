// Orders files so that each follows files that it resembles: gzip finds a text again within 32 kB only.

/** How much before a file counts, with a part of the window left for the file itself, in bytes. */
const WINDOW = 24_000
/** The length of the texts that two files are compared by. */
const LENGTH = 10
/** Distinct hashes of such texts. */
const HASHES = 1 << 20
/** Keeps a short file from a place that it fits by a few texts only. */
const SHORT = 2000

/** The distinct hashes of the texts of one file. */
function hashesOf(code: string): Uint32Array {
  const found = new Set<number>()
  for (let at = 0; at + LENGTH <= code.length; at++) {
    let hash = 0
    for (let i = at; i < at + LENGTH; i++) hash = (Math.imul(hash, 31) + code.charCodeAt(i)) | 0
    found.add((hash ^ (hash >>> 15)) & (HASHES - 1))
  }
  return Uint32Array.from(found)
}

/**
 * @param files the code of files by name
 * @returns their names: the largest file first, then each time the one that shares most with what precedes it
 */
export function inPackingOrder(files: ReadonlyMap<string, string>): string[] {
  const hashes = new Map([...files].map(([name, code]) => [name, hashesOf(code)]))
  const left = new Map([...files].sort(([, a], [, b]) => b.length - a.length))
  const order: string[] = []
  for (let name = [...left.keys()][0]; name !== undefined; name = nextOf(left, recent(order, files, hashes), hashes)) {
    order.push(name)
    left.delete(name)
  }
  return order
}

/** Marks the hashes of the last files of an order. */
function recent(
  order: readonly string[],
  files: ReadonlyMap<string, string>,
  hashes: ReadonlyMap<string, Uint32Array>,
): Uint8Array {
  const marks = new Uint8Array(HASHES)
  let size = 0
  for (const name of order.toReversed()) {
    for (const hash of hashes.get(name) ?? []) marks[hash] = 1
    size += files.get(name)?.length ?? 0
    if (size > WINDOW) break
  }
  return marks
}

/** The file that shares most with what is marked, for its size. */
function nextOf(
  left: ReadonlyMap<string, string>,
  marks: Uint8Array,
  hashes: ReadonlyMap<string, Uint32Array>,
): string | undefined {
  let best: string | undefined
  let most = -1
  for (const name of left.keys()) {
    const own = hashes.get(name) ?? new Uint32Array()
    let shared = 0
    for (const hash of own) shared += marks[hash] ?? 0
    const score = shared / (own.length + SHORT)
    if (score > most) [best, most] = [name, score]
  }
  return best
}
