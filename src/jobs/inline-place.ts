import type { ExecutorDriver, SubmittedTask, TaskData, TaskOwner } from '../executor/driver.js'
import type { Registry } from '../executor/registry.js'
import { createTaskRunner, type TaskRunner } from '../remote/task-runner.js'

// Owns: the tasks that a worker runs in its own process.
// I1  A task that is killed is left: its code may go on, and nothing of it counts.

/** Runs branches in this process, from registries that are given. */
export class InlinePlace implements ExecutorDriver {
  readonly name = 'inline'
  readonly can = { closures: false, loads: false, preempt: true, attach: false }
  readonly #runner: TaskRunner
  readonly #owners = new Map<string, TaskOwner>()
  #count = 0

  constructor(registries: readonly Registry[]) {
    this.#runner = createTaskRunner({ registries, send: (key, text) => this.#owners.get(key)?.receive(text) })
  }

  submit(task: TaskData, owner: TaskOwner): SubmittedTask {
    const key = String(this.#count++)
    this.#owners.set(key, owner)
    this.#runner.run({ ...task, id: key })
    const leave = (): void => {
      this.#owners.delete(key)
      this.#runner.stop(key)
    }
    return {
      send: (text) => this.#runner.receive(key, text),
      kill: (why) => {
        if (!this.#owners.has(key)) return
        leave()
        queueMicrotask(() => owner.lost({ why })) // I1
      },
      release: leave,
    }
  }

  close(): void {
    this.#owners.clear()
    this.#runner.close()
  }
}
