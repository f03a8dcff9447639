import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import type { Executor } from 'teasel/executor'
import type { PersisterDriver } from 'teasel/persistence'
import { createPersister, memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { afterAll, describe, expect, it } from 'vitest'
import type { ExecutorDriver, TaskData, TaskOwner } from '../../src/executor/driver.js'
import { branchIdOf } from '../../src/parallel/branch-id.js'
import { createExecutor } from '../../src/remote/create-executor.js'
import { createTaskRunner } from '../../src/remote/task-runner.js'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'

interface All {
  item: string
  large: Uint8Array
  log: readonly string[]
  outs: readonly string[]
}

const kit = defineState<All>()
const KEYS = ['a', 'b'] as const
const { stores, close } = await storesOf('stored')
afterAll(close)
/** The stores of this machine: a server takes its time for each of the many runs, and has tests of its own. */
const local = stores.filter(([name]) => name !== 'postgres')

/** What happens in the code of branches, and a hook at each point of it. */
class World {
  readonly effects: string[] = []
  readonly passed: string[] = []
  at: (point: string) => void = () => {}

  reach(point: string): void {
    this.passed.push(point)
    this.at(point)
  }
}

/** A map of branches with three steps, the second of which is a map too; each step does an effect once. */
function graphOf(world: World, executor: Executor | null, own?: Persister) {
  const stepOf = (name: string) =>
    kit.action({
      reads: ['item', 'log'],
      writes: ['log'],
      async run({ state: { item, log }, context }) {
        world.reach(`${item} ${name} begins`)
        const done = await context.once('effect', () => {
          world.effects.push(`${item} ${name}`)
          return `${name}!`
        })
        world.reach(`${item} ${name} ends`)
        return { log: [...log, done] }
      },
    })
  const inner = kit.mapStates({
    reads: ['item', 'log'],
    writes: ['log'],
    ...(own && { persister: own }),
    action: stepOf('inner'),
    states: ({ state: { item } }) => ({ x: { item: `${item}x`, log: [] }, y: { item: `${item}y`, log: [] } }),
    reduce: ({ state: { log }, results }) => ({
      log: [...log, ...results.flatMap((one) => (one.status === 'done' ? one.state.log : []))],
    }),
  })
  const branch = kit.graph({
    actions: { one: stepOf('one'), two: inner, three: stepOf('three') },
    transitions: { one: 'two', two: 'three' },
  })
  const map = kit.mapStates({
    reads: [],
    writes: ['outs'],
    executor,
    action: branch.runnable({ entrypoint: 'one' }),
    states: { a: { item: 'a', log: [] }, b: { item: 'b', log: [] } },
    reduce: ({ results }) => ({
      outs: results.map((one) => `${one.key} ${one.status === 'done' ? one.state.log.join() : one.status}`),
    }),
  })
  return kit.graph({ actions: { map } })
}

const OUTS = KEYS.map((key) => `${key} one!,inner!,inner!,three!`)
const EFFECTS = KEYS.flatMap((key) => [`${key} one`, `${key}x inner`, `${key}y inner`, `${key} three`]).sort()

const IDS = KEYS.flatMap((key) => {
  const id = branchIdOf('app', 0, 'map', 1, key)
  return [id, ...['x', 'y'].map((below) => branchIdOf(id, 0, 'two', 1, below))]
})

/** The rows of the branches, without what differs between any two runs. */
async function rowsOf({ driver }: Persister): Promise<unknown[]> {
  const all = await Promise.all(
    ['app', ...IDS].map(async (id) => (await driver.rows(null, id, { from: 0, limit: 100 })) as readonly Plain[]),
  )
  return all.map((rows) => rows.map(({ order: _order, data, ...row }) => ({ ...row, data: plain(data) })))
}
interface Plain {
  readonly order: number
  readonly data: string
}
const plain = (data: string): unknown => {
  const { k: _seal, t: _began, l: _lasted, d, ...rest } = JSON.parse(data) as Record<string, unknown>
  return { ...rest, d: JSON.stringify(d)?.replaceAll(/\d{10,}/g, 'time') }
}

/** The end of each branch, as the store holds it. */
const endsOf = (persister: Persister): Promise<unknown[]> =>
  Promise.all(
    IDS.map(async (appId) => {
      const stored = await persister.load({ appId })
      return stored && [stored.state, stored.position, stored.end, stored.sequenceId, { ...stored.visits }]
    }),
  )

const options = { appId: 'app', entrypoint: 'map', state: {}, logger: quiet } as const

/** A run with an executor whose worker may die. */
function elsewhere(_world: World): { readonly executor: Executor; readonly die: () => void } {
  let place: TreeLoopback | undefined
  const executor = loopback((made) => {
    place = made
  })
  return { executor, die: () => place?.die(true) }
}

describe.each(local)('a stored branch elsewhere, in %s', (_name, store) => {
  it('writes the rows that it writes in this process', async () => {
    const [here, there] = [store.open()(), store.open()()]
    await createApplication(graphOf(new World(), null), { ...options, persister: here }).run()
    const world = new World()
    const { state } = await createApplication(graphOf(world, elsewhere(world).executor), {
      ...options,
      persister: there,
    }).run()

    expect([state.outs, world.effects.sort()]).toEqual([OUTS, EFFECTS])
    expect(await rowsOf(there)).toEqual(await rowsOf(here))
  })

  it('writes large bytes as in this process, which cross beside their text', async () => {
    const grow = kit.action({
      reads: ['large'],
      writes: ['large'],
      run: ({ state }) => ({ large: new Uint8Array([...state.large, 1]) }),
    })
    const map = (executor: Executor | null) =>
      kit.mapStates({
        ...{ reads: [], writes: ['large'], executor, action: grow, states: { a: { large: new Uint8Array(5_000) } } },
        reduce: ({ branches: { a } }) => ({ large: a.state.large }),
      })
    const [here, there] = [store.open()(), store.open()()]
    for (const [persister, executor] of [[here, null] as const, [there, elsewhere(new World()).executor] as const])
      await createApplication(kit.graph({ actions: { map: map(executor) } }), { ...options, persister }).run()

    const rows = await rowsOf(there)
    expect(rows).toEqual(await rowsOf(here))
    expect(JSON.stringify(rows)).toContain('bytes')
    expect((await there.load({ appId: 'app' }))?.state).toEqual({
      large: Uint8Array.from({ length: 5_001 }, (_, i) => +(i === 5_000)),
    })
  })

  it('goes on at its last commit, whenever its worker dies; what it did once is done once', async () => {
    const before = store.open()()
    const calm = new World()
    await createApplication(graphOf(calm, null), { ...options, persister: before }).run()
    const ends = await endsOf(before)

    for (const point of calm.passed) {
      const persister = store.open()()
      const world = new World()
      const { executor, die } = elsewhere(world)
      world.at = (now) => {
        if (now !== point) return
        world.at = () => {}
        die()
      }
      const { state } = await createApplication(graphOf(world, executor), { ...options, persister }).run()
      expect([point, state.outs]).toEqual([point, OUTS])
      expect([point, await endsOf(persister)]).toEqual([point, ends])
      expect([point, [...new Set(world.effects)].sort()]).toEqual([point, EFFECTS])
      // Its note had arrived. That of another branch may have been under way.
      const effect = point.replace(/ (begins|ends)$/, '')
      expect([effect, world.effects.filter((one) => one === effect)]).toEqual([effect, [effect]])
    }
  })

  it('goes on when its worker dies during any save, which counts once', async () => {
    for (let nth = 1; nth <= 14; nth++) {
      const make = store.open()
      const world = new World()
      const { executor, die } = elsewhere(world)
      let saves = 0
      const { driver } = make()
      const persister = createPersister(
        overDriver(driver, {
          save: async (group: Parameters<PersisterDriver['save']>[0]) => {
            saves += 1
            if (saves === nth) die()
            await driver.save(group)
          },
        }),
      )
      const { state } = await createApplication(graphOf(world, executor), { ...options, persister }).run()
      expect([nth, state.outs, [...new Set(world.effects)].sort()]).toEqual([nth, OUTS, EFFECTS])
    }
  })

  it.each([
    ['elsewhere', 'here'],
    ['here', 'elsewhere'],
    ['elsewhere', 'elsewhere'],
  ])('that ran %s goes on %s, from any point', async (first, second) => {
    const calm = new World()
    await createApplication(graphOf(calm, null), { ...options, persister: memoryPersister() }).run()
    for (const point of calm.passed) {
      const open = store.open()
      const worlds = [new World(), new World()] as const
      const [a, b] = worlds
      const reached = defer()
      a.at = (now) => {
        if (now === point) {
          a.at = () => {
            throw new TypeError('The process is gone.')
          }
          reached.resolve()
          a.at(now)
        }
      }
      const executorOf = (where: string, world: World): Executor | null =>
        where === 'here' ? null : elsewhere(world).executor
      const run = createApplication(graphOf(a, executorOf(first, a)), { ...options, persister: open() }).run()
      await expect(run).rejects.toThrow()
      await reached.promise
      const app = await resumeOrCreate(graphOf(b, executorOf(second, b)), { ...options, persister: open() })
      const { state } = await app.run()

      expect([point, state.outs]).toEqual([point, OUTS])
      const all = [...a.effects, ...b.effects].sort()
      expect([point, all]).toEqual([point, EFFECTS])
    }
  })

  it('opens a store of its own where it runs', async () => {
    const own = store.open()
    const world = new World()
    const persister = store.open()()
    const { executor, die } = elsewhere(world)
    world.at = (point) => {
      if (point !== 'ax inner ends') return
      world.at = () => {}
      die()
    }
    const { state } = await createApplication(graphOf(world, executor, own()), { ...options, persister }).run()
    const inner = branchIdOf(branchIdOf('app', 0, 'map', 1, 'a'), 0, 'two', 1, 'x')

    expect(state.outs).toEqual(OUTS)
    expect(await persister.load({ appId: inner })).toBeUndefined()
    expect(await own().load({ appId: inner })).toMatchObject({ end: 'finished', state: { log: ['inner!'] } })
  })
})

/** A place whose worker may be thought lost while it lives: its texts are held, and arrive later. */
function limbo() {
  const owners: TaskOwner[] = []
  const runners: ReturnType<typeof createTaskRunner>[] = []
  const held: (() => void)[] = []
  let holds = false
  const driver: ExecutorDriver = {
    name: 'limbo',
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(task, owner) {
      owners.push(owner)
      const runner = createTaskRunner({
        send: (_id, text) => {
          const arrive = (): void => owner.receive(text)
          if (holds && owners.at(-1) === owner) held.push(arrive)
          else queueMicrotask(arrive)
        },
      })
      runners.push(runner)
      queueMicrotask(() => runner.run(task))
      return { send: (text) => queueMicrotask(() => runner.receive(task.id, text)), release() {} }
    },
    close() {},
  }
  return {
    executor: createExecutor(driver),
    hold: () => {
      holds = true
    },
    lose: () => {
      holds = false
      owners[0]?.lost({ why: 'It was not heard of.' })
    },
    arrive: () => held.splice(0).forEach((one) => void one()),
    get held() {
      return held.length
    },
    get submitted() {
      return owners.length
    },
  }
}

describe('a worker that was thought lost', () => {
  const gate = { now: defer() }
  const runs: number[] = []
  const slow = kit.action({
    reads: ['log'],
    writes: ['log'],
    async run({ state: { log }, context }) {
      runs.push(context.delivery)
      if (context.delivery === 1) await gate.now.promise
      return { log: [...log, `by ${context.delivery}`] }
    },
  })
  const next = kit.action({ reads: ['log'], writes: ['log'], run: ({ state: { log } }) => ({ log: [...log, 'next'] }) })
  const graphWith = (executor: Executor) => {
    const branch = kit.graph({ actions: { slow, next }, transitions: { slow: 'next' } })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      executor,
      action: branch.runnable({ entrypoint: 'slow' }),
      states: { a: { log: [] } },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.log) }),
    })
    return kit.graph({ actions: { map } })
  }

  it('saves nothing any more, and is not answered in the place of its successor', async () => {
    gate.now = defer()
    runs.length = 0
    const place = limbo()
    const persister = memoryPersister()
    const app = createApplication(graphWith(place.executor), { ...options, persister })
    const started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await started
    place.hold()
    gate.now.resolve()
    await flush()
    const asked = place.held
    place.lose()
    place.arrive()
    const { state } = await run

    expect(asked).toBeGreaterThan(0)
    expect([state.outs, runs]).toEqual([
      ['by 2', 'next'],
      [1, 2],
    ])
  })
})

