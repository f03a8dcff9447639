import type { BranchTask } from '../parallel/task.js'
import type { Alarm } from './alarm.js'
import type { AnyActorRef } from './create-actor.js'
import type { LiveApp, LiveBranch } from './tree.js'

/**
 * One branch of a map while it lives. When it settles it lets go of everything: a `Map` keeps what was deleted from it
 * in its former tables until a full collection, and with it whatever hangs on it (at 100 000 branches a fifth of the
 * cost).
 */
export class Branch implements LiveBranch {
  startedAt: number | undefined
  alarm: Alarm | undefined
  #task: BranchTask | undefined
  #app: LiveApp | undefined
  #actor: AnyActorRef | undefined

  constructor(task: BranchTask, app: LiveApp, actor: AnyActorRef) {
    this.#task = task
    this.#app = app
    this.#actor = actor
  }

  get task(): BranchTask {
    return this.#task ?? settled()
  }

  get app(): LiveApp {
    return this.#app ?? settled()
  }

  get actor(): AnyActorRef {
    return this.#actor ?? settled()
  }

  release(): void {
    this.#task = undefined
    this.#app = undefined
    this.#actor = undefined
  }
}

function settled(): never {
  throw new TypeError('The branch has settled.')
}
