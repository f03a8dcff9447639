import { type Clock, createApplication, defineState, resumeOrCreate, SnapshotError, systemClock, type } from 'teasel'
import {
  createPersister,
  memoryPersister,
  PersistenceError,
  type Persister,
  rewind,
  SerializationError,
} from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { hashId } from '../../src/internal/ids.js'
import { engineTime } from '../../src/internal/platform.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { flakyPersister } from '../support/flaky-driver.js'
import { ManualClock } from '../support/manual-clock.js'
import { mortal } from '../support/mortal-store.js'

interface Work {
  n: number
  item: string
  outs: string[]
  anything: unknown
}
const kit = defineState<Work>()
const start = { n: 0 }
const counted = (ran: number[]) =>
  kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state: { n } }) {
      ran.push(n)
      return { n: n + 1 }
    },
  })
const loop = (ran: number[] = [], stop = 3) =>
  kit.graph({
    actions: { add: counted(ran) },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < stop }] },
  })
const options = { appId: 'app', entrypoint: 'add', state: start } as const
/** Time that does not pass: timers ring in the next macrotask. */
const hasty: Clock = {
  ...systemClock,
  setTimeout: (fn) => setImmediate(fn),
  clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate),
}

describe.each([
  ['at once', false],
  ['later', true],
])('a store that answers %s', (_, later) => {
  it('and goes away leaves memory and store at the same step, and a further run continues (W-076)', async () => {
    const ran: number[] = []
    const persister = flakyPersister((save) => (save === 2 ? 'away' : undefined), later)
    const app = createApplication(loop(ran), { ...options, persister })

    const error = await app.run().catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(PersistenceError)
    expect(error).toMatchObject({ fault: 'unavailable' })
    expect(app.state).toEqual({ n: 1 })
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 1 })
    expect((await app.run()).state).toEqual({ n: 3 })
    expect(ran).toEqual([0, 1, 1, 2])
  })

  it('and loses an answer takes the memory along when the next run begins', async () => {
    const ran: number[] = []
    const persister = flakyPersister((save) => (save === 2 ? 'lost-answer' : undefined), later)
    const app = createApplication(loop(ran), { ...options, persister })
    await expect(app.run()).rejects.toThrow('No connection.')

    expect((await app.run()).state).toEqual({ n: 3 })
    expect(ran).toEqual([0, 1, 2])
  })

  it.each(['away', 'lost-answer'] as const)('is awaited on request, and nothing runs twice (%s)', async (flaw) => {
    const ran: number[] = []
    const persister = flakyPersister((save) => (save > 1 && save < 5 ? flaw : undefined), later)
    const app = createApplication(loop(ran), { ...options, persister, whenUnavailable: 'wait', clock: hasty })

    expect((await app.run()).state).toEqual({ n: 3 })
    expect(ran).toEqual([0, 1, 2])
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 3 })
  })

  it('gathers the rows of fifty branches, and loses none', async () => {
    const persister = flakyPersister(() => undefined, later)
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: loop([], 3).runnable({ entrypoint: 'add' }),
      states: Array.from({ length: 50 }, () => ({})),
      reduce: ({ results }) => ({ n: results.reduce((sum, { state }) => sum + state.n, 0) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), {
      appId: 'app',
      entrypoint: 'map',
      state: start,
      persister,
    })

    expect((await app.run()).state.n).toBe(150)
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 150 })
  })
})

