import type { Executor } from 'teasel/executor'
import { type ProcessesOptions, processes } from 'teasel/executor/processes'
import { type ThreadsOptions, threads } from 'teasel/executor/threads'
import { afterAll, afterEach } from 'vitest'

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
