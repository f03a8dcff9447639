import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { Feed } from '../parallel/restored-feed.js'
import { type AnyActorRef, stopActor } from './actor/create-actor.js'
import { announce, reportFault } from './announce.js'
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
  #gaveUp: Deferred<void> | undefined
  /** Since when a source is asked to close, or folding code to end: milliseconds on the clock that never goes back. */
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
  begin(feed: Feed | undefined, closing: Closing | undefined, fault: () => unknown): void {
    this.#begin(feed, closing, fault).catch((error: unknown) => this.finish({ error }))
  }

  async #begin(feed: Feed | undefined, closing: Closing | undefined, fault: () => unknown): Promise<void> {
    const { app, run, step, table } = this.#map
    const { name } = step.node
    this.#phase = 'source'
    await this.#end(() => feed?.close(), closing)
    // The map fails, maybe only since just now: folding code has fired its signal, and is waited for.
    const why = closing === undefined || closing.kind === 'satisfied' ? run.cancellation : closing
    if (why !== undefined) await this.#end(() => this.#folding.cancel(run.cancellation?.reason), why)
    if (this.#phase !== 'source') return // stopped
    const { done, failed, cancelled, settled } = table
    if (app.hears('map.end')) announce(app, { type: 'map.end', source: name, done, failed, cancelled })
    if (closing !== undefined && closing.kind !== 'satisfied') return this.finish({ error: fault() })
    if (run.cancellation !== undefined) return this.finish({ error: run.cancellation.reason })
    this.#phase = 'reducer'
    if (app.hears('reduce')) announce(app, { type: 'reduce', source: name, results: settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  /** Waits until the source is closed, or folding code has ended; each is given its time since it was told to. */
  async #end(end: () => Promise<unknown> | undefined, told: { readonly at: number } | undefined): Promise<void> {
    try {
      const ended = end()
      if (ended === undefined) return
      this.#closing = told?.at ?? this.#map.app.hub.passed()
      this.#grace.start(this.#grace.left(this.#closing))
      this.#gaveUp = createDeferred()
      await Promise.race([ended, this.#gaveUp.promise])
    } catch (error) {
      reportFault(this.#map.app, `The source of "${this.#map.step.node.name}", while it was closed,`, error)
    } finally {
      this.#closing = undefined
    }
  }

  /** Since when the code that is waited for should have ended; undefined where it may go on. */
  get dueSince(): number | undefined {
    return this.#closing ?? this.#map.run.cancellation?.at
  }

  /** Gives up a source that does not close, or a reducer that ignores its cancel. */
  abandon(): void {
    const { run, step } = this.#map
    if (this.#closing !== undefined) {
      leakCode(run, step.node, this.#closing)
      this.#closing = undefined
      this.#gaveUp?.resolve()
    } else if (this.#phase === 'reducer' && run.cancellation !== undefined) {
      leakCode(run, step.node)
      this.finish({ error: run.cancellation.reason })
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
