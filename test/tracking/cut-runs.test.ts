import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, resumeOrCreate, type Tracker } from 'teasel'
import { createHost, hosted } from 'teasel/host'
import { memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { ManualClock } from 'teasel/testing'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { afterAll, describe, expect, it } from 'vitest'
import { RunFold } from '../../src/log/fold.js'
import { foldedSummary } from '../../src/log/fold-tree.js'
import type { EventLine, LogLine } from '../../src/log/lines.js'
import type { Reader } from '../../src/read/reader.js'
import type { RunSummary } from '../../src/read/run-summary.js'
import type { AppNode, StepRecord } from '../../src/read/tree.js'
import { flush, flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'
import { answer, type Standing, standingGraph, World } from './cut-program.js'
import { filesIn, folder, linesOf } from './folders.js'

// A run that its process lets go reads the same in its log and in its store, and goes on in both.

const { stores, close } = await storesOf('cut')
afterAll(close)

const MINUTE = 60_000
const RUN = { runId: 'run' } as const

/** A run, its log and its store. */
class Rig {
  readonly dir = folder()
  readonly clock = new ManualClock(Date.now())
  readonly graph: ReturnType<typeof standingGraph>
  readonly persister: Persister
  readonly #world = new World()
  readonly #standing: Standing

  constructor(standing: Standing, persister: Persister) {
    this.#standing = standing
    this.persister = persister
    this.graph = standingGraph(standing, this.#world)
  }

  get options() {
    const { clock, persister } = this
    const state = { item: this.#standing.item ?? 'fan' }
    return { appId: 'run', entrypoint: 'begin', state, persister, clock, logger: quiet } as const
  }

  application(tracker: Tracker) {
    return createApplication(this.graph, { ...this.options, tracker })
  }

  /** Resolves when each of its actions stands. */
  async stands(): Promise<void> {
    const { item, branches = [item ?? ''] } = this.#standing
    const expected = branches.flatMap((one) => one.split('+')).filter((one) => one !== 'done').length
    await flushUntil(() => this.#world.standing === expected)
    this.#world.standing = 0
    this.clock.advance(1)
  }

  /** Goes on in another process, with an answer to each question. */
  async goOn(): Promise<void> {
    const { persister, graph, clock, dir, options } = this
    this.#world.isFirst = false
    const asked = (await persister.pending()).items
    for (const { path } of asked)
      expect(await sendStored({ persister, appId: 'run', path, message: answer('yes') })).toBe('queued')
    await using tracker = fileTracker({ dir })
    const app = await resumeOrCreate(graph, { ...options, tracker })
    let isOver = false
    const run = app.run().finally(() => {
      isOver = true
    })
    while (!isOver) {
      await flush()
      clock.advance(MINUTE)
    }
    expect((await run).status).toBe('finished')
  }
}

type Way = (rig: Rig, tracker: Tracker) => Promise<void>

/** The ways in which a process lets a run go. */
const WAYS: readonly (readonly [string, Way])[] = [
  [
    'released by its host, at its drain where it works',
    async (rig, tracker) => {
      const { graph, clock, persister, options } = rig
      const run = hosted(graph, { entrypoint: 'begin', clock, logger: quiet, tracker })
      const host = createHost({ persister, clock, logger: quiet, signals: [], graphs: { run } })
      await host.start('run', { appId: 'run', state: options.state })
      await rig.stands()
      await host.close()
    },
  ],
  [
    'left by a caller that does not wait for it',
    async (rig, tracker) => {
      const app = rig.application(tracker)
      const run = app.run({ whenWaiting: 'return' })
      await rig.stands()
      await app[Symbol.asyncDispose]()
      await run
    },
  ],
  [
    'shut down, as at a SIGTERM',
    async (rig, tracker) => {
      const app = rig.application(tracker)
      const run = app.run()
      await rig.stands()
      await app.shutdown('SIGTERM')
      expect((await run).status).toBe('cancelled')
    },
  ],
  [
    'cut off by the signal of its caller',
    async (rig, tracker) => {
      const quits = new AbortController()
      const run = rig.application(tracker).run({ signal: quits.signal })
      await rig.stands()
      quits.abort('quit')
      await expect(run).rejects.toBe('quit')
    },
  ],
  [
    'left by the reader of its steps',
    async (rig, tracker) => {
      const steps = rig.application(tracker).iterate()
      await steps.next()
      const next = steps.next()
      await rig.stands()
      await steps.return(undefined as never)
      await next
    },
  ],
]

/** Ways of standing, and how a run reads that was let go there. */
const CASES: readonly (readonly [string, Standing, 'waiting' | 'interrupted'])[] = [
  ['asks', { item: 'ask' }, 'waiting'],
  ['asks for a minute', { item: 'limited' }, 'waiting'],
  ['sleeps', { item: 'sleep' }, 'waiting'],
  ['is tried again', { item: 'busy' }, 'waiting'],
  ['works', { item: 'work' }, 'interrupted'],
  ['asks in an application by hand', { item: 'byHand' }, 'waiting'],
  ['asks in a branch', { branches: ['ask', 'done'] }, 'waiting'],
  ['waits in each way in branches', { branches: ['ask', 'limited', 'sleep', 'busy', 'done'] }, 'waiting'],
  ['asks in a branch, works in one', { branches: ['ask', 'work', 'busy'] }, 'interrupted'],
  ['has a branch that never started', { branches: ['ask', 'work', 'done'], concurrency: 1 }, 'interrupted'],
  ['waits in maps of branches', { branches: ['ask+done', 'busy+sleep', 'ask'] }, 'waiting'],
  ['works in a map of a branch', { branches: ['ask+limited', 'sleep+work'] }, 'interrupted'],
]

const runFacts = ({ status, since, sequenceId, position, next, pending, retrying, nextAt, ...rest }: RunSummary) => ({
  ...{ status, sequenceId, position, next, pending, retrying, nextAt },
  // In a store, one that is tried again waits from the moment that nobody awaits it.
  since: retrying > 0 && status === 'waiting' ? undefined : since,
  branches: rest.branches,
  cancelled: rest.cancelled?.cause,
  endedAt: rest.endedAt,
  heldBy: rest.heldBy,
})

/** A store has no row of a branch without a committed step, so it has no step of that. */
const stepFacts = ({ action, status, sequenceId }: StepRecord) => ({ action, status, sequenceId })

function* nodesOf(node: AppNode): Generator<object, void, void> {
  const { path, status, position, sequenceId, step, cancelled, pending, due, maps, children } = node
  yield {
    ...{ path, status, position, sequenceId, cancelled: cancelled?.cause },
    pending: pending.map(({ id }) => id),
    due: due.map(({ kind, at, action }) => ({ kind, at, action })),
    step: step !== undefined && (position !== undefined || path.length === 0) && stepFacts(step),
    maps: maps.map(({ map, visit, status: own, counts }) => ({ map, visit, own, counts })),
  }
  for (const { branches } of maps) for (const one of branches.flatMap(({ items }) => items)) yield* nodesOf(one)
  for (const one of children) yield* nodesOf(one)
}

/** What a reader tells of the run. */
async function toldBy(reader: Reader, clock: ManualClock) {
  const tree = await reader.describe(RUN)
  const steps = (await reader.steps(RUN)).items
  return {
    run: tree && runFacts(tree.run),
    nodes: tree && [...nodesOf(tree.root)],
    list: (await reader.list()).items.map(runFacts),
    waiting: (await reader.list({ status: 'waiting', pending: true })).items.length,
    count: await reader.count(),
    pending: (await reader.pending()).items.map(({ labels: _, ...one }) => one),
    due: (await reader.due({ before: clock.now() })).items.map(({ runId }) => runId),
    dueLater: (await reader.due({ before: clock.now() + 2 * MINUTE })).items.map(({ runId }) => runId),
    // A log has the attempt that failed, a store the step that is tried again.
    steps: steps
      .filter(({ placed }) => placed === undefined)
      .map(({ status, ...step }) => stepFacts({ ...step, status: status === 'failed' ? 'waiting' : status })),
    state: await reader.state(RUN),
  }
}

describe.each(stores.filter(([name]) => name === 'memory' || name === 'sqlite'))(
  'stored by %s, a run',
  (_, { open }) => {
    describe.each(WAYS)('%s', (__, letGo) => {
      it.each(CASES)('that %s', async (___, standing, status) => {
        const rig = new Rig(standing, open()())
        const { dir, clock, persister } = rig
        const tracker = fileTracker({ dir })
        await letGo(rig, tracker)
        tracker.flush()

        const told = await toldBy(fileReader({ dir }), clock) // while the tracker goes on
        expect(told).toEqual(await toldBy(persister, clock))
        expect(told.run).toMatchObject({ status })
        await tracker.dispose()
        const gone = fileReader({ dir })
        expect(await toldBy(gone, clock)).toEqual(told)

        await rig.goOn()
        const over = await toldBy(gone, clock) // it has read the log before
        expect(over.run).toMatchObject({ status: 'finished', pending: 0, retrying: 0 })
        expect(over.state).toEqual(await persister.state(RUN))
        expect(await toldBy(fileReader({ dir }), clock)).toEqual(over)
        const logs = [...filesIn(dir).keys()].filter((name) => name.includes('/runs/'))
        expect(logs).toEqual(['default/runs/run.0.0.jsonl', 'default/runs/run.1.0.jsonl'])
      })
    })
  },
)

/** Lines that others of the same moment follow: the branches of a map that goes on are told one after the other. */
const AT_ONCE = new Set(['app', 'map.start', 'branch.settled'])

describe('the log of a run', () => {
  const letGo = async (standing: Standing, persister?: Persister): Promise<Rig> => {
    const rig = new Rig(standing, persister ?? memoryPersister())
    const { graph, options, dir } = rig
    const { persister: own, ...others } = options
    await using tracker = fileTracker({ dir })
    const app = createApplication(graph, { ...others, tracker, ...(persister && { persister: own }) })
    const run = app.run()
    await rig.stands()
    await app.shutdown('SIGTERM')
    await run
    return rig
  }
  const read = async ({ dir }: Rig) => {
    const reader = fileReader({ dir })
    return { run: (await reader.describe(RUN))?.run, pending: (await reader.pending()).items.length }
  }

  it('is interrupted without a store, where nobody can answer or go on with it', async () => {
    const rig = await letGo({ branches: ['ask', 'sleep'] })
    expect(await read(rig)).toMatchObject({
      run: { status: 'interrupted', cancelled: { cause: 'shutdown' } },
      pending: 0,
    })
  })

  it('that a version before has written reads as before', async () => {
    const rig = await letGo({ branches: ['ask', 'sleep'] }, memoryPersister())
    expect(await read(rig)).toMatchObject({ run: { status: 'waiting' }, pending: 1 })
    const file = join(rig.dir, 'default/runs/run.0.0.jsonl')
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(',"stored":"waiting"', ''))
    for (const index of filesIn(join(rig.dir, 'default/index')).keys()) rmSync(join(rig.dir, 'default/index', index))
    expect(await read(rig)).toMatchObject({
      run: { status: 'interrupted', cancelled: { cause: 'shutdown' } },
      pending: 0,
    })
  })

  it('waits also where its process dies while it is taken down', async () => {
    const rig = await letGo({ branches: ['ask', 'busy'] }, memoryPersister())
    const whole = linesOf(rig.dir, 'run.0.0.jsonl') as unknown as readonly LogLine[]
    const from = whole.findIndex(({ type: one }) => one === 'cancel')
    expect(whole.length - from).toBeGreaterThan(5)
    for (let end = from + 1; end <= whole.length; end++) {
      const fold = new RunFold(true)
      for (const line of whole.slice(0, end)) fold.add(line)
      const run = foldedSummary(fold, { alive: false, seenAt: 0 })
      expect(run).toMatchObject({ status: 'waiting', pending: 1, retrying: 1 })
    }
  })

  it('has what ended while it was taken down', async () => {
    const rig = await letGo({ item: 'work' }, memoryPersister())
    const whole = linesOf(rig.dir, 'run.0.0.jsonl') as unknown as readonly LogLine[]
    const cut = whole.slice(0, whole.findIndex(({ type: one }) => one === 'cancel') + 1)
    const summaryOf = (...more: readonly EventLine[]) => {
      const fold = new RunFold(true)
      for (const line of [...cut, ...more]) fold.add(line)
      return foldedSummary(fold, { alive: true, seenAt: 0 })
    }
    const at = { seq: 1000, time: rig.clock.now(), app: 0 } as const
    expect(summaryOf()).toMatchObject({ status: 'interrupted', sequenceId: 0, next: 'act' })
    const step = { ...at, type: 'step.end', source: 'act', sequenceId: 1, status: 'done' }
    expect(summaryOf(step)).toMatchObject({ status: 'interrupted', sequenceId: 1, position: 'act' })
    const end = { ...at, type: 'run.end', status: 'failed' }
    expect(summaryOf(end)).toMatchObject({ status: 'failed' })
  })

  it.each(CASES)('has the same numbers where settled branches are forgotten: it %s', async (_, standing) => {
    const rig = await letGo(standing, memoryPersister())
    await rig.goOn()
    const [whole, short] = [new RunFold(true), new RunFold(false)]
    for (const incarnation of [0, 1])
      for (const line of linesOf(rig.dir, `run.${incarnation}.0.jsonl`) as unknown as readonly LogLine[]) {
        whole.add(line)
        short.add(line)
        const [expected, told] = [whole, short].map((one) => foldedSummary(one, { alive: true, seenAt: 0 }))
        if (whole.root?.openMap !== undefined && !AT_ONCE.has(line.type)) expect(told).toEqual(expected)
      }
    expect(short.root?.status).toBe('finished')
  })

  it('goes on where the same process runs it again', async () => {
    const rig = new Rig({ branches: ['ask', 'sleep', 'done'] }, memoryPersister())
    const { dir, clock, persister } = rig
    await using tracker = fileTracker({ dir })
    const app = rig.application(tracker)
    for (const _ of [1, 2]) {
      clock.advance(1)
      const run = app.run()
      await rig.stands()
      tracker.flush()
      expect((await fileReader({ dir }).describe(RUN))?.run).toMatchObject({ status: 'waiting', heldBy: {} })
      await app.shutdown('SIGTERM')
      await run
      tracker.flush()
      const told = await toldBy(fileReader({ dir }), clock)
      expect(told.nodes).toEqual((await toldBy(persister, clock)).nodes)
      expect(told.list).toMatchObject([{ status: 'waiting', pending: 1, branches: { done: 1, waiting: 2 } }])
      expect(told.list[0]).not.toHaveProperty('heldBy.id')
      expect(told.steps.at(-1)).toMatchObject({ action: 'fan', status: 'waiting' })
    }
    const lines = linesOf(dir, 'run.0.0.jsonl') as unknown as readonly LogLine[]
    const fold = new RunFold(true)
    for (const line of lines.slice(0, lines.findLastIndex(({ type: one }) => one === 'run.start') + 1)) fold.add(line)
    const begun = foldedSummary(fold, { alive: true, seenAt: 0 })
    expect(begun).toMatchObject({ status: 'running', pending: 0, branches: { done: 1, queued: 2 } })
  })
})