function circular(): object {
  const made: Record<string, unknown> = {}
  made['self'] = made
  made['list'] = [1, made]
  return made
}
function unreadable(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** The stored branches of the map at which "app" stands. */
async function branchesOf(persister: Persister) {
  const root = await persister.load({ appId: 'app' })
  if (root?.map === undefined) return []
  const { map, visit, entries } = root.map
  const ids = [...entries.values()].map(([key]) => hashId(['app', root.epoch, map, visit, key]))
  return Promise.all(ids.map((appId) => persister.load({ appId })))
}

describe('the record', () => {
  it('of a value that cannot be stored is refused with its path, and nothing of the step is kept', async () => {
    const persister = memoryPersister()
    const ring: Record<string, unknown> = {}
    ring['self'] = { ring }
    // A frozen state refuses it on entry.
    const open = defineState(type<{ anything: unknown }>(), { freeze: false })
    const put = open.action({ reads: [], writes: ['anything'], run: () => ({ anything: { list: [ring] } }) })
    const app = createApplication(open.graph({ actions: { put } }), {
      appId: 'app',
      entrypoint: 'put',
      state: {},
      persister,
    })

    const error = (await app.run().catch((thrown: unknown) => thrown)) as Error

    expect(error).toBeInstanceOf(SerializationError)
    expect(error).toMatchObject({
      path: 'anything.list[0].self.ring',
      at: { action: 'put', sequenceId: 0, path: '' },
      message: expect.stringMatching(/^Action "put" \(step 0\): anything\.list\[0\]\.self\.ring is /),
    })
    expect(app.sequenceId).toBe(-1)
  })

  it('of a cancelled step holds the cancel, and the step runs again on resume (W-003)', async () => {
    const persister = memoryPersister()
    let hold = true
    const ran: string[] = []
    const step = kit.action({
      reads: ['item'],
      writes: ['item'],
      async run({ state: { item }, signal }) {
        ran.push(item)
        if (hold) await untilAborted(signal)
        return { item: `${item}!` }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: step,
      states: { a: { item: 'a' }, b: { item: 'b' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
    })
    const graph = kit.graph({ actions: { map } })
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    const app = createApplication(graph, all)
    const started = emitted(app, 'step.start', 'map/a', 'map/b')
    const run = app.run()
    await started

    await app.shutdown('SIGTERM')
    expect((await run).status).toBe('cancelled')
    const stored = await persister.load({ appId: 'app' })
    hold = false
    const { state } = await (await resumeOrCreate(graph, all)).run()

    expect([stored?.status, stored?.cancelled]).toEqual([
      'interrupted',
      { cause: 'shutdown', by: 'app', reason: 'SIGTERM', final: false, attempts: 1 },
    ])
    expect(ran).toEqual(['a', 'b', 'a', 'b'])
    expect(state.outs).toEqual(['a!', 'b!'])
  })

  it('of a branch that was cancelled for good holds it at once: the branch does not run again', async () => {
    const persister = memoryPersister()
    const ran: string[] = []
    const step = kit.action({
      reads: ['item'],
      writes: ['item'],
      async run({ state: { item }, context }) {
        ran.push(item)
        if (item === 'a') context.cancel('b', 'enough')
        await new Promise(() => {}) // ignores its signal
        return { item }
      },
    })
    const map = (hold: boolean) =>
      kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: hold
          ? step
          : kit.action({
              reads: ['item'],
              writes: ['item'],
              run({ state: { item } }) {
                ran.push(item)
                return { item }
              },
            }),
        states: { b: { item: 'b' }, a: { item: 'a' } },
        settle: 'collect',
        reduce: ({ results }) => ({
          outs: results.map((one) => (one.status === 'cancelled' ? `${one.key} ${one.by}` : one.status)),
        }),
      })
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    void createApplication(kit.graph({ actions: { map: map(true) } }), all)
      .run()
      .catch(() => {})
    await flush()

    const { state } = await (await resumeOrCreate(kit.graph({ actions: { map: map(false) } }), all)).run()

    expect(ran).toEqual(['b', 'a', 'a'])
    expect(state.outs).toEqual(['b a', 'done'])
  })

  it('of a branch that is cancelled for good during its commit holds both: it does not continue', async () => {
    const persister = memoryPersister()
    const runner = mortal(persister)
    const ran: string[] = []
    let chosen = (): void => {}
    const step = (name: string) =>
      kit.action({
        reads: ['item'],
        writes: ['item'],
        run({ state: { item } }) {
          ran.push(`${item} ${name}`)
          return { item }
        },
      })
    const graph = (hold: boolean) => {
      const when = (): boolean => {
        chosen()
        return true
      }
      const three = kit.graph({
        actions: { one: step('one'), two: step('two'), three: step('three') },
        transitions: { one: [{ to: 'two', when }], two: [{ to: 'three', when }] },
      })
      const map = kit.mapActions({
        reads: ['item'],
        writes: ['outs'],
        settle: 'collect',
        actions: {
          first: three.runnable({ entrypoint: 'one' }),
          second: three.runnable({ entrypoint: 'one' }),
          held: hold
            ? kit.action({ reads: [], writes: ['item'], run: () => new Promise<never>(() => {}) })
            : step('held'),
        },
        reduce: ({ results }) => ({
          outs: results.map((one) => (one.status === 'cancelled' ? `${one.status} ${String(one.reason)}` : one.status)),
        }),
      })
      return kit.graph({ actions: { map } })
    }
    const all = { appId: 'app', entrypoint: 'map', state: { item: 'i' } } as const
    const app = createApplication(graph(true), { ...all, persister: runner.persister })
    let choices = 0
    chosen = () => {
      choices += 1
      if (choices === 1) void app.cancel({ path: 'map/first', reason: 'first' })
      if (choices === 3) void app.cancel({ path: 'map/second', reason: 'second' })
    }
    void app.run().catch(() => {})
    for (let i = 0; i < 5; i++) await flush()
    runner.crash()
    chosen = () => {}

    const { state } = await (await resumeOrCreate(graph(false), { ...all, persister })).run()

    expect(ran).toEqual(['i one', 'i one', 'i two', 'i held'])
    expect(state.outs).toEqual(['cancelled first', 'cancelled second', 'done'])
  })

  it.each([
    ['at once', false],
    ['later', true],
  ])(
    'of a branch that the application cancels is stored when the cancel returns, in a store that answers %s',
    async (_, later) => {
      const persister = flakyPersister(() => undefined, later)
      const gate = defer()
      const step = kit.action({
        reads: ['item'],
        writes: ['item'],
        async run({ state: { item } }) {
          await gate.promise // ignores its signal
          return { item }
        },
      })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: step,
        states: { a: { item: 'a' }, b: { item: 'b' } },
        concurrency: 1,
        settle: 'collect',
        reduce: ({ results }) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) }),
      })
      const app = createApplication(kit.graph({ actions: { map } }), {
        appId: 'app',
        entrypoint: 'map',
        state: {},
        persister,
      })
      const started = emitted(app, 'step.start', 'map/a')
      const run = app.run()
      await started
      const stored = async (): Promise<readonly unknown[]> => {
        const open = await branchesOf(persister)
        return open.map((record) => record?.cancelled?.final)
      }

      const cancelled = app.cancel({ path: 'map/a', reason: 'no' })
      if (later) await flush()
      expect(await stored()).toEqual([true, undefined])
      await app.cancel({ path: 'map/b', reason: 'no' })
      expect(await stored()).toEqual([true, true])

      gate.resolve()
      await cancelled
      expect((await run).state.outs).toEqual(['a cancelled', 'b cancelled'])
    },
  )

  it.each([
    ['a function', () => {}, 'a function'],
    ['a symbol', Symbol('why'), 'a symbol'],
    ['an instance of a class', new (class Reply {})(), 'a Reply'],
    ['a record with an instance of a class', { code: 3, reply: new (class Reply {})() }, { code: 3, reply: 'a Reply' }],
    ['a cycle', circular(), { self: 'an object', list: [1, 'an object'] }],
    ['an unreadable object', unreadable(), 'an object that cannot be read'],
  ])(
    'of a cancel whose reason is %s describes it in words, by every way to cancel, and nothing else changes',
    async (_, reason, words) => {
      for (const door of ['context', 'app', 'watch', 'root'] as const) {
        let begun = defer()
        const slow = kit.action({
          reads: [],
          writes: ['item'],
          run({ signal }) {
            begun.resolve()
            return untilAborted(signal)
          },
        })
        const fast = kit.action({
          reads: [],
          writes: ['item'],
          async run({ context }) {
            await begun.promise
            if (door === 'context') context.cancel('slow', reason)
            return { item: 'fast' }
          },
        })
        const map = kit.mapActions({
          reads: [],
          writes: ['outs'],
          settle: 'collect',
          actions: { slow, fast },
          watch: ({ event, cancel }) => {
            if (door === 'watch' && event.type === 'step.end') cancel('slow', reason)
          },
          reduce: ({ results }) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) }),
        })
        const persister = memoryPersister()
        const graph = kit.graph({ actions: { map } })
        const reasons: unknown[] = []
        const run = async (more: object) => {
          begun = defer()
          const app = createApplication(graph, { appId: 'app', entrypoint: 'map', state: {}, ...more })
          app.on('branch.settled', ({ result }) => {
            if (result.key === 'slow' && result.status === 'cancelled') reasons.push(result.reason)
          })
          const running = app.run()
          await begun.promise
          if (door === 'app') await app.cancel({ path: 'map/slow', reason })
          if (door === 'root') await app.cancel({ reason })
          const end = await running
          return [end.status, end.state.outs]
        }

        const without = await run({})
        expect(await run({ persister })).toEqual(without)

        if (door === 'root') {
          expect((await persister.load({ appId: 'app' }))?.cancelled?.reason).toEqual(words)
          continue
        }
        expect(reasons.map((one) => one === reason)).toEqual([true, true])
        const slowId = hashId(['app', 0, 'map', 1, 'slow'])
        expect((await persister.load({ appId: slowId }))?.cancelled).toMatchObject({ final: true, reason: words })
      }
    },
  )

  it('of a branch whose error cannot be stored or read holds its failure', async () => {
    const errors = [
      Object.assign(new RangeError('no'), { reply: () => {}, code: 3 }),
      Object.defineProperty(new RangeError('hidden'), 'reply', {
        enumerable: true,
        get() {
          throw new TypeError('unreadable')
        },
      }),
      Object.assign(new RangeError('big'), { name: 3n, message: 4n }),
    ]
    const own = errors.map((error) =>
      kit.action({
        reads: [],
        writes: ['item'],
        run() {
          throw error
        },
      }),
    )
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      actions: { a: own[0] as never, b: own[1] as never, c: own[2] as never },
      reduce: ({ results }) => ({ outs: results.map(({ status }) => status as string) }),
    })
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { map } })
    const { state } = await createApplication(graph, { appId: 'app', entrypoint: 'map', state: {}, persister }).run()

    expect(state.outs).toEqual(['failed', 'failed', 'failed'])
    const stored = await Promise.all(
      ['a', 'b', 'c'].map((key) => persister.load({ appId: hashId(['app', 0, 'map', 1, key]) })),
    )
    expect(stored.map((one) => one?.status)).toEqual(['failed', 'failed', 'failed'])
    const [a, b] = stored.map((one) => one?.failed?.error.cause)
    expect(a).toMatchObject({ message: 'no', reply: 'a function', code: 3 })
    expect(b).toMatchObject({ message: 'hidden', reply: 'cannot be read' })
  })

  it('of a branch that is cancelled twice holds the first cancel: a temporary one stays temporary', async () => {
    const persister = memoryPersister()
    const gate = defer()
    const ran: string[] = []
    const step = kit.action({
      reads: ['item'],
      writes: ['item'],
      async run({ state: { item } }) {
        ran.push(item)
        await gate.promise // ignores its signal
        return { item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: step,
      states: { a: { item: 'a' } },
      settle: 'collect',
      reduce: ({ results }) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) }),
    })
    const graph = kit.graph({ actions: { map } })
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    const app = createApplication(graph, all)
    const started = emitted(app, 'step.start', 'map/a')
    void app.run().catch(() => {})
    await started

    const down = app.shutdown('SIGTERM')
    const second = app.cancel({ path: 'map/a', reason: 'no' })
    gate.resolve()
    await Promise.all([down, second])
    const stored = await branchesOf(persister)
    const { state } = await (await resumeOrCreate(graph, all)).run()

    expect(stored.map((record) => record?.cancelled)).toEqual([
      expect.objectContaining({ cause: 'parent', final: false }),
    ])
    expect(ran).toEqual(['a', 'a'])
    expect(state.outs).toEqual(['a done'])
  })

  it('of a generator holds each entry with the first record of its branch, and the same entries must come first again', async () => {
    const persister = memoryPersister()
    const ran: string[] = []
    const graph = (items: readonly string[], held: string) =>
      kit.graph({
        actions: {
          map: kit.mapStates({
            reads: [],
            writes: ['outs'],
            action: kit.action({
              reads: ['item'],
              writes: ['item'],
              async run({ state: { item } }) {
                ran.push(item)
                if (item === held) await new Promise(() => {})
                return { item: `${item}!` }
              },
            }),
            concurrency: 2,
            async *states() {
              for (const item of items) yield [{ item }, { key: item }]
            },
            reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
          }),
        },
      })
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    void createApplication(graph(['a', 'b', 'c'], 'b'), all)
      .run()
      .catch(() => {})
    await flush()
    expect(ran).toEqual(['a', 'b', 'c'])
    ran.length = 0

    const other = await resumeOrCreate(graph(['a', 'x', 'y'], ''), all)
    await expect(other.run()).rejects.toThrow(/"c" is missing/)
    expect(ran).toEqual([])
    const { state } = await (
      await resumeOrCreate(graph(['a', 'b', 'c', 'd'], ''), { ...all, changedTasks: 'adopt' })
    ).run()

    expect(ran).toEqual(['b', 'd'])
    expect(state.outs).toEqual(['a!', 'b!', 'c!', 'd!'])
  })

  it('of branches that commit in the same turn is saved in one group; of a single application at once', async () => {
    const { driver } = memoryPersister()
    const groups: number[] = []
    const counting = Object.assign(Object.create(driver) as typeof driver, {
      claim: driver.claim.bind(driver),
      load: driver.load.bind(driver),
      save: (group: Parameters<typeof driver.save>[0]) => {
        groups.push(group.rows.length)
        return driver.save(group)
      },
    })
    const persister = createPersister(counting)
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      action: loop().runnable({ entrypoint: 'add' }),
      states: Array.from({ length: 50 }, () => ({})),
      reduce: ({ results }) => ({ n: results.length }),
    })
    const graph = kit.graph({ actions: { map } })
    const app = createApplication(graph, { appId: 'app', entrypoint: 'map', state: start, persister })
    const { now } = engineTime
    engineTime.now = () => 0 // no slice ends, even on a slow machine

    await app.run().finally(() => {
      engineTime.now = now
    })

    // The start, the manifest, the step itself, and three steps of fifty branches: a turn or two each.
    expect(groups.slice(0, 2)).toEqual([1, 1])
    expect(groups.reduce((sum, rows) => sum + rows)).toBe(153)
    expect(groups.length).toBeLessThan(20)
  })

  it('is saved as rarely as the policy allows', async () => {
    const labels = async (save: 'every-step' | 'settle' | 'manual') => {
      const persister = memoryPersister()
      const app = createApplication(loop(), { ...options, persister, save })
      await app.run()
      if (save === 'manual') await app.save()
      return (await persister.steps({ runId: 'app' })).items.map(
        ({ placed, action, sequenceId }) => `${placed ?? action} ${sequenceId}`,
      )
    }

    expect(await labels('every-step')).toEqual(['start -1', 'add 0', 'add 1', 'add 2'])
    expect(await labels('settle')).toEqual(['start -1', 'add 2'])
    expect(await labels('manual')).toEqual(['start -1', 'add 2'])
  })

  it('of a step holds its changes, and the whole state once the changes outweigh it', async () => {
    const persister = memoryPersister()
    const state = { n: 0, item: 'x'.repeat(200) }
    const clock = new ManualClock() // the length of a row depends on how long its step took
    await createApplication(loop([], 40), { ...options, state, persister, clock }).run()

    const kinds = (await persister.driver.history(null, 'app')).map(({ kind }) => kind)

    expect(kinds).toHaveLength(41)
    expect(kinds.slice(0, 4)).toEqual(['full', 'patch', 'patch', 'patch'])
    expect(kinds.lastIndexOf('full')).toBeGreaterThan(3)
    expect(kinds.filter((kind) => kind === 'full').length).toBeLessThan(8)
  })

  it('names the last committed action also when it is saved by hand', async () => {
    const persister = memoryPersister()
    const app = createApplication(loop(), { ...options, persister, save: 'manual' })
    await app.run({ maxSteps: 2 }).catch(() => {})
    await app.save()
    const { position, next, sequenceId, state } = await resumeOrCreate(loop(), { ...options, persister })

    expect({ position, next, sequenceId, state }).toEqual({
      position: 'add',
      next: 'add',
      sequenceId: 1,
      state: { n: 2 },
    })
  })

  it('omits the branches of a map with the persister null (S-097, S-100)', async () => {
    const [persister, own] = [memoryPersister(), memoryPersister()]
    const map = (where: 'cascade' | null | typeof own) =>
      kit.mapStates({
        reads: ['n'],
        writes: ['n'],
        persister: where,
        action: counted([]),
        states: { x: {} },
        reduce: ({ branches }) => ({ n: branches.x.state.n }),
      })
    const ids: string[] = []
    for (const where of ['cascade', null, own] as const) {
      const graph = kit.graph({ actions: { map: map(where) } })
      const app = createApplication(graph, { appId: `app ${ids.length}`, entrypoint: 'map', state: start, persister })
      app.on('branch.settled', ({ result }) => void ids.push(result.appId))
      await app.run()
    }

    const found = async (store: typeof own) =>
      Promise.all(ids.map(async (appId) => (await store.load({ appId }))?.state))
    expect(await found(persister)).toEqual([{ n: 1 }, undefined, undefined])
    expect(await found(own)).toEqual([undefined, undefined, { n: 1 }])
  })

  it.each([
    ['is stored as the application is', undefined],
    ['is stored nowhere', null],
    ['is stored elsewhere', memoryPersister()],
  ])('%s: the events of its branches carry the incarnation of the run', async (_, where) => {
    const persister = memoryPersister()
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      ...(where !== undefined && { persister: where }),
      action: counted([]),
      states: { x: {} },
      reduce: ({ branches }) => ({ n: branches.x.state.n }),
    })
    const all = { appId: 'app', entrypoint: 'map', state: start, persister } as const
    const graph = kit.graph({ actions: { map } })
    await createApplication(graph, { ...all, entrypoint: 'map' }).save()
    await resumeOrCreate(graph, all)
    const app = await resumeOrCreate(graph, all)
    const told = new Set<number>()
    app.on('*', ({ incarnation }) => void told.add(incarnation))

    await app.run()

    expect([...told]).toEqual([2])
  })

  it('does not exist without a persister (S-098), whose options are refused then', () => {
    expect(() => createApplication(loop(), { ...options, save: 'settle' })).toThrow(/needs a persister/)
  })

  it('of an application created by an action is kept in the same store (S-091, S-101)', async () => {
    const persister = memoryPersister()
    const ran: number[] = []
    let hold = true
    const outer = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const inner = createApplication(loop(ran), { entrypoint: 'add', state: start, parent: context, key: 'inner' })
        const { state } = await inner.run()
        if (hold) await new Promise(() => {})
        return { n: state.n }
      },
    })
    const graph = kit.graph({ actions: { outer } })
    const all = { appId: 'app', entrypoint: 'outer', state: {}, persister } as const
    void createApplication(graph, all)
      .run()
      .catch(() => {})
    await flush()
    hold = false

    const { state } = await (await resumeOrCreate(graph, all)).run()

    expect(state.n).toBe(3)
    expect(ran).toEqual([0, 1, 2])
  })
})

