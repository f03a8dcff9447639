import type { Executor } from '../action/executor.js'
import type { ExecutorDriver } from '../executor/driver.js'
import { describeValue } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { BranchMaker, BranchSetup, BranchSystem } from '../runtime/map/branch-maker.js'
import { ExecutorSession } from './executor-session.js'
import { MAX_FRAME_BYTES } from './frame-size.js'
import { RemoteBranch } from './remote-branch.js'

/** Options of {@link createExecutor}. */
export interface ExecutorOptions {
  /**
   * How often a branch whose worker is lost is delivered, the first delivery included, before it fails with a
   * `WorkerLostError`. A whole number above 0. Default 3.
   */
  readonly maxDeliveries?: number
  /**
   * The most bytes that one frame between a branch and its worker may take, its text and the bytes beside it: a state, a
   * chunk, a message. A worker that sends more is ended; a branch that would need more fails. A whole number above 0.
   * Default 64 MiB.
   */
  readonly maxFrameBytes?: number
  /**
   * Whether an application needs a store that processes on other machines can open: PostgreSQL, Redis. Its branches then
   * outlive the process that has submitted them. False for work that may be lost with it. Default: whether the driver can
   * `attach`.
   */
  readonly requiresStore?: boolean
}

const MAX_DELIVERIES = 3

/**
 * Makes an executor from a driver: a place where branches run, such as threads, or an engine of your own.
 *
 * The engine keeps what belongs to the owner: settling, `watch`, limits, retries of branches, messages, the numbers of
 * events. A branch whose worker is lost goes on elsewhere from its last committed step.
 * @throws {TypeError} for a value that is no driver, or an unknown option
 * @throws {RangeError} for an invalid number of deliveries or bytes
 *
 * @example
 * ```ts
 * const owners = new Map<string, TaskOwner>()
 * const runner = createTaskRunner({
 *   send: (id, text) => queueMicrotask(() => owners.get(id)?.receive(text)),
 *   ended: (id) => queueMicrotask(() => owners.delete(id)),
 * })
 * const nearby = createExecutor({
 *   name: 'nearby',
 *   can: { closures: true, loads: false, preempt: false, attach: false },
 *   submit(task, owner) {
 *     owners.set(task.id, owner)
 *     runner.run(task)
 *     return { send: (text) => runner.receive(task.id, text), release: () => runner.stop(task.id) }
 *   },
 *   close: () => runner.close(),
 * })
 * ```
 */
export function createExecutor(driver: ExecutorDriver, options: ExecutorOptions = {}): Executor {
  if (typeof driver?.submit !== 'function')
    throw new TypeError(`createExecutor takes a driver, { name, can, submit, close }, not ${describeValue(driver)}.`)
  checkOptions('createExecutor', options, 'maxDeliveries maxFrameBytes requiresStore')
  const { maxDeliveries = MAX_DELIVERIES, maxFrameBytes = MAX_FRAME_BYTES } = options
  for (const [name, value] of Object.entries({ maxDeliveries, maxFrameBytes }))
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${name} is ${describeValue(value)}; it takes a whole number above 0.`)
  const sessions = new WeakMap<BranchSystem, ExecutorSession>()
  const sessionOf = (system: BranchSystem): ExecutorSession => {
    const session = sessions.get(system) ?? new ExecutorSession(driver, system, { maxDeliveries, maxFrameBytes })
    sessions.set(system, session)
    return session
  }
  const { requiresStore: needsStore = driver.can.attach } = options
  const make: BranchMaker = (setup) => {
    if (needsStore) assertShared(setup, driver.name)
    return new RemoteBranch(setup, sessionOf(setup.system))
  }
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= (async () => driver.close())()
    return closed
  }
  return Object.freeze({
    name: driver.name,
    '~branches': Object.freeze({ make, needsStore }),
    close,
    [Symbol.asyncDispose]: close,
  })
}

/** Entries that choose an executor are known only now; the rest was checked with the application. */
function assertShared({ journal, task, parent }: BranchSetup, name: string): void {
  const store = journal?.scope.settings.driver
  if (store !== undefined && store.shared !== true)
    throw new TypeError(
      `The branch "${task.key}" of "${parent.name}" runs in "${name}", whose workers are on other machines, and is stored in ${store.name}, which they cannot open. Use a store that they can, or give the map persister: null.`,
    )
}
