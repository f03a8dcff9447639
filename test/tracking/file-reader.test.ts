import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import { describeApp } from 'teasel/live'
import { type AppNode, memoryPersister, type RunSummary, type RunTree, rewind } from 'teasel/persistence'
import { type FileTracker, fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it, vi } from 'vitest'
import { joinIndexes } from '../../src/adapters/file/housekeeping.js'
import { IndexFile, keyOf } from '../../src/adapters/file/index-file.js'
import { IndexReader } from '../../src/adapters/file/index-reader.js'
import { placesIn, realFs } from '../../src/adapters/file/places.js'
import { SeqOrder } from '../../src/log/seq-order.js'
import { defer, flush, flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder } from './folders.js'

interface Work {
  n: number
  items: string[]
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const answer = defineMessage('answer', typeOf<string>())
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const asking = kit.action({
  reads: [],
  writes: [],
  run: async ({ context }) => {
    await context.receiveOne(answer)
    return {}
  },
})
const counter = kit.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n % 3 !== 0 }] },
})

const summary = (runId: string, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{ runId, partitionKey: null, labels: {}, status: 'finished', since: 1, createdAt: 1, updatedAt: 1 },
  ...{ sequenceId: 0, epoch: 0, incarnation: 0, pending: 0, retrying: 0, leaked: 0 },
  ...more,
})

describe('a list of logs', () => {
  it('is read without a look at the logs', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    for (const appId of ['a', 'b', 'c'])
      await createApplication(counter, { appId, entrypoint: 'add', state: { n: 0 }, tracker, logger: quiet }).run()
    const runs = join(dir, 'default/runs')
    for (const name of readdirSync(runs)) writeFileSync(join(runs, name), 'no log')
    const reader = fileReader({ dir })
    const { items, after } = await reader.list({ limit: 2 })
    const rest = await reader.list({ limit: 2, after: after ?? '' })
    expect([...items, ...rest.items].map(({ runId }) => runId).sort()).toEqual(['a', 'b', 'c'])
    expect(rest.after).toBeUndefined()
    expect(await reader.count({ status: 'finished' })).toEqual({ finished: 3 })
    expect((await reader.list({ text: 'B' })).items.map(({ runId }) => runId)).toEqual(['b'])
    expect((await reader.list({ status: ['failed'] })).items).toEqual([])
  })

  it('has a run whose index was lost, and none whose log was removed', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    for (const appId of ['a', 'b'])
      await createApplication(counter, { appId, entrypoint: 'add', state: { n: 0 }, tracker, logger: quiet }).run()
    rmSync(join(dir, 'default/runs/a.0.0.jsonl'))
    expect((await fileReader({ dir }).list()).items.map(({ runId }) => runId)).toEqual(['b'])
    rmSync(join(dir, 'default/index'), { recursive: true })
    expect((await fileReader({ dir }).list()).items).toMatchObject([{ runId: 'b', status: 'finished', sequenceId: 2 }])
  })

  it('refuses a query with every fault', async () => {
    const reader = fileReader({ dir: folder() })
    await expect(reader.list({ limit: 0, status: 'finshed' as 'finished' })).rejects.toThrow('finished')
    await expect(reader.describe({ runId: 7 as unknown as string })).rejects.toThrow('runId')
    expect(() => reader.events({ runId: 'x', after: 'nowhere' })).toThrow('nowhere')
    expect(() => fileReader({ dir: '' })).toThrow('fileReader needs dir')
  })
})

