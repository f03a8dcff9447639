import { type Received, readerArgs } from '../../action/message.js'
import { Few } from '../../internal/few.js'
import type { CurrentAttempt, Run } from '../application.js'
import { tooLate } from '../step/once.js'
import { markTaken } from './inbox.js'
import { type AskedWait, handedOver, isWanted, lateFor, reachWait, Wait } from './wait.js'

// Owns: the calls by which an action receives messages: one, or a sequence of them.
// Does not own: a wait (wait.ts), the messages (mailbox.ts).

type Method = 'messages' | 'receive' | 'receiveOne'

/** Waits for one kind without options, by the kind: many branches may wait for the same. */
const askedBefore: Readonly<Record<Method, WeakMap<object, AskedWait>>> = {
  messages: new WeakMap(),
  receive: new WeakMap(),
  receiveOne: new WeakMap(),
}

function askedBy(method: Method, given: readonly unknown[]): AskedWait {
  const only = given.length === 1 && typeof given[0] === 'function' ? given[0] : undefined
  const known = only && askedBefore[method].get(only)
  if (known !== undefined) return known
  const asked: AskedWait = {
    ...readerArgs(method, given),
    method,
    from: method === 'messages' ? 'siblings' : 'outside',
  }
  if (only !== undefined) askedBefore[method].set(only, asked)
  return asked
}

/** @returns a message that is there, or a wait for one, to begin; undefined when none can come */
function ask(run: Run, step: CurrentAttempt, asked: AskedWait): Received | Wait | undefined {
  if (!step.open) return undefined
  if (step.cancellation !== undefined) throw step.cancellation.reason
  const { n, span, passed } = reachWait(run, step, asked)
  asked.limits.signal?.throwIfAborted() // a withdrawn wait takes nothing
  const { app } = run
  const here = app.mail?.take((message) => isWanted(asked, message))
  if (here !== undefined) {
    markTaken(run, here)
    return handedOver(here)
  }
  if (asked.from === 'siblings' && app.parent?.map === undefined) return undefined
  if (!passed) return new Wait(run, step, asked, n, span)
  if (asked.method === 'receiveOne') throw lateFor({ step, kinds: asked.kinds }, span.ms).reason // V3
  return undefined
}

/** The next message from outside. */
export function receiveOne(run: Run, step: CurrentAttempt, given: readonly unknown[]): Promise<Received | undefined> {
  try {
    const found = ask(run, step, askedBy('receiveOne', given))
    if (found instanceof Wait) return found.begin()
    return found === undefined ? tooLate(run.app, step, 'receiveOne') : Promise.resolve(found)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Reads messages, one at a time. Returning ends its wait. */
export class MessageReader implements AsyncIterableIterator<Received, void, void> {
  readonly #run: Run
  readonly #step: CurrentAttempt
  readonly #asked: AskedWait
  readonly #waiting = new Few<Wait>()
  #left = false

  constructor(run: Run, step: CurrentAttempt, method: 'messages' | 'receive', given: readonly unknown[]) {
    this.#run = run
    this.#step = step
    this.#asked = askedBy(method, given)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncIterator'
  }

  async next(): Promise<IteratorResult<Received, void>> {
    const value = this.#left ? undefined : await this.#take()
    if (value !== undefined) return { done: false, value }
    this.#left = true
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Received, void>> {
    this.#left = true
    for (const wait of this.#waiting) wait.release()
    return { done: true, value: undefined }
  }

  /** The next message; undefined when none can come any more, or a time limit has passed. */
  async #take(): Promise<Received | undefined> {
    const found = ask(this.#run, this.#step, this.#asked)
    if (!(found instanceof Wait)) return found
    this.#waiting.add(found)
    try {
      return await found.begin()
    } finally {
      this.#waiting.delete(found)
    }
  }
}
