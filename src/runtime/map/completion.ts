import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { Feed } from '../../parallel/restored-feed.js'
import { type AnyActorRef, stopActor } from '../actor/create-actor.js'
import type { Grace } from '../cancel/grace.js'
import { leakCode } from '../cancel/leak.js'
import { announce, reportFault } from '../emit.js'
import type { LiveMap } from '../tree.js'
import type { Folding } from './folding.js'
import type { MapResult, Why } from './map-state.js'

// Owns: what is done for a map once its last branch has ended: its source is closed, its results go to the reducer, its
// actor is done.
// Does not own: when that is (map-state.ts), the fold (reducer-actor.ts).

export class Completion {
  readonly #map: LiveMap
  readonly #self: AnyActorRef
  readonly #reducer: AnyActorRef
  readonly #folding: Folding
  readonly #grace: Grace
  readonly #answer = createDeferred<unknown>()
  #gaveUp: Deferred<void> | undefined
  /** Since when a source is asked to close, or folding code to end: milliseconds on the clock that never goes back. */
  #closing: number | undefined

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

  /**
   * Every branch has ended: waits until the source is closed, and folding code has ended that has to.
   * @param why why nothing more was started, and since when; undefined when all branches have settled
   */
  async drain(feed: Feed | undefined, why: (Why & { readonly at: number }) | undefined): Promise<void> {
    const { app, run, step, table } = this.#map
    await this.#end(() => feed?.close(), why)
    // The map fails, maybe only since just now: folding code has fired its signal, and is waited for.
    const since = why === undefined || why.kind === 'satisfied' ? run.cancellation : why
    if (since !== undefined) await this.#end(() => this.#folding.cancel(run.cancellation?.reason), since)
    const { phase, done, failed, cancelled } = table.state
    if (phase.kind !== 'draining' || !app.hears('map.end')) return // stopped, or nobody listens
    announce(app, { type: 'map.end', source: step.node.name, done, failed, cancelled })
  }

  /** Hands over to the reducer. */
  reduce(): void {
    const { app, step, table } = this.#map
    const { name } = step.node
    if (app.hears('reduce')) announce(app, { type: 'reduce', source: name, results: table.settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  /** WaitState until the source is closed, or folding code has ended; each is given its time since it was told to. */
  async #end(end: () => Promise<unknown> | undefined, told: { readonly at: number } | undefined): Promise<void> {
    try {
      const ended = end()
      if (ended === undefined) return
      this.#closing = told?.at ?? this.#map.app.system.passed()
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

  /** Gives up a source that does not close, or a reducer that ignores its cancel. @returns the end of such a reducer */
  abandon(): MapResult | undefined {
    const { run, step, table } = this.#map
    if (this.#closing !== undefined) {
      leakCode(run, step.node, this.#closing)
      this.#closing = undefined
      this.#gaveUp?.resolve()
      return undefined
    }
    if (table.state.phase.kind !== 'reducing' || run.cancellation === undefined) return undefined
    leakCode(run, step.node)
    return { error: run.cancellation.reason }
  }

  /** The actor of the map is done. */
  finish(end: MapResult): void {
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