describe('a process that is gone', () => {
  /** A run that runs, and one that waits; both are closed as if their process were killed. */
  async function killed() {
    const dir = folder()
    const gate = defer()
    const stay = kit.action({
      reads: [],
      writes: ['n'],
      async run() {
        await gate.promise
        return { n: 1 }
      },
    })
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(answer)).body }),
    })
    const graph = kit.graph({ actions: { stay, ask } })
    const tracker = fileTracker({ dir })
    const options = { state: {}, tracker, logger: quiet } as const
    const apps = [
      createApplication(graph, { ...options, appId: 'runs', entrypoint: 'stay' }),
      createApplication(graph, { ...options, appId: 'waits', entrypoint: 'ask' }),
    ]
    const ends = apps.map((app) => app.run().catch(() => {}))
    await flush()
    await tracker.dispose()
    return {
      dir,
      async end() {
        gate.resolve()
        await apps[1]?.send(answer('x'))
        await Promise.all(ends)
      },
    }
  }
  const statuses = async (dir: string) =>
    Object.fromEntries((await fileReader({ dir }).list()).items.map(({ runId, status }) => [runId, status]))

  it('leaves a run interrupted that needs a process, and one waiting that needs none', async () => {
    const { dir, end } = await killed()
    expect(await statuses(dir)).toEqual({ runs: 'running', waits: 'waiting' })
    const old = Date.now() / 1000 - 16
    for (const path of filesIn(dir).keys()) utimesSync(join(dir, path), old, old)
    expect(await statuses(dir)).toEqual({ runs: 'interrupted', waits: 'waiting' })
    const tree = await fileReader({ dir }).describe({ runId: 'runs' })
    expect(tree?.run.since).toBe(Math.round(old * 1000))
    expect(tree?.root.step).toMatchObject({ action: 'stay', status: 'interrupted' })
    expect((await fileReader({ dir }).due()).items.map(({ runId }) => runId)).toEqual(['runs'])
    await end()
  })

  it('leaves a map ended whose end was saved, but is not in the log', async () => {
    const dir = folder()
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.action({ reads: ['item'], writes: ['item'], run: ({ state: { item } }) => ({ item }) }),
      states: { a: { item: 'a' }, b: { item: 'b' } },
      reduce: ({ results }) => ({ outs: results.map((one) => one.state.item) }),
    })
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(answer)).body }),
    })
    const graph = kit.graph({ actions: { map, ask }, transitions: { map: 'ask' } })
    const persister = memoryPersister()
    const options = { appId: 'x', entrypoint: 'map' as const, state: {}, persister, logger: quiet }
    {
      await using tracker = fileTracker({ dir })
      await using app = await resumeOrCreate(graph, { ...options, tracker })
      await app.run({ haltAfter: ['map'] })
    }
    const file = join(dir, 'default/runs/x.0.0.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    const start = lines.findIndex((line) => line.includes('"map.start"'))
    // Both branches have begun; neither has settled.
    const settled = lines.findIndex((line, i) => i > start && line.includes('"branch.settled"'))
    writeFileSync(file, `${lines.slice(0, settled).join('\n')}\n`)
    await using tracker = fileTracker({ dir })
    await using app = await resumeOrCreate(graph, { ...options, tracker })
    await app.run({ whenWaiting: 'return' })
    await tracker[Symbol.asyncDispose]() // all is written
    const tree = await fileReader({ dir }).describe({ runId: 'x' })
    expect(tree?.run.status).toBe('waiting')
    expect(tree?.root.maps).toMatchObject([{ status: 'done', counts: { done: 2, queued: 0, running: 0 } }])
    expect(tree?.lacks).toContain('how 2 branches of map ended')
    expect((await fileReader({ dir }).list()).items.map(({ status }) => status)).toEqual(['waiting'])
  })

  it('leaves no map open at which a run stood before it was rewound', async () => {
    const dir = folder()
    const asking = kit.action({
      reads: ['item'],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(answer)).body }),
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: asking,
      concurrency: 1,
      states: { a: { item: 'a' }, b: { item: 'b' } },
      reduce: ({ results }) => ({ outs: results.map((one) => one.state.item) }),
    })
    const isPatched = { to: 'asking', when: ({ state: { n } }: { state: { n: number } }) => n > 50 } as const
    const graph = kit.graph({
      actions: { add, asking, map },
      transitions: { add: [isPatched, { to: 'map' }], asking: 'map' },
    })
    const persister = memoryPersister()
    const options = { appId: 'x', entrypoint: 'add' as const, state: { n: 0, item: '' }, persister, logger: quiet }
    await using tracker = fileTracker({ dir })
    {
      await using app = await resumeOrCreate(graph, { ...options, tracker })
      await app.run({ whenWaiting: 'return' })
    }
    const file = join(dir, 'default/runs/x.0.0.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    const waits = lines.findIndex((line) => line.includes('"type":"wait"'))
    writeFileSync(file, `${lines.slice(0, waits + 1).join('\n')}\n`)
    await rewind({ persister, appId: 'x', sequenceId: 0, patch: { n: 100 } })
    await using app = await resumeOrCreate(graph, { ...options, tracker })
    await app.run({ whenWaiting: 'return' })
    await tracker[Symbol.asyncDispose]() // all is written
    const tree = await fileReader({ dir }).describe({ runId: 'x' })
    expect(tree?.run).toMatchObject({ status: 'waiting', pending: 1, epoch: 1 })
    expect(tree?.root.maps).toMatchObject([{ status: 'cancelled', epoch: 0, counts: { waiting: 0, queued: 0 } }])
  })

  it('leaves an index that is joined with others', async () => {
    const { dir, end } = await killed()
    const other = fileTracker({ dir })
    await createApplication(counter, { appId: 'other', entrypoint: 'add', state: { n: 0 }, tracker: other }).run()
    await other.dispose()
    const old = Date.now() / 1000 - 90
    for (const path of filesIn(dir).keys()) utimesSync(join(dir, path), old, old)
    const places = placesIn(dir, 'default')
    await joinIndexes(places, 'me')
    expect(readdirSync(places.index)).toEqual(['joined-me.jsonl'])
    expect(await statuses(dir)).toEqual({ runs: 'interrupted', waits: 'waiting', other: 'finished' })
    writeFileSync(join(places.index, 'join.lock'), '')
    utimesSync(join(places.index, 'joined-me.jsonl'), old, old)
    writeFileSync(join(places.index, 'w_2.jsonl'), '')
    utimesSync(join(places.index, 'w_2.jsonl'), old, old)
    await joinIndexes(places, 'you')
    expect(readdirSync(places.index)).toContain('joined-me.jsonl')
    utimesSync(join(places.index, 'join.lock'), old, old)
    await joinIndexes(places, 'you')
    expect(readdirSync(places.index)).toEqual(['joined-you.jsonl'])
    expect(await statuses(dir)).toEqual({ runs: 'interrupted', waits: 'waiting', other: 'finished' })
    await end()
  })
})

