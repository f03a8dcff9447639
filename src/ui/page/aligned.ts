import type { StepRecord } from '../../read/tree.js'

// Owns: which steps of two runs stand beside each other.

export interface Pair {
  readonly a: StepRecord | undefined
  readonly b: StepRecord | undefined
}

/** Steps in pairs: the longest common order of actions keeps its place. */
export function aligned(a: readonly StepRecord[], b: readonly StepRecord[]): readonly Pair[] {
  const pairs: Pair[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]]
    if (x?.action === y?.action) {
      pairs.push({ a: x, b: y })
      i += 1
      j += 1
      continue
    }
    const [inB, inA] = [
      x && b.findIndex((one, k) => k >= j && one.action === x.action),
      y && a.findIndex((one, k) => k >= i && one.action === y.action),
    ]
    const skipB = inB === undefined || inB < 0 ? Number.POSITIVE_INFINITY : inB - j
    const skipA = inA === undefined || inA < 0 ? Number.POSITIVE_INFINITY : inA - i
    if (x !== undefined && (skipB >= skipA || y === undefined)) {
      pairs.push({ a: x, b: undefined })
      i += 1
    } else {
      pairs.push({ a: undefined, b: y })
      j += 1
    }
  }
  return pairs
}
