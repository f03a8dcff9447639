import { AsyncQueue } from '../internal/async-queue.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { CommittedStep, StepPlace } from '../runtime/order.js'
import type { Pacer } from './active-run.js'
import { naming } from './caller.js'
import type { Tap } from './filter.js'
import { type Readable, Reader } from './reader.js'

// Owns: handing a run to the one reader that paces it. Does not own: the run.

/** How far producers may be ahead of the reader of a stream, in events. */
const BUFFER = 64

/** A run that is made ready and has not begun. */
export interface Prepared {
  /** @throws {BusyError} when another one runs */
  readonly begin: () => Promise<object>
  /** Cancels it, and waits for its end. */
  readonly cancel: () => Promise<void>
  /** It failed, and nobody waits for it any more. */
  readonly lost: (error: unknown) => void
}

/** Makes a run ready that is paced by a reader. */
export type Prepare = (pacer: Pacer) => Prepared

/** What a reader reads of one run: `values` until it has ended, then its outcome. */
function readRun<T>(
  { begin, cancel, lost }: Prepared,
  values: AsyncQueue<IteratorYieldResult<T>>,
  { take = () => values.take(), open = () => {}, release, detach = false }: Partial<Readable<T, object>> & Held,
): Reader<T, object> {
  let run: Promise<object> | undefined
  let ended = false
  const close = (): void => {
    ended = true
    release()
    values.close()
  }
  return new Reader<T, object>({
    open() {
      open()
      try {
        run = begin()
      } catch (error) {
        release()
        throw error
      }
      run.then(close, close)
    },
    take,
    end: async () => (run === undefined ? {} : await naming(run)),
    async leave() {
      release()
      if (run === undefined || ended) return
      if (detach) {
        values.close()
        run.catch(lost)
        return
      }
      const end = cancel()
      values.close()
      await end
      await run.catch(() => {})
    },
  })
}

interface Held {
  /** Lets go of what the reader holds beside the run: what listens, who waits. */
  readonly release: () => void
  /** Leaves the run alone when the reader leaves. */
  readonly detach?: boolean | undefined
}

/** Yields each event that is wanted. When {@link BUFFER} of them wait, producers and step borders do. */
export function streamRun(prepare: Prepare, tap: Tap, detach: boolean | undefined): Reader<AnyEvent, object> {
  const events = new AsyncQueue<IteratorYieldResult<AnyEvent>>(BUFFER)
  let listening: ReturnType<Tap> | undefined
  return readRun(prepare({ room: () => events.room() }), events, {
    open() {
      listening = tap((value) => events.push({ done: false, value }))
    },
    release: () => listening?.unsubscribe(),
    detach,
  })
}

/**
 * Yields each step that has committed, as deep as `depth`. Whoever committed it waits until the reader, which has it in
 * hand, asks for another one.
 *
 * @param root how deep the application itself stands
 */
export function iterateRun(prepare: Prepare, depth: number, root: number): Reader<CommittedStep, object> {
  const steps = new AsyncQueue<IteratorYieldResult<CommittedStep>>(1)
  let asked = 0
  /** Who waits, in the order of their steps; the first of them is the step with this number. */
  const waiting: Deferred<void>[] = []
  let first = 0
  let left = false
  const release = (most: number): void => {
    for (; first < most && waiting.length > 0; first++) waiting.shift()?.resolve()
  }
  const pace = (step: CommittedStep, { path }: StepPlace): Promise<void> | undefined => {
    if (left || path.length - root > depth) return undefined
    const value = path.length === root ? step : below(step, path, root)
    const go = createDeferred<void>()
    waiting.push(go)
    steps.push({ done: false, value })
    release(asked - 1) // it may have been asked for already
    return go.promise
  }
  return readRun(prepare({ pace, deep: depth > 0 }), steps, {
    take() {
      asked += 1
      release(asked - 1)
      return steps.take()
    },
    release() {
      left = true
      release(Number.POSITIVE_INFINITY)
    },
  })
}

/** A step of an application below, told with the name that the one which is iterated knows. */
function below(step: CommittedStep, path: StepPlace['path'], root: number): CommittedStep {
  return { ...step, action: path[root]?.map ?? step.action, source: step.action, path }
}
