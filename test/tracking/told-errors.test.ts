import { createApplication, defineMessage, defineState, ParallelError, type } from 'teasel'
import { decode, encode } from 'teasel/codec'
import { memoryPersister, type Reader } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder } from './folders.js'

const kit = defineState<{ n: number; sum: number }>()

describe('an error in a log', () => {
  it('has its words and its causes where a part of it is no data', async () => {
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: () => {
        throw new RangeError('429: too many requests', { cause: new Error('the limit of the tenant') })
      },
    })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['sum'], action: work, states: [{ n: 1 }, { n: 2 }], concurrency: 1 },
      reduce: () => ({ sum: 0 }),
    })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const options = { appId: 'fan-1', entrypoint: 'fan', state: { n: 0 }, tracker, logger: quiet } as const
    const thrown: unknown = await createApplication(kit.graph({ actions: { fan } }), options)
      .run()
      .catch((error: unknown) => error)

    const reader = fileReader({ dir })
    const message = thrown instanceof Error ? thrown.message : ''
    const head = { name: 'ParallelError', code: 'parallel', message }
    const told = {
      ...head,
      cause: { name: 'ActionError', cause: { name: 'RangeError', cause: { message: 'the limit of the tenant' } } },
    }
    expect((await reader.list()).items[0]?.error).toMatchObject(head)
    expect((await reader.describe({ runId: 'fan-1' }))?.root.error).toMatchObject(told)
    expect((await reader.steps({ runId: 'fan-1', status: 'failed' })).items[0]?.error).toMatchObject(told)
  })
})

describe('an error of a map', () => {
  interface Work {
    n: number
    sum: number
  }
  const maps = defineState<Work>()
  const fails = maps.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state: { n } }) => {
      throw Object.assign(new RangeError(`busy ${n}`), { status: 503 })
    },
  })
  const leaves = (count: number) =>
    maps.mapStates({
      ...{ reads: [], writes: ['sum'], action: fails, settle: 'any' },
      states: Array.from({ length: count }, (_, n) => ({ n })),
      reduce: () => ({ sum: 0 }),
    })
  const graphOf = (count: number) => maps.graph({ actions: { map: leaves(count) } })
  /** A map of graphs, each with a map. */
  const around = (count: number, graph: ReturnType<typeof graphOf>): ReturnType<typeof graphOf> => {
    const map = maps.mapStates({
      ...{ reads: [], writes: ['sum'], action: graph.runnable({ entrypoint: 'map' }), settle: 'any' },
      states: Array.from({ length: count }, () => ({})),
      reduce: () => ({ sum: 0 }),
    })
    return maps.graph({ actions: { map } })
  }
  const told = async (graph: ReturnType<typeof graphOf>) => {
    const [dir, persister] = [folder(), memoryPersister()]
    const tracker = fileTracker({ dir })
    const app = createApplication(graph, {
      ...{ appId: 'run', entrypoint: 'map', state: { n: 0 }, tracker, persister, logger: quiet },
    })
    await expect(app.run()).rejects.toThrow('cannot settle')
    await tracker[Symbol.asyncDispose]()
    const [log, store] = [fileReader({ dir }), persister]
    const of = async (reader: Reader) => {
      const tree = await reader.describe({ runId: 'run' })
      const steps = await reader.steps({ runId: 'run', status: 'failed' })
      return [tree?.run.error, tree?.root.error, tree?.root.step?.error, steps.items[0]?.error]
    }
    return { log: await of(log), store: await of(store) }
  }

  it('has the failures of its branches in a log as in a store, twenty at most', async () => {
    for (const count of [3, 30]) {
      const { log, store } = await told(graphOf(count))
      expect(log).toEqual(store)
      for (const error of log) {
        expect(error?.errors).toHaveLength(Math.min(count, 20))
        expect(error?.errors?.[2]).toMatchObject({
          code: 'action',
          cause: { message: 'busy 2', fields: { status: 503 } },
        })
      }
    }
  })

  it('has those of maps below as well, fewer at each level', async () => {
    const { log, store } = await told(around(21, around(6, graphOf(2))))
    expect(log).toEqual(store)
    const [first] = log
    expect(first?.errors).toHaveLength(20)
    expect(first?.errors?.[19]?.errors).toHaveLength(5)
    expect(first?.errors?.[19]?.errors?.[4]?.errors).toHaveLength(1)
  })

  it('has nothing of a failure that the log may not have', async () => {
    const dir = folder()
    const tracker = fileTracker({
      dir,
      redact: (_, value) => (typeof value === 'string' && value.includes('busy') ? undefined : value),
    })
    const options = { appId: 'run', entrypoint: 'map', state: { n: 0 }, tracker, logger: quiet } as const
    await expect(createApplication(graphOf(3), options).run()).rejects.toThrow('cannot settle')
    await tracker[Symbol.asyncDispose]()

    const texts = [...filesIn(dir).values()].join()
    expect(texts).toContain('"key":"2"')
    expect(texts).not.toContain('busy')
  })

  it('has the key and the status of each branch, and their errors, where it is decoded', () => {
    const results = [
      { key: 'a', status: 'failed', error: new RangeError('busy'), inputs: new (class Odd {})() },
      { key: 'b', status: 'cancelled' },
    ] as const
    const back = decode(encode(new ParallelError('map', 'cannot settle.', results, undefined), 'error'))
    expect(ParallelError.is(back)).toBe(true)
    expect(back).toMatchObject({ results: [{ key: 'a', status: 'failed', error: { message: 'busy' } }, results[1]] })
  })
})

