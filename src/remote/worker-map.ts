import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import type { RetryPolicy } from '../action/retry.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { Interceptor, Outcome } from '../lifecycle/interceptor.js'
import type { PermitRequest, Permits } from '../parallel/limit.js'
import type { Cancellation } from '../runtime/cancel/cancellation.js'
import type { Carried, EventSystem } from '../runtime/event-source.js'
import type { BranchHost, BranchTiming, WaitsFor } from '../runtime/map/branch-handle.js'
import type { Tracker } from '../tracking/tracker.js'
import { dataOf, thrown } from './crossing.js'
import type { HookData, Question, StartFrame, UpFrame } from './frames.js'
import { describePlace } from './worker-place.js'
import { idOf } from './worker-system.js'

// Owns: what a branch in a worker uses of the level above it: everything becomes a frame, and answers come later.

type Send = (frame: UpFrame) => void

/** Sends a frame; what of it is no data in words. */
function orInWords(frame: UpFrame, send: Send, sendInWords: Send): void {
  try {
    send(frame)
  } catch {
    sendInWords(frame)
  }
}

/** Questions of one branch that wait for their answers. */
export class Questions {
  readonly #send: Send
  readonly #sendInWords: Send
  readonly #asked = new Map<number, Deferred<unknown>>()
  #count = 0

  constructor(send: Send, sendInWords: Send) {
    this.#send = send
    this.#sendInWords = sendInWords
  }

  ask(question: Question): Promise<unknown> {
    return this.#ask(question, (frame) => orInWords(frame, this.#send, this.#sendInWords))
  }

  /** @throws {SerializationError} for a value that is no data: nothing was asked */
  askExactly(question: Question): Promise<unknown> {
    return this.#ask(question, this.#send)
  }

  #ask(question: Question, send: Send): Promise<unknown> {
    const id = this.#count++
    send({ type: 'ask', id, question })
    const answer = createDeferred<unknown>()
    this.#asked.set(id, answer)
    return answer.promise
  }

  answer(id: number, value: unknown, error: { readonly reason: unknown } | undefined): void {
    const answer = this.#asked.get(id)
    if (answer === undefined) throw new TypeError(`The answer ${id} has no question that is open.`)
    this.#asked.delete(id)
    if (error === undefined) answer.resolve(value)
    else answer.reject(thrown(error.reason))
  }
}

/** Asks the owner for the texts of attempts; undefined where it has none. */
export function stepCarrier(start: StartFrame, questions: Questions): EventSystem['carryStep'] {
  if (!start.carriesSteps) return undefined
  const own = start.parentPath.length + 1
  return async ({ appId, path, sequenceId, attempt }) => {
    const id = path.length === own ? {} : { appId } // the owner has that of the branch
    const texts = await questions.ask({ method: 'carry', ...id, path, sequenceId, attempt })
    return texts as Carried | undefined
  }
}

/** The map above a branch in a worker. */
export class WorkerMap implements BranchHost {
  readonly watches: boolean
  readonly tracker: Tracker | undefined
  readonly #start: StartFrame
  readonly #send: Send
  readonly #sendInWords: Send
  readonly #questions: Questions
  readonly #timing: BranchTiming
  readonly #waitsChanged: () => void

  constructor(
    start: StartFrame,
    tracker: Tracker | undefined,
    send: Send,
    sendInWords: Send,
    questions: Questions,
    waitsChanged: () => void,
  ) {
    this.#start = start
    this.watches = start.watched
    this.tracker = tracker
    this.#send = send
    this.#sendInWords = sendInWords
    this.#questions = questions
    this.#waitsChanged = waitsChanged
    const { attempts } = start
    const retry: RetryPolicy | undefined =
      attempts === 0
        ? undefined
        : { attempts, delayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0, maxMs: Number.POSITIVE_INFINITY }
    const delayAfter = async (error: unknown, attempt: number): Promise<number | undefined> =>
      (await this.#questions.ask({ method: 'retry', error, attempt })) as number | undefined
    this.#timing = { task: { policy: { retry } }, startedAt: undefined, deadlineAt: undefined, begun: 0, delayAfter }
  }

  timing(): BranchTiming {
    return this.#timing
  }

  idOf(): string {
    return idOf(this.#start)
  }

  branchStarted(): void {
    this.#send({ type: 'started', worker: describePlace() })
  }

  /** The owner asks the interceptors of the branch itself. */
  refused(): void {}

  /** The owner hands events to each `watch` above. */
  notify(): void {}

  waitsChanged(_key: string, _before: WaitsFor, _after: WaitsFor): void {
    this.#waitsChanged()
  }

  async turnOf(): Promise<void> {
    await this.#questions.ask({ method: 'turn' })
  }

  cancelBranch(key: string, { reason, by, cause }: Cancellation): CancelAnswer {
    orInWords({ type: 'cancel', key, reason, by, cause }, this.#send, this.#sendInWords)
    return 'cancelled'
  }

  deliver(key: string, message: Received, to?: string): Delivery {
    this.#send({ type: 'send', key, message: dataOf(message), to })
    return 'queued'
  }

  broadcast(message: Received): void {
    this.#send({ type: 'send', key: null, message: dataOf(message), to: undefined })
  }
}

/** A limit in another place: each permit is asked for. */
export class WorkerPermits implements Permits {
  readonly #send: Send
  readonly #requests = new Map<PermitRequest, number>()
  /** The permits that it has. Any of them is given back first: one is as good as another. */
  readonly #held: number[] = []
  #count = 0

  constructor(send: Send) {
    this.#send = send
  }

  tryAcquire(): boolean {
    return false
  }

  wait(request: PermitRequest): void {
    const id = this.#count++
    this.#requests.set(request, id)
    this.#send({ type: 'acquire', id })
  }

  cancel(request: PermitRequest): void {
    const id = this.#requests.get(request)
    if (id === undefined) return
    this.#requests.delete(request)
    this.#send({ type: 'withdraw', id })
  }

  /** A permit has arrived. The owner takes one back that was withdrawn meanwhile. */
  granted(id: number): void {
    if (id >= this.#count) throw new TypeError(`The permit ${id} was not asked for.`)
    for (const [request, asked] of this.#requests) {
      if (asked !== id) continue
      this.#requests.delete(request)
      this.#held.push(id)
      request.granted()
      return
    }
  }

  release(): void {
    const id = this.#held.pop()
    if (id !== undefined) this.#send({ type: 'release', id })
  }
}

/** The interceptors of the owner, as a branch in a worker calls them. */
export function workerInterceptors(hooks: readonly HookData[], questions: Questions): Interceptor[] {
  return hooks.map(({ name, onFault, hooks: functions }, index) => {
    const asks = functions.map((hook) => [
      hook,
      async (args: object, ended?: Outcome): Promise<void> => {
        const outcome = ended && { ...ended } // that of a branch is an instance of a class, which does not cross
        await questions.ask({ method: 'hook', index, hook, args: { ...args }, outcome })
      },
    ])
    return { name, onFault, ...(Object.fromEntries(asks) as object) }
  })
}