describe('a hundred stored branches elsewhere', () => {
  const saves = async (executor: Executor | null): Promise<number> => {
    const { driver } = memoryPersister()
    let count = 0
    const persister = createPersister(
      overDriver(driver, {
        save: (group: Parameters<PersisterDriver['save']>[0]) => {
          if (group.rows.length > 0) count += 1
          return driver.save(group)
        },
      }),
    )
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      concurrency: 100,
      executor,
      action: kit.action({ reads: ['item'], writes: ['item'], run: ({ state: { item } }) => ({ item }) }),
      states: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, { item: `${i}` }])),
      reduce: ({ results }) => ({ outs: results.map((one) => one.state.item) }),
    })
    await createApplication(kit.graph({ actions: { map } }), { ...options, persister }).run()
    return count
  }

  it('share transactions, as they do in this process', async () => {
    const [here, there] = [await saves(null), await saves(loopback())]

    // A transaction holds what one turn of the event loop saves; a busy machine cuts the frames into more turns.
    // Alone, each of the hundred branches would save twice.
    expect(there).toBeLessThanOrEqual(here + 20)
  })
})

describe('a stored branch elsewhere that asks', () => {
  const reply = defineMessage('reply', type<string>())

  it('has its second question in the store when its run returns, which waits', async () => {
    const persister = memoryPersister()
    const ask = kit.action({
      reads: ['item'],
      writes: ['item'],
      run: async ({ context }) => ({
        item: `${(await context.receiveOne(reply)).body} ${(await context.receiveOne(reply)).body}`,
      }),
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      executor: loopback(),
      action: ask,
      states: { a: { item: 'a' } },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => (one.status === 'done' ? one.state.item : [])) }),
    })
    const graph = kit.graph({ actions: { map } })
    const look = async () => (await resumeOrCreate(graph, { ...options, persister })).run({ whenWaiting: 'return' })
    const to = { persister, appId: 'app', path: 'map/a' } as const

    expect((await look()).status).toBe('waiting')
    await sendStored({ ...to, message: reply('one') })
    expect((await look()).status).toBe('waiting')
    expect((await persister.pending()).items).toMatchObject([{ answered: false, action: 'map' }])
    await sendStored({ ...to, message: reply('two') })
    expect((await look()).state.outs).toEqual(['one two'])
  })
})

