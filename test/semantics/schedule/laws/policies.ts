import { type AnyEvent, type Path, printPath, type SettlePolicy } from 'teasel'
import type { MapNest, Plan } from '../plan.js'
import type { Entry } from '../trace.js'
import type { Law, Tell } from './check.js'
import { isAhead } from './elsewhere.js'
import { locate } from './locate.js'

type Settled = Extract<AnyEvent, { type: 'branch.settled' }>

/** One visit of a map in the trace. */
interface Visit {
  readonly id: string
  readonly visit: number
  readonly nest: MapNest
  readonly total: number | undefined
  readonly settled: Settled[]
  /** The live branches: their paths by their keys. */
  readonly live: Map<string, string>
  decided: boolean
  /** The map was cancelled as a whole. */
  cut: boolean
  ended: boolean
  reduces: number
}

const POLICY = 'the outcome obeys the settle policy'
const WINDOW = 'limits are never exceeded'
const RESULTS = 'reduce is given every result once'

/** Settle policies, by an oracle independent of the engine: it reads only the ends of branches. */
export const policies: Law = (entries, plan, tell) => {
  const visits = new Map<string, Visit>()
  /** Applications that wait for a message from outside, by path, with the number of such waits. */
  const waits = new Map<string, number>()
  for (const entry of entries) {
    if (entry.kind === 'reduce') reduced(visits, entry, tell)
    if (entry.kind === 'cut') cut(visits, entry)
    if (entry.kind !== 'event') continue
    const { event, path, turn } = entry
    switch (event.type) {
      case 'map.start':
        open(visits, plan, event, path)
        break
      case 'branch.queued':
      case 'branch.start':
        begins(visits.get(mapOf(event.path)), waits, event, turn, tell)
        break
      case 'wait':
      case 'wake':
        if (event.from === 'outside') waits.set(path, (waits.get(path) ?? 0) + (event.type === 'wait' ? 1 : -1))
        break
      case 'branch.settled':
        settles(visits.get(mapOf(event.path)), event)
        break
      case 'map.end':
        ends(visits.get(`${path}|${event.source}`), event, turn, tell)
        break
      case 'reduce':
        mayReduce(visits.get(`${path}|${event.source}`), turn, tell)
        break
      case 'step.end':
        stepEnds(visits.get(`${path}|${event.source}`), plan, event, turn, tell)
        visits.delete(`${path}|${event.source}`)
    }
  }
}

/** The visit of a branch. */
function mapOf(path: Path): string {
  return `${printPath(path.slice(0, -1))}|${path.at(-1)?.map}`
}

function open(
  visits: Map<string, Visit>,
  plan: Plan,
  event: Extract<AnyEvent, { type: 'map.start' }>,
  path: string,
): void {
  const id = `${path}|${event.source}`
  const nest = locate(plan, event.path, event.source)
  if (nest?.kind !== 'map') return
  visits.set(id, {
    id,
    visit: event.visit,
    nest,
    total: event.total,
    settled: [],
    live: new Map(),
    decided: false,
    cut: false,
    ended: false,
    reduces: 0,
  })
}

function cut(visits: Map<string, Visit>, { path, map }: Extract<Entry, { kind: 'cut' }>): void {
  const [name = '', visit = '1'] = map.split('#')
  const found = visits.get(`${path}|${name}`)
  if (found?.visit === Number(visit)) found.cut = true
}

function begins(
  visit: Visit | undefined,
  waits: ReadonlyMap<string, number>,
  { type, key, path }: { readonly type: string; readonly key: string; readonly path: Path },
  turn: number,
  tell: Tell,
): void {
  if (visit === undefined) return
  if (visit.decided) tell('once a map has enough it starts nothing more', `${type} of ${visit.id} ${key}`, turn)
  if (visit.cut) tell('a map that was cancelled starts nothing more', `${type} of ${visit.id} ${key}`, turn)
  if (visit.live.has(key)) return // counted when it was queued
  visit.live.set(key, printPath(path))
  const window = visit.nest.limit === undefined ? (visit.nest.window ?? 64) : 64
  if (visit.live.size <= window) return
  const counted = [...visit.live.values()].filter((branch) => !waitsBelow(branch, waits)).length
  if (counted > window) tell(WINDOW, `${counted} branches of ${visit.id} live, ${window} may`, turn)
}

/** Whether a branch, or an application below it, waits for a message from outside: then it may not count. */
function waitsBelow(branch: string, waits: ReadonlyMap<string, number>): boolean {
  return [...waits].some(([path, open]) => open > 0 && (path === branch || path.startsWith(`${branch}/`)))
}

function settles(visit: Visit | undefined, event: Settled): void {
  if (visit === undefined) return
  visit.settled.push(event)
  visit.live.delete(event.key)
  const verdict = judge(visit.nest.policy, visit)
  if (verdict !== 'go') visit.decided = true
}

