import type { Executor } from '../../../src/action/executor.js'
import type { ExecutorDriver, TaskOwner } from '../../../src/executor/driver.js'
import { macrotask } from '../../../src/internal/platform.js'
import { createExecutor } from '../../../src/remote/create-executor.js'
import { createTaskRunner, type TaskRunner } from '../../../src/remote/task-runner.js'
import type { BranchMaker, BranchSetup, BranchSystem } from '../../../src/runtime/map/branch-maker.js'
import { Way } from './link.js'

// Owns: an executor in this process whose frames cross as text, a macrotask later, and whose worker may die.

/** The owner's end of a worker, and its worker. */
class Loopback implements ExecutorDriver {
  readonly name = 'loopback'
  readonly can = { closures: true, loads: false, preempt: false, attach: false, bytes: true }
  readonly #system: BranchSystem
  readonly #owners = new Map<string, TaskOwner>()
  #runner!: TaskRunner
  #down!: Way
  #up!: Way
  #closed = false

  constructor(system: BranchSystem) {
    this.#system = system
    this.#begin()
  }

  #begin(): void {
    const { clock, random } = this.#system
    const up = new Way((id, text, bytes) => this.#owners.get(id)?.receive(text, bytes))
    const runner = createTaskRunner({ clock, random, send: (id, text, _, bytes) => up.send(id, text, bytes) })
    this.#runner = runner
    this.#up = up
    this.#down = new Way((id, text, bytes, task) =>
      task === undefined ? runner.receive(id, text, bytes) : runner.run(task),
    )
  }

  submit: ExecutorDriver['submit'] = (task, owner) => {
    const { id } = task
    if (this.#closed) {
      macrotask(() => owner.lost({ why: 'The loopback is closed.', again: false }))
      return { send() {}, release() {} }
    }
    this.#owners.set(id, owner)
    this.#down.send(id, '', undefined, task)
    return {
      send: (text, bytes) => this.#down.send(id, text, bytes),
      release: () => {
        if (this.#owners.get(id) === owner) this.#owners.delete(id)
      },
    }
  }

  /** The worker dies: what was not sent is lost, and so are its tasks. Another one takes its place. */
  die(again: boolean): void {
    this.#down.die()
    this.#up.die()
    this.#runner.close()
    const lost = [...this.#owners.values()]
    this.#owners.clear()
    this.#begin()
    for (const owner of lost) owner.lost({ why: 'It was told to die.', again })
  }

  close(): void {
    this.#closed = true
    this.die(false)
  }
}

/** The loopback of one tree of applications, which has its clock. */
export class TreeLoopback {
  readonly #driver: Loopback
  readonly make: BranchMaker

  constructor(system: BranchSystem) {
    this.#driver = new Loopback(system)
    const { make } = createExecutor(this.#driver)['~branches']
    this.make = make as BranchMaker
  }

  /** @param again whether its branches are delivered again */
  die(again = false): void {
    this.#driver.die(again)
  }

  close(): void {
    this.#driver.close()
  }
}

const loopbacks = new WeakMap<BranchSystem, TreeLoopback>()

export function loopbackOf(system: BranchSystem): TreeLoopback {
  const loopback = loopbacks.get(system) ?? new TreeLoopback(system)
  loopbacks.set(system, loopback)
  return loopback
}

/** An executor whose branches live behind a channel. */
export const loopback = (made?: (loopback: TreeLoopback) => void): Executor => ({
  name: 'loopback',
  '~branches': {
    make: (setup: BranchSetup) => {
      const one = loopbackOf(setup.system)
      made?.(one)
      return one.make(setup)
    },
  },
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
})
