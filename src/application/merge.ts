import { AsyncQueue } from '../internal/async-queue.js'
import { describeValue, isAsyncIterable } from '../internal/guards.js'
import { Reader } from './reader.js'

// Owns: the joining of independent generators. Does not own: what they read.
// J1  At most one value of a source is ahead of the reader; they are yielded in the order in which they arrived.
// J2  All of them end together: left, or failed by one, every other one is returned, and that is awaited.

type ValueOf<Source> = Source extends AsyncIterable<infer Value> ? Value : never
type EndOf<Source> = Source extends AsyncIterator<unknown, infer End> ? End : undefined
type EndsOf<Sources extends readonly unknown[]> = { -readonly [K in keyof Sources]: EndOf<Sources[K]> }

/**
 * Joins independent generators, such as the streams of several applications, into one: what each of them yields, in the
 * order of arrival, and at the end what each of them returned.
 *
 * The sources begin at the first `next()`. Each is asked for its next value when the one before was handed out, so at
 * most one value a source lies ahead of the reader, a slow reader holds all of them back, and a fast source cannot
 * starve a slow one. Leaving the loop returns every source at once (a stream cancels its run) and waits for their ends;
 * when one fails, the others are returned, and the failure is thrown after they ended. A plain generator that is in the
 * middle of an `await` cannot be interrupted: its end is waited for.
 *
 * @param sources streams, generators, or any other async iterables
 * @returns yields the values; its return value is the list of what the sources returned, in the order given
 * @throws {TypeError} for what is no async iterable, before any source begins
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number }>()
 * const count = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = kit.graph({ actions: { count }, transitions: { count: 'count' } }) // goes on until it is cancelled
 * const one = createApplication(graph, { entrypoint: 'count', state: { n: 0 } })
 * const other = createApplication(graph, { entrypoint: 'count', state: { n: 100 } })
 * for await (const event of merge(one.stream(), other.stream())) {
 *   if (event.type === 'step.end' && event.status === 'done' && event.state.n === 103) break // cancels both
 * }
 * ```
 */
export function merge<const Sources extends readonly AsyncIterable<unknown>[]>(
  ...sources: Sources
): AsyncGenerator<ValueOf<Sources[number]>, EndsOf<Sources>, void> {
  for (const [i, source] of sources.entries()) {
    if (!isAsyncIterable(source))
      throw new TypeError(`merge joins async iterables; source ${i} is ${describeValue(source)}.`)
  }
  return mergeSources(sources) as Reader<unknown, unknown> as Reader<ValueOf<Sources[number]>, EndsOf<Sources>>
}

interface Arrival {
  readonly from: number
  readonly result: IteratorYieldResult<unknown>
}

function mergeSources(sources: readonly AsyncIterable<unknown>[]): Reader<unknown, unknown[]> {
  const arrivals = new AsyncQueue<Arrival>(1)
  const ends: unknown[] = sources.map(() => undefined)
  const open = new Map<number, AsyncIterator<unknown>>()
  let failure: { readonly error: unknown } | undefined
  let closing: Promise<readonly PromiseSettledResult<unknown>[]> | undefined

  /** Returns whatever is open, once (J2). */
  const close = (): Promise<readonly PromiseSettledResult<unknown>[]> => {
    closing ??= Promise.allSettled([...open.values()].map(async (iterator) => iterator.return?.()))
    arrivals.close()
    return closing
  }
  const ask = async (from: number, iterator: AsyncIterator<unknown>): Promise<void> => {
    try {
      const result = await iterator.next()
      if (result.done !== true) return arrivals.push({ from, result })
      ends[from] = result.value
      over(from)
    } catch (error) {
      open.delete(from)
      failure ??= { error }
      void close()
    }
  }
  const over = (from: number): void => {
    open.delete(from)
    if (open.size === 0) arrivals.close()
  }
  let begun = false
  const begin = (): void => {
    begun = true
    for (const [i, source] of sources.entries()) open.set(i, source[Symbol.asyncIterator]())
  }
  /** Hands out one value, and asks its source for the next (J1). */
  const handOut = (arrival: Arrival | undefined): IteratorYieldResult<unknown> | undefined => {
    const iterator = arrival && open.get(arrival.from)
    if (iterator !== undefined && closing === undefined) void ask(arrival?.from ?? 0, iterator)
    return arrival?.result
  }
  return new Reader({
    open() {
      begin()
      if (open.size === 0) arrivals.close()
      for (const [i, iterator] of open) void ask(i, iterator)
    },
    take() {
      const arrival = arrivals.take()
      return arrival instanceof Promise ? arrival.then(handOut) : handOut(arrival)
    },
    async end() {
      await closing
      if (failure !== undefined) throw failure.error
      return ends
    },
    async leave() {
      if (!begun) begin() // a source that listens already lets go
      const lost = (await close()).find((one) => one.status === 'rejected')
      if (lost !== undefined) throw lost.reason
    },
  })
}
