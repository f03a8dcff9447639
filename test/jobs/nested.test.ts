import { createApplication, defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { executorOver, sharedStore, workerOver } from './job-rig.js'

const kit = defineState<{ readonly n: number }>()
const engine = memoryEngine()
const executor = executorOver(engine.connect())
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const nested = {
  reads: ['n'],
  writes: ['n'],
  executor,
  states: [{ n: 1 }, { n: 2 }],
  reduce: ({ results }: { readonly results: readonly { readonly state: { readonly n: number } }[] }) => ({
    n: results.reduce((sum, { state }) => sum + state.n, 0),
  }),
} as const
const third = kit.mapStates({ ...nested, action: add })
const second = kit.mapStates({ ...nested, action: third })
const first = kit.mapStates({ ...nested, action: second })
const top = kit.mapStates({ ...nested, action: first })
const registry = defineRegistry({ name: 'nested', graphs: { add, first, second, third }, executors: [executor] })

describe('jobs that wait for jobs of their own', () => {
  it.each([
    ['without a store', () => undefined],
    ['with a store', () => sharedStore()()],
  ])('do not stand in their way: depth 4, one worker, one slot, %s', async (_, open) => {
    const worker = workerOver(engine.connect(), [registry], { concurrency: 1 })
    const persister = open()
    const app = createApplication(kit.graph({ actions: { top } }), {
      entrypoint: 'top',
      state: { n: 0 },
      logger: quiet,
      ...(persister && { persister }),
    })
    expect((await app.run()).state.n).toBe(40)
    expect(worker.metrics()).toMatch(/jobs_taken_total 30$/m)
    await worker.close({ drainMs: 0 })
    expect(engine.jobs.size).toBe(0)
  })
})
