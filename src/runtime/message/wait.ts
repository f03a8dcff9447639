import { copyData, isOutside, NO_LIMITS, type Received, type WaitLimits } from '../../action/message.js'
import { TimeoutError } from '../../errors.js'
import { msSince } from '../../internal/clock.js'
import { createDeferred } from '../../internal/deferred.js'
import { list } from '../../internal/nearest.js'
import { Alarm } from '../cancel/alarm.js'
import { announce } from '../emit.js'
import type { LiveApp, LiveAttempt, LiveRun, OpenWait } from '../tree.js'
import type { Reader } from './mailbox.js'
import { untilAdmitted } from './resume-queue.js'
import { markTaken, recordWait } from './stored-messages.js'
import { waitStateOf } from './wait-state.js'

// Owns: one action that waits for one message: told, counted, its permit given back meanwhile.
// Does not own: who else waits (wait-state.ts), the messages (mailbox.ts).
// V1  It ends once: with its message, with the cancel of its step, when it is withdrawn or its time is over, when no
//     message can come, or with its step.
// V2  It ends in the moment its message is handed over, not when its code goes on.

/** Whose messages, of which kinds, and when nobody wants one any more. */
export interface Asked {
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  readonly limits: WaitLimits
}

class MessageWait implements OpenWait, Reader {
  readonly step: LiveAttempt
  readonly kinds: readonly string[]
  readonly from: Asked['from']
  readonly since: number
  readonly withdrawable: boolean
  /** Set when its time is over. */
  late: TimeoutError | undefined
  readonly #run: LiveRun
  readonly #app: LiveApp
  readonly #limits: WaitLimits
  readonly #begun: number
  readonly #answer = createDeferred<Received | undefined>()
  #told = false
  #unexpect: (() => void) | undefined
  #alarm: Alarm | undefined
  readonly #onAbort = (): void => this.release({ reason: this.step.signal.reason })
  readonly #onWithdraw = (): void => this.release({ reason: this.#limits.signal?.reason })

  constructor(run: LiveRun, step: LiveAttempt, { kinds, from, limits }: Asked) {
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

  /** WaitState, unless a listener of the `wait` event has answered already. */
  begin(): Promise<Received | undefined> {
    const waits = waitStateOf(this.#run)
    waits.add(this)
    this.step.signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#limits.signal?.addEventListener('abort', this.#onWithdraw, { once: true })
    this.#app.mailbox.read(this)
    if (waits.open.has(this)) {
      const { kinds, from, since } = this
      this.#told = true
      this.#setAlarm()
      if (this.#app.hears('wait'))
        announce(this.#app, { type: 'wait', source: this.step.node.name, kinds, from, since })
      if (from === 'outside' && this.#app.journal !== undefined)
        this.#unexpect = recordWait(this.#run, this.step.node.name, kinds)
      waits.reckon()
    }
    return this.#answer.promise
  }

  /** The sooner of both times. An absolute one is turned into a duration once: a clock that is set moves it no more. */
  #setAlarm(): void {
    const { timeoutMs = Infinity, until = Infinity } = this.#limits
    const ms = Math.min(timeoutMs, until - this.since)
    if (ms === Infinity) return
    const { clock, attendance } = this.#app.system
    const ring = (): void => {
      this.late = new TimeoutError(waitOf(this), Math.max(0, ms))
      this.release({ reason: this.late })
    }
    this.#alarm = new Alarm(clock, this.#begun + ms, ring, attendance)
  }

  answer(message: Received | undefined): void {
    if (!this.#end(message)) return
    markTaken(this.#run, message)
    this.#answer.resolve(message)
  }

  release(error?: { readonly reason: unknown }): void {
    this.#app.mailbox.leave(this)
    if (!this.#end(undefined)) return
    if (error === undefined) this.#answer.resolve(undefined)
    else this.#answer.reject(error.reason)
  }

  #end(message: Received | undefined): boolean {
    if (!waitStateOf(this.#run).remove(this)) return false // V1
    this.step.signal.removeEventListener('abort', this.#onAbort)
    this.#limits.signal?.removeEventListener('abort', this.#onWithdraw)
    this.#alarm?.clear()
    this.#unexpect?.()
    this.#app.system.lookAtWall()
    if (this.#told && this.#app.hears('wake')) {
      const { kinds, from } = this
      const durationMs = msSince(this.#app.system.clock, this.#begun)
      announce(this.#app, { type: 'wake', source: this.step.node.name, kinds, from, message, durationMs })
    }
    return true
  }
}

const waitOf = ({ step, kinds }: MessageWait): string => `${step.node.subject}: the wait for ${list(kinds)}`

const wanted = ({ kinds, from }: Omit<Asked, 'limits'>, message: Received): boolean =>
  isOutside(message) === (from === 'outside') && kinds.includes(message.kind)

/** Each attempt has a body of its own: one that fails gives back the message as it came. */
const handedOver = (message: Received | undefined): Received | undefined =>
  message && { kind: message.kind, body: copyData(message.body), from: message.from }

/** Reads messages, one at a time. Leaving it ends its wait. */
export class MessageReader implements AsyncIterableIterator<Received, void, void> {
  readonly #run: LiveRun
  readonly #step: LiveAttempt
  readonly #asked: Asked
  readonly #waiting = new Set<MessageWait>()
  #left = false

  constructor(run: LiveRun, step: LiveAttempt, asked: Asked) {
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
   * The next message; undefined when none comes any more.
   * @param late what happens when its time is over
   */
  async take(late: 'ends' | 'throws'): Promise<Received | undefined> {
    const [run, step] = [this.#run, this.#step]
    if (!step.open) return undefined
    step.signal.throwIfAborted()
    this.#asked.limits.signal?.throwIfAborted() // a wait that was withdrawn takes nothing
    const here = run.app.mailbox.take((message) => wanted(this.#asked, message))
    if (here !== undefined) {
      markTaken(run, here)
      return handedOver(here)
    }
    if (this.#asked.from === 'siblings' && run.app.parent?.map === undefined) return undefined
    const wait = new MessageWait(run, step, this.#asked)
    this.#waiting.add(wait)
    try {
      // Whoever waits holds no permit, so that those it waits for can run.
      const { permit } = run
      const begin = (): Promise<Received | undefined> => this.#placed(wait)
      return handedOver(permit === undefined ? await begin() : await permit.lend(begin, step))
    } catch (error) {
      if (late === 'ends' && error === wait.late) return undefined
      throw error
    } finally {
      this.#waiting.delete(wait)
    }
  }

  /** Its message, once it has a place to go on in: that comes before a permit, so that nobody holds one meanwhile. */
  async #placed(wait: MessageWait): Promise<Received | undefined> {
    try {
      return await wait.begin()
    } finally {
      await untilAdmitted(this.#run, this.#step)
    }
  }
}
