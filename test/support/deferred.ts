/** A promise with its `resolve` and `reject` exposed. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

export function defer<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/**
 * Waits turns of the event loop, so that work that is ready can run. This shows that nothing more happens.
 * A test that waits for one definite thing awaits that thing, since a number of turns is a guess.
 */
export async function flush(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/**
 * Waits turns of the event loop until a condition holds, and then as long as {@link flush}.
 * @throws {RangeError} when it does not hold after ten thousand turns
 */
export async function flushUntil(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns === 10_000) throw new RangeError(`After ${turns} turns this does not hold: ${holds}`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await flush()
}

/** Rejects with the reason of the signal when it aborts, as a well-behaved action does. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
