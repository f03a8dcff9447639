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
  readonly task: BranchTask
  readonly app: LiveApp
  readonly actor: AnyActorRef
  startedAt: number | undefined
  begun = 0
  alarm: Alarm | undefined

  constructor(task: BranchTask, app: LiveApp, actor: AnyActorRef) {
    this.task = task
    this.app = app
    this.actor = actor
  }

  /** Nothing asks it for anything any more. */
  release(): void {
    letGo(this)
  }
}

function letGo(branch: { task: unknown; app: unknown; actor: unknown }): void {
  branch.task = branch.app = branch.actor = undefined
}
