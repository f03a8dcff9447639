import { describeValue } from '../internal/guards.js'

/** What a store cannot tell apart in a text, or cannot hold: U+0000, and halves of characters. */
const ODD = /[\0\p{Surrogate}]/u

/**
 * Refuses a name that not every store can hold as it is.
 * @param what as the message names it: `An appId`
 * @throws {TypeError}
 */
export function assertText(what: string, text: unknown): void {
  if (typeof text !== 'string') throw new TypeError(`${what} is ${describeValue(text)}; it takes a text.`)
  const odd = ODD.exec(text)?.[0]
  if (odd === undefined) return
  const half = `half a character (${codeOf(odd)})`
  const [which, hint] =
    odd === '\0' ? ['the character U+0000', 'Leave it out.'] : [half, 'text.toWellFormed() makes a text whole.']
  throw new TypeError(`${what} holds ${which}, which cannot be stored: ${JSON.stringify(text)}. ${hint}`)
}

const codeOf = (odd: string): string => `U+${odd.charCodeAt(0).toString(16).toUpperCase()}`

/**
 * Refuses the names of a partition and of applications in it that not every store can hold.
 * @throws {TypeError}
 */
export function assertNames(partitionKey: string | null, appIds: readonly string[] = []): void {
  if (partitionKey !== null) assertText('A partitionKey', partitionKey)
  for (const appId of appIds) assertText('An appId', appId)
}