describe('an index', () => {
  it('has the beginning of a run that was resumed, whichever process has written of it', async () => {
    const dir = folder()
    const persister = memoryPersister()
    const places = placesIn(dir, 'default')
    const graph = kit.graph({ actions: { ask: asking } })
    const options = { appId: 'run', entrypoint: 'ask', state: { n: 0 }, persister, logger: quiet } as const
    const goOn = async (tracker: FileTracker): Promise<void> => {
      await using app = await resumeOrCreate(graph, { ...options, tracker })
      await app.run({ whenWaiting: 'return' })
      const at = Date.now()
      await flushUntil(() => Date.now() > at) // the next one begins at another time
    }
    const agrees = async (): Promise<void> => {
      const { createdAt, startedAt } = (await fileReader({ dir }).describe({ runId: 'run' }))?.run ?? {}
      expect((await fileReader({ dir }).list()).items).toMatchObject([{ createdAt, startedAt }])
    }
    const makeOld = (): void => {
      const old = Date.now() / 1000 - 90
      for (const name of readdirSync(places.index)) utimesSync(join(places.index, name), old, old)
    }
    for (const times of [2, 1]) {
      await using tracker = fileTracker({ dir })
      for (let i = 0; i < times; i++) await goOn(tracker)
      await agrees()
    }
    makeOld()
    await joinIndexes(places, 'me')
    await agrees()
    {
      await using tracker = fileTracker({ dir })
      await goOn(tracker)
    }
    makeOld()
    await joinIndexes(places, 'you')
    expect(readdirSync(places.index)).toEqual(['joined-you.jsonl'])
    await agrees()
  })

  it('is read again only if it has changed', async () => {
    const dir = folder()
    const index = new IndexFile(realFs, join(dir, 'default/index'), 'w', () => {})
    index.write([{ run: summary('run-1') }])
    const reader = new IndexReader(placesIn(dir, 'default'))
    const first = (await reader.runs()).runs.get(keyOf(summary('run-1')))?.run
    expect((await reader.runs()).runs.get(keyOf(summary('run-1')))?.run).toBe(first)
    index.write([{ run: summary('run-1', { updatedAt: 2 }) }])
    index.close()
    expect((await reader.runs()).runs.get(keyOf(summary('run-1')))?.run.updatedAt).toBe(2)
  })

  it('is shortened when it has many lines a run, and loses no line meanwhile', async () => {
    const dir = folder()
    const index = new IndexFile(realFs, dir, 'w', () => {})
    for (let n = 0; n < 1000; n++) index.write([{ run: summary(`run-${n % 10}`, { updatedAt: n }) }])
    index.write([{ run: summary('last') }])
    await index.settled()
    index.close()
    const lines = (filesIn(dir).get('w.jsonl') ?? '').trimEnd().split('\n')
    expect(lines.length).toBeLessThan(900)
    const last = new Map(
      lines.map((line) => JSON.parse(line) as { run: RunSummary }).map(({ run }) => [run.runId, run.updatedAt]),
    )
    expect(Object.fromEntries(last)).toMatchObject({ 'run-0': 990, 'run-9': 999, last: 1 })
    expect([...filesIn(dir).keys()]).toEqual(['w.jsonl'])
  })

  it('tells by its time that its process is alive', async () => {
    const dir = folder()
    const index = new IndexFile(realFs, join(dir, 'default/index'), 'w', () => {})
    index.write([{ run: summary('run-1', { status: 'running' }) }])
    writeFileSync(join(dir, 'default/index/other'), '')
    index.beat(5000)
    const { index: folderOf } = placesIn(dir, 'default')
    expect(folderOf).toBe(join(dir, 'default/index'))
    index.close()
    expect(await new IndexReader(placesIn(dir, 'default')).seenAt('w')).toBe(5000)
  })
})

