import type { AnyEvent } from 'teasel'
import type { Entry } from '../trace.js'
import type { Law, Tell } from './check.js'

type Told = Extract<Entry, { kind: 'event' }>

/** A span: it began and has to end. */
interface Open {
  readonly kind: 'run' | 'step' | 'map' | 'branch'
  readonly path: string
  readonly name: string
  started: boolean
  /** Its code was abandoned: its step may end nevertheless, at a time limit, or never. */
  leaked: boolean
}

const ONCE = 'every branch settles exactly once'
const ENDS = 'every start has its end'
const INSIDE = 'what is above ends after what is below'

/** Counting and nesting: every span ends, inside out. */
export const spans: Law = (entries, _plan, tell) => {
  let open: Open[] = []
  let settled = new Set<string>()
  /** The ids of branches that have settled in any run. */
  const before = new Set<string>()
  let seq = 0
  let running = false
  for (const entry of entries) {
    if (entry.kind !== 'event') continue
    const { event, path, turn } = entry
    if (event.type === 'run.start' && path === '') {
      if (running) tell('one run at a time', 'a run started in another', turn)
      running = true
      seq = 0
      open = []
      settled = new Set()
    } else if (!running)
      tell('nothing comes after run.end', `${event.type} of ${path === '' ? 'the root' : path}`, turn)
    if (event.seq !== seq) tell('seq has no gaps', `${event.seq} instead of ${seq}`, turn)
    seq = event.seq + 1
    const anew = begunAnew(event, path)
    if (anew !== undefined) for (const one of settled) if (anew(one)) settled.delete(one)
    for (const above of settled)
      if (isBelow(path, above)) tell(ONCE, `${event.type} of ${path} after it had settled`, turn)
    follow(open, settled, before, entry, tell)
    if (event.type === 'run.end' && path === '') running = false
  }
  if (running) tell(ENDS, 'run.start without run.end', entries.at(-1)?.turn ?? 0)
}

/**
 * The spans that begin anew below an event: the branches of a retried map, an application that is created again.
 * Undefined when none begins anew.
 */
export function begunAnew(event: AnyEvent, path: string): ((below: string) => boolean) | undefined {
  if (event.type === 'run.start') return (below) => isBelow(below, path)
  if (event.type !== 'map.start') return undefined
  const head = path === '' ? event.source : `${path}/${event.source}`
  return (below) => below.startsWith(`${head}/`) || below.startsWith(`${head}#`) || below === head
}

/** Whether a path is another one or leads below it. */
export const isBelow = (path: string, above: string): boolean =>
  above === '' || path === above || path.startsWith(`${above}/`)

function follow(
  open: Open[],
  settled: Set<string>,
  before: Set<string>,
  { event, path, turn }: Told,
  tell: Tell,
): void {
  const begin = (kind: Open['kind'], name: string): void => {
    if (open.some((one) => one.kind === kind && one.path === path && !one.leaked))
      tell(ENDS, `two of ${kind} ${path} ${name} at once`, turn)
    open.push({ kind, path, name, started: false, leaked: false })
  }
  const end = (kind: Open['kind'], name: string, inside: (one: Open) => boolean): void => {
    const fits = (one: Open): boolean => one.kind === kind && one.path === path && one.name === name
    const going = open.findIndex((one) => fits(one) && !one.leaked)
    const at = going < 0 ? open.findIndex(fits) : going
    if (at < 0) tell(ENDS, `${kind} ${path} ${name} ended without a start`, turn)
    else open.splice(at, 1)
    for (const one of open.filter((other) => inside(other) && !other.leaked))
      tell(INSIDE, `${one.kind} ${one.path} ${one.name} goes on after ${event.type} of ${path} ${name}`, turn)
  }
  const below = (one: Open): boolean => one.path !== path && isBelow(one.path, path)
  switch (event.type) {
    case 'run.start':
      return begin('run', '')
    case 'run.end':
      return end('run', '', (one) => below(one) || one.path === path)
    case 'step.start':
      return begin('step', event.source)
    case 'step.end':
      return end('step', event.source, (one) => below(one) || (one.kind === 'map' && one.path === path))
    case 'map.start':
      return begin('map', event.source)
    case 'map.end':
      return end('map', event.source, (one) => one.kind === 'branch' && isBelow(one.path, path) && one.path !== path)
    case 'branch.queued':
      if (settled.has(path)) tell(ONCE, `${path} is queued after it had settled`, turn)
      return begin('branch', event.key)
    case 'branch.start':
      return start(open, event, path, turn, tell)
    case 'branch.settled':
      return settle(open, settled, before, event, path, turn, tell)
    case 'branch.leaked':
      return leak(open, event.source, path)
  }
}

function start(open: Open[], { key }: { readonly key: string }, path: string, turn: number, tell: Tell): void {
  const branch = open.find((one) => one.kind === 'branch' && one.path === path)
  if (branch === undefined || branch.started)
    tell(ENDS, `branch ${path} started ${branch === undefined ? 'without being queued' : 'twice'} (${key})`, turn)
  else branch.started = true
}

type Settled = Extract<AnyEvent, { type: 'branch.settled' }>

function settle(
  open: Open[],
  settled: Set<string>,
  before: Set<string>,
  { status, appId }: Settled,
  path: string,
  turn: number,
  tell: Tell,
): void {
  if (settled.has(path)) tell(ONCE, `${path} settled twice`, turn)
  settled.add(path)
  const at = open.findIndex((one) => one.kind === 'branch' && one.path === path)
  // A branch that never had its turn has a single event: its cancel.
  // So has a settled one when its step is tried again.
  if (at < 0 && status !== 'cancelled' && !before.has(appId)) tell(ENDS, `branch ${path} ended without a start`, turn)
  before.add(appId)
  if (at >= 0) open.splice(at, 1)
  for (const one of open.filter((other) => isBelow(other.path, path))) {
    if (one.leaked) open.splice(open.indexOf(one), 1)
    else tell(INSIDE, `${one.kind} ${one.path} ${one.name} goes on after ${path} settled`, turn)
  }
}

/** An abandoned leaf may have ended with that. A map goes on without its source or its reducer. */
function leak(open: Open[], name: string, path: string): void {
  for (const one of open) if (one.kind === 'step' && one.path === path && one.name === name) one.leaked = true
}