const count = ({ settled }: Visit, status: string): number => settled.filter((one) => one.status === status).length

/** The verdict of the policy on the ends of branches. The length of a generator is known at the end only. */
function judge(policy: SettlePolicy, visit: Visit): 'go' | 'satisfied' | 'hopeless' {
  const done = count(visit, 'done')
  const lost = visit.settled.length - done
  const total = visit.total ?? (visit.ended ? visit.settled.length : undefined)
  if (policy === 'all') return lost > 0 ? 'hopeless' : done === total ? 'satisfied' : 'go'
  if (policy === 'collect') return visit.settled.length === total ? 'satisfied' : 'go'
  if (policy === 'first') return visit.settled.length > 0 || total === 0 ? 'satisfied' : 'go'
  const wanted = policy === 'any' ? 1 : policy.atLeast
  if (done >= wanted) return 'satisfied'
  return total !== undefined && total - lost < wanted ? 'hopeless' : 'go'
}

function ends(visit: Visit | undefined, event: Extract<AnyEvent, { type: 'map.end' }>, turn: number, tell: Tell): void {
  if (visit === undefined) return
  visit.ended = true
  const counted = [count(visit, 'done'), count(visit, 'failed'), count(visit, 'cancelled')].join()
  const told = [event.done, event.failed, event.cancelled].join()
  if (counted !== told) tell(RESULTS, `map.end of ${visit.id} tells ${told}, settled are ${counted}`, turn)
  if (visit.total !== undefined && visit.settled.length !== visit.total)
    tell(
      'every branch settles exactly once',
      `${visit.settled.length} of ${visit.total} branches of ${visit.id} settled`,
      turn,
    )
}

const settlesByHand = ({ nest }: Visit): boolean =>
  nest.policy !== 'all' && nest.watch.some(({ then }) => then.do === 'settle')

function mayReduce(visit: Visit | undefined, turn: number, tell: Tell): void {
  if (visit === undefined) return
  visit.reduces += 1
  if (visit.reduces > 1) tell(RESULTS, `${visit.id} reduced twice`, turn)
  if (judge(visit.nest.policy, visit) !== 'satisfied' && !settlesByHand(visit))
    tell(POLICY, `${visit.id} reduced, its policy is ${JSON.stringify(visit.nest.policy)} of ${statuses(visit)}`, turn)
}

function reduced(visits: Map<string, Visit>, entry: Extract<Entry, { kind: 'reduce' }>, tell: Tell): void {
  const [first] = entry.results
  if (first === undefined || isAhead(entry.path)) return
  const visit = [...visits.values()].find(
    ({ nest, settled, reduces }) =>
      nest.name === entry.map ||
      (nest.name === 'action' && reduces > 0 && settled.some(({ path }) => printPath(path) === entry.path)),
  )
  const own =
    [...visits.values()].find(({ settled }) => settled.some(({ path }) => printPath(path) === entry.path)) ?? visit
  if (own === undefined) return tell(RESULTS, `reduce of ${entry.map} was given results of no branch`, entry.turn)
  const told = entry.results.map(({ key, status }) => `${key} ${status}`).join()
  const settled = [...own.settled]
    .sort((a, b) => a.index - b.index)
    .map(({ key, status }) => `${key} ${status}`)
    .join()
  if (told !== settled) tell(RESULTS, `${own.id} reduced ${told}, settled are ${settled}`, entry.turn)
}

const statuses = ({ settled, total }: Visit): string =>
  `${settled.map(({ status }) => status).join()} (${total ?? 'some'} in all)`

function stepEnds(
  visit: Visit | undefined,
  plan: Plan,
  event: Extract<AnyEvent, { type: 'step.end' }>,
  turn: number,
  tell: Tell,
): void {
  if (visit === undefined) return
  if (event.status === 'done' && visit.reduces === 0) tell(POLICY, `${visit.id} is done and did not reduce`, turn)
  if (event.status !== 'failed' || visit.reduces > 0) return
  const refused = plan.interceptions.some(
    ({ at, onFault, throws }) => at.startsWith('after') && onFault === 'fail' && throws > 0,
  )
  const faulty = visit.nest.fault !== 'none' || visit.nest.closing.some((act) => act.do === 'throw')
  if (faulty || refused || visit.nest.fold !== 'all') return // `reduceEach` may have failed before the end
  const lacks = visit.cut && visit.nest.policy === 'all' // the rest of its source
  if (judge(visit.nest.policy, visit) !== 'hopeless' && !lacks)
    tell(POLICY, `${visit.id} failed, its policy is ${JSON.stringify(visit.nest.policy)} of ${statuses(visit)}`, turn)
}
