import type { AnyEvent } from 'teasel'
import type { Law } from './check.js'
import { isAhead } from './elsewhere.js'

const ORDER = 'messages are taken in order, each once'

/**
 * Mailboxes: messages are read in the order sent, by their receiver, once; after a failed attempt, again. A branch that
 * did not end as done may hear what it had taken again, if the map above is retried.
 */
export const messages: Law = (entries, _plan, tell) => {
  const boxes = new Map<string, number[]>()
  const box = (path: string, from: string): number[] => {
    const id = `${from === '' ? 'outside' : 'siblings'} ${withoutVisits(path)}`
    const known = boxes.get(id) ?? []
    boxes.set(id, known)
    return known
  }
  const unsure = new Set<number>()
  const again = new Map<string, Set<number>>()
  const taken = new Map<string, { readonly from: string; readonly serial: number }[]>()
  for (const entry of entries) {
    if (entry.kind === 'heard' && !isAhead(entry.path) && !unsure.has(entry.serial)) {
      const isAgain = again.get(withoutVisits(entry.path))?.delete(entry.serial) === true
      const next = isAgain ? entry.serial : box(entry.path, entry.from).shift()
      if (next !== entry.serial)
        tell(ORDER, `${entry.path} heard ${entry.serial}, ${next ?? 'nothing'} was next`, entry.turn)
      taken.set(entry.path, [...(taken.get(entry.path) ?? []), entry])
    }
    if (entry.kind !== 'event') continue
    const { event, path } = entry
    if (event.type === 'run.start' && path === '') for (const known of [boxes, taken, again]) known.clear()
    if (event.type === 'retry')
      for (const { from, serial } of taken.get(path)?.toReversed() ?? []) box(path, from).unshift(serial)
    if (event.type === 'branch.settled' && event.status !== 'done' && taken.has(path))
      again.set(withoutVisits(path), new Set(taken.get(path)?.map(({ serial }) => serial)))
    if (event.type === 'branch.settled') taken.delete(path)
    if (event.type === 'retry' || event.type === 'transition' || (event.type === 'step.end' && event.status === 'done'))
      taken.delete(path)
    if (event.type === 'branch.settled') for (const from of ['', 'a sibling']) box(path, from).length = 0
    if (event.type !== 'message' || (event.delivery !== 'delivered' && event.delivery !== 'queued')) continue
    const { serial } = event.message.body as { readonly serial: number }
    if (isUnsure(event)) unsure.add(serial)
    else box(receiver(event, path), event.message.from).push(serial)
  }
}

/** The receiver of a message. For a queued branch the event comes from the application of its map. */
function receiver({ path, source, to }: Extract<AnyEvent, { type: 'message' }>, where: string): string {
  if (to.includes('/') || to === where) return to
  const own = path.at(-1)
  if (own === undefined ? to === '' : own.key === to && own.map === source) return where
  return where === '' ? `${source}/${to}` : `${where}/${source}/${to}`
}

/** A map right below a map is named by its key there, or like that map: two branches may look alike in an event. */
function isUnsure({ path, source, to }: Extract<AnyEvent, { type: 'message' }>): boolean {
  const [above, own] = [path.at(-2), path.at(-1)]
  const bare = above !== undefined && (source === above.map || source === above.key)
  return bare && own?.map === source && own.key === to
}

/** A map without a given visit is at its latest one. */
const withoutVisits = (path: string): string => path.replaceAll(/#\d+/g, '')
