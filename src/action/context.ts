import type { AnyMessageKind, Delivery, Message } from './message.js'

/** One step down the tree of applications: the map action, how often it had committed before, the branch. */
export interface PathSegment {
  readonly map: string
  /** 1 at the first visit of the map, 2 when a loop comes back to it … */
  readonly visit: number
  readonly key: string
}

/** The address of an application below the root: empty for the root itself. */
export type Path = readonly PathSegment[]

const escapeName = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** A path as text: `compare/gpt4`, `compare#2/gpt4` from the second visit, `/` in names as `~1`. */
export function printPath(path: Path): string {
  return path
    .map(({ map, visit, key }) => {
      const head = visit === 1 ? escapeName(map) : `${escapeName(map)}#${visit}`
      return key === '' ? head : `${head}/${escapeName(key)}`
    })
    .join('/')
}

/** What an action can ask of the application that runs it. Valid until its step ends. */
export interface ActionContext {
  readonly appId: string
  /** The number of this step; the first is 0. */
  readonly sequenceId: number
  /** Where this application stands below the root. */
  readonly path: Path
  /** 1 for the first attempt of a step. */
  readonly attempt: number
  /**
   * Cancels a sibling branch. Final: whatever it returns later is ignored.
   * Says nothing when there is no such branch or it has settled.
   */
  cancel(key: string, reason?: unknown): void
  /** Sends a message to a sibling branch, also to one that is still queued. Never throws for a race. */
  send(key: string, message: Message): Delivery
  /** Sends a message to every other sibling that has not settled. */
  broadcast(message: Message): void
  /**
   * The messages of siblings, in order of arrival, as far as they are of these kinds; others stay.
   * Completes when no sibling is left that could send one.
   * @throws {NoSenderError} when all siblings that are left wait for messages themselves
   */
  messages<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /**
   * The messages from outside (`app.send`), in order of arrival, as far as they are of these kinds; others stay. Never
   * completes by itself. Whoever waits holds no slot of a shared limit.
   *
   * A message is taken when the step commits: an attempt that fails gives back what it took to the next one. Without a
   * persister, messages live as long as the run.
   */
  receive<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']>
  /**
   * Waits for one message from outside: a person's answer. Several can wait at once, and are answered in any order.
   *
   * @throws the reason of the step's signal, when the step is cancelled while it waits
   * @example
   * ```ts
   * const approval = defineMessage('approval', type<boolean>())
   * const kit = defineState<{ approved: boolean }>()
   * const approve = kit.action({
   *   reads: [],
   *   writes: ['approved'],
   *   run: async ({ context }) => ({ approved: (await context.receiveOne(approval)).body }),
   * })
   * ```
   * @see {@link ActionContext.receive} for more than one
   */
  receiveOne<K extends readonly AnyMessageKind[]>(...kinds: K): Promise<K[number]['~received']>
  /**
   * Does a side effect once for this step: its value is stored before it is given, and given again, without calling
   * `fn`, to further attempts at the step and after a crash. One that throws is not stored. A crash between the effect
   * and its record calls it again: hand {@link ActionContext.idempotencyKey} to the other side to close that gap.
   * @param key its name within the step
   * @throws {SerializationError} when the value cannot be stored
   */
  once<T>(key: string, fn: () => T | Promise<T>): Promise<T>
  /** The same for every attempt at this step, also after a crash; of no other step. */
  readonly idempotencyKey: string
  /** Writes to the application's logger and as a `log` event. */
  log(text: string, data?: unknown): void
}
