import type {
  AnyMessageKind,
  CancelAnswer,
  Delivery,
  Message,
  SleepOptions,
  WaitLimitOptions,
  WaitOptions,
} from './message.js'
import type { ProgressReport, Reporting } from './report.js'

/** One level of a path: the map action, its visit, and the branch. */
export interface PathSegment {
  /** Name of the map action in its graph. */
  readonly map: string
  /** Which visit of the map: 1 for the first, 2 when a loop returns to it … */
  readonly visit: number
  /** Key of the branch; `''` for a sub-graph. */
  readonly key: string
}

/** The address of an application below the root; empty for the root itself. */
export type Path = readonly PathSegment[]

/** Encodes one name for a printed path; an empty one stays empty. */
export const escapeName = (name: string): string =>
  /[~/#]/.test(name) ? name.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('#', '~2') : name

/** Decodes one part of a printed path to the name it stands for. */
export const unescapeName = (part: string): string =>
  part === '~' ? '' : part.replaceAll('~2', '#').replaceAll('~1', '/').replaceAll('~0', '~')

/** A visit of a map as paths print it: `fan`, `fan#2`. */
export const printMap = (map: string, visit: number): string => printPath([{ map, visit, key: '' }])

/**
 * Prints a path: `compare/gpt4`, or `compare#2/gpt4` from the second visit; empty for the root. In names, `/` is
 * printed as `~1`, `#` as `~2` and `~` as `~0`; an empty key as `~` where more follows. The result is accepted wherever
 * a path is expected.
 * @see RFC 6901, section 3, for the escapes
 */
export function printPath(path: Path): string {
  return path
    .map(({ map, visit, key }, i) => {
      const head = visit === 1 ? escapeName(map) : `${escapeName(map)}#${visit}`
      if (key === '') return i === path.length - 1 ? head : `${head}/~`
      return `${head}/${escapeName(key)}`
    })
    .join('/')
}

/**
 * Access to the application that runs the action.
 *
 * A context belongs to one attempt. The attempt ends when it returns or throws, its step commits, or it is abandoned
 * after a cancel or a time limit. Afterwards its values stay readable and its methods have no effect: `cancel` returns
 * `'unknown'`, `send` returns `'dropped'`, `broadcast` sends nothing, `messages` and `receive` complete, `receiveOne`,
 * `sleep` and `once` reject with a `TypeError`, `log` writes to the logger alone, `span` calls its function without a
 * span, and no application accepts it as its `parent`.
 */
export interface ActionContext extends Reporting {
  /** Id of the application that runs the action: in a branch, the branch's own. */
  readonly appId: string
  /** The partition that stores the application; null without a partition or a persister. */
  readonly partitionKey: string | null
  /** The name of the action in its graph. */
  readonly action: string
  /** The number of this step; the first is 0. */
  readonly sequenceId: number
  /** Path of this application below the root. */
  readonly path: Path
  /** The number of this attempt; the first is 1. */
  readonly attempt: number
  /**
   * How often this branch was handed to a worker: 1, and one more each time that a worker was lost; 1 in this process. An
   * effect of an earlier delivery may have happened, so where it counts use {@link ActionContext.once} or
   * {@link ActionContext.idempotencyKey}.
   */
  readonly delivery: number
  /**
   * Cancels a sibling branch: its signal aborts at once. Final: a result it returns later is ignored.
   * @param reason reason of its signal; default a {@link CancelledError}
   * @returns the outcome; `'unknown'` when there is no such branch, or this is not a branch
   */
  cancel(key: string, reason?: unknown): CancelAnswer
  /**
   * Sends a message to a sibling branch, which may still be queued. Never throws because of a race; returns `'dropped'`
   * when this is not a branch.
   */
  send(key: string, message: Message): Delivery
  /** Sends a message to every unsettled sibling, including those queued by a source of known length. */
  broadcast(message: Message): void
  /**
   * Reads messages of these kinds from siblings, in order of arrival; other kinds stay in the mailbox. Completes when
   * no sibling is left that could send one; at once when this is not a branch.
   *
   * The last argument may be {@link WaitLimitOptions}, as for {@link ActionContext.receive}; waits for siblings are not
   * stored.
   * @throws {NoSenderError} when all remaining siblings wait for messages themselves, and no such options are set
   * @throws the reason of the step's signal, when the step is cancelled during the wait
   */
  messages<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /** The same, limited by `options`. */
  messages<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitLimitOptions]
  ): AsyncIterable<K[number]['~received']>
  /**
   * Reads messages of these kinds from outside (`app.send`), in order of arrival; other kinds stay in the mailbox. Does
   * not complete by itself. A waiting action holds no permit of a shared limit.
   *
   * A message is consumed when the step commits: a failed attempt returns its messages to the next attempt. Without a
   * persister, messages last as long as the run.
   *
   * The last argument may be {@link WaitOptions}: with `timeoutMs` or `until` the iteration completes when no message
   * arrived in time.
   * @throws the reason of the step's signal, when the step is cancelled during the wait; or the reason of the given
   * `signal`
   */
  receive<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /** The same, limited by `options`. */
  receive<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitOptions]
  ): AsyncIterable<K[number]['~received']>
  /**
   * Waits for one message from outside: a person's answer. Several waits may be open at once, answered in any order.
   *
   * A wait stays open even when nothing awaits it: one that lost a `Promise.race` consumes the next message, and the
   * message is lost. Instead of racing, pass `timeoutMs`, `until` or a `signal`: a withdrawn wait consumes nothing.
   *
   * Each wait has an id, `<appId>.<sequenceId>.<n>`, where `n` counts the waits of the attempt from 0. With a persister
   * the open waits are stored under these ids: with their `ask`, the time since when they are open, and their end, which
   * a resume does not start anew. So begin waits in the same order each time.
   *
   * @throws the reason of the step's signal, when the step is cancelled during the wait; or the reason of the given
   * `signal`
   * @throws {TimeoutError} when its `timeoutMs` or `until` expires
   * @throws {ContractError} when `ask` is no plain data
   * @throws {TypeError} when its step has ended
   * @example
   * ```ts
   * const approval = defineMessage('approval', type<boolean>())
   * const kit = defineState<{ approved: boolean }>()
   * const approve = kit.action({
   *   reads: [],
   *   writes: ['approved'],
   *   run: async ({ context }) => {
   *     const { body } = await context.receiveOne(approval, { ask: { text: 'Deploy?' }, timeoutMs: 60_000 })
   *     return { approved: body }
   *   },
   * })
   * ```
   * @see {@link ActionContext.receive} for more than one
   */
  receiveOne<K extends readonly AnyMessageKind[]>(...kinds: K): Promise<K[number]['~received']>
  /** The same, limited by `options`. */
  receiveOne<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitOptions]
  ): Promise<K[number]['~received']>
  /**
   * Sleeps for a time, or until a moment. The step holds no permit of a shared limit meanwhile, and a run in which only
   * sleeps, waits and retry delays are left counts as waiting: `run({ whenWaiting: 'return' })` returns, with `nextAt`.
   *
   * The moment at which it ends is stored. After a crash or a resume the sleep is not started anew: it lasts for the
   * rest, or ends at once when the moment has passed. A failed attempt starts anew. `ms` is measured on a clock that is
   * never set; `until` follows the wall clock, and is reached at most a minute late after that was set.
   *
   * @throws the reason of the step's signal, when the step is cancelled during the sleep; or the reason of the given
   * `signal`
   * @throws {TypeError | RangeError} for invalid options, and {TypeError} when its step has ended
   * @example
   * ```ts
   * const kit = defineState<{ reminded: boolean }>()
   * const remind = kit.action({
   *   reads: [],
   *   writes: ['reminded'],
   *   run: async ({ context }) => {
   *     await context.sleep({ ms: 24 * 3_600_000 }) // a deployment in between changes nothing
   *     return { reminded: true }
   *   },
   * })
   * ```
   */
  sleep(options: SleepOptions): Promise<void>
  /**
   * Performs a side effect once for this step. The value is stored before it is returned; later attempts at the step,
   * also after a crash, get the stored value without calling `fn`. A throw is not stored. A crash between the effect
   * and its record calls `fn` again: pass {@link ActionContext.idempotencyKey} to the other side to close that gap.
   *
   * When the store is unavailable it rejects and remembers the value: `fn` is not called again while the process lives,
   * and the next call stores the value. Without a persister the value is remembered until the step ends. Every caller
   * gets its own copy.
   * @param key name of the effect within the step
   * @throws {SerializationError} when the value cannot be stored
   * @throws {PersistenceError} when the store is unavailable
   */
  once<T>(key: string, fn: () => T | Promise<T>): Promise<T>
  /** A text unique to this step and the same for every attempt at it, also after a crash. */
  readonly idempotencyKey: string
  /**
   * Reports how far the action is, as a `progress` event and in descriptions of the run. Of reports that come fast the
   * latest one counts: an attempt emits at most ten a second, and its last one before its `step.end`.
   * @param progress a fraction from 0 to 1, or `{ done, total }`
   * @param message a text for people
   * @throws {RangeError} for a fraction outside 0 to 1, or a negative or infinite number
   * @throws {TypeError} for another value
   */
  progress(progress: ProgressReport, message?: string): void
}
