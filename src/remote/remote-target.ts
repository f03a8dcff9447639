import { printPath } from '../action/context.js'
import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import type { CancelCause } from '../lifecycle/events.js'
import { createCancellation } from '../runtime/cancel/cancellation.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchHandle, PathTarget } from '../runtime/map/branch-handle.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'

/** A branch that runs elsewhere, as messages and cancels reach it. */
interface TargetBranch extends Pick<BranchHandle, 'status' | 'send'> {
  readonly origin: EventSource
  over(): Promise<void>
  emitMessage(message: Received, delivery: Delivery): void
  sendBelow(rest: readonly string[], message: Received): Delivery
  cancelBelow(rest: readonly string[], reason: unknown, cause: CancelCause, by: string): Promise<CancelAnswer>
}

/** A branch that runs elsewhere, as the target of a path. */
export class RemoteTarget implements PathTarget {
  readonly #branch: TargetBranch
  readonly #setup: BranchSetup

  constructor(branch: TargetBranch, setup: BranchSetup) {
    this.#branch = branch
    this.#setup = setup
  }

  is(): boolean {
    return false
  }

  deliver(message: Received): Delivery {
    const { parent } = this.#setup
    const branch = this.#branch
    if (branch.status !== 'running') return parent.map.deliver(parent.key, message, printPath(branch.origin.path))
    const delivery = branch.send(message)
    if (parent.app.run?.running === true) branch.emitMessage(message, delivery)
    return delivery
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer {
    const { parent, system } = this.#setup
    return parent.map.cancelBranch(parent.key, createCancellation(cause, by, system.passed(), reason))
  }

  over(): Promise<void> {
    return this.#branch.over()
  }

  post(): undefined {}

  posted(_message: object, deliver: () => Delivery): Delivery {
    return deliver()
  }
}

/** Something below a branch that lives elsewhere: its worker looks it up. */
export class DeepTarget implements PathTarget {
  readonly #branch: TargetBranch
  readonly #rest: readonly string[]

  constructor(branch: TargetBranch, rest: readonly string[]) {
    this.#branch = branch
    this.#rest = rest
  }

  is(): boolean {
    return false
  }

  deliver(message: Received): Delivery {
    return this.#branch.sendBelow(this.#rest, message)
  }

  cancel(reason: unknown, cause: CancelCause, by: string): Promise<CancelAnswer> {
    return this.#branch.cancelBelow(this.#rest, reason, cause, by)
  }

  /** The answer to its cancel comes when it has ended. */
  async over(): Promise<void> {}

  post(): undefined {}

  posted(_message: object, deliver: () => Delivery): Delivery {
    return deliver()
  }
}
