import { printMap, printPath } from '../../action/context.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import type { CancelCause } from '../../lifecycle/events.js'
import type { Application } from '../application.js'
import { createCancellation } from '../cancel/cancellation.js'
import { emit } from '../emit.js'
import type { CancelTarget, PathTarget, RunningMap } from '../map/branch-handle.js'
import { pathAt } from '../map/branch-identity.js'
import { type MapVisit, parentOf } from '../map/map-visit.js'

// Owns: the targets of cancels and messages from outside, in this process.
// Does not own: finding them (path-lookup.ts), commands (commands.ts).

/** A live application. */
export class AppTarget implements PathTarget {
  readonly #app: Application

  constructor(app: Application) {
    this.#app = app
  }

  is(app: object): boolean {
    return app === this.#app
  }

  deliver(message: Received): Delivery {
    const { parent, run, running, path, checkpoint } = this.#app
    if (!running && parent?.map !== undefined) return parent.map.deliver(parent.key, message, printPath(path))
    const delivery = running && run?.cancellation === undefined ? this.#app.deliver(message) : 'dropped'
    if (parent === undefined ? running : parent.app.run?.running === true) {
      const source = run?.step?.node.name ?? checkpoint.next ?? ''
      emit(this.#app, { type: 'message', source, message, to: printPath(path), delivery })
    }
    return delivery
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer {
    return this.#app.cancel(reason, cause, by)
  }

  async over(): Promise<void> {
    await this.#app.run?.over()
  }

  mapOf(name: string): CancelTarget | undefined {
    const map = this.#app.run?.step?.map
    return map !== undefined && name === printMap(map.step.node.name, map.visit)
      ? new MapTarget(this.#app, map)
      : undefined
  }

  post(message: Parameters<PathTarget['post']>[0]): Promise<number> | undefined {
    return this.#app.journal?.post(this.#app.appId, message)
  }

  posted(message: Parameters<PathTarget['posted']>[0], deliver: () => Delivery): Delivery {
    return this.#app.journal?.inbox.arrived(message, deliver) ?? deliver()
  }
}

/** A map that runs in this process, wherever its branches do. */
class MapTarget implements CancelTarget {
  readonly #app: Application
  readonly #map: RunningMap

  constructor(app: Application, map: RunningMap) {
    this.#app = app
    this.#map = map
  }

  is(): boolean {
    return false
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer | Promise<CancelAnswer> {
    return this.#map.cancelMap(createCancellation(cause, by, this.#app.system.passed(), reason))
  }

  over(): Promise<void> {
    return this.#map.over()
  }
}

/** A map, as its queued branches are targeted. */
export interface QueueingMap extends MapVisit {
  readonly store: { post(key: string, message: Pick<Received, 'kind' | 'body'>): Promise<number> } | undefined
  /** True until it is known which branches had settled when the step was last tried. */
  readonly restoring: boolean
  /** Calls back as soon as that is known, before a branch starts. */
  whenRestored<T>(work: () => T): Promise<T>
}

/** A queued branch. */
export class QueuedTarget implements PathTarget {
  readonly #map: QueueingMap
  readonly #key: string

  constructor(map: QueueingMap, key: string) {
    this.#map = map
    this.#key = key
  }

  is(): boolean {
    return false
  }

  deliver(message: Received): Delivery {
    return this.#map.deliver(this.#key, message, printPath(pathAt(parentOf(this.#map, this.#key))))
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer | Promise<CancelAnswer> {
    const { app } = this.#map
    const cancel = (): CancelAnswer =>
      this.#map.cancelBranch(this.#key, createCancellation(cause, by, app.system.passed(), reason))
    return this.#map.restoring ? this.#map.whenRestored(cancel) : cancel()
  }

  async over(): Promise<void> {}

  mapOf(): undefined {}

  post(message: Parameters<PathTarget['post']>[0]): Promise<number> | undefined {
    return this.#map.store?.post(this.#key, message)
  }

  posted(_message: object, deliver: () => Delivery): Delivery {
    return deliver()
  }
}
