import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister } from 'teasel/persistence'

import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'

interface Work {
  item: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()

describe('the attempts of a branch', () => {
  /** One branch of two steps; `work` is its second one. */
  function retried(
    work: (attempt: number, begun: number) => unknown,
    more: { readonly fallback?: () => never; readonly settle?: 'collect' } = {},
  ) {
    let begun = 0
    const one = kit.action({ reads: ['item'], writes: ['out'], run: ({ state: { item } }) => ({ out: item }) })
    const two = kit.action({
      reads: ['out'],
      writes: ['out'],
      async run({ state: { out }, context }) {
        begun += 1
        await work(context.attempt, begun)
        return { out: `${out} after ${context.attempt}` }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' }),
      states: { a: { item: 'a' } },
      settle: more.settle ?? 'all',
      retry: { attempts: 3, delayMs: 0 },
      ...(more.fallback && { fallback: more.fallback }),
      reduce: ({ results }) => ({
        outs: results.map((r) => `${r.key} ${r.status === 'done' ? r.state.out : r.status}, ${r.attempts} attempts`),
      }),
    })
    return kit.graph({ actions: { map } })
  }
  const options = { appId: 'app', entrypoint: 'map', state: {} } as const

  it('are counted on after a resume: a branch cut off at its second attempt has one left', async () => {
    const persister = memoryPersister()
    const seen: number[] = []
    const cutOff = defer()
    const first = retried(async (attempt) => {
      seen.push(attempt)
      if (attempt === 1) throw new TypeError('no')
      cutOff.resolve()
      await new Promise(() => {})
    })
    const time = new ManualClock()
    void createApplication(first, { ...options, persister, clock: time })
      .run()
      .catch(() => {})
    await time.fire(0)
    await cutOff.promise

    const second = retried((attempt) => {
      seen.push(attempt)
      throw new TypeError('no')
    })
    const app = await resumeOrCreate(second, { ...options, persister, clock: time })
    const run = app.run().catch((error: unknown) => error)
    await time.fire(0)
    const error = await run

    expect(seen).toEqual([1, 2, 2, 3])
    expect(error).toMatchObject({ results: [{ key: 'a', status: 'failed', attempts: 3 }] })
  })

  it('are counted on when a run was cut off while it retried a failed step', async () => {
    const persister = memoryPersister()
    const seen: number[] = []
    const graph = retried((attempt, begun) => {
      seen.push(attempt)
      if (begun === 5) return new Promise(() => {}) // cut off
      throw new TypeError('no')
    })
    const time = new ManualClock()
    const run = async () => {
      const app = await resumeOrCreate(graph, { ...options, persister, clock: time })
      void app.run().catch(() => undefined)
      for (let i = 0; i < 3; i++) {
        await flush()
        time.advance(0)
      }
      await flush()
    }

    for (let i = 0; i < 3; i++) await run()

    expect(seen).toEqual([1, 2, 3, 1, 2, 2, 3])
  })

  it('of one step are not those of the next: it starts at its first attempt, also after a resume', async () => {
    const persister = memoryPersister()
    const seen: string[] = []
    const cutOff = defer()
    let hold = true
    const step = (name: string, work: (attempt: number) => unknown) =>
      kit.action({
        reads: ['item'],
        writes: ['item'],
        async run({ state: { item }, context: { attempt } }) {
          seen.push(`${name} ${attempt}`)
          await work(attempt)
          return { item }
        },
      })
    const actions = {
      one: step('one', () => undefined),
      two: step('two', (attempt) => (attempt === 1 ? Promise.reject(new TypeError('no')) : undefined)),
      three: step('three', () => {
        cutOff.resolve()
        return hold ? new Promise(() => {}) : undefined
      }),
    }
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.graph({ actions, transitions: { one: 'two', two: 'three' } }).runnable({ entrypoint: 'one' }),
      states: { a: { item: 'a' } },
      retry: { attempts: 3, delayMs: 0 },
      reduce: ({ results }) => ({ outs: results.map((r) => `${r.key}, ${r.attempts} attempts`) }),
    })
    const graph = kit.graph({ actions: { map } })
    const time = new ManualClock()
    void createApplication(graph, { ...options, persister, clock: time })
      .run()
      .catch(() => {})
    await time.fire(0)
    await cutOff.promise
    hold = false

    const { state } = await (await resumeOrCreate(graph, { ...options, persister, clock: time })).run()

    expect(seen).toEqual(['one 1', 'two 1', 'two 2', 'three 1', 'three 1'])
    expect(state.outs).toEqual(['a, 2 attempts'])
  })

  it('start afresh when the step of their map failed and is tried again', async () => {
    const persister = memoryPersister()
    const seen: number[] = []
    const graph = retried((attempt, begun) => {
      seen.push(attempt)
      if (begun < 5) throw new TypeError('no')
    })
    const time = new ManualClock()
    const run = async (retries: number) => {
      const app = await resumeOrCreate(graph, { ...options, persister, clock: time })
      const ended = app.run().catch(() => undefined)
      for (let i = 0; i < retries; i++) await time.fire(0)
      return ended
    }

    await run(2)
    const end = await run(1)

    expect(seen).toEqual([1, 2, 3, 1, 2])
    expect(end?.state.outs).toEqual(['a a after 2, 2 attempts'])
  })

  it.each([
    [
      'its fallback threw',
      {
        fallback: () => {
          throw new TypeError('nor this')
        },
      },
    ],
    ['it has no fallback', {}],
  ])('keep their number, also after a resume, when the branch failed and %s', async (_, more) => {
    const persister = memoryPersister()
    const failing = retried(
      () => {
        throw new TypeError('no')
      },
      { settle: 'collect', ...more },
    )
    const time = new ManualClock()
    const app = createApplication(failing, { ...options, persister, clock: time })
    const results: unknown[] = []
    app.on('branch.settled', ({ result }) => void results.push(result.attempts))
    // Another writer claims the application: later steps are not stored.
    app.on('reduce', () => void persister.driver.claim({ partitionKey: null, rootId: 'app' }, 'another'))
    const lost = app.run().catch(() => undefined)
    for (let i = 0; i < 2; i++) await time.fire(0)
    await lost

    const end = await (await resumeOrCreate(failing, { ...options, persister, clock: time })).run()

    expect(results).toEqual([3])
    expect(end.state.outs).toEqual(['a failed, 3 attempts'])
  })

  it('keep a recovery by a fallback after a resume', async () => {
    const persister = memoryPersister()
    const cutOff = defer()
    let hold = true
    const one = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: () => Promise.reject(new TypeError('no')),
      fallback: () => ({ out: 'saved' }),
    })
    const two = kit.action({
      reads: ['out'],
      writes: ['out'],
      async run({ state: { out } }) {
        cutOff.resolve()
        if (hold) await new Promise(() => {})
        return { out }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' }),
      states: { a: { item: 'a' } },
      reduce: ({ results }) => ({ outs: results.map((r) => `${r.state.out} ${r.recovered}`) }),
    })
    const graph = kit.graph({ actions: { map } })
    void createApplication(graph, { ...options, persister })
      .run()
      .catch(() => {})
    await cutOff.promise
    hold = false

    const end = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(end.state.outs).toEqual(['saved true'])
  })
})