describe('a large value in a log', () => {
  it('leaves the results and messages around it readable, and an error whole', async () => {
    const long = 'x'.repeat(70_000)
    const go = defineMessage('go', type<string>())
    const work = kit.action({
      reads: ['n'],
      writes: ['n'],
      inputs: { text: type<string>() },
      run: async ({ state: { n }, context }) => {
        await context.receiveOne(go)
        if (n === 1) throw Object.assign(new RangeError('busy'), { body: long })
        return { n }
      },
    })
    const fan = kit.mapStates({
      ...{ reads: [], writes: ['sum'], action: work.bind({ text: long }), settle: 'collect' },
      states: [{ n: 0 }, { n: 1 }],
      reduce: () => ({ sum: 0 }),
    })
    const dir = folder()
    const tracker = fileTracker({ dir })
    const options = { appId: 'run', entrypoint: 'fan', state: { n: 0 }, tracker, logger: quiet } as const
    const app = createApplication(kit.graph({ actions: { fan } }), options)
    const run = app.run()
    await flushUntil(() => app.pending.length === 2)
    for (const path of ['fan/0', 'fan/1']) expect(await app.send(go(long), { path })).toBe('delivered')
    await run
    await tracker[Symbol.asyncDispose]()

    const reader = fileReader({ dir })
    const page = await reader.branches({ runId: 'run', map: 'fan', visit: 1 })
    const [done, failed] = page.items
    expect([done, failed]).toMatchObject([
      { status: 'done', attempt: 1 },
      { status: 'failed', attempt: 1, error: { code: 'action', cause: { name: 'RangeError' } } },
    ])
    expect(failed?.error?.cause?.fields?.['body']).toHaveLength(long.length)
    const events: unknown[] = []
    for await (const event of reader.events({ runId: 'run', types: ['message', 'branch.settled'], follow: false }))
      events.push(event)
    const body = { $: 'ref', n: 70_002 }
    const settled = { attempts: 1, inputs: { $: 'ref' } }
    expect(events).toMatchObject([
      { message: { kind: 'go', body } },
      { message: { kind: 'go', body } },
      { key: '0', result: { ...settled, status: 'done' } },
      { key: '1', result: { ...settled, status: 'failed', error: { $: 'error', name: 'ActionError' } } },
    ])
  })
})
