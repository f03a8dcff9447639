/** The most that the text of one frame takes, bytes, where nothing else is chosen. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024

/** A character takes at most three bytes. */
const MOST_BYTES = 3

/** @throws {RangeError} for a text that is larger than a frame may be */
export function assertFits(text: string, most: number): void {
  const { length } = text
  if (length * MOST_BYTES <= most) return
  const bytes = length > most ? length : new TextEncoder().encode(text).length
  if (bytes <= most) return
  throw new RangeError(
    `A frame of ${bytes} bytes or more is larger than maxFrameBytes, ${most}. Keep large values in a store and pass their ids, or raise maxFrameBytes.`,
  )
}
