import { UiError } from '../../client/ui-error.js'
import { isInstance, isObject, messageOf } from '../../internal/guards.js'
import type { PageOf } from '../../read/reader.js'
import { faultOf } from '../../ui/answers.js'
import { shortened } from '../../ui/shorten.js'
import { CommandError } from '../command-error.js'
import { jsonText } from '../print.js'

// Owns: what a tool answers: JSON of a bounded size.
// B1  No answer is longer than `MOST`; what is cut has its size, and a note tells how to get the rest.

/** The most characters of an answer. */
export const MOST = 40_000
const LONGEST_TEXT = 2000

/** Members with values of users. */
const VALUES = new Set(['ask', 'inputs', 'update', 'patch', 'reason', 'state', 'body', 'schemas', 'labels'])

/** A result without large values. */
export function cut(value: unknown, name = ''): unknown {
  if (VALUES.has(name)) return shortened(value)
  if (typeof value === 'string')
    return value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}… (${value.length} characters)` : value
  if (Array.isArray(value)) return value.map((one) => cut(one))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cut(one, key)]))
}

/** A page whose items fit into one answer: it is read again with fewer of them until they do. */
export async function pageWithin(
  limit: number,
  read: (limit: number) => Promise<PageOf<unknown>>,
): Promise<PageOf<unknown>> {
  for (let n = limit; ; n = Math.floor(n / 2)) {
    const { items, ...rest } = await read(n)
    const page = { ...rest, items: items.map((one) => cut(one)) }
    if (n === 1 || fits(page)) return page
  }
}

/** Whether a result needs no cut. */
export const fits = (value: unknown): boolean => jsonText(value).length <= MOST - NOTE.length

const NOTE =
  'A value { "$": "cut", "n": characters, "p": beginning } is cut. `state` with `key` has a whole value of a state; `teasel runs show RUN@STEP --json` the rest of a step. Where there is an `after`, call again with it for more.'

/** What a tool answers. */
export interface Answer {
  [member: string]: unknown
  content: { type: 'text'; text: string }[]
  isError?: true
}

/** The answer with a result. @throws {CommandError} `too-large` */
export function answerOf(value: unknown): Answer {
  const text = jsonText(value)
  if (text.length > MOST)
    throw new CommandError('too-large', `The answer has ${text.length} characters, more than ${MOST}.`, {
      hint: 'Ask for less: a lower `limit` or `first`, a `path`, a `key`.',
    })
  const isCut = text.includes('"$":"cut"') && text.length + NOTE.length <= MOST
  return { content: [text, ...(isCut ? [NOTE] : [])].map((one) => ({ type: 'text', text: one })) }
}

/** Hints that name a command are none for a client of tools. */
const HINTS: Readonly<Record<string, string>> = {
  'no-run': 'Call list_runs.',
  'no-path': 'Call describe_run without `path`.',
  'no-question': 'Call pending.',
  answered: 'Call pending.',
}

/** The answer with an error: `{ "error": { "code", "message", "hint", "issues" } }`. */
export function errorAnswer(error: unknown): Answer {
  const { code, message, hint, issues } = factsOf(error)
  const told = {
    code,
    message: message.slice(0, LONGEST_TEXT),
    ...(hint !== undefined && { hint: hint.slice(0, LONGEST_TEXT) }),
    ...(issues.length > 0 && { issues: issues.slice(0, 20).map((one) => one.slice(0, 300)) }),
  }
  return { content: [{ type: 'text', text: jsonText({ error: told }) }], isError: true }
}

function factsOf(error: unknown) {
  if (isInstance(error, CommandError))
    return { code: error.code, message: error.message, hint: HINTS[error.code] ?? error.hint, issues: [] }
  const fault = UiError.is(error) ? error : faultOf(error)
  if (fault.code === 'internal') return { code: 'failed', message: messageOf(error), hint: undefined, issues: [] }
  return { code: fault.code, message: fault.message, hint: HINTS[fault.code] ?? fault.hint, issues: fault.issues }
}
