import type { AnyEvent } from 'teasel'
import type { Law, Tell } from './check.js'
import { ELSEWHERE, isSame } from './elsewhere.js'
import { begunAnew, isBelow } from './spans.js'

type Cancel = Extract<AnyEvent, { type: 'cancel' }>
type Settled = Extract<AnyEvent, { type: 'branch.settled' }>

const FIRST = 'the first cancel counts'
const LOST = 'a cancelled branch is never done'

/** The meaning of a cancel: it counts once, it is final, and nothing starts below it any more. */
export const cancels: Law = (entries, _plan, tell) => {
  let cancelled = new Map<string, Cancel>()
  /** Applications whose code returned after they were cancelled. */
  let late = new Set<string>()
  /** Settled branches: with a store, a retried step emits their ends once more. */
  const known = new Set<string>()
  for (const entry of entries) {
    if (entry.kind === 'code' && entry.what === 'returned' && cancelled.has(entry.path)) late.add(entry.path)
    if (entry.kind !== 'event') continue
    const { event, path, turn } = entry
    const anew = begunAnew(event, path)
    if (anew !== undefined) {
      for (const one of cancelled.keys())
        if (anew(one) && one !== '' && !isStill(cancelled, one, anew)) cancelled.delete(one)
      for (const one of late) if (anew(one)) late.delete(one)
    }
    switch (event.type) {
      case 'run.start':
        if (path === '') {
          cancelled = new Map()
          late = new Set()
        }
        break
      case 'cancel': {
        const first = cancelled.get(path)
        if (first === undefined) cancelled.set(path, event)
        else tell(FIRST, `${path} was cancelled by ${event.by} after ${first.by}`, turn)
        break
      }
      case 'step.start':
      case 'map.start':
      case 'branch.start':
        for (const above of cancelled.keys())
          if (isBelow(path, above))
            tell('nothing starts below a cancel', `${event.type} of ${path} below ${above}`, turn)
        break
      case 'step.end':
        if (event.status === 'done' && late.has(path))
          tell('a cancel before the action returned loses its update', path, turn)
        break
      case 'branch.settled':
        if (cancelled.has(path) || !known.has(event.appId)) settled(cancelled.get(path), event, path, turn, tell)
        known.add(event.appId)
        break
      case 'run.end':
        if (path === '' && cancelled.has('') && (event.status === 'finished' || event.status === 'halted'))
          tell('a cancelled run is not finished', event.status, turn)
    }
  }
}

/** A cancel above is still pending: nothing may start below it. */
function isStill(cancelled: ReadonlyMap<string, Cancel>, path: string, anew: (path: string) => boolean): boolean {
  return !ELSEWHERE && [...cancelled.keys()].some((above) => above !== path && !anew(above) && isBelow(path, above))
}

function settled(
  cancel: Cancel | undefined,
  { status, result }: Settled,
  path: string,
  turn: number,
  tell: Tell,
): void {
  if (cancel === undefined) {
    if (status === 'cancelled' && result.startedAt !== undefined)
      tell(FIRST, `${path} settled cancelled and nobody cancelled it`, turn)
    return
  }
  const saved = result.status === 'done' && cancel.by === 'timeout' && result.recovered === true
  if (status === 'done' && !saved) tell(LOST, `${path} was cancelled by ${cancel.by}`, turn)
  if (result.status === 'cancelled' && (result.by !== cancel.by || !isSame(result.reason, cancel.reason)))
    tell(FIRST, `${path} was cancelled by ${cancel.by} and tells ${result.by}`, turn)
  if (result.status === 'failed' && result.error.name !== 'TimeoutError')
    tell(FIRST, `${path} was cancelled by ${cancel.by} and failed: ${result.error.message}`, turn)
}
