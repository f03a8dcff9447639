import { createDeferred } from '../internal/deferred.js'
import type { Feed } from '../persistence/map-keeping.js'
import { announce, reportFault } from './announce.js'
import { type AnyActorRef, stopActor } from './create-actor.js'
import type { Grace } from './grace.js'
import type { Closing } from './map-outcome.js'
import type { LiveMap } from './tree.js'

// Owns: a map from when its last branch has ended: its source is closed, its results are reduced, its actor is done.
// Does not own: when that is (map-runner.ts), the fold (reducer-logic.ts).

/** How a map ends. */
export type MapEnd = { readonly update: unknown } | { readonly error: unknown }

export class MapFinale {
  readonly #map: LiveMap
  readonly #self: AnyActorRef
  readonly #reducer: AnyActorRef
  readonly #grace: Grace
  readonly #answer = createDeferred<unknown>()
  readonly #gaveUp = createDeferred<void>()
  /** True while a source is asked to close. */
  #closing = false
  #phase: 'branches' | 'source' | 'reducer' | 'ended' = 'branches'

  constructor(map: LiveMap, self: AnyActorRef, reducer: AnyActorRef, grace: Grace) {
    this.#map = map
    this.#self = self
    this.#reducer = reducer
    this.#grace = grace
  }

  /** What `reduce` returned. Rejects with what failed the map. */
  get answer(): Promise<unknown> {
    return this.#answer.promise
  }

  get begun(): boolean {
    return this.#phase !== 'branches'
  }

  get reducing(): boolean {
    return this.#phase === 'reducer'
  }

  get ended(): boolean {
    return this.#phase === 'ended'
  }

  /**
   * Every branch has ended.
   * @param closing why nothing more was started; undefined when all branches have settled
   * @param fault what fails the map, unless it is satisfied
   */
  async begin(feed: Feed | undefined, closing: Closing | undefined, fault: () => unknown): Promise<void> {
    const { app, step, table } = this.#map
    const { name } = step.node
    this.#phase = 'source'
    await this.#closeSource(feed, closing)
    if (this.#phase !== 'source') return // stopped
    const { done, failed, cancelled, settled } = table
    if (app.hears('map.end')) announce(app, { type: 'map.end', source: name, done, failed, cancelled })
    if (closing !== undefined && closing.kind !== 'satisfied') return this.finish({ error: fault() })
    if (app.cancellation !== undefined) return this.finish({ error: app.cancellation.reason })
    this.#phase = 'reducer'
    if (app.hears('reduce')) announce(app, { type: 'reduce', source: name, results: settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  async #closeSource(feed: Feed | undefined, closing: Closing | undefined): Promise<void> {
    try {
      const closed = feed?.close()
      if (closed === undefined) return
      if (closing !== undefined) this.#grace.start(this.#grace.left(closing.at))
      this.#closing = true
      await Promise.race([closed, this.#gaveUp.promise])
    } catch (error) {
      reportFault(this.#map.app, `The source of "${this.#map.step.node.name}", while it was closed,`, error)
    } finally {
      this.#closing = false
    }
  }

  /** Gives up a source that does not close, or a reducer that ignores its cancel. */
  abandon(): void {
    const { app, step } = this.#map
    if (this.#closing) {
      this.#closing = false
      app.leak(step)
      this.#gaveUp.resolve()
    } else if (this.#phase === 'reducer' && app.cancellation !== undefined) {
      app.leak(step)
      this.finish({ error: app.cancellation.reason })
    }
  }

  finish(end: MapEnd): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#grace.end()
    stopActor(this.#reducer, this.#self)
    if ('error' in end) {
      this.#self.send({ type: 'teasel.map.failed', error: end.error })
      this.#answer.reject(end.error)
    } else {
      this.#self.send({ type: 'teasel.map.done', output: end.update })
      this.#answer.resolve(end.update)
    }
  }
}
