import { type Path, printPath } from '../action/context.js'
import type { Delivery, Received } from '../action/message.js'
import { announce } from './announce.js'
import type { LiveApp } from './tree.js'

/**
 * The application at a path below another one, as far as it lives.
 * @param path segments, or their text: `compare/gpt4`; the key alone where the root stands at one map
 */
export function findBelow(root: LiveApp, path: string | Path): LiveApp | undefined {
  const wanted = typeof path === 'string' ? path : printPath([...root.path, ...path])
  const prefix = printPath(root.path)
  return (
    search(root, (text) => text === wanted || (prefix !== '' && text === `${prefix}/${wanted}`)) ?? byKey(root, path)
  )
}

function search(app: LiveApp, fits: (text: string) => boolean): LiveApp | undefined {
  for (const { app: branch } of app.step?.map?.table.live.values() ?? []) {
    const found = fits(printPath(branch.path)) ? branch : search(branch, fits)
    if (found !== undefined) return found
  }
  for (const below of app.subApps ?? []) {
    const found = fits(printPath(below.path)) ? below : search(below, fits)
    if (found !== undefined) return found
  }
  return undefined
}

const byKey = (root: LiveApp, path: string | Path): LiveApp | undefined =>
  typeof path === 'string' ? root.step?.map?.table.live.get(path)?.app : undefined

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
