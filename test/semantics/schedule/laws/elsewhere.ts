import type { Entry } from '../trace.js'

/** Whether the branches of the suite live behind a channel: `test/support/channel`. */
export const ELSEWHERE = process.env['TEASEL_HANDLE'] === 'channel'

/** Laws that cannot hold there, each with the reason. */
const NOT_THERE: Readonly<Record<string, string>> = {
  'a cancel fires every signal below in the same tick': 'the signal fires a turn later',
  'nothing starts below a cancel': 'the worker hears of the cancel a turn later',
  'once a map has enough it starts nothing more': 'the worker hears of that a turn later',
  'a map that was cancelled starts nothing more': 'the worker hears of the cancel a turn later',
  'a cancel before the action returned loses its update': 'the worker hears of the cancel a turn later',
  'code is given up when its time is over': 'the time of code there begins when its cancel arrives',
  'a message to a settled branch is dropped': 'the sender is answered at once, before the owner has seen the message',
}

/** Laws that cannot hold there once code was given up: the event of that comes a turn after its permit is free. */
const UNLESS_LEAKED = ['limits are never exceeded']

/** Whether a law holds there for a trace. */
export function holdsElsewhere(law: string, entries: readonly Entry[]): boolean {
  if (Object.hasOwn(NOT_THERE, law)) return false
  return !(
    UNLESS_LEAKED.includes(law) && entries.some((one) => one.kind === 'event' && one.event.type === 'branch.leaked')
  )
}

/** The same thrown value or reason; where branches live elsewhere, an equal one. */
export function isSame(a: unknown, b: unknown): boolean {
  return a === b || (ELSEWHERE && a instanceof Error && b instanceof Error && a.message === b.message)
}

/** Whether code at a path runs before its events are seen: below a branch that lives elsewhere. */
export const isAhead = (path: string): boolean => ELSEWHERE && (path === '?' || path.split('/').length > 2)
