import { isOutside, NO_LIMITS, type Received, readerArgs, type WaitLimits } from '../../action/message.js'
import { TimeoutError } from '../../errors.js'
import { msSince } from '../../internal/clock.js'
import { Few } from '../../internal/few.js'
import { list } from '../../internal/nearest.js'
import { copyData } from '../../state/copy-data.js'
import type { CurrentAttempt, Run } from '../application.js'
import { Deadline } from '../cancel/deadline.js'
import { emit } from '../emit.js'
import type { OpenWait } from '../message/wait-state.js'
import { tooLate } from '../step/once.js'
import type { Permit } from '../step/permit.js'
import { markTaken } from './inbox.js'
import type { Reader } from './mailbox.js'
import { untilAdmitted } from './resume-queue.js'
import { recordWait } from './stored-messages.js'

// Owns: one wait of an action for one message: its events, its count, its permit, which is free meanwhile.
// Does not own: other waits (wait-state.ts), the messages (mailbox.ts).
// V1  It ends once: with its message, with the cancel of its step, by its own signal or time limit, when no message can
//     come, or with its step.
// V2  It ends when its message is handed over, not when its code continues.

type Method = 'messages' | 'receive' | 'receiveOne'

/** The messages of a read, and its limits. */
interface Asked {
  readonly method: Method
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  readonly limits: WaitLimits
}

function askedBy(method: Method, given: readonly unknown[]): Asked {
  const { kinds, limits } = readerArgs(method, given)
  return { method, kinds, from: method === 'messages' ? 'siblings' : 'outside', limits }
}

class MessageWait implements OpenWait, Reader {
  readonly step: CurrentAttempt
  readonly kinds: readonly string[]
  readonly from: Asked['from']
  readonly since: number
  readonly #run: Run
  readonly #limits: WaitLimits
  readonly #begun: number
  /** Whether it is of a `receiveOne`, which throws where a reader completes. */
  readonly #one: boolean
  /** Lent out meanwhile: a waiting action holds no permit, so the application that it waits for can run. */
  readonly #permit: Permit | undefined
  #emitted = false
  #resolve: ((answer: Promise<Received | undefined>) => void) | undefined
  #limited: Limited | undefined
  #unrecord: (() => void) | undefined

  constructor(run: Run, step: CurrentAttempt, { method, kinds, from, limits }: Asked) {
    const { system } = run.app
    this.#run = run
    this.step = step
    this.kinds = kinds
    this.from = from
    this.since = system.clock.now()
    this.#begun = system.passed()
    this.#limits = limits
    this.#one = method === 'receiveOne'
    this.#permit = run.permit
  }

  get withdrawable(): boolean {
    return this.#limits !== NO_LIMITS
  }

  wants(message: Received): boolean {
    return wanted(this, message)
  }

  /**
   * Waits, unless a listener of the `wait` event has answered. No frame of an async function is held meanwhile: many
   * branches may wait.
   * @returns the message; undefined when none can come any more
   */
  begin(): Promise<Received | undefined> {
    const answer = new Promise<Received | undefined>((resolve) => {
      this.#resolve = resolve
    })
    const { app, waitState } = this.#run
    this.#permit?.lendOut()
    waitState.add(this)
    app.mailbox.read(this)
    if (waitState.open.has(this)) {
      const { kinds, from, since } = this
      this.#emitted = true
      if (this.withdrawable) this.#limit(this.#limits)
      emit(app, { type: 'wait', source: this.step.node.name, kinds, from, since })
      if (from === 'outside' && app.journal !== undefined)
        this.#unrecord = recordWait(this.#run, this.step.node.name, kinds)
      waitState.update()
    }
    return answer
  }

