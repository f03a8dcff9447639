import { defineState, resumeOrCreate, type } from 'teasel'
import { type CheckStoredOptions, checkStored, type StoredCheck } from 'teasel/check'
import {
  createPersister,
  memoryPersister,
  PersistenceError,
  type Persister,
  type PersisterDriver,
  rewind,
} from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createDeferred } from '../../src/internal/deferred.js'
import { overDriver } from '../support/over-driver.js'

interface Counter {
  n: number
  twice: number
  secret: string
}
const kit = defineState<Counter>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const double = kit.action({ reads: ['n'], writes: ['twice'], run: ({ state }) => ({ twice: state.n * 2 }) })
const counter = kit.graph({ actions: { add, double }, transitions: { add: 'double' } })
const renamed = kit.graph({ actions: { add, twice: double }, transitions: { add: 'twice' } })
const start = { entrypoint: 'add', state: { n: 0 } } as const

/** Stores runs that stand at `double`. */
async function store(persister: Persister, ...appIds: readonly string[]): Promise<void> {
  for (const appId of appIds) {
    const app = await resumeOrCreate(counter, { ...start, appId, persister })
    await app.step()
    await app[Symbol.asyncDispose]()
  }
}

async function all(options: CheckStoredOptions): Promise<StoredCheck[]> {
  const found: StoredCheck[] = []
  for await (const one of checkStored(options)) found.push(one)
  return found.sort((a, b) => (a.appId < b.appId ? -1 : 1)) // runs of one millisecond have no order
}

/** A persister over the driver of another one, with other methods. */
const over = ({ driver }: Persister, own: Partial<PersisterDriver>): Persister =>
  createPersister(overDriver(driver, own))

