import type { Encoded } from '../codec/attached-bytes.js'

/** The most that one frame takes, its text and the bytes beside it, where nothing else is chosen. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024

/** A character takes at most three bytes. */
const MOST_BYTES = 3

/** @throws {RangeError} for a frame that is larger than it may be */
export function assertFits({ text, bytes: attached = [] }: Encoded, most: number): void {
  const { length } = text
  const least = attached.reduce((sum, { byteLength }) => sum + byteLength, length)
  if (least + length * (MOST_BYTES - 1) <= most) return
  const bytes = least > most ? least : least - length + new TextEncoder().encode(text).length
  if (bytes <= most) return
  throw new RangeError(
    `A frame of ${bytes} bytes or more is larger than maxFrameBytes, ${most}. Keep large values in a store and pass their ids, or raise maxFrameBytes.`,
  )
}
