import { type Path, printMap, printPath, unescapeName } from '../../action/context.js'
import type { Application } from '../application.js'
import { type Found, type PathTarget, SETTLED } from '../map/branch-handle.js'
import { AppTarget, QueuedTarget, type QueueingMap } from './target.js'

// Owns: finding the target of a path below an application, one segment after the other.

/**
 * The target of a path below an application.
 * @param path segments, or their text: `compare/gpt4`; the key alone where the root stands at one map
 */
export function findBelow(root: Application, path: string | Path): PathTarget | undefined {
  const found = lookBelow(root, path)
  return found === SETTLED ? undefined : found
}

/** As {@link findBelow}, and whether the path is that of a settled branch. */
export function lookBelow(root: Application, path: string | Path): Found {
  const text = typeof path === 'string' ? path : printPath(path)
  const own = printPath(root.path)
  const below = own !== '' && (text === own || text.startsWith(`${own}/`)) ? text.slice(own.length + 1) : text
  const found = descend(root, below === '' ? [] : below.split('/'))
  return found ?? (typeof path === 'string' ? root.run?.step?.map?.find(path, []) : undefined)
}

/** The target of the rest of a path below an application of this process. */
export function descend(app: Application, parts: readonly string[]): Found {
  if (parts.length === 0) return new AppTarget(app)
  const [head = '', key = ''] = parts
  const { step, subApps } = app.run ?? {}
  const map = step?.map
  if (map !== undefined && head === printMap(map.step.node.name, map.visit)) {
    const keyed = parts.length > 1 && map.knows(unescapeName(key))
    return keyed ? map.find(unescapeName(key), parts.slice(2)) : map.find('', parts.slice(1))
  }
  const keyed = parts.length > 1 ? subApps?.get(unescapeName(key)) : undefined
  const below = keyed ?? subApps?.get('')
  if (below?.parent === undefined || head !== printMap(below.parent.name, below.parent.visit)) return undefined
  return descend(below, parts.slice(keyed === undefined ? 1 : 2))
}

/** The target of the rest of a path in a branch of a map. */
export function findBranch(
  map: QueueingMap & { knows(key: string): boolean },
  key: string,
  rest: readonly string[],
): Found {
  const branch = map.table.live.get(key)
  if (branch !== undefined) return branch.find(rest)
  if (rest.length > 0) return undefined
  if (map.table.settled.has(key)) return SETTLED
  return map.knows(key) ? new QueuedTarget(map, key) : undefined
}