describe('a rewind', () => {
  it('to a past step keeps the later steps under its epoch, and restores none of them (W-066)', async () => {
    const persister = memoryPersister()
    const ran: number[] = []
    await createApplication(loop(ran), { ...options, persister }).run()

    const epoch = await rewind({ persister, appId: 'app', sequenceId: 0, patch: { n: 10 } })
    const app = await resumeOrCreate(loop(ran, 12), { ...options, persister })
    await app.run()

    expect(epoch).toBe(1)
    expect(ran).toEqual([0, 1, 2, 10, 11])
    expect((await persister.load({ appId: 'app', sequenceId: 1, epoch: 0 }))?.state).toEqual({ n: 2 })
    expect((await persister.load({ appId: 'app', sequenceId: 1 }))?.state).toEqual({ n: 11 })
    await expect(rewind({ persister, appId: 'app', sequenceId: 9 })).rejects.toThrow(RangeError)
  })

  it('twice to one step of one epoch begins a new epoch each time', async () => {
    const persister = memoryPersister()
    await createApplication(loop([]), { ...options, persister }).run()
    const back = () => rewind({ persister, appId: 'app', sequenceId: 0, epoch: 0 })

    const epochs = [await back(), await back(), await back()]

    expect(epochs).toEqual([1, 2, 3])
  })

  it('in a branch of a half-done map runs that branch from there, and no other', async () => {
    const persister = memoryPersister()
    const ran: string[] = []
    const map = (held: string) => {
      const step = (name: string) =>
        kit.action({
          reads: ['item'],
          writes: ['item'],
          async run({ state: { item } }) {
            ran.push(`${item} ${name}`)
            if (`${item} ${name}` === held) await new Promise(() => {})
            return { item }
          },
        })
      return kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: kit
          .graph({ actions: { one: step('one'), two: step('two') }, transitions: { one: 'two' } })
          .runnable({ entrypoint: 'one' }),
        states: { a: { item: 'a' }, b: { item: 'b' } },
        reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
      })
    }
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    const app = createApplication(kit.graph({ actions: { map: map('b two') } }), all)
    const ids: Record<string, string> = {}
    app.on('branch.start', ({ key, appId }) => {
      ids[key] = appId
    })
    const settled = emitted(app, 'branch.settled', 'map/a')
    const held = emitted(app, 'step.start', 'map/b:two')
    void app.run().catch(() => {})
    await Promise.all([settled, held])
    ran.length = 0

    await rewind({ persister, appId: ids['a'] ?? '', sequenceId: 0, patch: { item: 'A' } })
    const { state } = await (await resumeOrCreate(kit.graph({ actions: { map: map('') } }), all)).run()

    expect(ran).toEqual(['A two', 'b two'])
    expect(state.outs).toEqual(['A', 'b'])
    await expect(rewind({ persister, appId: ids['a'] ?? '', sequenceId: 0 })).rejects.toThrow(/has committed/)
  })

  it('under another id forks, also from a branch, and leaves the original unchanged (W-068)', async () => {
    const persister = memoryPersister()
    const ran: number[] = []
    await createApplication(loop(ran), { ...options, persister }).run()

    const fork = await resumeOrCreate(loop(ran, 7), {
      ...options,
      appId: 'fork',
      persister,
      forkFrom: { appId: 'app', sequenceId: 1, patch: { n: 5 } },
    })
    await fork.run()

    expect(ran).toEqual([0, 1, 2, 5, 6])
    expect([fork.sequenceId, fork.state]).toEqual([3, { n: 7 }])
    expect((await persister.load({ appId: 'fork' }))?.from).toEqual({ appId: 'app', sequenceId: 1 })
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 3 })
    const itself = resumeOrCreate(loop(), { ...options, appId: 'x', persister, forkFrom: { appId: 'x' } })
    await expect(itself).rejects.toThrow(TypeError)
  })
})

describe('a changed graph', () => {
  const other = kit.graph({ actions: { plus: counted([]) } })

  it('without the action that was next is refused before anything runs', async () => {
    const persister = memoryPersister()
    await createApplication(loop(), { ...options, persister }).step()

    const resumed = resumeOrCreate(other, { ...options, entrypoint: 'plus', persister })

    await expect(resumed).rejects.toThrow(SnapshotError)
    await expect(resumed).rejects.toThrow(/"add", which the graph lacks.*Known actions: "plus"/)
  })

  it('continues after migrate, and is refused when it is older than the record', async () => {
    const persister = memoryPersister()
    await createApplication(loop(), { ...options, persister }).step()

    const migrated = await resumeOrCreate(other, {
      ...options,
      entrypoint: 'plus',
      persister,
      version: 1,
      migrate: ({ state }, from) => ({
        state: { n: Number(state['n']) * 10 + from },
        position: undefined,
        next: 'plus',
      }),
    })
    expect((await migrated.run()).state).toEqual({ n: 11 })
    const older = resumeOrCreate(other, { ...options, entrypoint: 'plus', persister })
    await expect(older).rejects.toMatchObject({ code: 'snapshot', version: 1 })
  })
})
