import { describeValue } from '../internal/guards.js'

/** Characters that some stores lose: U+0000, and lone surrogates. */
const ODD = /[\0\p{Surrogate}]/u

/**
 * Checks that every store can hold a name unchanged.
 * @param subject the subject of the message: `An appId`
 * @throws {TypeError}
 */
export function assertText(subject: string, text: unknown): void {
  if (typeof text !== 'string') throw new TypeError(`${subject} is ${describeValue(text)}; it takes a string.`)
  const odd = ODD.exec(text)?.[0]
  if (odd === undefined) return
  const half = `half a character (${codeOf(odd)})`
  const [which, hint] =
    odd === '\0' ? ['the character U+0000', 'Leave it out.'] : [half, 'text.toWellFormed() makes a text whole.']
  throw new TypeError(`${subject} holds ${which}, which cannot be stored: ${JSON.stringify(text)}. ${hint}`)
}

const codeOf = (odd: string): string => `U+${odd.charCodeAt(0).toString(16).toUpperCase()}`

/**
 * Checks that every store can hold the names of a partition and of its applications.
 * @throws {TypeError}
 */
export function assertNames(partitionKey: string | null, appIds: readonly string[] = []): void {
  if (partitionKey !== null) assertText('A partitionKey', partitionKey)
  for (const appId of appIds) assertText('An appId', appId)
}
