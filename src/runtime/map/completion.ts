import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { BranchTask } from '../../parallel/task.js'
import { type AnyActorRef, stopActor } from '../actor/create-actor.js'
import { leakCode } from '../cancel/leak.js'
import { emit, reportFault } from '../emit.js'
import type { Folding } from './folding.js'
import { GracePeriod } from './grace-period.js'
import type { MapResult, Why } from './map-state.js'
import type { MapVisit } from './map-visit.js'

// Owns: the end of a map after its last branch: closing the source, handing over to the reducer, ending the actor.
// Does not own: when a map ends (map-state.ts), the fold (folding.ts).

export class Completion {
  readonly #map: MapVisit
  readonly #self: AnyActorRef
  readonly #reducer: AnyActorRef
  readonly #folding: Folding
  readonly #ended: (result: MapResult) => void
  /** The time that cancelled code of the map has to end. */
  readonly grace: GracePeriod
  readonly #update = createDeferred<unknown>()
  #abandoned: Deferred<void> | undefined
  /** Since when a source is to close, or folding code to end: milliseconds on the monotonic clock. */
  #awaitedSince: number | undefined

  /** @param ended called with the result of an abandoned reducer */
  constructor(
    map: MapVisit,
    self: AnyActorRef,
    reducer: AnyActorRef,
    folding: Folding,
    graceMs: number,
    ended: (result: MapResult) => void,
  ) {
    this.#map = map
    this.#self = self
    this.#reducer = reducer
    this.#folding = folding
    this.#ended = ended
    this.grace = new GracePeriod(map, this, graceMs)
  }

  /** Resolves with the update of `reduce`; rejects with the error of the map. */
  get update(): Promise<unknown> {
    return this.#update.promise
  }

  /**
   * Every branch has ended: waits until the source is closed, and cancelled folding code has ended.
   * @param why why the map closed, and when; undefined when all branches have settled
   */
  async drain(feed: Feed | undefined, why: (Why & { readonly at: number }) | undefined): Promise<void> {
    const { app, run, step, table } = this.#map
    await this.#awaitEnd(() => feed?.close(), why)
    // The map fails, perhaps only since this moment: the signal of the folding code fires, and its end is awaited.
    const since = why === undefined || why.kind === 'satisfied' ? run.cancellation : why
    if (since !== undefined) await this.#awaitEnd(() => this.#folding.cancel(run.cancellation?.reason), since)
    const { phase, done, failed, cancelled } = table.state
    if (phase.kind === 'draining') emit(app, { type: 'map.end', source: step.node.name, done, failed, cancelled })
  }

  /** Hands over to the reducer. */
  reduce(): void {
    const { app, step, table } = this.#map
    emit(app, { type: 'reduce', source: step.node.name, results: table.settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  /** Waits until the source is closed, or folding code has ended, for at most the grace period since its cancel. */
  async #awaitEnd(end: () => Promise<unknown> | undefined, since: { readonly at: number } | undefined): Promise<void> {
    try {
      const ended = end()
      if (ended === undefined) return
      this.#awaitedSince = since?.at ?? this.#map.app.system.passed()
      this.grace.start(this.#awaitedSince)
      this.#abandoned = createDeferred()
      await Promise.race([ended, this.#abandoned.promise])
    } catch (error) {
      reportFault(this.#map.app, `The source of "${this.#map.step.node.name}", while it was closed,`, error)
    } finally {
      this.#awaitedSince = undefined
    }
  }

  /** Since when the awaited code should have ended; undefined while it may go on. */
  get dueSince(): number | undefined {
    return this.#awaitedSince ?? this.#map.run.cancellation?.at
  }

  /** Abandons a source that does not close, or a reducer that ignores its cancel. */
  abandon(): void {
    const { run, step, table } = this.#map
    if (this.#awaitedSince !== undefined) {
      leakCode(run, step.node, this.#awaitedSince)
      this.#awaitedSince = undefined
      this.#abandoned?.resolve()
    } else if (table.state.phase.kind === 'reducing' && run.cancellation !== undefined) {
      leakCode(run, step.node)
      this.#ended({ error: run.cancellation.reason })
    }
  }

  /** Ends the actor of the map. */
  finish(result: MapResult): void {
    this.grace.end()
    stopActor(this.#reducer, this.#self)
    if ('error' in result) {
      this.#self.send({ type: 'teasel.map.failed', error: result.error })
      this.#update.reject(result.error)
    } else {
      this.#self.send({ type: 'teasel.map.done', output: result.update })
      this.#update.resolve(result.update)
    }
  }
}

/** Hands over the tasks that a closing map does not start any more. */
export function loseRest({ app, step }: MapVisit, feed: Feed | undefined, lose: (task: BranchTask) => void): void {
  try {
    for (const task of feed?.rest() ?? []) lose(task)
  } catch (error) {
    app.system.logger.warn(`The rest of the source of "${step.node.name}" could not be read.`, error)
  }
}
