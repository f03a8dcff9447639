import type { CancelCause } from './events.js'

const RESUMABLE: readonly CancelCause[] = [
  'sibling-failed',
  'parent',
  'parent-timeout',
  'signal',
  'shutdown',
  'reader',
  'dispose',
  'stop',
  'store',
]

/** True for a permanent cancel; false when the cancelled branch continues if its step runs again. */
export const isFinal = (cause: CancelCause): boolean => !RESUMABLE.includes(cause)
