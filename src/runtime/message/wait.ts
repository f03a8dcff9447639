import { copyData, isOutside, NO_LIMITS, type Received, type WaitLimits } from '../../action/message.js'
import { TimeoutError } from '../../errors.js'
import { msSince } from '../../internal/clock.js'
import { createDeferred } from '../../internal/deferred.js'
import { list } from '../../internal/nearest.js'
import type { Application, CurrentAttempt, Run } from '../application.js'
import { Deadline } from '../cancel/deadline.js'
import { emit } from '../emit.js'
import type { OpenWait } from '../message/wait-state.js'
import { markTaken } from './inbox.js'
import type { Reader } from './mailbox.js'
import { untilAdmitted } from './resume-queue.js'
import { recordWait } from './stored-messages.js'

// Owns: one wait of an action for one message: its events, its count, its permit, which is free meanwhile.
// Does not own: other waits (wait-state.ts), the messages (mailbox.ts).
// V1  It ends once: with its message, with the cancel of its step, by its own signal or time limit, when no message can
//     come, or with its step.
// V2  It ends when its message is handed over, not when its code continues.

/** The messages of a read, and its limits. */
export interface Asked {
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  readonly limits: WaitLimits
}

class MessageWait implements OpenWait, Reader {
  readonly step: CurrentAttempt
  readonly kinds: readonly string[]
  readonly from: Asked['from']
  readonly since: number
  readonly withdrawable: boolean
  /** Set when its time limit has passed. */
  late: TimeoutError | undefined
  readonly #run: Run
  readonly #app: Application
  readonly #limits: WaitLimits
  readonly #begun: number
  readonly #answer = createDeferred<Received | undefined>()
  #emitted = false
  #unrecord: (() => void) | undefined
  #deadline: Deadline | undefined
  readonly #onAbort = (): void => this.release({ reason: this.step.signal.reason })
  readonly #onWithdraw = (): void => this.release({ reason: this.#limits.signal?.reason })

  constructor(run: Run, step: CurrentAttempt, { kinds, from, limits }: Asked) {
    const { app } = run
    this.#run = run
    this.#app = app
    this.step = step
    this.kinds = kinds
    this.from = from
    this.since = app.system.clock.now()
    this.#begun = app.system.passed()
    this.#limits = limits
    this.withdrawable = limits !== NO_LIMITS
  }

  wants(message: Received): boolean {
    return wanted(this, message)
  }

  /** Waits, unless a listener of the `wait` event has answered. */
  begin(): Promise<Received | undefined> {
    const waits = this.#run.waitState
    waits.add(this)
    this.step.signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#limits.signal?.addEventListener('abort', this.#onWithdraw, { once: true })
    this.#app.mailbox.read(this)
    if (waits.open.has(this)) {
      const { kinds, from, since } = this
      this.#emitted = true
      this.#setDeadline()
      emit(this.#app, { type: 'wait', source: this.step.node.name, kinds, from, since })
      if (from === 'outside' && this.#app.journal !== undefined)
        this.#unrecord = recordWait(this.#run, this.step.node.name, kinds)
      waits.update()
    }
    return this.#answer.promise
  }

  /** Applies the earlier of both times. An absolute time becomes a duration once, so a clock that is set does not move it. */
  #setDeadline(): void {
    const { timeoutMs = Infinity, until = Infinity } = this.#limits
    const ms = Math.min(timeoutMs, until - this.since)
    if (ms === Infinity) return
    const { clock, attendance } = this.#app.system
    const ring = (): void => {
      this.late = new TimeoutError(waitOf(this), Math.max(0, ms))
      this.release({ reason: this.late })
    }
    this.#deadline = new Deadline(clock, this.#begun + ms, ring, attendance)
  }

  answer(message: Received | undefined): void {
    if (!this.#end(message)) return
    markTaken(this.#run, message)
    this.#answer.resolve(message)
  }

  release(error?: { readonly reason: unknown }): void {
    this.#app.mailbox.removeReader(this)
    if (!this.#end(undefined)) return
    if (error === undefined) this.#answer.resolve(undefined)
    else this.#answer.reject(error.reason)
  }

  #end(message: Received | undefined): boolean {
    if (!this.#run.waitState.remove(this)) return false // V1
    this.step.signal.removeEventListener('abort', this.#onAbort)
    this.#limits.signal?.removeEventListener('abort', this.#onWithdraw)
    this.#deadline?.clear()
    this.#unrecord?.()
    this.#app.system.lookAtWall()
    if (this.#emitted) {
      const { kinds, from } = this
      const durationMs = msSince(this.#app.system.clock, this.#begun)
      emit(this.#app, { type: 'wake', source: this.step.node.name, kinds, from, message, durationMs })
    }
    return true
  }
}

const waitOf = ({ step, kinds }: MessageWait): string => `${step.node.subject}: the wait for ${list(kinds)}`

const wanted = ({ kinds, from }: Omit<Asked, 'limits'>, message: Received): boolean =>
  isOutside(message) === (from === 'outside') && kinds.includes(message.kind)

/** Each attempt gets a private copy of the body: after a failure the next one gets the message as it came. */
const handedOver = (message: Received | undefined): Received | undefined =>
  message && { kind: message.kind, body: copyData(message.body), from: message.from }

/** Reads messages, one at a time. Returning ends its wait. */
export class MessageReader implements AsyncIterableIterator<Received, void, void> {
  readonly #run: Run
  readonly #step: CurrentAttempt
  readonly #asked: Asked
  readonly #waiting = new Set<MessageWait>()
  #left = false

  constructor(run: Run, step: CurrentAttempt, asked: Asked) {
    this.#run = run
    this.#step = step
    this.#asked = asked
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncIterator'
  }

  async next(): Promise<IteratorResult<Received, void>> {
    const value = this.#left ? undefined : await this.take('ends')
    if (value !== undefined) return { done: false, value }
    this.#left = true
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Received, void>> {
    this.#left = true
    for (const wait of this.#waiting) wait.release()
    return { done: true, value: undefined }
  }

  /**
   * The next message; undefined when none can come any more.
   * @param late the effect of a time limit that has passed
   */
  async take(late: 'ends' | 'throws'): Promise<Received | undefined> {
    const [run, step] = [this.#run, this.#step]
    if (!step.open) return undefined
    step.signal.throwIfAborted()
    this.#asked.limits.signal?.throwIfAborted() // a withdrawn wait takes nothing
    const here = run.app.mailbox.take((message) => wanted(this.#asked, message))
    if (here !== undefined) {
      markTaken(run, here)
      return handedOver(here)
    }
    if (this.#asked.from === 'siblings' && run.app.parent?.map === undefined) return undefined
    const wait = new MessageWait(run, step, this.#asked)
    this.#waiting.add(wait)
    try {
      // A waiting action holds no permit, so the application that it waits for can run.
      const { permit } = run
      const begin = (): Promise<Received | undefined> => this.#admitted(wait)
      return handedOver(permit === undefined ? await begin() : await permit.lend(begin, step))
    } catch (error) {
      if (late === 'ends' && error === wait.late) return undefined
      throw error
    } finally {
      this.#waiting.delete(wait)
    }
  }

  /** Its message, once every map above admits it: before it takes a permit, so that none is held meanwhile. */
  async #admitted(wait: MessageWait): Promise<Received | undefined> {
    try {
      return await wait.begin()
    } finally {
      await untilAdmitted(this.#run.app, this.#step.signal)
    }
  }
}
