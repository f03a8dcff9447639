import type { Executor } from '../action/executor.js'
import type { Awaitable } from '../persistence/driver.js'
import type { ContractCase } from './contract-case.js'
import { RESULTS } from './executor-results.js'
import type { ExecutorCase } from './executor-rig.js'
import { SIGNALS } from './executor-signals.js'

/** An executor under test; each case opens its own. */
export interface ExecutorUnderTest {
  /**
   * Opens an executor that finds its code in {@link executorContractRegistry}: its workers import the module of that
   * registry, or are given it.
   * @param concurrency how many tasks may run at a time; undefined where that does not matter
   */
  open(concurrency: number | undefined): Awaitable<Executor>
  /** Kills its workers as a crash would: `kill -9`. Leave it out where branches run in this process. */
  kill?(executor: Executor): Awaitable<void>
  /** Whether it ends code that never gives way to the event loop. Default false. */
  readonly preempts?: boolean
}

/**
 * The requirements of every executor, one test each. Run them with any test runner. The cases of what an executor
 * cannot do, such as being killed, are left out.
 *
 * @example
 * ```ts
 * // With a test runner: for (const { name, run } of cases) it(name, run)
 * const cases = executorContract({ open: () => inProcess() })
 * for (const { run } of cases) await run()
 * ```
 *
 */
export function executorContract(subject: ExecutorUnderTest): readonly ContractCase[] {
  const { kill, preempts = false } = subject
  return Object.entries({ ...RESULTS, ...SIGNALS })
    .filter(([, { needs }]) => (needs !== 'kill' || kill !== undefined) && (needs !== 'preempt' || preempts))
    .map(([name, one]) => ({ name, run: () => runCase(one, subject) }))
}

async function runCase({ concurrency, check }: ExecutorCase, subject: ExecutorUnderTest): Promise<void> {
  const executor = await subject.open(concurrency)
  try {
    await check({ executor, kill: async () => subject.kill?.(executor) })
  } finally {
    await executor.close()
  }
}
