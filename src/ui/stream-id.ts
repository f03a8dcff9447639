// Owns: the id of a frame: one text with a position for each topic.

/** @param positions by topic */
export const streamId = (positions: ReadonlyMap<string, string>): string =>
  new URLSearchParams([...positions]).toString()

/** Undefined for a text that is no id. Whether a position is one is for its topic to find. */
export function positionsIn(id: string): ReadonlyMap<string, string> | undefined {
  return /^[\w%.*+~-]+=[\w%.*+~-]*(&[\w%.*+~-]+=[\w%.*+~-]*)*$/.test(id) ? new Map(new URLSearchParams(id)) : undefined
}
