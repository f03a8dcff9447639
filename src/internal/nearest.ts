/** Levenshtein distance, given up above `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current[j] = Math.min(change, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1)
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/** The known name closest to a misspelt one, if one is close. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3))
  let best: string | undefined
  let least = limit + 1
  for (const candidate of known) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase(), limit)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}

/** Ends a message: `Did you mean "judge"?`, else the names there are. */
export function suggest(name: string, known: Iterable<string>, what: string): string {
  const names = [...known]
  const near = nearest(name, names)
  if (near !== undefined) return `Did you mean "${near}"?`
  return names.length === 0 ? `There is no ${what}.` : `Known ${what}: ${names.slice(0, 12).map(quote).join(', ')}.`
}

export function quote(name: string): string {
  return `"${name}"`
}

/** `"a"`, `"a" and "b"`, `"a", "b" and "c"`. */
export function list(names: readonly string[]): string {
  const quoted = names.map(quote)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} and ${last}`
}