  /** Applies the earlier of both times. An absolute time becomes a duration once, so a clock that is set does not move it. */
  #limit({ signal, timeoutMs = Infinity, until = Infinity }: WaitLimits): void {
    const { clock, attendance } = this.#run.app.system
    const ms = Math.min(timeoutMs, until - this.since)
    const onAbort = (): void => this.release({ reason: signal?.reason })
    const ring = (): void => {
      limited.late = new TimeoutError(waitOf(this), Math.max(0, ms))
      this.release({ reason: limited.late })
    }
    const deadline = ms === Infinity ? undefined : new Deadline(clock, this.#begun + ms, ring, attendance)
    const limited: Limited = {
      late: undefined,
      end() {
        deadline?.clear()
        signal?.removeEventListener('abort', onAbort)
      },
    }
    this.#limited = limited
    signal?.addEventListener('abort', onAbort, { once: true })
  }

  answer(message: Received | undefined): void {
    if (!this.#end(message)) return
    markTaken(this.#run, message)
    this.#resolve?.(this.#continue(message, undefined))
  }

  release(error?: { readonly reason: unknown }): void {
    this.#run.app.mailbox.removeReader(this)
    if (this.#end(undefined)) this.#resolve?.(this.#continue(undefined, error))
  }

  #end(message: Received | undefined): boolean {
    const { app, waitState } = this.#run
    if (!waitState.remove(this)) return false // V1
    this.#limited?.end()
    this.#unrecord?.()
    app.system.lookAtWall()
    if (this.#emitted) {
      const { kinds, from } = this
      const durationMs = msSince(app.system.clock, this.#begun)
      emit(app, { type: 'wake', source: this.step.node.name, kinds, from, message, durationMs })
    }
    return true
  }

  /** Its code continues once every map above admits it: before it takes a permit, so that none is held meanwhile. */
  async #continue(
    message: Received | undefined,
    error: { readonly reason: unknown } | undefined,
  ): Promise<Received | undefined> {
    const { app } = this.#run
    await untilAdmitted(app, this.step)
    await this.#permit?.takeBack(this.step)
    if (error !== undefined && (this.#one || error.reason !== this.#limited?.late)) throw error.reason
    return message === undefined && this.#one ? tooLate(app, this.step, 'receiveOne') : handedOver(message)
  }
}

/** The time limit and the signal of a wait. */
interface Limited {
  /** Set when its time limit has passed. */
  late: TimeoutError | undefined
  end(): void
}

const waitOf = ({ step, kinds }: MessageWait): string => `${step.node.subject}: the wait for ${list(kinds)}`

const wanted = ({ kinds, from }: Pick<Asked, 'kinds' | 'from'>, message: Received): boolean =>
  isOutside(message) === (from === 'outside') && kinds.includes(message.kind)

/** Each attempt gets a private copy of the body: after a failure the next one gets the message as it came. */
const handedOver = (message: Received | undefined): Received | undefined =>
  message && { kind: message.kind, body: copyData(message.body), from: message.from }

/** @returns a message that is there, or a wait for one, to begin; undefined when none can come */
function ask(run: Run, step: CurrentAttempt, asked: Asked): Received | MessageWait | undefined {
  if (!step.open) return undefined
  if (step.cancellation !== undefined) throw step.cancellation.reason
  asked.limits.signal?.throwIfAborted() // a withdrawn wait takes nothing
  const here = run.app.mailbox.take((message) => wanted(asked, message))
  if (here !== undefined) {
    markTaken(run, here)
    return handedOver(here)
  }
  if (asked.from === 'siblings' && run.app.parent?.map === undefined) return undefined
  return new MessageWait(run, step, asked)
}

/** The next message from outside. */
export function receiveOne(run: Run, step: CurrentAttempt, given: readonly unknown[]): Promise<Received | undefined> {
  try {
    const found = ask(run, step, askedBy('receiveOne', given))
    if (found instanceof MessageWait) return found.begin()
    return found === undefined ? tooLate(run.app, step, 'receiveOne') : Promise.resolve(found)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Reads messages, one at a time. Returning ends its wait. */
export class MessageReader implements AsyncIterableIterator<Received, void, void> {
  readonly #run: Run
  readonly #step: CurrentAttempt
  readonly #asked: Asked
  readonly #waiting = new Few<MessageWait>()
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
    if (!(found instanceof MessageWait)) return found
    this.#waiting.add(found)
    try {
      return await found.begin()
    } finally {
      this.#waiting.delete(found)
    }
  }
}
