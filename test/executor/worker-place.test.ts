import { join } from 'node:path'
import { createApplication } from 'teasel'
import type { Executor } from 'teasel/executor'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { describeApp } from 'teasel/live'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import type { AppNode } from '../../src/read/tree.js'
import { call } from '../cli/call.js'
import { flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { answer, branches, kit } from './fixtures/branches.js'

const workersIn = ({ maps }: Pick<AppNode, 'maps'>): unknown =>
  Object.fromEntries(
    maps.flatMap((map) => map.branches.flatMap(({ items }) => items.map(({ key, worker }) => [key, worker]))),
  )

/** A map with a branch in a worker and one in this process. */
const asking = (executor: Executor) =>
  kit.mapActions({
    reads: [],
    writes: ['sum'],
    actions: { there: [branches.asks, { executor }], here: branches.asks },
    state: () => ({}),
    reduce: ({ results }) => ({ sum: results.length }),
  })

describe('the place of a worker', () => {
  it.each([
    ['threads', () => threads({ workers: 1 }), process.pid],
    ['processes', () => processes({ workers: 1 }), undefined],
  ] as const)('is in the start of its branches, in the log and in the tree: %s', async (name, make, own) => {
    const dir = folder()
    await using executor = make()
    await using tracker = fileTracker({ dir })
    const map = asking(executor)
    const app = createApplication(kit.graph({ actions: { map } }), {
      ...{ appId: 'run-1', entrypoint: 'map', state: {}, logger: quiet },
      tracker,
    })
    const started: unknown[] = []
    app.on('branch.start', ({ key, worker }) => void started.push([key, worker]))
    const [there, here] = [emitted(app, 'wait', 'map/there'), emitted(app, 'wait', 'map/here')]

    const run = app.run()
    await Promise.all([there, here])
    const live = await describeApp(app)
    for (const path of ['map/there', 'map/here']) app.send(answer('x'), { path })
    await run

    const pid = own ?? expect.any(Number)
    const thread = name === 'threads' ? { thread: expect.any(Number) } : {}
    const worker = { id: expect.any(String), executor: name, host: expect.any(String), pid, ...thread }
    expect(Object.fromEntries(started as [string, unknown][])).toStrictEqual({ there: worker, here: undefined })
    expect(workersIn(live.root)).toStrictEqual({ there: worker, here: undefined })
    const logged = await fileReader({ dir }).branches({ runId: 'run-1', map: 'map', visit: 1 })
    expect(Object.fromEntries(logged.items.map((one) => [one.key, one.worker]))).toStrictEqual({
      there: worker,
      here: undefined,
    })
    if (own === undefined) expect(JSON.stringify(started)).not.toContain(`"pid":${process.pid},`)
  })

  it('of a branch that runs is in its store and on the command line; of one that has ended it is not', async () => {
    const dir = folder()
    const store = `sqlite:${join(dir, 'runs.db')}`
    await using persister = sqlitePersister({ file: join(dir, 'runs.db') })
    await using executor = threads({ workers: 1 })
    const map = asking(executor)
    const app = createApplication(kit.graph({ actions: { map } }), {
      ...{ appId: 'run-1', entrypoint: 'map', state: {}, logger: quiet, persister, leaseMs: 600 },
    })
    const [there, here] = [emitted(app, 'wait', 'map/there'), emitted(app, 'wait', 'map/here')]
    const run = app.run()
    await Promise.all([there, here])
    const workers = async () => workersIn((await persister.describe({ runId: 'run-1' }))?.root ?? { maps: [] })
    while (!JSON.stringify(await workers()).includes('threads')) await flush() // until the next heartbeat

    const open = await workers()
    const shown = await call(['runs', 'show', 'run-1', '--store', store])
    for (const path of ['map/there', 'map/here']) app.send(answer('x'), { path })
    await run
    const tree = await persister.describe({ runId: 'run-1' })
    const { items } = await persister.branches({ runId: 'run-1', map: 'map', visit: 1 })
    const verbose = await call(['runs', 'show', 'run-1', '--store', store, '--verbose'])

    const worker = { id: expect.any(String), executor: 'threads', host: expect.any(String), pid: process.pid }
    expect(open).toEqual({ there: { ...worker, thread: expect.any(Number) }, here: undefined })
    expect(shown.out).toMatch(new RegExp(`run-1/map/there .*threads: thread \\d+ · process ${process.pid} · `))
    expect(items.map((one) => [one.key, one.worker])).toEqual([
      ['there', undefined],
      ['here', undefined],
    ])
    expect(tree?.lacks).toContain('workers of branches that have ended')
    expect(verbose.out).toContain('workers of branches that have ended')
  })
})
