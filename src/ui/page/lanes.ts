// Owns: lanes of things that ran at the same time.
// T1  Things that ran at the same time are in different lanes, and a lane is used again when it is free: as many lanes as
//     ran at once, whatever their number.

/** Spans in lanes. */
export function lanesOf<T extends { readonly from: number; readonly to: number }>(spans: readonly T[]): readonly T[][] {
  const lanes: { end: number; items: T[] }[] = []
  for (const span of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const free = lanes.find(({ end }) => end <= span.from)
    if (free === undefined) lanes.push({ end: span.to, items: [span] })
    else {
      free.items.push(span)
      free.end = span.to
    }
  }
  return lanes.map(({ items }) => items)
}