describe('steps', () => {
  it('are found in a long log by bisection', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const graph = kit.graph({
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 2000 }] },
    })
    const state = { n: 0, item: 'x'.repeat(100) }
    await createApplication(graph, { appId: 'run-1', entrypoint: 'add', state, tracker, logger: quiet }).run()
    const reader = fileReader({ dir })
    const all = (await reader.steps({ runId: 'run-1', limit: 1000 })).items
    expect(all.slice(1, 3).map(({ update }) => update)).toEqual([{ n: 1 }, { n: 2 }])
    for (const from of [0, 1, 517, 980]) {
      const { items } = await reader.steps({ runId: 'run-1', from, to: from + 5, limit: 3 })
      expect(items).toEqual(all.slice(from + 1, from + 4))
    }
    for (const from of [1500, 1997]) {
      const { items } = await reader.steps({ runId: 'run-1', from })
      expect(items.slice(0, 3).map(({ sequenceId, update }) => [sequenceId, update])).toEqual(
        [0, 1, 2].map((i) => [from + i, { n: from + i + 1 }]),
      )
      expect(await reader.state({ runId: 'run-1', sequenceId: from })).toEqual({ ...state, n: from + 1 })
    }
    const path = join(dir, 'default/runs/run-1.0.0.jsonl')
    const text = filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? ''
    const middle = text.indexOf('\n', text.length / 2) + 1
    writeFileSync(path, `${text.slice(0, middle).replace(/"attempt":1/g, '"attempt":9')}${text.slice(middle)}`)
    // Only lines near the end are read: those before it may have become anything.
    const { items } = await fileReader({ dir }).steps({ runId: 'run-1', from: 1900 })
    expect(items.every(({ attempt }) => attempt === 1)).toBe(true)

    const pages: number[] = []
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await fileReader({ dir }).steps({ runId: 'run-1', limit: 700, after })
      pages.push(...page.items.map(({ sequenceId }) => sequenceId))
      after = page.after
    }
    expect(pages).toEqual(Array.from({ length: 2001 }, (_, i) => i - 1))
  })
})

