/** Edit distance: omitted, added, changed or swapped letters; stops above `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : change
      current[j] = Math.min(change, swap, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1)
    }
    before = previous
    previous = current
  }
  return previous[b.length] ?? 0
}

const SHORTEST_STEM = 3

/** The known name closest to a misspelt one, if any is close: a few letters apart, or equal but for its end. */
function nearest(name: string, known: Iterable<string>): string | undefined {
  const given = name.toLowerCase()
  const limit = Math.min(Math.max(1, Math.floor(given.length / 3)), given.length - 1)
  let best: string | undefined
  let least = limit + 1
  for (const candidate of known) {
    const one = candidate.toLowerCase()
    const stem = Math.min(given.length, one.length) >= SHORTEST_STEM && (one.startsWith(given) || given.startsWith(one))
    const d = stem ? Math.min(limit, distance(given, one, limit)) : distance(given, one, limit)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}

/** The end of a message: `Did you mean "judge"?`, else the known names. */
export function suggest(name: string, known: Iterable<string>, noun: string): string {
  const names = [...known]
  const near = nearest(name, names)
  if (near !== undefined) return `Did you mean "${near}"?`
  return names.length === 0 ? `There are no ${noun}.` : `Known ${noun}: ${names.slice(0, 12).map(quote).join(', ')}.`
}

export function quote(name: string): string {
  return `"${name}"`
}

/** Joins names: `"a"`, `"a" and "b"`, `"a", "b" and "c"`. */
export function list(names: readonly string[]): string {
  const quoted = names.map(quote)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} and ${last}`
}
