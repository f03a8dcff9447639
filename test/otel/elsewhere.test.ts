import { randomUUID } from 'node:crypto'
import { context, propagation, trace } from '@opentelemetry/api'
import { combineTrackers, createApplication, defineState, type Tracker } from 'teasel'
import type { Executor } from 'teasel/executor'
import { bullmq } from 'teasel/executor/bullmq'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { otelTracker } from 'teasel/otel'
import { memoryEngine } from 'teasel/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTracedWorker } from '../bullmq/rig.js'
import { executorOver, workerOver } from '../jobs/job-rig.js'
import { loopback } from '../support/channel/loopback.js'
import { quiet } from '../support/quiet-logger.js'
import { findRedis } from '../support/redis.js'
import { sdk, setUpContext } from './rig.js'
import { type ClientSpan, registry, runnables, type Traced } from './traced-registry.js'

beforeAll(setUpContext)
afterAll(() => {
  context.disable()
  propagation.disable()
})

const server = await findRedis()
const prefix = `teasel-otel-${randomUUID()}`
afterAll(() => server?.drop(prefix))

const kit = defineState<Traced>()

async function run(executor: Executor, name: keyof typeof runnables, more: (otel: Tracker) => Tracker = (one) => one) {
  const { tracer, meter, spans } = sdk()
  const map = kit.mapStates({
    reads: [],
    writes: ['all'],
    action: runnables[name],
    states: { a: { item: 'a' }, b: { item: 'b' } },
    executor,
    reduce: ({ results }) => ({ all: results.map(({ state }) => state.spans) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), {
    entrypoint: 'map',
    state: {},
    logger: quiet,
    tracker: more(otelTracker({ tracer, meter })),
  })
  const { state } = await app.run()
  const [traceId] = new Set(spans().map((one) => one.spanContext().traceId))
  /** The span above one of a client: its name, path and attempt. */
  const above = ({ name: client, parentId, traceId: of }: ClientSpan): string => {
    const found = spans().find((one) => one.spanContext().spanId === parentId)
    const { 'teasel.path': path, 'teasel.attempt': attempt } = found?.attributes ?? {}
    return `${client}: ${of === traceId ? `${found?.name} ${path} ${attempt}` : 'another trace'}`
  }
  // A worker of both branches has the spans of both, and those of an earlier step again.
  return [...new Set(state.all.flat().map(above))].sort()
}

const OF_STEPS = ['a', 'b'].flatMap((key) => [
  `attempt 1: again map/${key} 1`,
  `attempt 2: again map/${key} 2`,
  `first ${key}: call map/${key} 1`,
  `in a span ${key}: again map/${key} 2`,
])

describe('spans that clients make in a worker', () => {
  it.each([
    ['a thread', () => threads({ workers: 1 })],
    ['a process', () => processes({ workers: 2 })],
    ['a loopback', () => loopback()],
  ] as const)('are below the attempt at the step that made them: %s', async (_, make) => {
    await using executor = make()

    expect(await run(executor, 'traced')).toEqual(OF_STEPS.sort())
    expect(trace.getActiveSpan()).toBeUndefined()
  })

  it('are below the steps of a map in the worker, and of its source', async () => {
    await using executor = threads({ workers: 1 })

    expect(await run(executor, 'nested')).toEqual([
      'first deep: below map/a/below/0 1',
      'first deep: below map/b/below/0 1',
      'source a: below map/a 1',
      'source b: below map/b 1',
    ])
  })

  it('are below the steps of a job', async () => {
    const engine = memoryEngine()
    await using executor = executorOver(engine.connect())
    await using _worker = workerOver(engine.connect(), [registry])

    expect(await run(executor, 'traced')).toEqual(OF_STEPS.sort())
  })

  it.skipIf(server === undefined)('are below the steps of a job of BullMQ, in another process', async () => {
    const at = { connection: server?.url ?? '', queue: 'traced', prefix }
    const worker = await startTracedWorker(at)
    try {
      await using executor = bullmq({ ...at, requiresStore: false, logger: quiet })

      expect(await run(executor, 'traced')).toEqual(OF_STEPS.sort())
    } finally {
      await worker.close()
    }
  })

  it('are below the branch where the tracker has nothing of steps, or throws', async () => {
    const faults: string[] = []
    const branches = ['a', 'b'].flatMap((key) => [
      `attempt 1: map[${key}] map/${key} undefined`,
      `attempt 2: map[${key}] map/${key} undefined`,
      `first ${key}: map[${key}] map/${key} undefined`,
      `in a span ${key}: map[${key}] map/${key} undefined`,
    ])
    const without = (otel: Tracker): Tracker => ({
      track: (event) => otel.track(event),
      carry: (branch) => otel.carry?.(branch),
    })
    const throwing = (otel: Tracker): Tracker => ({
      ...without(otel),
      track(event) {
        if (event.type === 'fault') faults.push(String(event.error))
        return otel.track(event)
      },
      carryStep() {
        throw new RangeError('no texts')
      },
    })
    await using executor = threads({ workers: 1 })

    expect(await run(executor, 'traced', without)).toEqual(branches.sort())
    expect(await run(executor, 'traced', throwing)).toEqual(branches.sort())
    expect(new Set(faults)).toEqual(new Set(['RangeError: no texts']))
  })

  it('get the texts of several trackers', async () => {
    const asked: string[] = []
    const other: Tracker = {
      track() {},
      carryStep: ({ sequenceId, attempt }) => void asked.push(`${sequenceId} ${attempt}`) as undefined,
    }
    await using executor = threads({ workers: 1 })

    expect(await run(executor, 'traced', (otel) => combineTrackers(otel, other))).toEqual(OF_STEPS.sort())
    expect(asked.sort()).toEqual(['0 1', '0 1', '1 1', '1 1', '1 2', '1 2'])
  })
})