describe('the steps of a range', () => {
  /** Number of bytes that are read of files meanwhile. */
  async function bytesRead(dir: string, work: () => Promise<unknown>): Promise<number> {
    const file = await open(join(dir, 'default/runs/run-1.0.0.jsonl'))
    const read = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, 'read')
    await file.close()
    await work()
    let bytes = 0
    for (const { value } of read.mock.results) bytes += ((await value) as { readonly bytesRead: number }).bytesRead
    read.mockRestore()
    return bytes
  }

  it('are read without what stands behind them in the log', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const graph = kit.graph({
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 4000 }] },
    })
    const options = { appId: 'run-1', entrypoint: 'add', tracker, logger: quiet } as const
    await createApplication(graph, { ...options, state: { n: 0 } }).run()
    const { length } = filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? ''
    const reader = fileReader({ dir })

    const ofRange = await bytesRead(dir, () => reader.steps({ runId: 'run-1', from: 100, to: 110 }))
    const ofState = await bytesRead(dir, () => reader.state({ runId: 'run-1', sequenceId: 100 }))

    expect([ofRange > 0, ofRange < length / 4, ofState < length / 4]).toEqual([true, true, true])
    expect((await reader.steps({ runId: 'run-1', from: 100, to: 101 })).items).toMatchObject([
      { sequenceId: 100, update: { n: 101 } },
      { sequenceId: 101, update: { n: 102 } },
    ])
    expect(await reader.state({ runId: 'run-1', sequenceId: 100 })).toEqual({ n: 101 })
  })

  it('are those of every epoch, whatever stands between them', async () => {
    const dir = folder()
    const persister = memoryPersister()
    const options = { appId: 'run-1', entrypoint: 'add', state: { n: 0 }, logger: quiet } as const
    const graph = (least: number) =>
      kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < least }] } })
    for (const [at, most] of [
      [undefined, 40],
      [3, 30],
      [5, 9],
    ] as const) {
      if (at !== undefined) await rewind({ persister, appId: 'run-1', sequenceId: at })
      await using tracker = fileTracker({ dir })
      await using app = await resumeOrCreate(graph(most), { ...options, persister, tracker })
      await app.run()
    }

    for (const reader of [fileReader({ dir }), persister]) {
      const { items } = await reader.steps({ runId: 'run-1', limit: 1000 })
      const inRange = items.filter(({ sequenceId }) => sequenceId >= 4 && sequenceId <= 6)
      expect(inRange.map(({ epoch, sequenceId }) => `${epoch} ${sequenceId}`)).toEqual(
        ['0 4', '0 5', '0 6', '1 4', '1 5', '1 6', '2 5', '2 6'], // the place to which it was rewound is one
      )
      expect((await reader.steps({ runId: 'run-1', from: 4, to: 6 })).items).toEqual(inRange)
      expect(await reader.state({ runId: 'run-1', sequenceId: 6, epoch: 1 })).toEqual({ n: 7 })
      expect(await reader.state({ runId: 'run-1', sequenceId: 6 })).toEqual({ n: 7 })
    }
  })
})

