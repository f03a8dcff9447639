import { type Path, printPath } from '../action/context.js'
import type { Delivery, Received } from '../action/message.js'
import { announce } from './announce.js'
import { createCancellation } from './cancellation.js'
import type { LiveApp, LiveMap } from './tree.js'

// Owns: finding an application by its path, from name to name, however many stand beside it.

/**
 * The application at a path below another one, as far as it lives.
 * @param path segments, or their text: `compare/gpt4`; the key alone where the root stands at one map
 */
export function findBelow(root: LiveApp, path: string | Path): LiveApp | undefined {
  const names = namesOf(root, path)
  return (
    walk(root, names) ?? (names.length === 1 ? root.step?.map?.table.live.get(unescaped(names[0]))?.app : undefined)
  )
}

function namesOf(root: LiveApp, path: string | Path): readonly string[] {
  const text = typeof path === 'string' ? path : printPath(path)
  const prefix = root.path.length === 0 ? '' : `${printPath(root.path)}/`
  return (text.startsWith(prefix) ? text.slice(prefix.length) : text).split('/')
}

const unescaped = (name = ''): string => name.replaceAll('~1', '/').replaceAll('~0', '~')

function walk(app: LiveApp, names: readonly string[]): LiveApp | undefined {
  if (names.length === 0) return app
  const live = app.step?.map?.table.live
  const branches = [live?.get(unescaped(names[1]))?.app, live?.get('')?.app, ...(app.subApps ?? [])]
  for (const below of branches) {
    const own = below === undefined ? [] : printPath(below.path.slice(-1)).split('/')
    if (below === undefined || own.some((name, i) => name !== names[i])) continue
    const found = walk(below, names.slice(own.length))
    if (found !== undefined) return found
  }
  return undefined
}

/** Cancels the application at a path: a branch also while it is queued. Resolves when that has ended. */
export async function cancelBelow(root: LiveApp, path: string | Path, reason: unknown): Promise<void> {
  const target = findBelow(root, path)
  const cancellation = createCancellation('app', 'app', root.hub.clock.now(), reason)
  if (target === undefined) return queuedAt(root, namesOf(root, path))?.(cancellation)
  const ended = target.ended()
  const { parent } = target
  if (parent?.map === undefined) target.cancelFromOutside(reason)
  else parent.map.cancelBranch(parent.key, cancellation)
  await ended
}

/** How to cancel a branch that its source has not given yet. */
function queuedAt(
  root: LiveApp,
  names: readonly string[],
): ((why: Parameters<LiveMap['cancelBranch']>[1]) => void) | undefined {
  const key = unescaped(names.at(-1))
  const map = (names.length === 1 ? root : walk(root, names.slice(0, -2)))?.step?.map
  if (
    map === undefined ||
    (names.length > 1 && printPath([{ map: map.step.node.name, visit: map.visit, key: '' }]) !== names.at(-2))
  )
    return undefined
  return (why) => map.cancelBranch(key, why)
}

/** Hands a message from outside to an application or one below it. */
export function sendDown(root: LiveApp, message: Received, path: string | Path | undefined): Delivery {
  const target = path === undefined ? root : findBelow(root, path)
  const delivery = target?.running === true ? target.mailbox.push(message) : 'dropped'
  const teller = target ?? root
  if (teller.hears('message')) {
    const source = teller.step?.node.name ?? teller.standing.next ?? ''
    announce(teller, { type: 'message', source, message, to: printPath(teller.path), delivery })
  }
  return delivery
}
