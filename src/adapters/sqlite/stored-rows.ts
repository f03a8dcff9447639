import type { Posted, Row, RowFacts } from '../../persistence/driver.js'

// Rows in the form of the tables: text as bytes; and pages of them: JSON.

export type Bytes = Uint8Array | ArrayBuffer
export interface StoredRow {
  readonly app: Bytes
  readonly idx: number
  readonly kind: Bytes
  readonly epoch: number
  readonly seq: number
  readonly label: Bytes
  readonly ord: number
  readonly data: Bytes
}
export interface StoredOwner {
  readonly writer: Bytes
  readonly count: number
  readonly fence: number
  readonly lease: number
  readonly worker: Bytes | null
}
export interface StoredRoot {
  readonly root: Bytes
}
export interface StoredPost {
  readonly id: number
  readonly data: Bytes
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** Damaged UTF-8 decodes to another text, and the checksum detects it. */
export const textOf = (bytes: Bytes): string => decoder.decode(bytes)

/** The rows of a page in JSON. @throws {TypeError} for what is no JSON; it counts as damage of the file */
export function pageRows<T>(row: unknown): readonly T[] {
  const json = textOf((row as { readonly page: Bytes }).page)
  try {
    return JSON.parse(json) as readonly T[]
  } catch {
    throw new TypeError(`A page of the file is malformed: ${json.slice(0, 100)}.`)
  }
}

export const toFacts = ({ app, idx, kind, epoch, seq, label, ord }: Omit<StoredRow, 'data'>): RowFacts => ({
  appId: textOf(app),
  index: idx,
  kind: textOf(kind) as Row['kind'],
  epoch,
  sequenceId: seq,
  label: textOf(label),
  order: ord,
})
export const toRow = (row: StoredRow): Row => ({ ...toFacts(row), data: textOf(row.data) })
export const toPosted = ({ id, data }: StoredPost): Posted => ({ id, data: textOf(data) })
