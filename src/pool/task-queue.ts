import type { PoolTask } from './pool-task.js'

/** From this many on, entries that have left are removed from the list. */
const COMPACT = 1_024

/** Tasks that have no worker yet, in order. Those that were withdrawn are passed over. */
export class TaskQueue {
  #tasks: (PoolTask | undefined)[] = []
  #head = 0

  push(task: PoolTask): void {
    this.#tasks.push(task)
  }

  /** Puts tasks back to the head. */
  putBack(tasks: readonly PoolTask[]): void {
    this.#tasks = [...tasks, ...this.#tasks.slice(this.#head)]
    this.#head = 0
  }

  /** The task at the head. */
  first(): PoolTask | undefined {
    while (this.#head < this.#tasks.length && this.#tasks[this.#head]?.status !== 'queued') this.#pass()
    return this.#tasks[this.#head]
  }

  shift(): void {
    if (this.#head < this.#tasks.length) this.#pass()
  }

  /** Takes all. */
  takeAll(): PoolTask[] {
    const tasks = this.#tasks.slice(this.#head).flatMap((one) => (one?.status === 'queued' ? [one] : []))
    this.#tasks = []
    this.#head = 0
    return tasks
  }

  #pass(): void {
    this.#tasks[this.#head] = undefined
    this.#head += 1
    if (this.#head < COMPACT || this.#head * 2 < this.#tasks.length) return
    this.#tasks = this.#tasks.slice(this.#head)
    this.#head = 0
  }
}
