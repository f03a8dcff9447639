import { printPath } from '../action/context.js'
import type { CancelAnswer } from '../action/message.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { nameOf, tryGet } from '../internal/guards.js'
import type { Interceptor, Outcome } from '../lifecycle/interceptor.js'
import type { PermitRequest } from '../parallel/limit.js'
import type { StoredMessage } from '../persistence/replay.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import { untilAdmitted } from '../runtime/message/resume-queue.js'
import { delayOf } from '../runtime/step/retry.js'
import { thrown } from './crossing.js'
import type { BelowAnswer, CancelBelow, DownFrame, HookData, Question, UpFrame } from './frames.js'
import type { OwnerJournals } from './owner-journals.js'
import type { OwnerRun } from './owner-run.js'
import { carriedStepOf } from './start-frame.js'

// Owns: the answers of an owner to one branch: permits, turns, retries, interceptors, readers.
// A1  Permits of a branch that has ended are given back.
// A2  An answer goes to the delivery that asked. The next one counts its questions from 0 again.

const HOOKS = ['beforeRun', 'afterRun', 'beforeStep', 'afterStep', 'beforeBranch', 'afterBranch'] as const
type Hook = (args: object, outcome?: Outcome) => unknown
type RequestFrame = Extract<UpFrame, { readonly type: 'ask' | 'pace' | 'acquire' | 'withdraw' | 'release' }>

/** A branch, as its questions are answered. */
interface AnsweredBranch {
  readonly begun: number
  readonly store: { readonly journals: OwnerJournals } | undefined
  /** Its slot in the executor, once it may go on. */
  resume(): Promise<void> | undefined
}

/** The way to the worker of a branch. */
interface FrameSink {
  /** @throws {SerializationError} for a value that is no data */
  send(frame: DownFrame): void
  /** The same, with words in place of what is no data. */
  sendInWords(frame: DownFrame): void
  /** The worker is asked something, or has answered. @param by 1 or -1 */
  asked(by: number): void
}

export class BranchAnswers {
  readonly #setup: BranchSetup
  readonly #run: OwnerRun
  readonly #branch: AnsweredBranch
  readonly #to: FrameSink
  #requests: Map<number, PermitRequest> | undefined
  /** Permits that it has, or that are on their way to it. */
  #granted: Set<number> | undefined
  /** Credit that has not gone back. */
  #free = 0
  /** What the worker may be ahead is more than this, so it never waits for credit that is kept here. */
  #batch = 1
  #below: Map<number, Deferred<BelowAnswer>> | undefined
  #count = 0
  #delivery = 0

  /** @param to its worker */
  constructor(setup: BranchSetup, run: OwnerRun, branch: AnsweredBranch, to: FrameSink) {
    this.#setup = setup
    this.#run = run
    this.#branch = branch
    this.#to = to
  }

  /** A delivery begins. @param credit what it may be ahead */
  begin(credit: number): void {
    this.#free = 0
    this.#batch = Math.max(1, credit >> 1)
  }

