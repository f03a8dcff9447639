import { createApplication, defineMessage, defineState, InputError, type } from 'teasel'
import { describeApp, type LiveTree } from 'teasel/live'
import { type AppNode, memoryPersister, type RunTree } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  items: string[]
  item: string
  out: string
}
const kit = defineState<Work>()
const answer = defineMessage('answer', type<string>())

function program() {
  const gate: Deferred<string> = defer()
  const first = kit.action({ reads: ['item'], writes: ['out'], run: ({ state: { item } }) => ({ out: item }) })
  let failures = 0
  const act = kit.action({
    reads: ['item'],
    writes: ['out'],
    retry: { attempts: 2, delayMs: 5_000, when: ({ error }) => String(error).includes('busy') },
    run: async ({ state: { item }, context, signal }) => {
      if (item === 'ask') return { out: (await context.receiveOne(answer, { ask: { of: item } })).body }
      if (item === 'sleep') await context.sleep({ ms: 60_000 })
      if (item === 'bad') throw new RangeError('bad')
      if (item === 'busy') {
        failures += 1
        if (failures === 1) throw new TypeError('busy')
      }
      if (item === 'work') return { out: await Promise.race([gate.promise, untilAborted(signal)]) }
      return { out: item }
    },
  })
  const two = kit.graph({ actions: { first, act }, transitions: { first: 'act' } }).runnable({ entrypoint: 'first' })
  const map = (action: typeof two) =>
    kit.mapStates({
      reads: ['items'],
      writes: ['out'],
      action,
      settle: 'collect',
      concurrency: 5,
      states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
      reduce: ({ results }) => ({ out: results.map(({ status }) => status).join(' ') }),
    })
  const inner = map(two)
  const nested = kit.mapActions({
    reads: ['items', 'item'],
    writes: ['out'],
    state: ({ state: { items, item } }) => ({ items, item }),
    actions: {
      deep: kit.graph({ actions: { first, inner }, transitions: { first: 'inner' } }).runnable({ entrypoint: 'first' }),
    },
    reduce: ({ branches }) => ({ out: branches.deep.state.out }),
  })
  const graph = kit.graph({ actions: { outer: nested } })
  return { graph, gate }
}

/** The parts of a node that both sources have. */
function common({ path, status, key, position, next, sequenceId, error, pending, due, maps, step }: AppNode): object {
  // A live run keeps no steps of settled branches.
  const settled = status === 'done' || status === 'failed' || status === 'cancelled'
  return {
    path,
    status,
    key,
    ...(settled && path.length > 0 ? {} : { position, next, sequenceId }),
    error: error?.cause?.message,
    pending: pending.map(({ id, kinds, ask, since, path: at }) => ({ id, kinds, ask, since, path: at })),
    due: due.map(({ kind, at, action }) => ({ kind, at, action })),
    step: step?.status === 'failed' ? undefined : step && [step.action, step.sequenceId, step.status, step.map],
    // Past maps are with the store alone.
    maps: maps
      .filter(({ branches }) => branches.length > 0)
      .map(({ map, visit, sequenceId: at, total, status: is, counts, branches }) => ({
        map,
        visit,
        at,
        total,
        is,
        counts,
        branches: branches.map((page) => [page.status, page.more, page.items.map(common)]),
      })),
  }
}
const runOf = ({ run }: LiveTree | RunTree): object => {
  const { runId, status, pending, retrying, nextAt, incarnation, sequenceId, title, labels } = run
  return { runId, status, pending, retrying, nextAt, incarnation, sequenceId, title, labels }
}

describe('a live application', () => {
  it('is described as its store describes it, but for what a source lacks', async () => {
    const clock = new ManualClock()
    const persister = memoryPersister({ now: () => clock.now() })
    const { graph, gate } = program()
    const items = ['work', 'ask', 'sleep', 'bad', 'busy', 'done', 'late']
    const app = createApplication(graph, {
      appId: 'run',
      entrypoint: 'outer',
      state: { items, item: 'top' },
      persister,
      clock,
      logger: quiet,
      title: 'All of it',
      labels: { customer: '7' },
    })
    const compared = async (): Promise<LiveTree> => {
      await flush()
      const live = await describeApp(app)
      const stored = await persister.describe({ runId: 'run' })
      if (stored === undefined) throw new TypeError('nothing is stored')
      expect(runOf(live)).toEqual(runOf(stored))
      expect(common(live.root)).toEqual(common(stored.root))
      return live
    }

    const before = await describeApp(app)
    const run = app.run()
    await flush()
    const during = await compared()
    gate.resolve('x')
    await app.send(answer('yes'), { path: 'outer/deep/inner/ask' })
    const later = await compared()
    clock.advance(5_000)
    await flush()
    clock.advance(60_000)
    await run
    const after = await compared()

    expect([before, during, later, after].map(({ run: { status } }) => status)).toEqual([
      'queued',
      'running',
      'retrying',
      'finished',
    ])
    const [inner] = during.root.maps[0]?.branches[0]?.items[0]?.maps ?? []
    expect(inner).toMatchObject({
      kind: 'states',
      policy: 'collect',
      concurrency: 5,
      total: 7,
      counts: { running: 1, waiting: 2, retrying: 1, done: 2, failed: 1, queued: 0 },
    })
    expect(during.asOf).toEqual({ source: 'live', at: expect.any(Number), incarnation: 0 })
  })

  it('shows the first branches of each status, queued ones too, and how many follow', async () => {
    const items = Array.from({ length: 9 }, (_, i) => `${i}`)
    const hold = kit.action({ reads: ['item'], writes: ['out'], run: ({ signal }) => untilAborted(signal) as never })
    const map = kit.mapStates({
      reads: ['items'],
      writes: ['out'],
      action: hold,
      concurrency: 2,
      states: ({ state }) => Object.fromEntries(state.items.map((item) => [`k${item}`, { item }])),
      reduce: () => ({ out: '' }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { items } })
    const run = app.run()
    await flush()

    const { root } = await describeApp(app, { first: 3 })
    await app.cancel()
    await run

    expect(
      root.maps[0]?.branches.map(({ status, items: some, more }) => [status, some.map(({ key }) => key), more]),
    ).toEqual([
      ['queued', ['k2', 'k3', 'k4'], 4],
      ['running', ['k0', 'k1'], 0],
    ])
    expect((await describeApp(app)).run).toMatchObject({ status: 'cancelled', cancelled: { cause: 'app' } })
  })

  it('refuses what it cannot describe', async () => {
    await expect(describeApp({ appId: 'none' })).rejects.toThrow(
      'describeApp takes an application of this process, not an object.',
    )
    const app = createApplication(program().graph, { entrypoint: 'outer', state: { items: [], item: '' } })
    const failure = await describeApp(app, { first: 0, depth: 0 }).catch((error: unknown) => error)
    expect(InputError.is(failure) && failure.issues).toHaveLength(2)
  })
})
