import { createApplication, type SettledBranch, task } from 'teasel'
import type { Executor } from 'teasel/executor'
import { type ProcessesOptions, processes } from 'teasel/executor/processes'
import { type ThreadsOptions, threads } from 'teasel/executor/threads'
import { afterAll, afterEach } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { branches, kit, type Work } from './fixtures/branches.js'

// Applications whose branches run in real threads and processes. Their branches report by chunks; nothing sleeps here.

type Made = Omit<ThreadsOptions & ProcessesOptions, 'resourceLimits'>

/** Both executors: the same options, and what a worker is called. */
export const POOLS: readonly (readonly [name: string, make: (options?: Made) => Executor])[] = [
  [
    'threads',
    ({ maxMemoryMb, ...options } = {}) =>
      threads({ ...options, ...(maxMemoryMb && { resourceLimits: { maxOldGenerationSizeMb: maxMemoryMb } }) }),
  ],
  ['processes', (options) => processes(options)],
]

const opened: Record<'test' | 'file', Executor[]> = { test: [], file: [] }
const close = async (life: keyof typeof opened): Promise<void> => {
  await Promise.all(opened[life].splice(0).map((one) => one.close()))
}
afterEach(() => close('test'))
afterAll(() => close('file'))

/** Closes an executor after the test, or after all. */
export function using(executor: Executor, life: keyof typeof opened = 'test'): Executor {
  opened[life].push(executor)
  return executor
}

/** A branch: its runnable, its state, and options of its task. */
export type Item = readonly [name: keyof typeof branches, state?: Partial<Work>, options?: object]

/** An application whose only action maps over `items`, one branch each, and keeps every result. */
export function mapOver(executor: Executor | null, items: readonly Item[], options: object = {}) {
  let results: readonly SettledBranch<Work>[] = []
  const all = kit.parallel({
    reads: [],
    writes: ['out'],
    executor,
    tasks: items.map(([name, state = {}, more], i) =>
      task({
        action: branches[name] as typeof branches.words,
        state: state as { text: string },
        key: `${name}${i}`,
        ...more,
      }),
    ),
    settle: 'collect',
    reduce: (args) => {
      results = args.results as unknown as readonly SettledBranch<Work>[]
      return { out: results.map(textOf) }
    },
    ...options,
  })
  const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: {}, logger: quiet })
  return {
    app,
    /** Runs it. @returns a text for each branch */
    run: async () => (await app.run()).state.out,
    /** The results of its branches. */
    results: async () => {
      await app.run()
      return results
    },
    /** Resolves when so many chunks were yielded. */
    chunks: (count: number): Promise<void> => {
      const { promise, resolve } = createDeferred<void>()
      let left = count
      app.on('chunk', () => --left === 0 && resolve())
      return promise
    },
  }
}

/** The result of a branch, in few words. */
function textOf(result: SettledBranch<Work>): string {
  const { key, status } = result
  if (status === 'done') return `${key}: ${result.state.text ?? ''}${result.state.sum ?? ''}`
  const why = status === 'failed' ? result.error : result.reason
  return `${key}: ${status}, ${why instanceof Error ? why.message : String(why)}`
}

/** Results that must be done. */
export const statesOf = (results: readonly SettledBranch<Work>[]): readonly Work[] =>
  results.map((one) => {
    if (one.status !== 'done')
      throw new TypeError(textOf(one), { cause: one.status === 'failed' ? one.error : one.reason })
    return one.state as Work
  })

/** The most spans at one time. */
export function mostAtOnce(states: readonly Work[]): number {
  const edges = states
    .flatMap(({ span }) => [[span.from, 1] as const, [span.to, -1] as const])
    .sort(([at, change], [otherAt, otherChange]) => at - otherAt || change - otherChange)
  let now = 0
  return Math.max(0, ...edges.map(([, change]) => (now += change)))
}
