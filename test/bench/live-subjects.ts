import { createApplication, defineMessage, defineState, merge, type } from 'teasel'

// Live branches: streams, races and cancels, as a user would write them.

interface Live {
  count: number
  n: number
  sum: number
}
const kit = defineState<Live>()
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve))

/** The number of chunks, and of macrotasks entered by the producers. */
export interface Tally {
  made: number
  turns: number
}

/** An application that maps over `branches` producers of `chunks` chunks each, one macrotask before each. */
function producers(branches: number, chunks: number, tally: Tally) {
  const pour = kit.action({
    reads: ['n'],
    writes: ['n'],
    async *run({ state }) {
      for (let i = 0; i < chunks; i++) {
        await macrotask()
        tally.turns += 1
        tally.made += 1
        yield i
      }
      return { n: state.n }
    },
  })
  const pourAll = kit.mapStates({
    reads: ['count'],
    writes: ['sum'],
    action: pour,
    concurrency: branches,
    states: ({ state }) => numbers(state.count),
    reduce: ({ results }) => ({ sum: results.length }),
  })
  return createApplication(kit.graph({ actions: { pourAll } }), { entrypoint: 'pourAll', state: { count: branches } })
}

/** Reads every event of parallel producers; returns the number of chunks. */
export async function streamAll(branches: number, chunks: number): Promise<number> {
  let read = 0
  for await (const event of producers(branches, chunks, { made: 0, turns: 0 }).stream())
    if (event.type === 'chunk') read += 1
  return read
}

/** As many applications of one producer each, merged. */
export async function mergeAll(applications: number, chunks: number): Promise<number> {
  let read = 0
  const streams = Array.from({ length: applications }, () =>
    producers(1, chunks, { made: 0, turns: 0 }).stream({ include: ['chunk'] }),
  )
  for await (const _ of merge(...streams)) read += 1
  return read
}

/** The number of macrotasks of a producer when its first chunk reaches the reader. */
export async function turnsToFirst(): Promise<number> {
  const tally = { made: 0, turns: 0 }
  const events = producers(1, 100, tally).stream({ include: ['chunk'] })
  await events.next()
  const { turns } = tally
  await events.return(undefined as never)
  return turns
}

/** The number of unread chunks when a reader took one and then stops reading. */
export async function unreadAfterOne(branches: number): Promise<number> {
  const tally = { made: 0, turns: 0 }
  const events = producers(branches, 10_000, tally).stream({ include: ['chunk'] })
  await events.next()
  for (let i = 0; i < 1000; i++) await macrotask()
  const unread = tally.made - 1
  await events.return(undefined as never)
  return unread
}

/** Two branches with different delays; the first one wins. Throws when the loser's signal did not fire. */
export async function firstSuccess(quickMs: number, slowMs: number): Promise<void> {
  let fired = 0
  const wait = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state, signal }) =>
      new Promise<{ n: number }>((resolve, reject) => {
        const timer = setTimeout(() => resolve({ n: state.n }), state.n)
        signal.addEventListener('abort', () => {
          fired += 1
          clearTimeout(timer)
          reject(signal.reason)
        })
      }),
  })
  const race = kit.mapStates({
    reads: [],
    writes: ['sum'],
    action: wait,
    settle: 'any',
    states: { quick: { n: quickMs }, slow: { n: slowMs } },
    reduce: ({ branches }) => ({ sum: branches.quick.status === 'done' ? branches.quick.state.n : 0 }),
  })
  const { state } = await createApplication(kit.graph({ actions: { race } }), { entrypoint: 'race', state: {} }).run()
  if (fired !== 1 || state.sum !== quickMs) throw new RangeError('The loser was not told.')
}

/** Branches that wait for their signals. */
export interface Waiting {
  /** Cancels one of them, by its path. */
  readonly cancelOne: (i: number) => void
  /** Ends one of them successfully, and calls `fired` once the signal of every other one has fired. */
  readonly winOne: (fired: () => void) => Promise<void>
  readonly fired: () => number
  readonly end: () => Promise<unknown>
}

/** Starts `count` branches that wait for their signal. */
export async function waitingBranches(count: number, settle: 'first' | 'collect'): Promise<Waiting> {
  let fired = 0
  let started = 0
  let allUp = (): void => {}
  let allFired = (): void => {}
  let win = (): void => {}
  const up = new Promise<void>((resolve) => {
    allUp = resolve
  })
  const wait = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state, signal }) =>
      new Promise<{ n: number }>((resolve, reject) => {
        if (state.n === 0) win = () => resolve({ n: 0 })
        signal.addEventListener('abort', () => {
          fired += 1
          if (fired === count - 1) allFired()
          reject(signal.reason)
        })
        started += 1
        if (started === count) allUp()
      }),
  })
  const waits = kit.mapStates({
    reads: ['count'],
    writes: ['sum'],
    action: wait,
    concurrency: count,
    settle,
    states: ({ state }) => numbers(state.count),
    reduce: () => ({ sum: 0 }),
  })
  const app = createApplication(kit.graph({ actions: { waits } }), { entrypoint: 'waits', state: { count } })
  const run = app.run()
  await up
  return {
    cancelOne: (i) => void app.cancel({ path: `waits/${i}`, reason: 'enough' }),
    winOne: (told) =>
      new Promise<void>((resolve) => {
        allFired = () => {
          told()
          resolve()
        }
        win()
      }),
    fired: () => fired,
    async end() {
      void app.cancel({ reason: 'over' })
      return run
    },
  }
}

const reply = defineMessage('reply', type<number>())

/** Starts `count` branches that each wait for a message of a person; returns a function that cancels them. */
export async function waitingForMessages(count: number): Promise<() => Promise<unknown>> {
  let asked = 0
  const ask = kit.action({
    reads: ['n'],
    writes: ['n'],
    async run({ context }) {
      asked += 1
      return { n: (await context.receiveOne(reply)).body }
    },
  })
  const askAll = kit.mapStates({
    reads: ['count'],
    writes: ['sum'],
    action: ask,
    concurrency: count,
    states: ({ state }) => numbers(state.count),
    reduce: () => ({ sum: 0 }),
  })
  const app = createApplication(kit.graph({ actions: { askAll } }), { entrypoint: 'askAll', state: { count } })
  const run = app.run()
  while (asked < count) await macrotask()
  await macrotask()
  return () => {
    void app.cancel({ reason: 'over' })
    return run
  }
}

/** Megabytes of heap held by an unread reader after a run of `count` steps. */
export async function heldUnread(count: number): Promise<number> {
  const heap = (): number => {
    globalThis.gc?.()
    globalThis.gc?.()
    return process.memoryUsage().heapUsed / 2 ** 20
  }
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const graph = kit.graph({
    actions: { add },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n % count !== 0 }] },
  })
  const ready = () => createApplication(graph, { entrypoint: 'add', state: { n: 0 } })
  await ready().run()
  const app = ready()
  const events = app.events()
  const before = heap()
  const { sequenceId } = await app.run()
  if (sequenceId !== count - 1) throw new RangeError(`${sequenceId + 1} steps were run.`)
  const held = heap() - before
  await events.return()
  return held
}
