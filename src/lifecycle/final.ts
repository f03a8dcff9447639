import type { CancelCause } from './events.js'

const RESUMABLE: readonly CancelCause[] = ['sibling-failed', 'parent', 'signal', 'shutdown', 'stop', 'store']

/** Whether a cancel stays for good, or what it cancelled goes on when its step is tried again. */
export const isFinal = (cause: CancelCause): boolean => !RESUMABLE.includes(cause)
