import { createDeferred } from '../internal/deferred.js'
import type { Feed } from '../persistence/map-keeping.js'
import { announce, reportFault } from './announce.js'
import { type AnyActorRef, stopActor } from './create-actor.js'
import type { Folding } from './folding.js'
import type { Grace } from './grace.js'
import { leakCode } from './leak.js'
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
  readonly #folding: Folding
  readonly #grace: Grace
  readonly #answer = createDeferred<unknown>()
  readonly #gaveUp = createDeferred<void>()
  /** Since when a source is asked to close, epoch ms. */
  #closing: number | undefined
  #phase: 'branches' | 'source' | 'reducer' | 'ended' = 'branches'

  constructor(map: LiveMap, self: AnyActorRef, reducer: AnyActorRef, folding: Folding, grace: Grace) {
    this.#map = map
    this.#self = self
    this.#reducer = reducer
    this.#folding = folding
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
    if (app.cancellation !== undefined) await this.#closeSource(undefined, closing) // meanwhile: what folds still ends
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
      const ends = [feed?.close(), this.#endFolding(closing)].filter((end) => end !== undefined)
      if (ends.length === 0) return
      if (closing !== undefined) this.#grace.start(this.#grace.left(closing.at))
      this.#closing = closing?.at ?? this.#map.app.hub.clock.now()
      await Promise.race([Promise.all(ends), this.#gaveUp.promise])
    } catch (error) {
      reportFault(this.#map.app, `The source of "${this.#map.step.node.name}", while it was closed,`, error)
    } finally {
      this.#closing = undefined
    }
  }

  /** The map fails: folding code that runs beside the branches has fired its signal, and is waited for. */
  #endFolding(closing: Closing | undefined): Promise<unknown> | undefined {
    const { cancellation } = this.#map.app
    if (cancellation !== undefined) return this.#folding.cancel(cancellation.reason)
    if (closing === undefined || closing.kind === 'satisfied') return undefined
    return this.#folding.cancel(undefined)
  }

  /** Since when the code that is waited for should have ended, epoch ms; undefined where it may go on. */
  get dueSince(): number | undefined {
    return this.#closing ?? this.#map.app.cancellation?.at
  }

  /** Gives up a source that does not close, or a reducer that ignores its cancel. */
  abandon(): void {
    const { app, step } = this.#map
    if (this.#closing !== undefined) {
      leakCode(app, step.node, this.#closing)
      this.#closing = undefined
      this.#gaveUp.resolve()
    } else if (this.#phase === 'reducer' && app.cancellation !== undefined) {
      leakCode(app, step.node)
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
