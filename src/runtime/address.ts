import { type Path, printPath, unescapeName } from '../action/context.js'
import type { Delivery, Received } from '../action/message.js'
import { announce } from './announce.js'
import { parentOf, pathAt } from './identity.js'
import type { LiveApp, LiveMap } from './tree.js'

// Owns: how the address of an application below another one is looked up: one segment after the other, never by a search.

/** What stands at an address: an application that lives, or a branch that still waits for its turn. */
export type Found =
  | { readonly app: LiveApp; readonly map?: undefined; readonly key: string }
  | { readonly app: undefined; readonly map: LiveMap; readonly key: string }

/** What stood at an address: a branch that has settled, of a map that goes on. */
const SETTLED = 'settled'

/**
 * The application at a path below another one, or the place where it will be.
 * @param path segments, or their text: `compare/gpt4`; the key alone where the root stands at one map
 */
export function findBelow(root: LiveApp, path: string | Path): Found | undefined {
  const found = lookBelow(root, path)
  return found === SETTLED ? undefined : found
}

/** As {@link findBelow}, and whether a branch was there that has settled. */
export function lookBelow(root: LiveApp, path: string | Path): Found | typeof SETTLED | undefined {
  const text = typeof path === 'string' ? path : printPath(path)
  const own = printPath(root.path)
  const below = own !== '' && (text === own || text.startsWith(`${own}/`)) ? text.slice(own.length + 1) : text
  const found = descend(root, below === '' ? [] : below.split('/'))
  return found ?? (typeof path === 'string' ? branchOf(root.step?.map, path) : undefined)
}

function descend(app: LiveApp, parts: readonly string[]): Found | typeof SETTLED | undefined {
  if (parts.length === 0) return { app, map: undefined, key: app.parent?.key ?? '' }
  const [head = '', key = ''] = parts
  const map = app.step?.map
  if (map !== undefined && head === headOf(map.step.node.name, map.visit)) {
    const keyed = parts.length > 1 ? branchOf(map, unescapeName(key)) : undefined
    return keyed === undefined ? enter(branchOf(map, ''), parts.slice(1)) : enter(keyed, parts.slice(2))
  }
  const keyed = parts.length > 1 ? app.subApps?.get(unescapeName(key)) : undefined
  const below = keyed ?? app.subApps?.get('')
  if (below?.parent === undefined || head !== headOf(below.parent.name, below.parent.visit)) return undefined
  return descend(below, parts.slice(keyed === undefined ? 1 : 2))
}

const enter = (found: ReturnType<typeof branchOf>, parts: readonly string[]): ReturnType<typeof descend> =>
  found === SETTLED || found?.app === undefined ? (parts.length === 0 ? found : undefined) : descend(found.app, parts)

function branchOf(map: LiveMap | undefined, key: string): Found | typeof SETTLED | undefined {
  if (map === undefined) return undefined
  const app = map.table.live.get(key)?.app
  if (app !== undefined) return { app, map: undefined, key }
  if (map.table.settled.has(key)) return SETTLED
  return map.knows(key) ? { app, map, key } : undefined
}

const headOf = (map: string, visit: number): string => printPath([{ map, visit, key: '' }])

/** Hands a message from outside to an application or one below it, also to a branch that is queued. */
export function sendDown(root: LiveApp, message: Received, path: string | Path | undefined): Delivery {
  const found = path === undefined ? { app: root, map: undefined, key: '' } : findBelow(root, path)
  const target = found?.app
  const map = found?.map ?? (target?.running === false ? target.parent?.map : undefined)
  if (map !== undefined)
    return map.siblings.deliver(found?.key ?? '', message, printPath(pathAt(parentOf(map, found?.key ?? ''))))
  const open = target?.running === true && target.cancellation === undefined
  const delivery = open ? target.mailbox.push(message) : 'dropped'
  const teller = target ?? root
  if (root.running && teller.hears('message')) {
    const source = teller.step?.node.name ?? teller.standing.next ?? ''
    const to = target !== undefined || path === undefined ? printPath(teller.path) : nameOfPath(path)
    announce(teller, { type: 'message', source, message, to, delivery })
  }
  return delivery
}

const nameOfPath = (path: string | Path): string => (typeof path === 'string' ? path : printPath(path))
