import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { defineRegistry, type Executor } from 'teasel/executor'
import { type MemoryConnection, type MemoryEngine, memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { executorOver, sharedStore, workerOver } from './job-rig.js'

interface State {
  readonly n: number
  readonly log: readonly string[]
  readonly ends: readonly string[]
}
const kit = defineState<State>()

let effects: string[] = []
let hold: ((name: string) => Promise<void> | undefined) | undefined

const step = (name: string) =>
  kit.action({
    reads: ['n', 'log'],
    writes: ['log'],
    async run({ state, signal }) {
      const end = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      const at = `${state.n} ${name}`
      effects.push(at)
      await Promise.race([hold?.(at), end])
      return { log: [...state.log, name] }
    },
  })
const two = kit
  .graph({ actions: { one: step('one'), two: step('two') }, transitions: { one: 'two' } })
  .runnable({ entrypoint: 'one' })
const registry = defineRegistry({ name: 'attach', graphs: { two } })
const graphOf = (count: number) =>
  kit.graph({
    actions: {
      all: kit.mapStates({
        reads: [],
        writes: ['ends'],
        action: two,
        states: Array.from({ length: count }, (_, n) => ({ n, log: [] })),
        reduce: ({ results }) => ({ ends: results.map(({ state }) => state.log.join()) }),
      }),
    },
  })

/** An owner: a process with the application. */
function ownerOf(
  engine: MemoryEngine,
  more: { readonly sweepMs?: number } = {},
): { readonly connection: MemoryConnection; readonly executor: Executor } {
  const connection = engine.connect()
  return { connection, executor: executorOver(connection, more) }
}

describe('a stored application whose owner was killed', () => {
  it('finds its jobs again, queued or running, and commits every step once', async () => {
    const engine = memoryEngine()
    const open = sharedStore()
    effects = []
    const stands = defer()
    hold = (at) => {
      if (at !== '0 two' && at !== '1 one') return undefined
      if (effects.includes('0 two') && effects.includes('1 one')) stands.resolve()
      return new Promise(() => {})
    }
    const worker = workerOver(engine.connect(), [registry], { concurrency: 2 })
    const first = ownerOf(engine)
    const options = { entrypoint: 'all', state: {}, appId: 'attached', logger: quiet } as const
    const dead = createApplication(graphOf(6), { ...options, executor: first.executor, persister: open() })
    dead.run().catch(() => {}) // nobody sees its end
    await stands.promise
    first.connection.kill()
    const jobs = [...engine.jobs.values()]
    expect([jobs.filter((one) => one === 'active').length, jobs.filter((one) => one === 'queued').length]).toEqual([
      2, 4,
    ])
    hold = undefined
    const next = ownerOf(engine)
    const app = await resumeOrCreate(graphOf(6), { ...options, executor: next.executor, persister: open() })
    const { state } = await app.run()
    expect(state.ends).toEqual(Array.from({ length: 6 }, () => 'one,two'))
    // What had committed does not run again; what was cut off does.
    const times = (at: string) => effects.filter((one) => one === at).length
    expect(times('0 one')).toBe(1)
    expect(times('0 two')).toBe(2)
    expect(['2 one', '3 two', '5 two'].map(times)).toEqual([1, 1, 1])
    await next.executor.close()
    await worker.close({ drainMs: 0 })
    expect(engine.jobs.size).toBe(0)
    void first.executor.close()
  })

  it('has the branches that run in workers again at once, without waiting for a sweep', async () => {
    const engine = memoryEngine()
    const open = sharedStore()
    effects = []
    const stands = defer()
    hold = (at) => {
      if (at !== '0 two') return undefined
      stands.resolve()
      return new Promise(() => {})
    }
    const worker = workerOver(engine.connect(), [registry], { concurrency: 1 })
    const first = ownerOf(engine)
    const options = { entrypoint: 'all', state: {}, appId: 'soon', logger: quiet } as const
    createApplication(graphOf(1), { ...options, executor: first.executor, persister: open() })
      .run()
      .catch(() => {}) // nobody sees its end
    await stands.promise
    first.connection.kill()
    hold = undefined
    const next = ownerOf(engine, { sweepMs: 1e9 })
    const app = await resumeOrCreate(graphOf(1), { ...options, executor: next.executor, persister: open() })
    expect((await app.run()).state.ends).toEqual(['one,two'])
    await next.executor.close()
    await worker.close({ drainMs: 0 })
    expect(engine.jobs.size).toBe(0)
    void first.executor.close()
  })

  it('ends in this process what it began there, also where its worker has died with it', async () => {
    const engine = memoryEngine()
    const open = sharedStore()
    effects = []
    const stands = defer()
    hold = (at) => {
      if (at !== '0 two') return undefined
      stands.resolve()
      return new Promise(() => {})
    }
    const machine = engine.connect()
    const worker = workerOver(machine, [registry], { concurrency: 1 })
    const first = ownerOf(engine)
    const options = { entrypoint: 'all', state: {}, appId: 'both', logger: quiet } as const
    createApplication(graphOf(2), { ...options, executor: first.executor, persister: open() })
      .run()
      .catch(() => {})
    await stands.promise
    first.connection.kill()
    machine.kill()
    void worker.close({ drainMs: 0 })
    hold = undefined
    const other = workerOver(engine.connect(), [registry], { concurrency: 1 })
    const next = ownerOf(engine)
    const app = await resumeOrCreate(graphOf(2), { ...options, executor: next.executor, persister: open() })
    expect((await app.run()).state.ends).toEqual(['one,two', 'one,two'])
    await next.executor.close()
    await other.close({ drainMs: 0 })
    expect(engine.jobs.size).toBe(0)
    void first.executor.close()
  })
})
