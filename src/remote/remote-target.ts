import { printPath } from '../action/context.js'
import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import type { CancelCause } from '../lifecycle/events.js'
import type { AppJournal } from '../persistence/app-journal.js'
import { createCancellation } from '../runtime/cancel/cancellation.js'
import { emit } from '../runtime/emit.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchHandle, CancelTarget, PathTarget } from '../runtime/map/branch-handle.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import type { BranchAnswers } from './branch-answers.js'

type StoredBody = Parameters<PathTarget['post']>[0]

/** A branch that runs elsewhere, as messages and cancels reach it. */
interface TargetBranch extends Pick<BranchHandle, 'status' | 'send'> {
  readonly origin: EventSource
  over(): Promise<void>
  readonly answers: Pick<BranchAnswers, 'postBelow' | 'cancelBelow'>
  readonly journal: AppJournal | undefined
  readonly checkpoint: { readonly next: string | undefined }
  sendBelow(rest: readonly string[], message: Received): Delivery
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
    if (parent.app.run?.running === true) {
      const { origin, checkpoint } = branch
      const source = checkpoint.next ?? ''
      emit(origin, { type: 'message', source, message, to: printPath(origin.path), delivery })
    }
    return delivery
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer {
    const { parent, system } = this.#setup
    return parent.map.cancelBranch(parent.key, createCancellation(cause, by, system.passed(), reason))
  }

  over(): Promise<void> {
    return this.#branch.over()
  }

  mapOf(name: string): CancelTarget {
    return new DeepTarget(this.#branch, [], name)
  }

  post(message: StoredBody): Promise<number> | undefined {
    return this.#branch.journal?.post(this.#branch.origin.appId, message)
  }

  posted(message: Parameters<PathTarget['posted']>[0], deliver: () => Delivery): Delivery {
    return this.#branch.journal?.inbox.arrived(message, deliver) ?? deliver()
  }
}

/** Something below a branch that lives elsewhere: its worker looks it up. */
export class DeepTarget implements PathTarget {
  readonly #branch: TargetBranch
  readonly #rest: readonly string[]
  readonly #map: string | undefined

  /** @param map a map of it, as paths print it */
  constructor(branch: TargetBranch, rest: readonly string[], map?: string) {
    this.#branch = branch
    this.#rest = rest
    this.#map = map
  }

  is(): boolean {
    return false
  }

  deliver(message: Received): Delivery {
    return this.#branch.sendBelow(this.#rest, message)
  }

  cancel(reason: unknown, cause: CancelCause, by: string): Promise<CancelAnswer> {
    return this.#branch.answers.cancelBelow({ rest: this.#rest, map: this.#map, reason, cause, by })
  }

  mapOf(name: string): CancelTarget {
    return new DeepTarget(this.#branch, this.#rest, name)
  }

  /** The answer to its cancel comes when it has ended. */
  async over(): Promise<void> {}

  post(message: StoredBody): Promise<number | undefined> | undefined {
    const { journal, answers } = this.#branch
    return journal && answers.postBelow(this.#rest, message)
  }

  /** Its worker delivers it once. */
  posted(_message: object, deliver: () => Delivery): Delivery {
    return deliver()
  }
}
