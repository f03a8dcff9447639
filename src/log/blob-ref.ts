import type { Payload } from '../read/payload.js'

/** A large value that stands in a file of its own. */
export interface BlobRef {
  readonly $: 'ref'
  /** The SHA-256 of its JSON, as hex. */
  readonly h: string
  /** The length of its JSON in bytes. */
  readonly n: number
  /** The first 200 characters of its JSON. */
  readonly p: string
}

/** Reads a value that stands in a file of its own; undefined if the file is gone. */
export type LoadRef = (ref: BlobRef) => Payload | undefined

export const isRef = (value: unknown): value is BlobRef =>
  hasTag(value, 'ref') && typeof (value as BlobRef).h === 'string'

/** Whether a value has a tag of this form. */
export const hasTag = (value: unknown, tag: string): boolean =>
  typeof value === 'object' && value !== null && (value as { readonly $?: unknown }).$ === tag
