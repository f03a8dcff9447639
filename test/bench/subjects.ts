import { createApplication, defineState } from 'teasel'

// The measured programs, as a user would write them.

const counter = defineState<{ n: number; stop: number }>()
const addSync = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const addAsync = counter.action({ reads: ['n'], writes: ['n'], run: async ({ state }) => ({ n: state.n + 1 }) })
const loop = (add: typeof addSync) =>
  counter.graph({
    actions: { add },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
  })
const syncLoop = loop(addSync)
const asyncLoop = loop(addAsync)

/** A loop of one action, `stop` steps. */
export async function steps(kind: 'sync' | 'async', stop: number, observed = false): Promise<number> {
  let seen = 0
  const count = () => {
    seen += 1
  }
  const interceptors = observed ? [{ name: 'count', beforeStep: count, afterStep: count }] : []
  const graph = kind === 'sync' ? syncLoop : asyncLoop
  const app = createApplication(graph, { entrypoint: 'add', state: { n: 0, stop }, interceptors })
  if (observed) app.on('step.end', count)
  const { state } = await app.run()
  if (observed && seen !== stop * 3) throw new RangeError(`An observer saw ${seen} of ${stop * 3}.`)
  return state.n
}

interface Fan {
  count: number
  n: number
  sum: number
}
const fan = defineState<Fan>()
const one = fan.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state }) {
    await Promise.resolve()
    return { n: state.n + 1 }
  },
})
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
const map = fan.mapStates({
  reads: ['count'],
  writes: ['sum'],
  action: one,
  states: ({ state }) => numbers(state.count),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})
const fanGraph = fan.graph({ actions: { map } })
const wideMap = fan.mapStates({
  reads: ['count'],
  writes: ['sum'],
  action: one,
  concurrency: Number.POSITIVE_INFINITY,
  states: ({ state }) => numbers(state.count),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})
const wideFanGraph = fan.graph({ actions: { map: wideMap } })
const twoSteps = fan
  .graph({ actions: { one, two: one }, transitions: { one: 'two' } })
  .runnable({ entrypoint: 'one', haltAfter: 'two' })
const subgraphs = fan.mapStates({
  reads: ['count'],
  writes: ['sum'],
  action: twoSteps,
  states: ({ state }) => numbers(state.count),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})
const subgraphGraph = fan.graph({ actions: { subgraphs } })
const nested = fan.mapStates({
  reads: ['count'],
  writes: ['sum'],
  action: map,
  states: ({ state }) => Array.from({ length: state.count }, () => ({})),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.sum, 0) }),
})
const nestedGraph = fan.graph({ actions: { nested } })

/** `count` branches of a one-promise action. */
export const fanOut = async (count: number): Promise<number> =>
  (await createApplication(fanGraph, { entrypoint: 'map', state: { count } }).run()).state.sum

/** The same, with an unbounded window. */
export const fanOutWide = async (count: number): Promise<number> =>
  (await createApplication(wideFanGraph, { entrypoint: 'map', state: { count } }).run()).state.sum

/** `count` branches that live together: each waits for `ready`. */
export async function fanOutTogether(count: number, ready: () => Promise<void>): Promise<number> {
  const held = fan.action({
    reads: ['n'],
    writes: ['n'],
    async run({ state }) {
      await ready()
      return { n: state.n + 1 }
    },
  })
  const together = fan.mapStates({
    reads: ['count'],
    writes: ['sum'],
    action: held,
    concurrency: count,
    states: ({ state }) => numbers(state.count),
    reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
  })
  const app = createApplication(fan.graph({ actions: { together } }), { entrypoint: 'together', state: { count } })
  return (await app.run()).state.sum
}

/** `count` branches of a graph of two such actions. */
export const fanOutGraphs = async (count: number): Promise<number> =>
  (await createApplication(subgraphGraph, { entrypoint: 'subgraphs', state: { count } }).run()).state.sum

/** `count` branches of `count` branches each. */
export const fanOutNested = async (count: number): Promise<number> =>
  (await createApplication(nestedGraph, { entrypoint: 'nested', state: { count } }).run()).state.sum

/** Starts `count` branches that wait for their signal; returns a function that cancels them. */
export async function waiting(
  count: number,
): Promise<{ readonly cancel: () => number; readonly ended: Promise<unknown> }> {
  let fired = 0
  let started = 0
  let up: () => void = () => {}
  const all = new Promise<void>((resolve) => {
    up = resolve
  })
  const wait = fan.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ signal }) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          fired += 1
          reject(signal.reason)
        })
        started += 1
        if (started === count) up()
      }),
  })
  const waits = fan.mapStates({
    reads: ['count'],
    writes: ['sum'],
    action: wait,
    concurrency: count,
    states: ({ state }) => numbers(state.count),
    reduce: () => ({ sum: 0 }),
  })
  const app = createApplication(fan.graph({ actions: { waits } }), { entrypoint: 'waits', state: { count } })
  const ended = app.run()
  await all
  return {
    cancel() {
      void app.cancel({ reason: 'enough' })
      return fired
    },
    ended,
  }
}

const wide = defineState<Record<string, unknown> & { tick: number }>()
const tick = wide.action({ reads: ['tick'], writes: ['tick'], run: ({ state }) => ({ tick: state.tick + 1 }) })
const wideGraph = wide.graph({
  actions: { tick },
  transitions: { tick: [{ to: 'tick', when: ({ state }) => state.tick < 1000 }] },
})

/** A thousand steps beside 20 keys of `size` numbers each. */
export async function wideState(size: number): Promise<number> {
  const keys = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, bigValue(i, size)]))
  const app = createApplication(wideGraph, { entrypoint: 'tick', state: { ...keys, tick: 0 } })
  return (await app.run()).state.tick
}

const values = new Map<string, readonly number[]>()
function bigValue(i: number, size: number): readonly number[] {
  const name = `${i}/${size}`
  let value = values.get(name)
  if (value === undefined) {
    value = Array.from({ length: size }, (_, n) => n)
    values.set(name, value)
  }
  return value
}
