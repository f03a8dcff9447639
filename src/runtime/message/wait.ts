import type { ReaderArgs, Received, WaitLimits } from '../../action/message.js'
import { isOutside, NO_LIMITS } from '../../action/message.js'
import type { MessageSchemas } from '../../action/message-schemas.js'
import { TimeoutError } from '../../errors.js'
import { msSince } from '../../internal/clock.js'
import { defined } from '../../internal/defined.js'
import { list } from '../../internal/nearest.js'
import { waitId } from '../../lifecycle/pending.js'
import type { EarlierWait } from '../../persistence/status-notes.js'
import { copyData } from '../../state/copy-data.js'
import type { CurrentAttempt, Run } from '../application.js'
import { Deadline } from '../cancel/deadline.js'
import { emit, isObserved } from '../emit.js'
import { tooLate } from '../step/once.js'
import type { Permit } from '../step/permit.js'
import { markTaken } from './inbox.js'
import { untilAdmitted } from './resume-queue.js'
import { recordWait } from './stored-messages.js'
import type { OpenWait } from './wait-state.js'

// Owns: one wait of an action, for one message or for a time: its events, its count, its permit, which is free
// meanwhile.
// Does not own: other waits (wait-state.ts), the messages (mailbox.ts), the calls of actions (receive.ts, sleep.ts).
// V1  It ends once: with its message, with the cancel of its step, by its own signal or time limit, when no message can
//     come, or with its step.
// V2  It ends when its message is handed over, not when its code continues.
// V3  Its end is a moment that is computed once, and stored: an attempt that was interrupted continues with it.

export type WaitMethod = 'messages' | 'receive' | 'receiveOne' | 'sleep'

/** The messages of a wait, its limits, and its question. */
export interface AskedWait extends Pick<ReaderArgs, 'kinds' | 'limits' | 'ask' | 'schemas'> {
  readonly method: WaitMethod
  readonly from: OpenWait['from']
}

/** When a wait begins and ends. */
export interface WaitSpan {
  /** Epoch milliseconds; the first time, also after a resume. */
  readonly since: number
  /** Epoch milliseconds; undefined without a time limit. */
  readonly until: number | undefined
  /** Its whole length, and what is left of it, milliseconds; `Infinity` without a time limit. */
  readonly ms: number
  readonly leftMs: number
  /** Whether it ends at a moment on the wall clock, which may be set. */
  readonly onWall: boolean
}

/**
 * The span of a wait that the attempt reaches.
 * @param earlier the times of the same wait in an interrupted attempt (V3)
 */
function spanOf(limits: WaitLimits, now: number, earlier: EarlierWait): WaitSpan {
  const { timeoutMs = Infinity, until: wall = Infinity } = limits
  const fresh = Math.min(timeoutMs, wall - now)
  if (fresh === Infinity)
    return { since: earlierSince(earlier) ?? now, until: undefined, ms: fresh, leftMs: fresh, onWall: false }
  if (earlier === undefined)
    return { since: now, until: now + fresh, ms: fresh, leftMs: fresh, onWall: fresh < timeoutMs }
  if (earlier === 'passed') return { since: now, until: now, ms: 0, leftMs: 0, onWall: false }
  const { since, until = Math.min(since + timeoutMs, wall) } = earlier
  return { since, until, ms: until - since, leftMs: until - now, onWall: until === wall }
}

const earlierSince = (earlier: EarlierWait): number | undefined => (earlier === 'passed' ? undefined : earlier?.since)

/** A wait that the attempt reaches: its number, its span, and whether it was over before. Called for each, in order. */
export function reachWait(
  { app }: Run,
  step: CurrentAttempt,
  { from, kinds, limits }: Pick<AskedWait, 'from' | 'kinds' | 'limits'>,
): { readonly n: number; readonly span: WaitSpan; readonly passed: boolean } {
  const n = step.waitCount
  step.waitCount += 1
  const now = app.system.clock.now()
  const earlier = from === 'siblings' ? undefined : app.journal?.notes.reach(n, { from, kinds }, now)
  const span = spanOf(limits, now, earlier)
  return { n, span, passed: earlier !== undefined && span.leftMs <= 0 }
}

/** Things that most waits do not hold. */
interface Held {
  /** Set where it has a time limit. */
  readonly span: WaitSpan | undefined
  /** Lent out meanwhile: a waiting action holds no permit, so the application that it waits for can run. */
  readonly permit: Permit | undefined
  limited?: Limited
  /** Removes its mark from the store. */
  unrecord?: (passed: boolean) => void
}

export class Wait implements OpenWait {
  readonly step: CurrentAttempt
  readonly since: number
  readonly #n: number
  readonly #run: Run
  readonly #asked: AskedWait
  /** Whole milliseconds: a fraction would take a box of its own in every branch that waits. */
  readonly #begun: number
  readonly #held: Held | undefined
  #resolve: ((answer: Promise<Received | undefined>) => void) | undefined

  constructor(run: Run, step: CurrentAttempt, asked: AskedWait, n: number, span: WaitSpan) {
    this.#run = run
    this.step = step
    this.since = span.since
    this.#asked = asked
    this.#n = n
    this.#begun = Math.round(run.app.system.passed())
    const limited = asked.limits !== NO_LIMITS
    const stored = asked.from !== 'siblings' && run.app.journal !== undefined
    if (limited || stored || run.permit !== undefined)
      this.#held = { span: limited ? span : undefined, permit: run.permit }
  }

