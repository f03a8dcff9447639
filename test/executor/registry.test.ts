import { createApplication, defineState, type } from 'teasel'
import {
  createExecutor,
  createTaskRunner,
  defineRegistry,
  type Executor,
  type Registry,
  type TaskOwner,
  type TaskRunnerOptions,
} from 'teasel/executor'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; sum: number }>()
const double = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n * 2 }) })
const third = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n / 3 }) })
const scale = kit.action({
  reads: ['n'],
  writes: ['sum'],
  inputs: { by: type<number>(), make: type<(n: number) => number>() },
  run: ({ state, inputs }) => ({ sum: inputs.make(state.n) * inputs.by }),
})
const graph = kit.graph({ actions: { double } }).runnable({ entrypoint: 'double' })
const bound = scale.bind({ make: (n: number) => n + 1 })

/** An executor whose worker has these registries. */
const withRegistries = (...registries: readonly Registry[]): Executor => nearby({ registries })

/** An executor whose worker is in this process. */
function nearby(options: Pick<TaskRunnerOptions, 'registries' | 'load'>): Executor {
  const owners = new Map<string, TaskOwner>()
  const runner = createTaskRunner({
    ...options,
    send: (id, text) => queueMicrotask(() => owners.get(id)?.receive(text)),
  })
  return createExecutor({
    name: 'near',
    can: { closures: false, loads: false, preempt: false, attach: false },
    submit(task, owner) {
      owners.set(task.id, owner)
      runner.run(task)
      return { send: (text) => runner.receive(task.id, text), release: () => void owners.delete(task.id) }
    },
    close: () => runner.close(),
  })
}

async function sumOf(action: typeof double | typeof graph, executor: Executor): Promise<number> {
  const all = kit.mapStates({
    reads: [],
    writes: ['sum'],
    action,
    executor,
    states: [{ n: 1 }, { n: 2 }],
    reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.sum, 0) }),
  })
  const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: {}, logger: quiet })
  return (await app.run()).state.sum
}

describe('a runnable of a registry', () => {
  const registry = defineRegistry({ name: 'math', graphs: { double, graph, bound } })

  it('runs by its name, as an action and as a graph', async () => {
    const near = withRegistries(registry)
    expect([await sumOf(double, near), await sumOf(graph, near)]).toEqual([6, 6])
  })

  it('keeps what it is bound to there, and takes what is bound here', async () => {
    const all = kit.mapStates({
      reads: [],
      writes: ['sum'],
      action: bound.bind({ by: 10 }),
      executor: withRegistries(registry),
      states: [{ n: 1 }],
      reduce: ({ results }) => ({ sum: results[0]?.state.sum ?? 0 }),
    })
    const app = createApplication(kit.graph({ actions: { all } }), { entrypoint: 'all', state: {}, logger: quiet })
    expect((await app.run()).state.sum).toBe(20)
  })

  it('is refused by a worker whose code has another structure, with what differs', async () => {
    const other = kit.action({ reads: [], writes: ['sum', 'n'], run: () => ({ sum: 1, n: 1 }) })
    const elsewhere = withRegistries(defineRegistry({ name: 'math', graphs: { double: other } }))
    await expect(sumOf(double, elsewhere)).rejects.toThrow(
      'has other code under "double" of the registry "math". Both have to run the same build.\nhere only: all: reads n; writes sum\nthere only: all: writes sum, n',
    )
  })

  it('is found in its own module, where another module has a registry of that name', async () => {
    const half = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n / 2 }) })
    const modules: Readonly<Record<string, object>> = {
      'file:///one.js': { one: defineRegistry({ name: 'app', module: 'file:///one.js', graphs: { half } }) },
      'file:///two.js': { two: defineRegistry({ name: 'app', module: 'file:///two.js', graphs: { third } }) },
    }
    const near = nearby({ load: (url) => Promise.resolve(modules[url] ?? {}) })
    expect([await sumOf(half, near), await sumOf(third, near), await sumOf(half, near)]).toEqual([1.5, 1, 1.5])
  })

  it('is refused by a worker that has no such registry, or no such name in it', async () => {
    await expect(sumOf(double, withRegistries())).rejects.toThrow(
      'This worker has no registry "math". It was given none.',
    )
    const empty = withRegistries(defineRegistry({ name: 'math', graphs: { doubel: graph } }))
    await expect(sumOf(double, empty)).rejects.toThrow('The registry "math" has no "double". Did you mean "doubel"?')
  })
})

describe('a runnable of no registry', () => {
  it('is refused before it starts, with the lines to write', async () => {
    const inline = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n }) })
    await expect(sumOf(inline, withRegistries())).rejects.toThrow(
      "export const registry = defineRegistry({ name: 'app', module: import.meta.url, graphs: { all } })",
    )
  })
})

describe('defineRegistry', () => {
  it('refuses what cannot run, with all its names', () => {
    const graphs: never = { a: 1, double, b: () => {} } as never
    expect(() => defineRegistry({ name: 'x', graphs })).toThrow(
      'The registry "x" takes actions and runnable graphs. "a" and "b" are neither.',
    )
  })

  it('refuses a module that is no URL, and an unknown option', () => {
    expect(() => defineRegistry({ name: 'x', module: './x.js', graphs: {} })).toThrow(
      'It takes import.meta.url of the module that exports it.',
    )
    expect(() => defineRegistry({ name: 'x', graphs: {}, grafs: 1 } as never)).toThrow('"grafs"')
  })
})
