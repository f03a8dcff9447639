import type { AnyEventObject } from 'xstate'

// Owns: the names of XState's own events. XState 6 drops the id of the child from them, and moves the stop to `@xstate`.

/** True for the event with which XState stops an actor. */
export const isStop = ({ type }: AnyEventObject): boolean => type === 'xstate.stop' || type === '@xstate.stop'

/** How a child actor ended, if the event is about that. */
export function endOfChild({ type }: AnyEventObject): 'done' | 'failed' | undefined {
  if (type.startsWith('xstate.done.actor')) return 'done'
  return type.startsWith('xstate.error.actor') ? 'failed' : undefined
}
