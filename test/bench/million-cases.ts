import { createApplication, defineState } from 'teasel'
import { decode, encode } from 'teasel/codec'
import { createExecutor, type Executor, type SubmittedTask, type TaskData, type TaskOwner } from 'teasel/executor'
import type { Case, Measured } from './case.js'
import { median } from './measure.js'

// The owner of up to a million branches that run elsewhere, and how its cost grows. The workers are simulated: each task
// ends a turn after it was submitted, so that all time and memory is the owner's. Branches come from a generator and are
// folded as they settle.

const kit = defineState<{ n: number; sum: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

const mapOf = (executor: Executor | 'cascade', count: number) =>
  kit.mapStates({
    reads: [],
    writes: ['sum'],
    action: add,
    executor,
    concurrency: 64,
    *states() {
      for (let n = 0; n < count; n++) yield { n }
    },
    initial: { sum: 0 },
    reduceEach: ({ acc, result }) => ({ sum: acc.sum + result.state.n }),
  })

const PAST = { attempts: 1, tries: 0, recovered: false }
const ENDED = encode({
  type: 'ended',
  status: 'finished',
  past: PAST,
  attempts: 1,
  recovered: false,
  complete: true,
  leaked: [],
  skipped: 0,
})
const STARTED = encode({ type: 'started', worker: { id: 'bench' } })

/** The frames of a worker whose branch adds one and ends. */
function answer(task: TaskData, owner: TaskOwner): void {
  const { state } = decode(task.start) as { readonly state: { readonly n: number } }
  owner.receive(STARTED)
  const change = { set: { n: state.n + 1 }, removed: [] }
  const at = { position: 'map', sequenceId: 0 }
  owner.receive(encode({ type: 'step', change, at, n: 0, left: [] }))
  owner.receive(ENDED)
}

/** An executor without workers: tasks of one turn are answered together, a turn later. */
function simulated(): Executor {
  let waiting: (() => void)[] = []
  const drain = (): void => {
    const all = waiting
    waiting = []
    for (const one of all) one()
  }
  return createExecutor({
    name: 'simulated',
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(task: TaskData, owner: TaskOwner): SubmittedTask {
      if (waiting.length === 0) setImmediate(drain)
      waiting.push(() => answer(task, owner))
      return { send() {}, release() {} }
    },
    close() {},
  })
}

const sumOf = (count: number): number => (count * (count + 1)) / 2

async function settle(count: number): Promise<void> {
  const app = createApplication(kit.graph({ actions: { map: mapOf(simulated(), count) } }), {
    entrypoint: 'map',
    state: {},
  })
  const { state } = await app.run()
  if (state.sum !== sumOf(count)) throw new RangeError(`The sum of ${count} branches is ${state.sum}.`)
}

async function millisecondsOf(run: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

const SMALL = 100_000
const LARGE = 1_000_000

/** 1: ten times the branches take ten times as long. */
async function time(): Promise<Measured> {
  await settle(20_000)
  const small: number[] = []
  for (let i = 0; i < 3; i++) small.push(await millisecondsOf(() => settle(SMALL)))
  const large = await millisecondsOf(() => settle(LARGE))
  return { samples: [Math.log10(large / median(small))], baseline: large * 1_000 }
}

/**
 * The peak of a process that owned a million branches, beside that of the same process after a hundred thousand. Linear
 * would be 10 without the process itself. About 250 bytes of a settled branch stay until its map ends.
 */
async function memory(): Promise<Measured> {
  await settle(SMALL)
  const small = process.resourceUsage().maxRSS / 1_024
  await settle(LARGE)
  return { samples: [process.resourceUsage().maxRSS / 1_024 / small], baseline: small }
}

/** A hundred maps of ten thousand branches, beside one map of a million. */
async function tree(): Promise<Measured> {
  await settle(20_000)
  const inner = kit.graph({ actions: { map: mapOf(simulated(), 10_000) } }).runnable({ entrypoint: 'map' })
  const outer = kit.mapStates({
    reads: [],
    writes: ['sum'],
    action: inner,
    concurrency: 8,
    states: Array.from({ length: 100 }, () => ({})),
    initial: { sum: 0 },
    reduceEach: ({ acc, result }) => ({ sum: acc.sum + result.state.sum }),
  })
  const graph = kit.graph({ actions: { outer } })
  const nested = await millisecondsOf(async () => {
    const { state } = await createApplication(graph, { entrypoint: 'outer', state: {} }).run()
    if (state.sum !== 100 * sumOf(10_000)) throw new RangeError(`The sum of all branches is ${state.sum}.`)
  })
  const flat = await millisecondsOf(() => settle(LARGE))
  return { samples: [nested / flat], baseline: flat * 1_000 }
}

/** One owner of very many branches. */
export const millionCases: readonly Case[] = [
  { name: 'million.time', unit: 'exponent', target: 1.1, run: time },
  { name: 'million.memory', unit: '× of 100 000', target: 3, run: memory },
  { name: 'million.tree', unit: '× one map', target: 1.3, run: tree },
]
