import { AsyncQueue } from '../internal/async-queue.js'
import { describeValue, isAsyncIterable } from '../internal/guards.js'
import { Reader } from './reader.js'

// Owns: joining independent generators.
// Does not own: their sources.
// J1  At most one value of each source is ahead of the reader; values are yielded in order of arrival.
// J2  All sources end together: when the reader leaves or one source fails, all others are returned, and that is
//     awaited.

type ValueOf<Source> = Source extends AsyncIterable<infer Value> ? Value : never
type EndOf<Source> = Source extends AsyncIterator<unknown, infer End> ? End : undefined
type EndsOf<Sources extends readonly unknown[]> = { -readonly [K in keyof Sources]: EndOf<Sources[K]> }

/**
 * Joins independent async iterables, such as the streams of several applications. Yields their values in order of
 * arrival; its return value is the list of their return values.
 *
 * The sources start at the first `next()`. Each is advanced when its previous value was handed out, so at most one
 * value of each source is ahead of the reader, a slow reader holds all of them back, and a fast source cannot starve a
 * slow one. Leaving the loop returns every source at once (a stream cancels its run) and waits for their ends. When one
 * fails, the others are returned, and the failure is thrown after they ended. A plain generator in the middle of an
 * `await` cannot be interrupted: its end is awaited.
 *
 * @param sources streams, generators, or any other async iterables
 * @returns a generator of the values; its return value is the list of the sources' return values, in the given order
 * @throws {TypeError} for a value that is not an async iterable, before any source starts
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
 *
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

  /** Returns every open source, once (J2). */
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
    for (const [i, source] of sources.entries()) {
      try {
        open.set(i, source[Symbol.asyncIterator]())
      } catch (error) {
        failure ??= { error } // the other sources are started too, so that they can be returned (J2)
      }
    }
    if (failure !== undefined) void close()
  }
  /** Hands out one value, and advances its source (J1). */
  const handOut = (arrival: Arrival | undefined): IteratorYieldResult<unknown> | undefined => {
    const iterator = arrival && open.get(arrival.from)
    if (iterator !== undefined && closing === undefined) void ask(arrival?.from ?? 0, iterator)
    return arrival?.result
  }
  return new Reader({
    open() {
      begin()
      if (failure !== undefined) return
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
      const fresh = !begun
      if (fresh) begin() // a source that already listens releases its listener
      const lost = (await close()).find((one) => one.status === 'rejected')
      if (fresh && failure !== undefined) throw failure.error
      if (lost !== undefined) throw lost.reason
    },
  })
}