describe('a branch whose worker was lost', () => {
  it('is not delivered again by an owner that was replaced meanwhile', async () => {
    const [begun, never] = [defer(), defer()]
    const runs: string[] = []
    const step = (name: string, owner: string) =>
      kit.action({
        reads: ['log'],
        writes: ['log'],
        async run({ state: { log } }) {
          runs.push(`${owner} ${name}`)
          if (owner === 'first' && name === 'two') {
            begun.resolve()
            await never.promise
          }
          return { log: [...log, name] }
        },
      })
    const graphOf = (owner: string, executor: Executor | null) => {
      const actions = { one: step('one', owner), two: step('two', owner) }
      const branch = kit.graph({ actions, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        executor,
        action: branch,
        states: { a: { log: [] }, b: { log: [] } },
        reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.log) }),
      })
      return kit.graph({ actions: { map } })
    }
    const persister = memoryPersister()
    const place = limbo()
    const app = createApplication(graphOf('first', place.executor), { ...options, persister, graceMs: 10 })
    const run = app.run()
    await begun.promise
    await flush()
    const next = await resumeOrCreate(graphOf('next', null), { ...options, persister })
    expect((await next.run()).state.outs).toEqual(['one', 'two', 'one', 'two'])

    place.lose()

    await expect(run).rejects.toMatchObject({ fault: 'taken-over' })
    expect(runs.toSorted()).toEqual(['first one', 'first one', 'first two', 'first two', 'next two', 'next two'])
    await flush()
    expect(place.submitted).toBe(2)
  })
})

describe('a task of a stored run', () => {
  it('counts the earlier owners of the run', async () => {
    const persister = memoryPersister()
    const owners: (number | undefined)[] = []
    for (let n = 0; n < 3; n++) {
      const submitted = defer<TaskData>()
      const executor = createExecutor({
        name: 'silent',
        can: { closures: true, loads: false, preempt: false, attach: false },
        submit(task, owner) {
          submitted.resolve(task)
          return {
            send: () => queueMicrotask(() => owner.lost({ why: 'It was cancelled.', again: false })),
            release() {},
          }
        },
        close() {},
      })
      const app = await resumeOrCreate(graphOf(new World(), executor), { ...options, persister })
      const run = app.run().catch(() => {})
      owners.push((await submitted.promise).incarnation)
      await app[Symbol.asyncDispose]()
      await run
    }

    expect(owners).toEqual([0, 1, 2])
  })
})
