import type { ActionContext, Path } from '../../action/context.js'
import { type CancelAnswer, type Delivery, type Message, type SleepOptions, sealMessage } from '../../action/message.js'
import type { ActionLog, ActionSpan, Attributes, ProgressReport } from '../../action/report.js'
import { isObject } from '../../internal/guards.js'
import type { Application, CurrentAttempt, Run } from '../application.js'
import { createCancellation } from '../cancel/cancellation.js'
import type { BranchHost } from '../map/branch-handle.js'
import { MessageReader, receiveOne } from '../message/receive.js'
import { sleep } from '../message/sleep.js'
import { doOnce } from './once.js'
import { logOf, runSpan, StepReport, withAttributes } from './report.js'

// Owns: the calls of an action to the engine. A context belongs to one attempt: after its end the context keeps its
// values, and its methods have no effect.

/** The run and the attempt of a context, for applications that are made inside an action. */
export function behindContext(context: ActionContext): { readonly run: Run; readonly step: CurrentAttempt } {
  const found = StepContext.behind(context)
  if (found === undefined) throw new TypeError('parent takes the context that an action was given.')
  if (!found.step.open)
    throw new TypeError(
      `The step of "${found.step.node.name}" has ended, and its context with it. Make the application while the step runs.`,
    )
  return found
}

class StepContext implements ActionContext {
  readonly #run: Run
  readonly #step: CurrentAttempt
  #log: ActionLog | undefined

  constructor(run: Run, step: CurrentAttempt) {
    this.#run = run
    this.#step = step
  }

  static behind(context: ActionContext): ReturnType<typeof behindContext> | undefined {
    return isObject(context) && #step in context ? { run: context.#run, step: context.#step } : undefined
  }

  get #app(): Application {
    return this.#run.app
  }
  get appId(): string {
    return this.#app.appId
  }
  get partitionKey(): string | null {
    return this.#app.journal?.scope.settings.partitionKey ?? null
  }
  get path(): Path {
    return this.#app.path
  }
  get action(): string {
    return this.#step.node.name
  }
  get sequenceId(): number {
    return this.#step.sequenceId
  }
  get attempt(): number {
    return this.#step.attempt
  }
  get delivery(): number {
    return this.#app.system.delivery
  }

  /** The map of this branch, while the attempt lasts. */
  get #siblings(): { readonly map: BranchHost; readonly key: string } | undefined {
    const { parent } = this.#app
    if (parent?.map === undefined || !this.#step.open) return undefined
    return { map: parent.map, key: parent.key }
  }

  cancel(key: string, reason?: unknown): CancelAnswer {
    const siblings = this.#siblings
    if (siblings === undefined) return 'unknown'
    return siblings.map.cancelBranch(
      key,
      createCancellation('context', siblings.key, this.#app.system.passed(), reason),
    )
  }

  send(key: string, message: Message): Delivery {
    const siblings = this.#siblings
    if (siblings === undefined) return 'dropped'
    return siblings.map.deliver(key, sealMessage(message, siblings.key))
  }

  broadcast(message: Message): void {
    const siblings = this.#siblings
    siblings?.map.broadcast(sealMessage(message, siblings.key), siblings.key)
  }

  messages(...given: readonly unknown[]): MessageReader {
    return new MessageReader(this.#run, this.#step, 'messages', given)
  }

  receive(...given: readonly unknown[]): MessageReader {
    return new MessageReader(this.#run, this.#step, 'receive', given)
  }

  receiveOne(...given: readonly unknown[]): Promise<never> {
    return receiveOne(this.#run, this.#step, given) as Promise<never>
  }

  sleep(options: SleepOptions): Promise<void> {
    return sleep(this.#run, this.#step, options)
  }

  once<T>(key: string, fn: () => T | Promise<T>): Promise<T> {
    return doOnce(this.#app, this.#step, key, fn)
  }

  get idempotencyKey(): string {
    return `${this.appId}:${this.#app.journal?.epoch ?? 0}:${this.sequenceId}`
  }

  get #report(): StepReport {
    this.#step.report ??= new StepReport(this.#app, this.#step)
    return this.#step.report
  }

  span<T>(name: string, fn: (span: ActionSpan) => T, attributes?: Attributes): T {
    return runSpan(this.#report, undefined, name, fn, attributes)
  }

  attributes(given: Attributes): void {
    const all = withAttributes('context.attributes', this.#step.report?.attributes, given)
    if (this.#step.open) this.#report.attributes = all
  }

  get log(): ActionLog {
    this.#log ??= logOf({ app: this.#app, step: this.#step })
    return this.#log
  }

  progress(progress: ProgressReport, message?: string): void {
    this.#report.setProgress(progress, message)
  }
}

/** Makes the context of an attempt. */
export function createActionContext(run: Run, step: CurrentAttempt): ActionContext {
  return new StepContext(run, step)
}
