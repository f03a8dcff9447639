import { createApplication, defineState, entry, task } from 'teasel'
import { createExecutor, createTaskRunner, type Executor, inProcess, type TaskOwner } from 'teasel/executor'
import { beforeEach, describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; seen: readonly number[] }>()
const note = kit.action({ reads: ['n'], writes: ['seen'], run: ({ state }) => ({ seen: [state.n] }) })
const fold = ({
  results,
}: {
  readonly results: readonly { readonly state: { readonly seen: readonly number[] } }[]
}) => ({
  seen: results.flatMap(({ state }) => state.seen),
})

/** The paths that each executor got. */
let taken: Record<string, string[]> = {}
beforeEach(() => {
  taken = { a: [], b: [], c: [], d: [] }
})

/** An executor of this process that records what it gets. */
function named(name: string): Executor {
  const owners = new Map<string, TaskOwner>()
  const runner = createTaskRunner({ send: (id, text) => queueMicrotask(() => owners.get(id)?.receive(text)) })
  return createExecutor({
    name,
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(given, owner) {
      taken[name]?.push(given.path)
      owners.set(given.id, owner)
      runner.run(given)
      return { send: (text) => runner.receive(given.id, text), release: () => void owners.delete(given.id) }
    },
    close: () => runner.close(),
  })
}

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(named) as [Executor, Executor, Executor, Executor]

async function run(actions: Parameters<typeof kit.graph>[0]['actions'], executor?: Executor | null) {
  const graph = kit.graph({ actions: { all: actions['all'] as typeof note } })
  const chosen = executor === undefined ? {} : { executor }
  const app = createApplication(graph, { entrypoint: 'all', state: { n: 0 }, logger: quiet, ...chosen })
  return (await app.run()).state.seen
}

describe('the most specific executor wins', () => {
  const graphIn = (executor: Executor | null) =>
    kit.graph({ actions: { note } }).runnable({ entrypoint: 'note', executor })

  it('of an application, for every map in it', async () => {
    const all = kit.mapStates({ reads: [], writes: ['seen'], action: note, states: [{ n: 1 }, { n: 2 }], reduce: fold })
    expect(await run({ all }, a)).toEqual([1, 2])
    expect(taken).toEqual({ a: ['all/0', 'all/1'], b: [], c: [], d: [] })
  })

  it('of a map before the application, of a runnable graph before the map, of an entry before all', async () => {
    const all = kit.mapActions({
      reads: ['n'],
      writes: ['seen'],
      executor: b,
      actions: {
        map: note,
        graph: graphIn(c),
        entry: [graphIn(c), { executor: d }],
        here: [graphIn(c), { executor: null }],
        cascade: [note, { executor: 'cascade' }],
      },
      reduce: fold,
    })
    await run({ all }, a)
    expect(taken).toEqual({ a: [], b: ['all/map', 'all/cascade'], c: ['all/graph'], d: ['all/entry'] })
  })

  it('of a task before its map', async () => {
    const all = kit.parallel({
      reads: [],
      writes: ['seen'],
      executor: b,
      tasks: [task({ action: note, state: { n: 1 } }), task({ action: note, state: { n: 2 }, executor: d })],
      reduce: fold,
    })
    expect(await run({ all }, a)).toEqual([1, 2])
    expect(taken).toEqual({ a: [], b: ['all/0'], c: [], d: ['all/1'] })
  })

  it('of states before actions, in a product', async () => {
    const all = kit.mapActionsAndStates({
      reads: [],
      writes: ['seen'],
      actions: { x: note, y: [note, { executor: c }] },
      states: [{ n: 1 }, entry({ n: 2 }, { executor: d })],
      reduce: fold,
    })
    await run({ all }, a)
    expect(taken).toEqual({ a: ['all/x.0'], b: [], c: ['all/y.0'], d: ['all/x.1', 'all/y.1'] })
  })

  it('of the runnable of a sub-graph', async () => {
    const all = kit.subgraph({
      graph: graphIn(c),
      reads: ['n'],
      writes: ['seen'],
      state: ({ state }) => state,
      reduce: ({ branch }) => ({ seen: branch.state.seen }),
    })
    expect(await run({ all }, a)).toEqual([0])
    expect(taken).toEqual({ a: [], b: [], c: ['all'], d: [] })
  })

  it('is kept by a graph with bound inputs', async () => {
    const all = kit.mapActions({ reads: ['n'], writes: ['seen'], actions: { x: graphIn(c).bind({}) }, reduce: fold })
    await run({ all })
    expect(taken['c']).toEqual(['all/x'])
  })

  it('is this process without any, and by null and inProcess()', async () => {
    const all = (executor: Executor | null | undefined) =>
      kit.mapStates({
        reads: [],
        writes: ['seen'],
        action: note,
        ...(executor !== undefined && { executor }),
        states: [{ n: 1 }],
        reduce: fold,
      })
    for (const executor of [undefined, null, inProcess()]) expect(await run({ all: all(executor) })).toEqual([1])
    expect(await run({ all: all(null) }, a)).toEqual([1])
    expect(taken).toEqual({ a: [], b: [], c: [], d: [] })
  })
})

