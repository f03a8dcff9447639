import type { BranchStatus } from '../read/status.js'
import { FoldedApp, FoldedMap } from './folded.js'
import type { HeadLine } from './lines.js'

// Owns: the applications of a folded run: by id, by the number that lines of the present part give them, by place.
// Does not own: how they are (fold.ts).

export class AppsOfRun {
  root: FoldedApp | undefined
  #head: HeadLine | undefined
  /** The applications of the present part, by number. */
  #numbers = new Map<number, FoldedApp>()
  readonly #byId = new Map<string, FoldedApp>()

  /** A part of the log begins: it numbers its applications anew. */
  begin(head: HeadLine): void {
    this.#head = head
    this.#numbers = new Map()
  }

  number(number: number, app: FoldedApp): void {
    this.#numbers.set(number, app)
  }

  at(number: number): FoldedApp | undefined {
    return this.#numbers.get(number)
  }

  all(): Iterable<FoldedApp> {
    return this.#byId.values()
  }

  /** An application, made with those above it that no line has told of. */
  of(appId: string, path: FoldedApp['path'], time: number): FoldedApp {
    const known = this.#byId.get(appId)
    if (known !== undefined) return known
    const parent = path.length === 0 ? undefined : this.#above(path, time)
    const made = new FoldedApp(appId, path, parent, time, parent === undefined ? (this.#head?.epoch ?? 0) : 0)
    this.#byId.set(appId, made)
    if (parent === undefined) this.root = made
    else place(made, parent)
    return made
  }

  #above(path: FoldedApp['path'], time: number): FoldedApp {
    let at = this.root ?? this.of(this.#head?.runId ?? '', [], time)
    for (let depth = 1; depth < path.length; depth++) {
      const below = childAt(at, path[depth - 1])
      at = below ?? this.of(`?${JSON.stringify(path.slice(0, depth))}`, path.slice(0, depth), time)
    }
    return at
  }

  /** Forgets a settled branch, except that its map counts it. */
  forget(app: FoldedApp, number: number, status: BranchStatus): void {
    const { map } = app
    const key = app.path.at(-1)?.[2] ?? ''
    if (map?.branches.delete(key) === true) map.forgotten[status] += 1
    this.#byId.delete(app.appId)
    this.#numbers.delete(number)
  }
}

function place(app: FoldedApp, parent: FoldedApp): void {
  const [name = '', visit = 1, key = ''] = app.path.at(-1) ?? []
  const open = parent.openMap
  if (open?.map !== name) {
    parent.children.set(app.appId, app)
    return
  }
  const map = open.visit === visit ? open : renumbered(parent, open, visit)
  app.map = map
  map.branches.set(key, app)
}

const childAt = (app: FoldedApp, segment: FoldedApp['path'][number] | undefined): FoldedApp | undefined => {
  const [name, visit, key = ''] = segment ?? []
  const map = app.maps.findLast((one) => one.map === name && one.visit === visit)
  const branch = map?.branches.get(key)
  if (branch !== undefined) return branch
  for (const child of app.children.values())
    if (JSON.stringify(child.path.at(-1)) === JSON.stringify(segment)) return child
  return undefined
}

/** The same map, whose visit its first branch tells. */
function renumbered(
  app: FoldedApp,
  { map, epoch, sequenceId, startedAt, policy, kind, concurrency, limit, total }: FoldedMap,
  visit: number,
): FoldedMap {
  const made = new FoldedMap(map, visit, epoch, sequenceId, startedAt)
  Object.assign(made, { policy, kind, concurrency, limit, total })
  app.maps = [...app.maps.slice(0, -1), made]
  app.visits.set(map, visit - 1)
  if (app.step !== undefined) app.step.map = { map, visit }
  return made
}
