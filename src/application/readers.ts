import { AsyncQueue } from '../internal/async-queue.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { Backpressure, CommittedStep, StepOrigin } from '../runtime/run/request.js'
import { naming } from './caller.js'
import type { Tap } from './filter.js'
import { type Readable, Reader } from './reader.js'

// Owns: connecting a run to the one reader that paces it.
// Does not own: the run.

/** Maximum number of unread events of a stream before producers wait. */
const BUFFER = 64

/** A run that is prepared but not started. */
export interface Prepared {
  /** @throws {BusyError} when another run is in progress */
  readonly begin: () => Promise<object>
  /** Cancels it, and waits for its end. */
  readonly cancel: () => Promise<void>
  /** Reports a failure that no caller awaits. */
  readonly lost: (error: unknown) => void
}

/** Prepares a run that is paced by a reader. */
export type Prepare = (backpressure: Backpressure) => Prepared

/** A reader of one run: yields `values` until the run has ended, and returns its outcome. */
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
  /** Releases listeners and waiting producers. */
  readonly release: () => void
  /** Keeps the run going when the reader leaves. */
  readonly detach?: boolean | undefined
}

/**
 * Yields each matching event. While {@link BUFFER} events are unread, producers and step borders wait, and reports of
 * progress are left out.
 */
export function streamRun(prepare: Prepare, tap: Tap, detach: boolean | undefined): Reader<AnyEvent, object> {
  const events = new AsyncQueue<IteratorYieldResult<AnyEvent>>(BUFFER)
  let listening: ReturnType<Tap> | undefined
  return readRun(prepare({ waitForReader: () => events.room() }), events, {
    open() {
      listening = tap((value) => {
        if (value.type === 'progress' && events.size >= BUFFER) return // a later report replaces it
        events.push({ done: false, value })
      })
    },
    release: () => listening?.unsubscribe(),
    detach,
  })
}

/**
 * Yields each committed step down to `depth`. An application that committed one waits until the reader, which holds the
 * step, asks for another.
 *
 * @param root depth of the application itself
 */
export function iterateRun(prepare: Prepare, depth: number, root: number): Reader<CommittedStep, object> {
  const steps = new AsyncQueue<IteratorYieldResult<CommittedStep>>(1)
  let asked = 0
  /** Waiting applications, in the order of their steps; the first belongs to the step with this number. */
  const waiting: Deferred<void>[] = []
  let first = 0
  let left = false
  const release = (most: number): void => {
    for (; first < most && waiting.length > 0; first++) waiting.shift()?.resolve()
  }
  const onStep = (step: CommittedStep, { path }: StepOrigin): Promise<void> | undefined => {
    if (left || path.length - root > depth) return undefined
    const value = path.length === root ? step : below(step, path, root)
    const go = createDeferred<void>()
    waiting.push(go)
    steps.push({ done: false, value })
    release(asked - 1) // it may have been requested already
    return go.promise
  }
  return readRun(prepare({ onStep, deep: depth > 0 }), steps, {
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

/** Converts a step of an application below: `action` becomes the action of the iterated application. */
function below(step: CommittedStep, path: StepOrigin['path'], root: number): CommittedStep {
  return { ...step, action: path[root]?.map ?? step.action, source: step.action, path }
}
