import { list } from '../../internal/nearest.js'
import { sourceFault } from '../../parallel/entries.js'
import type { TaskSource } from '../../parallel/fan-out.js'
import type { BranchTask } from '../../parallel/task.js'

/** The answer of a feed: a task, none yet, or none any more. */
export type NextTask = BranchTask | 'later' | 'end'

/**
 * The tasks of one map, one at a time, pulled on demand.
 *
 * A source of known length is checked for duplicate keys before its first task. An async source answers `'later'` and
 * calls `wake` when it has more.
 */
export class TaskFeed {
  readonly #source: TaskSource
  readonly #wake: () => void
  readonly #skipped = new Set<number>()
  #index = 0
  #state: 'open' | 'pulling' | 'ended' = 'open'
  #arrived: BranchTask[] = []
  /** The positions of known keys, made on first lookup. */
  #places: Map<string, number> | undefined
  #fault: { readonly error: unknown } | undefined

  readonly #located: (thrown: unknown, prefix: string) => Error

  /** @param located makes the error of the step from a value that the source threw, with a prefix */
  constructor(
    subject: string,
    source: TaskSource,
    wake: () => void,
    located: (thrown: unknown, prefix: string) => Error,
  ) {
    this.#located = located
    this.#source = source
    this.#wake = wake
    if (source.entries.kind === 'known') refuseDuplicates(subject, source, source.entries.length)
  }

  /** The number of tasks; undefined while it is unknown. */
  get length(): number | undefined {
    const { entries } = this.#source
    return entries.kind === 'known' ? entries.length : this.#state === 'ended' ? this.#index : undefined
  }

  /** @throws the error of the source, with the number of branches before it */
  next(): NextTask {
    if (this.#fault !== undefined) throw this.#fault.error
    const arrived = this.#arrived.shift()
    if (arrived !== undefined) return arrived
    if (this.#state === 'ended') return 'end'
    if (this.#state === 'pulling') return 'later'
    const { entries, toTask } = this.#source
    if (entries.kind === 'known') {
      while (this.#skipped.has(this.#index)) this.#index += 1
      if (this.#index < entries.length) return toTask(entries.at(this.#index), this.#index++)
      this.#state = 'ended'
      return 'end'
    }
    if (entries.waits) {
      this.#pull(entries.iterator)
      return 'later'
    }
    let pulled: ReturnType<typeof entries.iterator.next>
    try {
      pulled = entries.iterator.next()
    } catch (error) {
      throw this.#thrown(error)
    }
    if (pulled.done !== true) return toTask(pulled.value, this.#index++)
    this.#state = 'ended'
    return 'end'
  }

  #pull(iterator: AsyncIterator<Parameters<TaskSource['toTask']>[0]>): void {
    this.#state = 'pulling'
    iterator.next().then(
      (pulled) => {
        if (this.#state === 'ended') return // closed while it was pulled
        this.#state = pulled.done === true ? 'ended' : 'open'
        try {
          if (pulled.done !== true) this.#arrived.push(this.#source.toTask(pulled.value, this.#index++))
        } catch (error) {
          this.#fault = { error }
        }
        this.#wake()
      },
      (error: unknown) => {
        this.#fault = { error: this.#thrown(error) }
        this.#wake()
      },
    )
  }

  /** The source has ended with an error. */
  #thrown(error: unknown): Error {
    this.#state = 'ended'
    return this.#located(error, `its source threw after ${this.#index} ${this.#index === 1 ? 'branch' : 'branches'}: `)
  }

  /** Takes a queued task out of turn, to cancel it. */
  take(key: string): BranchTask | undefined {
    const { entries, toTask } = this.#source
    const at = this.#find(key)
    if (at === undefined || entries.kind !== 'known') return undefined
    this.#skipped.add(at)
    return toTask(entries.at(at), at)
  }

  /** Whether a task with this key is queued. */
  holds(key: string): boolean {
    return this.#find(key) !== undefined
  }

  #find(key: string): number | undefined {
    const { entries, keyOf } = this.#source
    if (entries.kind !== 'known') return undefined
    if (this.#places === undefined) {
      this.#places = new Map()
      for (let i = this.#index; i < entries.length; i++) this.#places.set(keyOf(entries.at(i)) ?? String(i), i)
    }
    const at = this.#places.get(key)
    return at === undefined || at < this.#index || this.#skipped.has(at) ? undefined : at
  }

  /** True while the next entry of the source is pending. */
  get pulling(): boolean {
    return this.#state === 'pulling'
  }

  /** The keys of queued tasks. */
  *queued(): Generator<string, void, void> {
    const { entries, keyOf } = this.#source
    if (entries.kind !== 'known') return
    for (let i = this.#index; i < entries.length; i++)
      if (!this.#skipped.has(i)) yield keyOf(entries.at(i)) ?? String(i)
  }

  /** All tasks that are pulled or known, and not handed out. */
  *rest(): Generator<BranchTask, void, void> {
    const { entries, toTask } = this.#source
    yield* this.#arrived.splice(0)
    if (entries.kind !== 'known') return
    for (; this.#index < entries.length; this.#index++) {
      if (!this.#skipped.has(this.#index)) yield toTask(entries.at(this.#index), this.#index)
    }
    this.#state = 'ended'
  }

  /** Closes the source: the `finally` of a generator runs. */
  close(): Promise<void> | undefined {
    const { entries } = this.#source
    if (entries.kind === 'known' || this.#state === 'ended') return undefined
    this.#state = 'ended'
    return Promise.resolve(entries.iterator.return?.()).then(() => {})
  }
}

function refuseDuplicates(subject: string, source: TaskSource, length: number): void {
  const { entries, keyOf } = source
  if (entries.kind !== 'known') return
  let named = false
  for (let i = 0; i < length && !named; i++) named = keyOf(entries.at(i)) !== undefined
  if (!named) return
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (let i = 0; i < length; i++) {
    const key = keyOf(entries.at(i)) ?? String(i)
    if (seen.has(key)) twice.add(key)
    seen.add(key)
  }
  if (twice.size === 0) return
  throw sourceFault(
    subject,
    `several branches would have the ${twice.size === 1 ? 'key' : 'keys'} ${list([...twice])}. Give each branch a key of its own. No branch was started.`,
  )
}
