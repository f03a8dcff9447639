import { type FileHandle, open } from 'node:fs/promises'
import { unlessGone } from './reading.js'

// Owns: the lines of a file, read in pieces.
// R1  A last line without an end is not given: its writer may still write it.

/** The first piece is small: most readings are about few lines. */
const FIRST_PIECE = 16_384
const LARGEST_PIECE = 1_048_576

/** Complete lines of a file, as they stand one after the other. */
export interface LineBatch {
  readonly lines: readonly string[]
  /** Offset of the first one in bytes. */
  readonly from: number
  /** Offset behind the last one. */
  readonly to: number
}

/** Opens a file to read it; undefined if it is gone. @throws {LogError} */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  const file = await unlessGone(path, () => open(path, 'r'))
  if (file !== undefined) paths.set(file, path)
  return file
}

const paths = new WeakMap<FileHandle, string>()

/** Reads a file that may be gone: undefined then. @throws {LogError} */
export async function withFile<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  const file = await openFile(path)
  if (file === undefined) return undefined
  try {
    return await unlessGone(path, () => read(file))
  } finally {
    await file.close()
  }
}

/** Fills a piece from an offset on. @returns the number of bytes @throws {LogError} */
async function readAt(file: FileHandle, piece: Buffer, offset: number): Promise<number> {
  const path = paths.get(file) ?? 'a file'
  return (await unlessGone(path, () => file.read(piece, 0, piece.length, offset)))?.bytesRead ?? 0
}

/** The bytes at the begin of a file, so many at most. @throws {LogError} */
export async function beginOf(file: FileHandle, length: number): Promise<Buffer> {
  const piece = Buffer.alloc(length)
  return piece.subarray(0, await readAt(file, piece, 0))
}

/** The complete lines from an offset on, which is the begin of a line. @param to offset at which no line begins any more @throws {LogError} */
export async function* readLines(
  file: FileHandle,
  from: number,
  to = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<LineBatch, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  let at = from
  let size = FIRST_PIECE
  for (;;) {
    const piece = Buffer.allocUnsafe(size)
    const bytesRead = await readAt(file, piece, at + rest.length)
    if (bytesRead === 0) return
    const bytes = rest.length === 0 ? piece.subarray(0, bytesRead) : Buffer.concat([rest, piece.subarray(0, bytesRead)])
    const end = bytes.lastIndexOf(10) + 1
    rest = bytes.subarray(end)
    if (bytesRead === size && size < LARGEST_PIECE) size *= 2
    if (end === 0) continue // One line is longer than a piece.
    const lines = bytes.toString('utf8', 0, end - 1).split('\n')
    yield { lines, from: at, to: at + end }
    at += end
    if (at >= to) return
  }
}

/** The first line that begins at or behind an offset, which may lie in a line. */
export async function lineBehind(file: FileHandle, offset: number, to: number): Promise<number | undefined> {
  if (offset <= 0) return 0
  const piece = Buffer.allocUnsafe(4096)
  for (let at = offset - 1; at < to; ) {
    const bytesRead = await readAt(file, piece, at)
    if (bytesRead === 0) return undefined
    const end = piece.subarray(0, bytesRead).indexOf(10)
    if (end >= 0) return at + end + 1
    at += bytesRead
  }
  return undefined
}