describe('retention', () => {
  const run = async (dir: string, appId: string, limits: object, large = false) => {
    await using tracker = fileTracker({ dir, retention: limits })
    const grow = kit.action({
      reads: [],
      writes: ['item'],
      run: () => ({ item: `${appId} ${'x'.repeat(large ? 70_000 : 1)}` }),
    })
    await createApplication(kit.graph({ actions: { grow } }), { appId, entrypoint: 'grow', state: {}, tracker }).run()
  }
  const runs = async (dir: string) => (await fileReader({ dir }).list()).items.map(({ runId }) => runId).sort()

  it('keeps so many runs, and the large values that they name', async () => {
    const dir = folder()
    for (const appId of ['a', 'b', 'c']) await run(dir, appId, { runs: 2 }, true)
    expect(await runs(dir)).toEqual(['b', 'c'])
    expect([...filesIn(dir).keys()].filter((path) => path.includes('/blobs/'))).toHaveLength(2)
    expect(await fileReader({ dir }).state({ runId: 'c' })).toMatchObject({
      item: expect.stringContaining('c xxx') as string,
    })
  })

  it('keeps so many bytes, and nothing that is too old', async () => {
    const dir = folder()
    for (const appId of ['a', 'b', 'c', 'd']) await run(dir, appId, {})
    const size = (filesIn(dir).get('default/runs/a.0.0.jsonl') ?? '').length
    await run(dir, 'e', { bytes: size * 3.5 })
    expect(await runs(dir)).toEqual(['c', 'd', 'e'])
    await run(dir, 'f', { ageMs: 0 })
    expect((await runs(dir)).length).toBeLessThanOrEqual(1)
  })

  it('removes no run that may go on', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(answer)).body }),
    })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      appId: 'open',
      entrypoint: 'ask',
      state: {},
      tracker,
    })
    const end = app.run()
    await flush()
    tracker.flush()
    await run(dir, 'a', { runs: 0 })
    expect(await runs(dir)).toEqual(['open'])
    await app.send(answer('x'))
    await end
  })
})

describe('events of a log', () => {
  it('are given while another one writes it, until the run has ended', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      async *run({ context }) {
        const { body } = await context.receiveOne(answer)
        yield body
        return { item: body }
      },
    })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      appId: 'run-1',
      entrypoint: 'ask',
      state: {},
      tracker,
    })
    const run = app.run()
    const seen: string[] = []
    for await (const { type } of fileReader({ dir }).events({ runId: 'run-1' })) {
      seen.push(type)
      if (type === 'wait') await app.send(answer('x'))
    }
    await run
    expect(seen).toEqual(['run.start', 'step.start', 'wait', 'wake', 'message', 'chunk', 'step.end', 'run.end'])
  })

  it('end with their signal, and close the log when the loop is left', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const ask = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: (await context.receiveOne(answer)).body }),
    })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      appId: 'run-1',
      entrypoint: 'ask',
      state: {},
      tracker,
    })
    const run = app.run()
    const controller = new AbortController()
    for await (const { type } of fileReader({ dir }).events({ runId: 'run-1', signal: controller.signal }))
      if (type === 'wait') controller.abort()
    for await (const { type } of fileReader({ dir }).events({ runId: 'run-1' })) if (type === 'wait') break
    await app.send(answer('x'))
    await run
  })

  it('are in the order of their numbers, and wait for a missing one for a moment only', () => {
    const order = new SeqOrder()
    const event = (seq: number, time: number) =>
      ({ type: 'chunk', seq, time, runId: '', incarnation: 0, appId: '', path: [] }) as const
    const add = (...events: (readonly [number, number])[]) => {
      for (const [seq, time] of events) order.add(event(seq, time))
      return order.take().map(({ seq }) => seq)
    }
    expect(add([0, 0], [2, 10])).toEqual([0])
    expect(add([1, 5])).toEqual([1, 2])
    expect(add([5, 20])).toEqual([])
    expect(add([7, 271])).toEqual([5])
    expect(order.restart().map(({ seq }) => seq)).toEqual([7])
    expect(add([0, 300])).toEqual([0])
  })
})