  /** The interceptors, as the branch may ask for them. */
  hooks(): HookData[] {
    return this.#setup.system.interceptors.map((one) => ({
      name: nameOf(one),
      onFault: tryGet(() => one.onFault) === 'fail' ? 'fail' : 'report',
      hooks: HOOKS.filter((hook) => typeof one[hook] === 'function'),
    }))
  }

  receive(frame: RequestFrame): void {
    switch (frame.type) {
      case 'ask':
        return void this.#answer(frame.id, frame.question)
      case 'pace':
        return this.pace()
      case 'acquire':
        return this.#acquire(frame.id)
      case 'withdraw':
        return this.#withdraw(frame.id)
      case 'release':
        return this.#release(frame.id)
      default:
        return frame satisfies never
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    const delivery = this.#delivery
    try {
      const value = await this.#answerOf(question)
      if (delivery === this.#delivery) this.#to.send({ type: 'answer', id, ...(value !== undefined && { value }) }) // A2
    } catch (error) {
      if (delivery === this.#delivery) this.#to.sendInWords({ type: 'answer', id, error })
    }
  }

  #answerOf(question: Question): unknown {
    const { system, backpressure, task } = this.#setup
    switch (question.method) {
      case 'turn':
        return this.#admit()
      case 'journal':
        return this.#branch.store?.journals.answer(question.app, question.question)
      case 'retry': {
        const { attempt, error } = question
        const subject = `Branch "${printPath(this.#run.app.path)}"`
        const { begun } = this.#branch
        return delayOf(this.#run, { subject, retry: task.policy.retry, error: thrown(error), attempt, begun })
      }
      case 'carry':
        return carriedStepOf(this.#run.app, question)
      case 'step':
        return backpressure.onStep?.(question.step, { path: question.path })
      case 'hook': {
        const interceptor: Interceptor | undefined = system.interceptors[question.index]
        const hook = HOOKS.find((one) => one === question.hook)
        const { args, outcome } = question
        for (const field of ['error', 'reason']) if (outcome !== undefined) thrown(Reflect.get(outcome, field))
        return hook && (interceptor?.[hook] as Hook | undefined)?.call(interceptor, args, outcome)
      }
      default:
        return question satisfies never
    }
  }

  /** Its wait has ended: it goes on when its maps and its executor have room. */
  async #admit(): Promise<void> {
    await untilAdmitted({ parent: this.#setup.parent }, this.#run)
    if (this.#run.cancellation === undefined) await this.#branch.resume()
  }

  /** One more chunk or step has arrived: credit for it goes back when the readers have room, in batches. */
  pace(): void {
    const ready = this.#setup.backpressure.waitForReader?.()
    if (ready === undefined) return this.#credit()
    const delivery = this.#delivery
    void ready.then(() => void (delivery === this.#delivery && this.#credit())) // A2
  }

  #credit(): void {
    this.#free += 1
    if (this.#free !== this.#batch) return
    const delivery = this.#delivery
    queueMicrotask(() => {
      if (delivery !== this.#delivery) return // A2
      this.#to.send({ type: 'credit', n: this.#free }) // with that of the chunks which came with this one
      this.#free = 0
    })
  }

  #acquire(id: number): void {
    const { semaphore } = this.#setup
    if (semaphore === undefined) return
    const granted = (): void => {
      this.#requests?.delete(id)
      this.#granted ??= new Set()
      this.#granted.add(id)
      this.#to.send({ type: 'permit', id })
    }
    if (semaphore.tryAcquire()) return granted()
    const request = { granted }
    this.#requests ??= new Map()
    this.#requests.set(id, request)
    semaphore.wait(request)
  }

  #withdraw(id: number): void {
    const request = this.#requests?.get(id)
    this.#requests?.delete(id)
    if (request !== undefined) this.#setup.semaphore?.cancel(request)
    else this.#release(id) // it was on its way
  }

  #release(id: number): void {
    if (this.#granted?.delete(id) === true) this.#setup.semaphore?.release()
  }

  async cancelBelow(cancel: Omit<CancelBelow, 'type' | 'id'>): Promise<CancelAnswer> {
    const answer = await this.#askBelow((id) => this.#to.sendInWords({ type: 'cancelBelow', id, ...cancel }))
    return typeof answer === 'string' ? answer : 'unknown'
  }

  /** Stores a message for something below the branch. @returns its id; undefined where it is not stored */
  postBelow(
    rest: readonly string[],
    { kind, body }: Pick<StoredMessage, 'kind' | 'body'>,
  ): Promise<number | undefined> {
    return this.#askBelow((id) => this.#to.send({ type: 'postBelow', id, rest, message: { kind, body } })).then(
      (answer) => {
        if (typeof answer === 'object' && answer !== null) throw thrown(answer.error)
        return typeof answer === 'number' ? answer : undefined
      },
    )
  }

  async #askBelow(send: (id: number) => void): Promise<BelowAnswer> {
    const id = this.#count++
    const answer = createDeferred<BelowAnswer>()
    send(id)
    this.#below ??= new Map()
    this.#below.set(id, answer)
    this.#to.asked(1)
    return answer.promise
  }

  belowEnded(id: number, answer: BelowAnswer): void {
    const asked = this.#below?.get(id)
    if (asked === undefined) return
    asked.resolve(answer)
    this.#below?.delete(id)
    this.#to.asked(-1)
  }

  /** The branch has ended, or its worker is lost. */
  end(): void {
    this.#delivery += 1
    for (const request of this.#requests?.values() ?? []) this.#setup.semaphore?.cancel(request)
    for (const id of this.#granted ?? []) this.#release(id)
    this.#requests = this.#granted = undefined
    const below = this.#below
    this.#below = undefined
    for (const answer of below?.values() ?? []) answer.resolve('cancelled')
  }
}
