// The order of keys, as a patch stores it.

/** A key, and its index in the order. */
export type Placed = readonly [key: string, place: number]

/**
 * The keys that need a stored place so that {@link inOrder} restores the order of `after`. Other keys keep their
 * earlier order, with new keys behind them.
 * @param stay the earlier keys that still exist, in their earlier order
 */
export function placesOf(stay: readonly string[], after: readonly string[]): readonly Placed[] {
  if (stay.every((key, i) => key === after[i])) return []
  const was = new Map(stay.map((key, i) => [key, i]))
  const still = ascending(after.map((key) => was.get(key) ?? -1))
  return after.flatMap((key, i) => (still.has(i) ? [] : [[key, i] as const]))
}

/** Restores the order of keys. @param keys the remaining keys in their earlier order, and new ones behind them */
export function inOrder(keys: readonly string[], places: readonly Placed[]): readonly string[] {
  if (places.length === 0) return keys
  const byPlace = new Map(places.map(([key, place]) => [place, key]))
  const moved = new Set(byPlace.values())
  const rest = keys.filter((key) => !moved.has(key)).values()
  return keys.map((key, i) => byPlace.get(i) ?? (rest.next().value as string | undefined) ?? key)
}

/** The indices of a longest ascending subsequence. Negative numbers are left out. */
export function ascending(numbers: readonly number[]): ReadonlySet<number> {
  const ends: number[] = [] // by length: index of the smallest last number
  const before: number[] = []
  for (const [i, number] of numbers.entries()) {
    if (number < 0) continue
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((numbers[ends[middle] ?? 0] ?? 0) < number) low = middle + 1
      else high = middle
    }
    before[i] = ends[low - 1] ?? -1
    ends[low] = i
  }
  const found = new Set<number>()
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i] ?? -1) found.add(i)
  return found
}
