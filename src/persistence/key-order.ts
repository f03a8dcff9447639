// The order of keys: what has to be said of it beside what changed.

/** A key, and its place among all of them. */
export type Placed = readonly [key: string, place: number]

/**
 * The keys that have to be told their places, so that `after` comes out in its order: those that stay come in the order
 * in which they were, and new ones behind them.
 * @param stay the keys of before that are there after it, in their order of before
 */
export function placesOf(stay: readonly string[], after: readonly string[]): readonly Placed[] {
  if (stay.every((key, i) => key === after[i])) return []
  const was = new Map(stay.map((key, i) => [key, i]))
  const still = ascending(after.map((key) => was.get(key) ?? -1))
  return after.flatMap((key, i) => (still.has(i) ? [] : [[key, i] as const]))
}

/** The keys in their order. @param keys those that stay, in their order of before, and new ones behind them */
export function inOrder(keys: readonly string[], places: readonly Placed[]): readonly string[] {
  if (places.length === 0) return keys
  const byPlace = new Map(places.map(([key, place]) => [place, key]))
  const moved = new Set(byPlace.values())
  const rest = keys.filter((key) => !moved.has(key)).values()
  return keys.map((key, i) => byPlace.get(i) ?? (rest.next().value as string | undefined) ?? key)
}

/** Of numbers, the places of as many as possible that ascend. Negative ones are left out. */
export function ascending(numbers: readonly number[]): ReadonlySet<number> {
  const ends: number[] = [] // by length of a run: where its least end stands
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
