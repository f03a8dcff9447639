import type { AnyEvent } from 'teasel'
import type { Plan } from '../plan.js'
import type { Entry } from '../trace.js'
import type { Law, Tell } from './check.js'
import { isAhead } from './elsewhere.js'
import { locate } from './locate.js'
import { isBelow } from './spans.js'

type Leaked = Extract<AnyEvent, { type: 'branch.leaked' }>

const ORPHANS = 'nothing outlives its owner unless it was given up'

/** No orphans: code ends before its branch settles and its run ends, or it was abandoned in time and reported. */
export const leaks: Law = (entries, plan, tell) => {
  const running = new Map<number, Extract<Entry, { kind: 'code' }>>()
  let leaked: { readonly path: string; readonly sinceMs: number }[] = []
  let upAbove = 0
  /** The time of each cancel. */
  let cancelled = new Map<string, number>()
  for (const entry of entries) {
    if (entry.kind === 'code' && isAhead(entry.path)) continue
    if (entry.kind === 'code') {
      if (entry.what === 'began') running.set(entry.life, entry)
      else running.delete(entry.life)
    }
    if (entry.kind === 'outcome') told(entry, leaked, tell)
    if (entry.kind !== 'event') continue
    const { event, path, turn } = entry
    if (event.type === 'run.start' && path === '') {
      leaked = []
      upAbove = 0
      cancelled = new Map()
      running.clear()
    } else if (event.type === 'branch.leaked') {
      leaked.push({ path, sinceMs: event.sinceMs })
      if (!giveUp(running, path)) upAbove += 1
      inTime(
        plan,
        event,
        path,
        entry.at - Math.min(...[...cancelled].filter(([above]) => isBelow(path, above)).map(([, at]) => at)),
        turn,
        tell,
      )
    } else if (event.type === 'cancel') {
      if (!cancelled.has(path)) cancelled.set(path, entry.at)
    } else if (event.type === 'branch.settled' || event.type === 'run.end') {
      ended(running, path, event.type === 'run.end' ? upAbove : Number.POSITIVE_INFINITY, turn, tell)
    }
  }
}

/** A leaf of that application; otherwise a source or a reducer, which has no place. */
function giveUp(running: Map<number, Extract<Entry, { kind: 'code' }>>, path: string): boolean {
  for (const [life, { path: where, name }] of running) {
    if (where !== path || /^(source|reduce) of /.test(name)) continue
    running.delete(life)
    return true
  }
  return false
}

function ended(
  running: Map<number, Extract<Entry, { kind: 'code' }>>,
  path: string,
  others: number,
  turn: number,
  tell: Tell,
): void {
  let left = 0
  for (const { path: where, name } of running.values()) {
    if (/^(source|reduce) of /.test(name)) left += 1
    else if (isBelow(where, path)) tell(ORPHANS, `${where} ${name} runs on`, turn)
  }
  if (path === '' && left > others) tell(ORPHANS, `${left} sources and reducers run on, ${others} were given up`, turn)
}

/**
 * Abandoned at one absolute deadline: no later than the longest grace on its path after its own cancel, and no sooner than
 * the shortest after the first cancel above it.
 */
function inTime(
  plan: Plan,
  { path, source, sinceMs }: Leaked,
  where: string,
  aboveMs: number,
  turn: number,
  tell: Tell,
): void {
  const graces = [plan.graceMs]
  path.forEach(({ map }, i) => {
    const nest = locate(plan, path.slice(0, i), map)
    if (nest?.kind === 'map') graces.push(nest.graceMs ?? plan.graceMs)
  })
  const own = locate(plan, path, source)
  if (own?.kind === 'map') graces.push(own.graceMs ?? plan.graceMs)
  // A source is closed when after-interceptors of its branches have answered, with no limit.
  const held = own?.kind === 'map' && plan.interceptions.some(({ at, waits }) => at === 'afterBranch' && waits)
  if (Math.max(sinceMs, aboveMs) < Math.min(...graces) || (sinceMs > Math.max(...graces) && !held))
    tell('code is given up when its time is over', `${where} ${source} after ${sinceMs} ms of ${graces.join()}`, turn)
}

function told(
  { outcome, turn }: Extract<Entry, { kind: 'outcome' }>,
  leaked: readonly { readonly path: string }[],
  tell: Tell,
): void {
  if (outcome.leaked === undefined || outcome.status === 'rejected' || outcome.status === 'left') return
  const paths = (list: readonly { readonly path: string }[]): string =>
    list
      .map(({ path }) => path)
      .sort()
      .join()
  if (paths(outcome.leaked) !== paths(leaked))
    tell('a run tells what leaked', `told ${paths(outcome.leaked)}, leaked ${paths(leaked)}`, turn)
}
