import type { AnyMessageKind, CancelAnswer, Delivery, Message, WaitOptions } from './message.js'

/** One step down the tree of applications: the map action, how often it had committed before, the branch. */
export interface PathSegment {
  /** The map action, by its name in the graph above. */
  readonly map: string
  /** 1 at the first visit of the map, 2 when a loop comes back to it … */
  readonly visit: number
  /** The key of the branch; `''` for a sub-graph. */
  readonly key: string
}

/** The address of an application below the root: empty for the root itself. */
export type Path = readonly PathSegment[]

const escapeName = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('#', '~2')

/** The name that one part of a printed path stands for. */
export const unescapeName = (part: string): string =>
  part === '~' ? '' : part.replaceAll('~2', '#').replaceAll('~1', '/').replaceAll('~0', '~')

/**
 * A path as text: `compare/gpt4`, `compare#2/gpt4` from the second visit, `/` in names as `~1`, `#` as `~2` and `~` as
 * `~0`, an empty key as `~` where more follows; empty for the root. It can be given wherever a path is asked for.
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
 * What an action can ask of the application that runs it.
 *
 * It belongs to one attempt. Once that has ended (it returned or threw, its step committed, it was given up after a
 * cancel or a time limit), values stay those of the attempt, and nothing else is done: `cancel` answers `'unknown'`,
 * `send` `'dropped'`, `broadcast` sends nothing, `messages` and `receive` complete, `receiveOne` and `once` reject with a
 * `TypeError`, `log` writes to the logger alone, and no application takes it as its `parent`.
 */
export interface ActionContext {
  /** The id of the application that runs the action: in a branch, the branch's own. */
  readonly appId: string
  /** The partition that the application is stored in; null where none was named, or nothing is stored. */
  readonly partitionKey: string | null
  /** The name of the action in its graph. */
  readonly action: string
  /** The number of this step; the first is 0. */
  readonly sequenceId: number
  /** Where this application stands below the root. */
  readonly path: Path
  /** Which attempt at this step it is: 1 for the first. */
  readonly attempt: number
  /**
   * Cancels a sibling branch: its signal fires at once. Final: whatever it returns later is ignored.
   * @param reason what its signal carries; default a {@link CancelledError}
   * @returns what became of it; `'unknown'` where there is no such branch, or this is no branch
   */
  cancel(key: string, reason?: unknown): CancelAnswer
  /**
   * Sends a message to a sibling branch, also to one that is still queued. Never throws for a race; `'dropped'` where
   * this is no branch.
   */
  send(key: string, message: Message): Delivery
  /** Sends a message to every sibling that has not settled, also to those that a source of known length has queued. */
  broadcast(message: Message): void
  /**
   * The messages of siblings, in order of arrival, as far as they are of these kinds; others stay. Completes when no
   * sibling is left that could send one; at once where this is no branch.
   *
   * {@link WaitOptions} may come last, as for {@link ActionContext.receive}.
   * @throws {NoSenderError} when all siblings that are left wait for messages themselves, without any such options
   * @throws the reason of the step's signal, when the step is cancelled while it waits
   */
  messages<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /** The same, until `options` end it. */
  messages<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitOptions]
  ): AsyncIterable<K[number]['~received']>
  /**
   * The messages from outside (`app.send`), in order of arrival, as far as they are of these kinds; others stay. Never
   * completes by itself. Whoever waits holds no permit of a shared limit.
   *
   * A message is taken when the step commits: an attempt that fails gives back what it took to the next one. Without a
   * persister, messages live as long as the run.
   *
   * {@link WaitOptions} may come last: with `timeoutMs` or `until` the reading completes when no message came in time.
   * @throws the reason of the step's signal, when the step is cancelled while it waits; or that of the `signal` given
   */
  receive<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /** The same, until `options` end it. */
  receive<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitOptions]
  ): AsyncIterable<K[number]['~received']>
  /**
   * Waits for one message from outside: a person's answer. Several can wait at once, and are answered in any order.
   *
   * A wait that nobody awaits any more is still there: one that lost a `Promise.race` takes the next message, and nobody
   * has it. Give it `timeoutMs`, `until` or a `signal` in place of the race: a wait that was withdrawn takes nothing.
   *
   * @throws the reason of the step's signal, when the step is cancelled while it waits; or that of the `signal` given
   * @throws {TimeoutError} when its `timeoutMs` or `until` is over
   * @throws {TypeError} when its step has ended
   * @example
   * ```ts
   * const approval = defineMessage('approval', type<boolean>())
   * const kit = defineState<{ approved: boolean }>()
   * const approve = kit.action({
   *   reads: [],
   *   writes: ['approved'],
   *   run: async ({ context }) => ({ approved: (await context.receiveOne(approval, { timeoutMs: 60_000 })).body }),
   * })
   * ```
   * @see {@link ActionContext.receive} for more than one
   */
  receiveOne<K extends readonly AnyMessageKind[]>(...kinds: K): Promise<K[number]['~received']>
  /** The same, until `options` withdraw it. */
  receiveOne<K extends readonly AnyMessageKind[]>(
    ...kindsAndOptions: [...kinds: K, options: WaitOptions]
  ): Promise<K[number]['~received']>
  /**
   * Does a side effect once for this step: its value is stored before it is given, and given again, without calling
   * `fn`, to further attempts at the step and after a crash. One that throws is not stored. A crash between the effect
   * and its record calls it again: hand {@link ActionContext.idempotencyKey} to the other side to close that gap.
   *
   * Where the store is away, it rejects, and the value is remembered: `fn` is not called again while the process lives,
   * and whoever asks next has the value stored. Without a persister it is remembered until the step has ended. Each
   * caller has a copy of its own.
   * @param key its name within the step
   * @throws {SerializationError} when the value cannot be stored
   * @throws {PersistenceError} when the store is away
   */
  once<T>(key: string, fn: () => T | Promise<T>): Promise<T>
  /** A text that is the same for every attempt at this step, also after a crash, and that no other step has. */
  readonly idempotencyKey: string
  /** Writes to `info` of the application's logger, of which the default one prints nothing, and as a `log` event. */
  log(text: string, data?: unknown): void
}