  get id(): string {
    return waitId(this.#run.app.appId, this.step.sequenceId, this.#n)
  }
  get kinds(): readonly string[] {
    return this.#asked.kinds
  }
  get from(): OpenWait['from'] {
    return this.#asked.from
  }
  get ask(): unknown {
    return this.#asked.ask
  }
  get schemas(): MessageSchemas | undefined {
    return this.from === 'outside' ? this.#asked.schemas() : undefined
  }
  get until(): number | undefined {
    return this.#held?.span?.until
  }
  get withdrawable(): boolean {
    return this.#asked.limits !== NO_LIMITS
  }

  wants(message: Received): boolean {
    return this.from !== 'time' && isWanted(this.#asked, message)
  }

  /**
   * Waits, unless a listener of the `wait` event has answered. No frame of an async function is held meanwhile: many
   * branches may wait.
   * @returns the message; undefined when none can come any more, or the time of a sleep is over
   */
  begin(): Promise<Received | undefined> {
    const answer = new Promise<Received | undefined>((resolve) => {
      this.#resolve = resolve
    })
    const { app, waitState } = this.#run
    const held = this.#held
    held?.permit?.lendOut()
    waitState.add(this)
    if (held?.span !== undefined) held.limited = this.#limit(this.#asked.limits, held.span)
    if (isObserved(app, 'wait')) emit(app, { type: 'wait', source: this.step.node.name, ...factsOf(this) })
    else app.system.skip()
    const { from } = this
    // A listener may have ended it; so may a store that is lost as it is recorded.
    if (held !== undefined && from !== 'siblings' && app.journal !== undefined && waitState.has(this)) {
      held.unrecord = recordWait(this.#run, { n: this.#n, action: this.step.node.name, ...factsOf(this), from })
      if (!waitState.has(this)) held.unrecord(held.limited?.late !== undefined)
    }
    waitState.update()
    return answer
  }

  #limit({ signal }: WaitLimits, { until, ms, leftMs, onWall }: WaitSpan): Limited {
    const { system } = this.#run.app
    const onAbort = (): void => this.release({ reason: signal?.reason })
    const ring = (): void => {
      limited.late = lateFor(this, ms)
      this.release(this.from === 'time' ? undefined : limited.late)
    }
    const wall = onWall ? until : undefined
    const at = system.passed() + leftMs
    const deadline = ms === Infinity ? undefined : new Deadline(system.clock, at, ring, system.attendance, wall)
    const limited: Limited = {
      late: undefined,
      end() {
        deadline?.clear()
        signal?.removeEventListener('abort', onAbort)
      },
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    return limited
  }

  answer(message: Received): void {
    if (!this.#end(message)) return
    this.#resolve?.(this.#continue(message, undefined))
  }

  release(error?: { readonly reason: unknown }): void {
    if (this.#end(undefined)) this.#resolve?.(this.#continue(undefined, error))
  }

  #end(message: Received | undefined): boolean {
    const { app, waitState } = this.#run
    if (!waitState.remove(this)) return false // V1
    markTaken(this.#run, message)
    const { limited, unrecord } = this.#held ?? {}
    limited?.end()
    unrecord?.(limited?.late !== undefined)
    app.system.lookAtWall()
    if (isObserved(app, 'wake')) {
      const { id, kinds, from } = this
      const durationMs = msSince(app.system.clock, this.#begun)
      emit(app, { type: 'wake', source: this.step.node.name, id, kinds, from, message, durationMs })
    } else app.system.skip()
    return true
  }

  /** Its code continues once every map above admits it: before it takes a permit, so that none is held meanwhile. */
  async #continue(
    message: Received | undefined,
    error: { readonly reason: unknown } | undefined,
  ): Promise<Received | undefined> {
    const { app } = this.#run
    const { method } = this.#asked
    const late = this.#held?.limited?.late
    await untilAdmitted(app, this.step)
    await this.#held?.permit?.takeBack(this.step)
    if (error !== undefined && (method === 'receiveOne' || error !== late)) throw error.reason
    if (message !== undefined) return handedOver(message)
    return method === 'receiveOne' || (method === 'sleep' && late === undefined)
      ? tooLate(app, this.step, method)
      : undefined
  }
}

/** The time limit and the signal of a wait. */
interface Limited {
  /** Set when its time limit has passed. */
  late: { readonly reason: TimeoutError } | undefined
  end(): void
}

/** The end of a wait whose time is over. @param ms its length */
export const lateFor = (wait: Pick<Wait, 'step' | 'kinds'>, ms: number): { readonly reason: TimeoutError } => ({
  reason: new TimeoutError(`${wait.step.node.subject}: the wait for ${list(wait.kinds)}`, Math.max(0, ms)),
})

/** The facts of a wait for readers. Its id is computed here: it hashes the place of its application. */
const factsOf = (wait: Wait) => {
  const { id, kinds, from, since } = wait
  return { id, kinds, from, since, ...extrasOf(wait) }
}

/** The facts of a wait that not every wait has. */
export const extrasOf = ({ ask, schemas, until }: Pick<OpenWait, 'ask' | 'schemas' | 'until'>) =>
  defined({ ask, schemas, until })

export const isWanted = ({ kinds, from }: Pick<AskedWait, 'kinds' | 'from'>, message: Received): boolean =>
  isOutside(message) === (from === 'outside') && kinds.includes(message.kind)

/** Each attempt gets a private copy of the body: after a failure the next one gets the message as it came. */
export const handedOver = (message: Received): Received => ({
  kind: message.kind,
  body: copyData(message.body),
  from: message.from,
})
