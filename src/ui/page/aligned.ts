import type { StepRecord } from '../../read/tree.js'

// Owns: which steps of two runs stand beside each other.

export interface Pair {
  readonly a: StepRecord | undefined
  readonly b: StepRecord | undefined
}

const isCut = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Reflect.get(value, '$') === 'cut'

/** Whether two steps wrote the same; undefined where a source does not tell. */
function wroteSame(a: StepRecord, b: StepRecord): boolean | undefined {
  for (const part of ['update', 'patch'] as const) {
    const [one, other] = [a[part], b[part]]
    if (one === undefined || other === undefined) continue
    if (JSON.stringify(one) !== JSON.stringify(other)) return false
    return isCut(one) ? undefined : true
  }
  return a.status === 'done' ? undefined : true
}

/** Whether the steps of a pair did the same; undefined where their actions and statuses are equal and no more is told. */
export function didSame({ a, b }: Pair): boolean | undefined {
  if (a === undefined || b === undefined || a.action !== b.action || a.status !== b.status) return false
  return wroteSame(a, b)
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
