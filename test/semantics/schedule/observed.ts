import { type AnyEvent, printPath } from 'teasel'
import type { World } from './world.js'

/** The outside view of a current run: its events and its branches. */
export class Observed {
  readonly branches = new Map<string, 'queued' | 'running' | 'settled'>()
  /** The path of a settled branch, by its id. */
  readonly pathOf = new Map<string, string>()
  /** Steps with a pending save, by application. */
  readonly saving = new Set<string>()
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** Gets every event as it is emitted. */
  hear(event: AnyEvent): void {
    const path = printPath(event.path)
    this.#world.trace.add({ kind: 'event', event, path })
    if (event.type === 'run.start' && path === '') this.branches.clear()
    else if (event.type === 'map.start') this.#visited(path === '' ? event.source : `${path}/${event.source}`)
    else if (event.type === 'branch.queued') this.branches.set(path, 'queued')
    else if (event.type === 'branch.start') this.branches.set(path, 'running')
    else if (event.type === 'branch.leaked') this.#leaked(path)
    else if (event.type === 'cancel') this.#cancelled(path)
    else if (event.type === 'branch.settled') {
      if (event.status === 'cancelled' && event.result.startedAt === undefined)
        this.#world.note('cancel of a queued branch')
      this.branches.set(path, 'settled')
      this.pathOf.set(event.appId, path)
    }
  }

  /** A map begins again: its branches are new ones. */
  #visited(map: string): void {
    for (const path of [...this.branches.keys()]) if (path.startsWith(`${map}/`)) this.branches.delete(path)
  }

  /** The paths of branches with a status. */
  standing(status: 'queued' | 'running' | 'settled'): string[] {
    return [...this.branches].filter(([, is]) => is === status).map(([path]) => path)
  }

  #leaked(path: string): void {
    for (const life of this.#world.running)
      if (life.of === 'leaf' && life.path === path && life.signal?.aborted === true) life.leaked = true
  }

  #cancelled(path: string): void {
    const world = this.#world
    if (this.saving.has(path)) world.note('cancel during save')
    const below = (life: { readonly path: string }): boolean =>
      path === '' || life.path === path || life.path.startsWith(`${path}/`)
    for (const life of world.running) {
      if (life.phase === 'yields' && life.since < world.trace.turn && below(life))
        world.note('cancel while waiting for room')
    }
    queueMicrotask(() => {
      for (const life of world.running) {
        if (life.of === 'leaf' && !life.leaked && below(life) && life.signal?.aborted === false)
          world.broken('a cancel fires every signal below in the same tick', `${life.path} ${life.name} runs on`)
      }
    })
  }
}
