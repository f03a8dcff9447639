import { createApplication, defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { createJobWorker, jobExecutor } from 'teasel/executor/jobs'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'

interface State {
  readonly n: number
  readonly sum: number
}
const kit = defineState<State>()
const double = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * 2 }) })
const registry = defineRegistry({ name: 'jobs test', graphs: { double } })
const all = kit.mapStates({
  reads: [],
  writes: ['sum'],
  action: double,
  states: [{ n: 1 }, { n: 2 }, { n: 3 }],
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})

describe('branches as jobs', () => {
  it('run in the workers that have taken them, and leave no job behind', async () => {
    const engine = memoryEngine()
    await using executor = jobExecutor(engine.connect(), { requiresStore: false })
    await using worker = createJobWorker({ driver: engine.connect(), registries: [registry], concurrency: 2 })
    await worker.ready
    const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: {}, executor })
    expect((await app.run()).state.sum).toBe(12)
    await worker.close()
    expect(engine.jobs.size).toBe(0)
    expect(worker.metrics()).toContain('teasel_jobs_taken_total 3')
  })

  it('ask nothing of the engine where their executor has submitted nothing', async () => {
    const asked: string[] = []
    const engine = new Proxy(memoryEngine().connect(), {
      get(driver, key) {
        const value: unknown = Reflect.get(driver, key)
        if (typeof value !== 'function') return value
        return (...given: unknown[]): unknown => {
          asked.push(String(key))
          return Reflect.apply(value, driver, given)
        }
      },
    })

    await jobExecutor(engine, { requiresStore: false }).close()

    expect(asked).toEqual(['close'])
  })
})
