import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createApplication } from 'teasel'
import type { Executor } from 'teasel/executor'
import type { Persister } from 'teasel/persistence'
import { call, echo, hash, hold, pour, twoSteps, work } from './exec-registry.js'

// The subjects of the cases of executors: the same maps, whatever runs their branches.

const TEXT = 'x'.repeat(1_000)
const numbered = (count: number) => Array.from({ length: count }, (_, n) => ({ n, text: TEXT }))

const mapOf = (branch: typeof twoSteps | typeof call | typeof pour, count: number) =>
  work.mapStates({
    reads: [],
    writes: ['sum'],
    action: branch,
    states: numbered(count),
    initial: { sum: 0 },
    reduceEach: ({ acc, result }) => ({ sum: acc.sum + result.state.n }),
  })

const graphOf = (map: ReturnType<typeof mapOf>) => work.graph({ actions: { map } })

const graphs = {
  steps: graphOf(mapOf(twoSteps, 1_000)),
  io: graphOf(mapOf(call, 64)),
  oneIo: graphOf(mapOf(call, 1)),
  chunks: graphOf(mapOf(pour, 100)),
}

const run = async (graph: ReturnType<typeof graphOf>, executor: Executor, persister?: Persister): Promise<number> => {
  const app = createApplication(graph, { entrypoint: 'map', state: {}, executor, ...(persister && { persister }) })
  return (await app.run()).state.sum
}

/** A thousand branches of two steps on a kilobyte each. */
export const steps = (executor: Executor, persister?: Persister): Promise<number> =>
  run(graphs.steps, executor, persister)

/** 64 branches that wait 50 ms, or one. */
export const io = (executor: Executor): Promise<number> => run(graphs.io, executor)
export const oneIo = (executor: Executor): Promise<number> => run(graphs.oneIo, executor)

/** The chunks of a hundred branches, all of which a reader takes. */
export async function chunks(executor: Executor): Promise<number> {
  const app = createApplication(graphs.chunks, { entrypoint: 'map', state: {}, executor })
  let count = 0
  for await (const _ of app.stream({ include: ['chunk'] })) count += 1
  return count
}

const cpu = work.graph({
  actions: {
    map: work.mapStates({
      reads: [],
      writes: ['sum'],
      action: hash,
      states: numbered(16),
      reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.digest.length, 0) }),
    }),
  },
})

/** Work that keeps a core busy. */
export async function hashes(executor: Executor): Promise<number> {
  const app = createApplication(cpu, { entrypoint: 'map', state: {}, executor })
  return (await app.run()).state.sum
}

const held = work.graph({
  actions: {
    map: work.mapStates({
      reads: [],
      writes: ['sum'],
      action: hold,
      states: { one: { n: 1 } },
      settle: 'collect',
      reduce: ({ results }) => ({ sum: results.length }),
    }),
  },
})

/** One branch that runs until it is cancelled, or until its worker dies. */
export function holding(executor: Executor) {
  const app = createApplication(held, { entrypoint: 'map', state: {}, executor })
  const pids: number[] = []
  const heard: (() => void)[] = []
  app.on('chunk', ({ chunk }) => {
    pids.push(Number(chunk))
    heard[pids.length - 1]?.()
  })
  return {
    app,
    /** Resolves with the process of the branch, once it has begun so often. */
    began: async (times: number): Promise<number> => {
      if (pids.length < times)
        await new Promise<void>((resolve) => {
          heard[times - 1] = resolve
        })
      return pids[times - 1] ?? 0
    },
  }
}

const LARGE = new Uint8Array(8 * 1024 * 1024).map((_, i) => i % 251)

const echoed = work.graph({
  actions: {
    map: work.mapStates({
      reads: [],
      writes: ['sum'],
      action: echo,
      states: { one: { bytes: LARGE } },
      reduce: ({ results: [only] }) => ({ sum: only?.state.bytes.length ?? 0 }),
    }),
  },
})

/** A state of 8 MB there and back. */
export async function bytes(executor: Executor): Promise<void> {
  const app = createApplication(echoed, { entrypoint: 'map', state: {}, executor })
  const { sum } = (await app.run()).state
  if (sum !== LARGE.length) throw new RangeError(`${sum} bytes came back.`)
}

const ECHO =
  "const { parentPort } = require('node:worker_threads')\n" +
  "parentPort.on('message', (bytes) => { const copy = bytes.slice(); parentPort.postMessage(copy, [copy.buffer]) })"

/** The same bytes to a bare thread and back: each end copies them once, and hands the copy over. */
export function bareBytes() {
  const thread = new Worker(ECHO, { eval: true })
  return {
    run: async (): Promise<void> => {
      const copy = LARGE.slice()
      thread.postMessage(copy, [copy.buffer])
      await once(thread, 'message')
    },
    [Symbol.asyncDispose]: async () => void (await thread.terminate()),
  }
}