describe('the runs of a store', () => {
  it('are checked, with a summary that is complete at the end', async () => {
    const persister = memoryPersister()
    await store(persister, 'one', 'two', 'done')
    const done = await resumeOrCreate(counter, { ...start, appId: 'done', persister })
    await done.run()
    const checks = checkStored({ persister, graphs: { renamed } })
    const told = new Map<string, unknown>()

    for await (const { appId, verdict, ended, at, status } of checks) told.set(appId, [verdict, ended, at, status])

    const standing = ['refused', false, { action: 'double', sequenceId: 0 }, 'halted']
    expect(Object.fromEntries(told)).toEqual({
      done: ['refused', true, { action: undefined, sequenceId: 1 }, 'finished'],
      two: standing,
      one: standing,
    })
    expect(checks.summary).toEqual({ resumes: 0, migrates: 0, refused: 2, ended: 1, complete: true, ok: false })
  })

  it('are no reason to fail when only runs that have ended are refused', async () => {
    const persister = memoryPersister()
    const done = await resumeOrCreate(counter, { ...start, appId: 'done', persister })
    await done.run()
    const checks = checkStored({ persister, graphs: { renamed } })

    for await (const { problems } of checks) expect(problems.map(({ code }) => code)).toEqual(['action'])

    expect(checks.summary).toMatchObject({ ended: 1, refused: 0, ok: true })
  })

  it('are not said to be well before all are checked', async () => {
    const persister = memoryPersister()
    await store(persister, 'one', 'two')
    const checks = checkStored({ persister, graphs: { counter } })
    const before = checks.summary.ok

    for await (const _ of checks) break
    const between = checks.summary
    for await (const _ of checks);

    expect([before, between.ok, between.complete, between.resumes]).toEqual([false, false, false, 1])
    expect(checks.summary).toMatchObject({ resumes: 2, complete: true, ok: true })
  })

  it('are paged, each checked once', async () => {
    const persister = memoryPersister()
    const ids = Array.from({ length: 205 }, (_, i) => `run-${i}`)
    await store(persister, ...ids)

    const found = await all({ persister, graphs: { counter } })

    expect(found.map(({ appId }) => appId).sort()).toEqual(ids.sort())
  })

  it('are left out when they were deleted meanwhile', async () => {
    const persister = memoryPersister()
    await store(persister, 'one', 'two')
    const late = over(persister, {
      async load(...args) {
        await persister.delete({ appId: 'one' })
        return persister.driver.load(...args)
      },
    })

    expect((await all({ persister: late, graphs: { counter } })).map(({ appId }) => appId)).toEqual(['two'])
  })

  it('of another partition are not checked', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')
    const app = await resumeOrCreate(counter, { ...start, appId: 'ann', persister, partitionKey: 'ann' })
    await app.step()

    const [one, ...rest] = await all({ persister, graphs: { counter }, filter: { partitionKey: 'ann' } })

    expect([one?.appId, one?.partitionKey, rest]).toEqual(['ann', 'ann', []])
  })

  it('have the graph that graphOf names', async () => {
    const persister = memoryPersister()
    await store(persister, 'count-1', 'rename-1', 'foreign', 'other')
    const graphOf = ({ runId }: { readonly runId: string }): string | undefined =>
      runId === 'foreign' ? undefined : runId.split('-')[0]

    const found = await all({ persister, graphs: { count: counter, rename: renamed }, graphOf })

    expect(found.map(({ appId, graph, verdict, problems }) => [appId, graph, verdict, problems[0]?.code])).toEqual([
      ['count-1', 'count', 'resumes', undefined],
      ['other', 'other', 'refused', 'graph'],
      ['rename-1', 'rename', 'refused', 'action'],
    ])
  })

  it('without a name are refused where several graphs are given', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')

    const [one] = await all({ persister, graphs: { counter, renamed } })

    expect(one).toMatchObject({
      verdict: 'refused',
      problems: [{ code: 'graph', message: expect.stringContaining('Give graphOf') }],
    })
  })

  it('of every partition are checked', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')
    for (const partitionKey of ['ann', 'bob'])
      await (await resumeOrCreate(counter, { ...start, appId: 'two', persister, partitionKey })).step()

    const found = await all({ persister, graphs: { counter }, filter: { partitionKey: '*' } })

    expect(found.map(({ appId, partitionKey, verdict }) => [appId, partitionKey, verdict]).sort()).toEqual([
      ['one', null, 'resumes'],
      ['two', 'ann', 'resumes'],
      ['two', 'bob', 'resumes'],
    ])
  })

  it('that cannot be read are reported, and the others are checked', async () => {
    const persister = memoryPersister()
    await store(persister, 'one', 'two', 'three')
    const damaged = over(persister, {
      load: async (partitionKey, appIds, until) => {
        const tails = await persister.driver.load(partitionKey, appIds, until)
        return tails.map((tail, i) =>
          appIds[i] === 'two' && tail ? { ...tail, rows: tail.rows.map((row) => ({ ...row, data: '{}' })) } : tail,
        )
      },
    })

    const found = await all({ persister: damaged, graphs: { counter } })

    expect(found.map(({ appId, verdict, problems }) => [appId, verdict, problems[0]?.code])).toEqual([
      ['one', 'resumes', undefined],
      ['three', 'resumes', undefined],
      ['two', 'refused', 'record'],
    ])
  })

  it('reject with the error of a store that is away', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')
    const fault = new PersistenceError('The store is away.', { fault: 'unavailable', appId: undefined })
    const away = over(persister, { load: () => Promise.reject(fault) })

    await expect(all({ persister: away, graphs: { counter } })).rejects.toBe(fault)
  })

  it('are checked without a change of their schemas', async () => {
    const persister = memoryPersister()
    const plain = defineState({ n: z.union([z.string(), z.number()]) })
    const coerced = defineState({ n: z.string().transform(Number) })
    const make = (given: typeof plain) =>
      given.graph({
        actions: {
          set: given.action({ reads: [], writes: ['n'], run: () => ({ n: '7' }) }),
          end: given.action({ reads: [], writes: [], run: () => ({}) }),
        },
        transitions: { set: 'end' },
      })
    const options = { entrypoint: 'set', state: {}, persister } as const
    await (await resumeOrCreate(make(plain), { ...options, appId: 'old', state: { n: 5 } })).save()
    await (await resumeOrCreate(make(coerced as never), { ...options, appId: 'new' })).step()
    const fresh = defineState({ n: z.string().transform(Number) })
    const graph = make(fresh as never)

    const found = await all({ persister, graphs: { n: graph } })

    expect(found.map(({ appId, verdict }) => [appId, verdict])).toEqual([
      ['new', 'resumes'],
      ['old', 'refused'],
    ])
    await expect(resumeOrCreate(graph, { ...options, appId: 'old' })).rejects.toThrow('does not fit the schema')
  })
})