describe('a map below', () => {
  const inner = (executor?: Executor) =>
    kit.mapStates({
      reads: [],
      writes: ['seen'],
      action: note,
      ...(executor && { executor }),
      states: [{ n: 1 }, { n: 2 }],
      reduce: fold,
    })
  const outer = (below: ReturnType<typeof inner>, executor?: Executor | null) =>
    kit.mapActions({
      reads: ['n'],
      writes: ['seen'],
      ...(executor !== undefined && { executor }),
      actions: { below },
      reduce: fold,
    })

  it('of a branch in this process has the executor of that branch', async () => {
    await run({ all: outer(inner(), inProcess()) }, a)
    expect(taken['a']).toEqual([])
  })

  it('of a branch in this process may choose one', async () => {
    await run({ all: outer(inner(b), null) }, a)
    expect(taken).toEqual({ a: [], b: ['all/below/below/0', 'all/below/below/1'], c: [], d: [] })
  })

  it('of a branch elsewhere runs in its worker', async () => {
    expect(await run({ all: outer(inner()) }, a)).toEqual([1, 2])
    expect(taken['a']).toEqual(['all/below'])
  })
})

describe('an application that an action makes', () => {
  const graph = kit.graph({
    actions: {
      all: kit.mapStates({ reads: [], writes: ['seen'], action: note, states: [{ n: 1 }], reduce: fold }),
    },
  })
  const makes = (executor?: Executor) =>
    kit.action({
      reads: [],
      writes: ['seen'],
      async run({ context }) {
        const chosen = executor && { executor }
        const app = createApplication(graph, { entrypoint: 'all', state: {}, parent: context, ...chosen })
        return { seen: (await app.run()).state.seen }
      },
    })

  it('has the executor of its parent', async () => {
    await run({ all: makes() }, a)
    expect(taken['a']).toEqual(['all/~/all/0'])
  })

  it('may choose one', async () => {
    await run({ all: makes(b) }, a)
    expect([taken['a'], taken['b']]).toEqual([[], ['all/~/all/0']])
  })
})

describe('an executor', () => {
  it('closes its driver once, however often it is closed, and nobody goes on before that has ended', async () => {
    const ended = defer<void>()
    let asked = 0
    const executor = createExecutor({
      name: 'slow to close',
      can: { closures: true, loads: false, preempt: false, attach: false },
      submit: () => {
        throw new Error('It runs nothing.')
      },
      close: () => {
        asked += 1
        return ended.promise
      },
    })
    const closed: string[] = []
    const ends = ['first', 'second'].map((name) => executor.close().then(() => void closed.push(name)))
    await flush()
    expect([asked, closed]).toEqual([1, []])
    ended.resolve()
    await Promise.all(ends)
    expect(closed).toEqual(['first', 'second'])
  })

  it('is refused where it is none, wherever it is given', async () => {
    const odd = { name: 'odd' } as never
    const what = "executor is an object. It takes an executor, 'cascade', or null"
    expect(() =>
      createApplication(kit.graph({ actions: { note } }), { entrypoint: 'note', state: { n: 0 }, executor: odd }),
    ).toThrow(what)
    expect(() => kit.graph({ actions: { note } }).runnable({ entrypoint: 'note', executor: odd })).toThrow(what)
    expect(() =>
      kit.mapStates({ reads: [], writes: ['seen'], action: note, executor: odd, states: [], reduce: fold }),
    ).toThrow(what)
    const all = kit.mapStates({
      reads: [],
      writes: ['seen'],
      action: note,
      states: [entry({ n: 1 }, { executor: odd })],
      reduce: fold,
    })
    await expect(run({ all })).rejects.toThrow(`states gave an invalid entry: ${what}`)
  })
})
