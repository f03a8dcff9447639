import { AsyncQueue } from '../internal/async-queue.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { AnyEvent, Subscription } from '../lifecycle/events.js'
import type { CommittedStep } from '../runtime/order.js'

// Owns: handing a run to one reader, who paces it. Does not own: the run.

/** How far producers may be ahead of the reader of a stream, in events. */
const BUFFER = 64

interface Steps {
  readonly start: (pace: (step: CommittedStep) => Promise<void>) => Promise<object>
  readonly cancel: () => Promise<void>
}

/** Yields each step when it has committed; the next is taken when it is asked for. */
export async function* iterateRun({ start, cancel }: Steps): AsyncGenerator<CommittedStep, object, void> {
  let asked: Deferred<void> = createDeferred()
  const steps = new AsyncQueue<CommittedStep>(1)
  let left = false
  let over = false // ended, or waiting for a person: nothing is cancelled
  const run = start((step) => {
    steps.push(step)
    return left ? Promise.resolve() : asked.promise
  })
  run.then(
    () => steps.close(),
    () => steps.close(),
  )
  try {
    for (;;) {
      const step = await steps.take()
      if (step === undefined) {
        over = true
        return await run
      }
      yield step
      const go = asked
      asked = createDeferred()
      go.resolve()
    }
  } finally {
    left = true
    const ended = over ? undefined : cancel()
    asked.resolve()
    await ended
    await run.catch(() => {})
  }
}

interface Events {
  readonly start: (room: () => Promise<void> | undefined) => Promise<object>
  readonly listen: (listener: (event: AnyEvent) => void) => Subscription
  readonly cancel: () => Promise<void>
}

/** Yields each event of a run. When {@link BUFFER} of them wait, producers and step borders do. */
export async function* streamRun({ start, listen, cancel }: Events): AsyncGenerator<AnyEvent, object, void> {
  const events = new AsyncQueue<AnyEvent>(BUFFER)
  let over = false
  const subscription = listen((event) => events.push(event))
  const run = start(() => events.room())
  run.then(
    () => events.close(),
    () => events.close(),
  )
  try {
    for (;;) {
      const event = await events.take()
      if (event === undefined) {
        over = true
        return await run
      }
      yield event
    }
  } finally {
    subscription.unsubscribe()
    const ended = over ? undefined : cancel()
    events.close()
    await ended
    await run.catch(() => {})
  }
}