/** A map whose branches take two steps; `hold` names the ones that stop before the second. */
function mapped({
  note = z.string() as z.ZodType<string>,
  persister,
  source = 'generator',
  second = 'write',
  name = 'fan',
  pull,
}: {
  readonly note?: z.ZodType<string>
  readonly persister?: Persister
  readonly source?: 'generator' | 'async'
  readonly second?: string
  readonly name?: string
  readonly pull?: () => Promise<void>
} = {}) {
  const reached = createDeferred<void>()
  const held: { keys: readonly string[] } = { keys: [] }
  let missing = 0
  const job = defineState({
    keys: z.array(z.string()),
    key: z.string(),
    note,
    text: z.string(),
    texts: z.array(z.string()),
  })
  const look = job.action({ reads: ['key'], writes: ['note'], run: ({ state }) => ({ note: state.key }) })
  const write = job.action({
    reads: ['key', 'note'],
    writes: ['text'],
    async run({ state, signal }) {
      if (held.keys.includes(state.key)) {
        missing -= 1
        if (missing === 0) reached.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      return { text: state.note }
    },
  })
  const branch = job
    .graph({ actions: { look, [second]: write }, transitions: { look: second } as never })
    .runnable({ entrypoint: 'look' } as never)
  const entries = ({ state }: { readonly state: { readonly keys: readonly string[] } }) =>
    state.keys.map((key) => [{ key }, { key }] as const)
  const shared = {
    reads: ['keys'],
    writes: ['texts'],
    action: branch,
    ...(persister && { persister }),
    reduce: () => ({ texts: [] }),
  } as const
  const fan =
    source === 'generator'
      ? job.mapStates({
          ...shared,
          *states(args: Parameters<typeof entries>[0]) {
            yield* entries(args)
          },
        } as never)
      : job.mapStates({
          ...shared,
          async *states(args: Parameters<typeof entries>[0]) {
            await pull?.()
            yield* entries(args)
          },
        } as never)
  const graph = job.graph({ actions: { [name]: fan } as never })
  const hold = (...keys: readonly string[]): Promise<void> => {
    held.keys = keys
    missing = keys.length
    return reached.promise
  }
  return { graph: graph as ReturnType<typeof job.graph<never>>, hold }
}

/** Stores a run that stands in the map: the held branches in their second step, the others done. */
async function halfDone(persister: Persister, keys: readonly string[], ...held: readonly string[]): Promise<object> {
  const options = { entrypoint: 'fan', state: { keys } }
  const { graph, hold } = mapped()
  const reached = hold(...held)
  const app = await resumeOrCreate(graph as never, { ...options, appId: 'job', persister } as never)
  const run = app.run().catch(() => {})
  await reached
  await app.shutdown()
  await run
  return options
}

describe('a run in a map', () => {
  it('is refused with all its faults', async () => {
    const persister = memoryPersister()
    const options = await halfDone(persister, ['a', 'b', 'c'], 'b', 'c')
    const { graph } = mapped({ note: z.string().min(5) })

    const [one] = await all({
      persister,
      graphs: { job: { graph, options: { ...options, entrypoint: 'nowhere' } as never } },
    })

    expect(one?.problems.map(({ code, when, path, action }) => [code, when, path, action])).toEqual([
      ['graph', 'resume', '', undefined],
      ['schema', 'step', 'fan/b', undefined],
      ['schema', 'step', 'fan/c', undefined],
    ])
    expect(one?.problems[1]).toMatchObject({ message: expect.stringContaining('note'), error: { code: 'snapshot' } })
  })

  it('is told which stored work is not used', async () => {
    const persister = memoryPersister()
    const options = await halfDone(persister, ['a', 'b', 'c'], 'b', 'c')
    const adopts = { ...options, changedTasks: 'adopt' as const }
    const migrate = (record: object) => ({ ...record, next: 'each' })

    const [dropped] = await all({
      persister,
      graphs: { job: { graph: mapped({ second: 'print' }).graph, options: adopts as never } },
    })
    const [moved] = await all({
      persister,
      graphs: {
        job: {
          graph: mapped({ name: 'each' }).graph,
          options: { ...options, entrypoint: 'each', version: 1, migrate } as never,
        },
      },
    })

    expect([dropped?.verdict, dropped?.unused]).toEqual(['resumes', ['fan/a', 'fan/b', 'fan/c']])
    expect([moved?.verdict, moved?.unused]).toEqual(['migrates', ['fan']])
  })

  it('has branches in a store of their own', async () => {
    const [persister, own] = [memoryPersister(), memoryPersister()]
    const { graph, hold } = mapped({ persister: own })
    const options = { entrypoint: 'fan', state: { keys: ['a', 'b'] } }
    const reached = hold('b')
    const app = await resumeOrCreate(graph as never, { ...options, appId: 'job', persister } as never)
    const run = app.run().catch(() => {})
    await reached
    await app.shutdown()
    await run
    const edited = mapped({ persister: own, note: z.string().min(5) })

    const [fits] = await all({ persister, graphs: { job: { graph, options: options as never } } })
    const [one] = await all({ persister, graphs: { job: { graph: edited.graph, options: options as never } } })

    expect(fits?.verdict).toBe('resumes')
    expect(one?.problems.map(({ code, path }) => [code, path])).toEqual([['schema', 'fan/b']])
  })

  it('with damaged branches is refused, each named', async () => {
    const persister = memoryPersister()
    const options = await halfDone(persister, ['a', 'b', 'c'], 'b', 'c')
    const damaged = over(persister, {
      load: async (partitionKey, appIds, until) => {
        const tails = await persister.driver.load(partitionKey, appIds, until)
        return tails.map((tail, i) =>
          appIds[i] === 'job' || !tail ? tail : { ...tail, rows: tail.rows.map((row) => ({ ...row, data: '{}' })) },
        )
      },
    })

    const [one] = await all({
      persister: damaged,
      graphs: { job: { graph: mapped().graph, options: options as never } },
    })

    expect(one?.problems.map(({ code, when, path }) => [code, when, path])).toEqual([
      ['record', 'step', 'fan/a'],
      ['record', 'step', 'fan/b'],
      ['record', 'step', 'fan/c'],
    ])
  })

  it.each([
    ['none', 'Its source is not called.'],
    ['sync', "Its source is an async generator. Check with sources: 'all' to call it."],
  ] as const)('is not guessed at where its source is not called: %s', async (sources, message) => {
    const persister = memoryPersister()
    const options = await halfDone(persister, ['a', 'b'], 'b')
    const pull = (): never => {
      throw new TypeError('The source was called.')
    }
    const { graph } = mapped({ source: 'async', pull })

    const [one] = await all({ persister, sources, graphs: { job: { graph, options: options as never } } })

    expect([one?.verdict, one?.unknown]).toEqual(['resumes', [{ path: '', action: 'fan', message }]])
  })

  it('ends with the signal while its source gives nothing', async () => {
    const persister = memoryPersister()
    const options = await halfDone(persister, ['a', 'b'], 'b')
    const pulled = createDeferred<void>()
    const pull = (): Promise<never> => {
      pulled.resolve()
      return new Promise(() => {})
    }
    const controller = new AbortController()
    const { graph } = mapped({ source: 'async', pull })
    const { signal } = controller

    const checked = all({ persister, sources: 'all', signal, graphs: { job: { graph, options: options as never } } })
    await pulled.promise
    controller.abort('enough')

    await expect(checked).rejects.toBe('enough')
  })

  it('of many branches leaves the thread to others', async () => {
    const persister = memoryPersister()
    const keys = Array.from({ length: 500 }, (_, i) => `k${i}`)
    const options = await halfDone(persister, keys, 'k1', 'k499')
    const { graph } = mapped({ note: z.string().regex(/^(?!k1$)/) })
    let turns = 0
    let over = false
    const turn = (): void => {
      turns += 1
      if (!over) setImmediate(turn)
    }
    turn()

    const [one] = await all({ persister, graphs: { job: { graph, options: options as never } } })
    over = true

    expect(one?.problems.map(({ path }) => path)).toEqual(['fan/k1'])
    expect(turns).toBeGreaterThan(2)
  })
})

describe('the next step of a run', () => {
  it('has the keys that are never stored from the options', async () => {
    const persister = memoryPersister()
    const use = kit.action({ reads: ['secret'], writes: ['twice'], run: () => ({ twice: 1 }) })
    const keep = kit.action({ reads: [], writes: ['secret'], run: () => ({ secret: 's' }) })
    const graph = kit.graph({ actions: { keep, use }, transitions: { keep: 'use' } })
    const options = { entrypoint: 'keep', state: {}, transient: ['secret'] } as const
    await (await resumeOrCreate(graph, { ...options, appId: 'one', persister })).step()

    const [lost] = await all({ persister, graphs: { one: { graph, options } } })
    const [given] = await all({
      persister,
      graphs: { one: { graph, options: { ...options, state: { secret: 't' } } } },
    })

    expect(lost?.problems.map(({ code, when, action }) => [code, when, action])).toEqual([['reads', 'step', 'use']])
    expect(given?.verdict).toBe('resumes')
  })

  it('is not guessed at where the inputs of the run are not given', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')
    const asks = kit.action({
      reads: ['n'],
      writes: ['twice'],
      inputs: { model: type<string>() },
      run: () => ({ twice: 1 }),
    })
    const graph = kit.graph({ actions: { add, double: asks }, transitions: { add: 'double' } })
    const check = async (inputs?: Record<string, unknown>): Promise<unknown> => {
      const [one] = await all({ persister, graphs: { one: { graph, options: start, ...(inputs && { inputs }) } } })
      return [one?.verdict, one?.problems.map(({ code }) => code), one?.unknown.map(({ action }) => action)]
    }

    expect(await check()).toEqual(['resumes', [], ['double']])
    expect(await check({})).toEqual(['refused', ['inputs'], []])
    expect(await check({ model: 'o1' })).toEqual(['resumes', [], []])
  })

  it('is chosen anew after a rewind with a patch', async () => {
    const persister = memoryPersister()
    await store(persister, 'one')
    await rewind({ persister, appId: 'one', sequenceId: 0, patch: { n: 9 } })
    const when = (): never => {
      throw new RangeError('no')
    }
    const graph = kit.graph({ actions: { add, double }, transitions: { add: [{ to: 'double', when }] } })

    const [one] = await all({ persister, graphs: { one: graph } })

    expect(one?.problems.map(({ code, when, action }) => [code, when, action])).toEqual([
      ['transition', 'resume', 'add'],
    ])
  })
})