describe('the readers of a log, of a store and of a live run', () => {
  interface Told {
    readonly log: RunTree
    readonly store: RunTree
  }
  /** What both know, without times and without what one of them lacks. */
  const OMIT = new Set([
    ...[
      'since',
      'queuedAt',
      'startedAt',
      'endedAt',
      'updatedAt',
      'createdAt',
      'durationMs',
      'at',
      'until',
      'heldBy',
      'asOf',
      'lacks',
    ],
    ...['policy', 'kind', 'concurrency', 'schemas', 'stack', 'fingerprint', 'graph', 'attempt', 'recovered', 'title'],
    ...['labels', 'incarnation', 'progress', 'fields', 'cause', 'nextAt', 'after', 'index', 'id', 'step', 'leaked'],
  ])
  const plainRun = ({ branches: _, ...run }: { readonly branches?: unknown }) => plain(run)
  const plain = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (name, part: unknown) => (OMIT.has(name) ? undefined : part)))

  async function both(
    items: readonly string[],
    until: (app: { run(o?: object): Promise<unknown> }) => Promise<void>,
  ): Promise<Told & { readonly live: unknown }> {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const persister = memoryPersister()
    const act = kit.action({
      reads: ['item'],
      writes: ['item'],
      async run({ state: { item }, context }) {
        if (item === 'bad') throw new RangeError('bad')
        if (item === 'ask') return { item: (await context.receiveOne(answer, { ask: 'what?' })).body }
        if (item === 'sleep') await context.sleep({ ms: 1e7 })
        return { item: `${item}!` }
      },
    })
    const first = kit.action({ reads: ['item'], writes: ['item'], run: ({ state: { item } }) => ({ item }) })
    const branch = kit
      .graph({ actions: { first, act }, transitions: { first: 'act' } })
      .runnable({ entrypoint: 'first' })
    const map = kit.mapStates({
      reads: ['items'],
      writes: ['outs'],
      action: branch,
      settle: 'collect',
      states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
      reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
    })
    const graph = kit.graph({ actions: { add, map, last: add }, transitions: { add: 'map', map: 'last' } })
    const app = await resumeOrCreate(graph, {
      ...{ appId: 'run-1', entrypoint: 'add', state: { n: 0, items: [...items] }, persister, tracker, logger: quiet },
      ...{ title: 'A run', labels: { a: '1' } },
    })
    await until(app as unknown as { run(o?: object): Promise<unknown> })
    tracker.flush()
    const ref = { runId: 'run-1' }
    const [log, store] = [await fileReader({ dir }).describe(ref), await persister.describe(ref)]
    const live = await describeApp(app)
    for (const path of ['', ...items.map((item) => `map/${item}`)]) {
      const query = { ...ref, path, status: ['done'] as const }
      const steps = async (reader: Pick<typeof persister, 'steps'>) =>
        (await reader.steps(query)).items
          .filter(({ placed }) => placed === undefined)
          .map(({ action, sequenceId, epoch, took }) => ({ action, sequenceId, epoch, took }))
      expect([path, await steps(fileReader({ dir }))]).toEqual([path, await steps(persister)])
      const state = await persister.state({ ...ref, path })
      const mine = await fileReader({ dir }).state({ ...ref, path })
      if (mine !== undefined) expect(mine).toEqual(state)
    }
    await app[Symbol.asyncDispose]()
    if (log === undefined || store === undefined) throw new TypeError('Nothing is told of the run.')
    return { log, store, live }
  }
  const branchesOf = (node: AppNode) =>
    node.maps.flatMap(({ branches }) => branches.map(({ status, items }) => [status, plain(items)]))

  it('agree while it waits', async () => {
    const { log, store, live } = await both(['a', 'ask', 'sleep', 'bad'], async (app) => {
      await app.run({ whenWaiting: 'return' })
    })
    expect(plainRun(log.run)).toEqual(plainRun(store.run))
    expect(plain(live)).toMatchObject({ run: plain({ ...log.run, lacks: undefined }) as object })
    expect(branchesOf(log.root)).toEqual(branchesOf(store.root))
    expect(log.run.labels).toEqual({ a: '1' })
    expect(log.run.nextAt).toBe(store.run.nextAt)
  })

  it('agree when it has ended', async () => {
    const { log, store } = await both(['a', 'bad'], async (app) => {
      await app.run()
    })
    expect(plainRun(log.run)).toEqual(plainRun(store.run))
    expect(log.root.maps.map(({ counts, status, total, visit }) => ({ counts, status, total, visit }))).toEqual(
      store.root.maps.map(({ counts, status, total, visit }) => ({ counts, status, total, visit })),
    )
  })

  it('agree when it has failed', async () => {
    const { log, store } = await both(['a'], async (app) => {
      await app.run({ maxSteps: 1 }).catch(() => {})
    })
    expect(plainRun(log.run)).toEqual(plainRun(store.run))
  })
})
