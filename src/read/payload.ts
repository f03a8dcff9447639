import { plainForReaders } from '../codec/encode.js'

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * A value of a user as JSON, in the form of the codec: a Date is `{ "$": "date", "v": 0 }`. A part that has no such
 * form is `{ "$": "unsupported", "of": … }`.
 */
export type Payload = Json

/** The JSON form of a value, for readers. Never throws. */
export const payloadOf = (value: unknown): Payload => plainForReaders(value) as Payload