describe('checkStored', () => {
  const persister = memoryPersister()
  const graphs = { counter }

  it.each<[string, object, string]>([
    ['no record', [] as never, 'checkStored takes a record of options'],
    ['an unknown option', { persister, graphs, graph: counter }, 'checkStored has no option "graph"'],
    ['no persister', { graphs }, 'persister is undefined'],
    ['a list of graphs', { persister, graphs: [counter] }, 'graphs is an array'],
    ['no graph', { persister, graphs: {} }, 'graphs is empty'],
    ['a graph that is none', { persister, graphs: { counter: add } }, 'This is not a graph'],
    ['a runnable graph', { persister, graphs: { a: counter.runnable({ entrypoint: 'add' }) } }, 'This is not a graph'],
    ['an unknown option of a graph', { persister, graphs: { counter: { graph: counter, option: 1 } } }, 'no option'],
    [
      'an invalid version',
      { persister, graphs: { counter: { graph: counter, options: { ...start, version: -1 } } } },
      'version is -1',
    ],
    ['a graphOf that is none', { persister, graphs, graphOf: 'counter' }, 'needs graphOf'],
    ['unknown sources', { persister, graphs, sources: 'async' }, `sources is "async"`],
  ])('refuses %s', (_, options, message) => {
    expect(() => checkStored(options as never)).toThrow(message)
  })

  it('ignores the other options of resumeOrCreate', async () => {
    await store(persister, 'one')
    const options = { ...start, appId: 'one', persister, save: 'settle' } as const

    expect(
      (await all({ persister, graphs: { counter: { graph: counter, options } } })).map((one) => one.verdict),
    ).toEqual(['resumes'])
  })
})
