import { isDeepStrictEqual } from 'node:util'
import { createApplication, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import { createPersister, memoryPersister, type Persister, type RunTree, rewind, sendStored } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { ManualClock } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { absent, mortal } from '../support/mortal-store.js'
import { findPostgres } from '../support/postgres.js'
import { quiet } from '../support/quiet-logger.js'
import { findRedis } from '../support/redis.js'

// The table of what a store tells of a run, read from another persister than the one that writes.

interface Work {
  items: string[]
  item: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const answer = defineMessage('answer', typeOf<string>())

/** A store, as the process that runs and another one see it. */
interface Opened {
  readonly persister: Persister
  /** As another process reads it. */
  readonly other: Persister
  /** Lets the lease of a run pass. */
  expire(): Promise<void>
}

/** An application that takes answers. */
type Answered = Pick<Awaited<ReturnType<typeof resumeOrCreate>>, 'send'>

const root = { partitionKey: null, rootId: 'run' }
const server = await findPostgres()
const redis = await findRedis()
const prefixes: string[] = []
const schemas: string[] = []
const opened: Persister[] = []
afterAll(async () => {
  for (const persister of opened) await persister.close()
  for (const schema of schemas) await server?.drop(schema)
  for (const prefix of prefixes) await redis?.drop(`{${prefix}}:`)
})

type Open = (clock: ManualClock) => Opened
const LEASE_MS = 30_000
const TIMEOUT_MS = 7_000
const byClock = (clock: ManualClock, persister: Persister): Opened => ({
  persister,
  other: createPersister(persister.driver),
  async expire() {
    clock.advance(LEASE_MS + 1)
  },
})
const stores: [string, Open][] = [
  ['memory', (clock) => byClock(clock, memoryPersister({ now: () => clock.now() }))],
  ['sqlite', (clock) => byClock(clock, createPersister(new SqliteDriver({ file: ':memory:' }, () => clock.now())))],
]
/** A store whose clock is that of a server: a lease ends by a heartbeat that renews it for a moment. */
function byServer(make: () => Persister): Opened {
  const connect = (): Persister => {
    const persister = make()
    opened.push(persister)
    return persister
  }
  const [persister, other] = [connect(), connect()]
  return {
    persister,
    other,
    async expire() {
      const writer = (await other.driver.find(root))?.claim?.writer ?? ''
      await other.driver.beat(root, writer, 1, null)
      const isOver = async () => ((await other.driver.find(root))?.claim?.leaseUntil ?? 0) + 5 < Date.now()
      while (!(await isOver()));
    },
  }
}
if (server !== undefined)
  stores.push([
    'postgres',
    () => {
      const schema = `status_${process.pid}_${schemas.length}`
      schemas.push(schema)
      return byServer(() => postgresPersister({ url: server.url, schema, connections: 2 }))
    },
  ])
if (redis !== undefined)
  stores.push([
    'redis',
    () => {
      const prefix = `status_${process.pid}_${prefixes.length}`
      prefixes.push(prefix)
      return byServer(() => redisPersister({ connection: redis.url, prefix }))
    },
  ])

/** The graph: a map of items, each of which does what its name tells. */
function program(settle: 'all' | 'collect') {
  const gates = new Map<string, Deferred<string>>()
  const gateOf = (item: string): Deferred<string> => {
    const gate = gates.get(item) ?? defer<string>()
    gates.set(item, gate)
    return gate
  }
  let failures = 0
  const first = kit.action({ reads: ['item'], writes: ['out'], run: ({ state: { item } }) => ({ out: item }) })
  const main = kit.action({
    reads: ['item'],
    writes: ['out'],
    retry: { attempts: 2, delayMs: 5_000, when: ({ error }) => String(error).includes('busy') },
    run: async ({ state: { item }, context, signal }) => {
      const [kind = ''] = item.split(':')
      if (kind === 'ask') return { out: (await context.receiveOne(answer, { ask: { of: item } })).body }
      if (kind === 'sleep') await context.sleep({ ms: 60_000 })
      if (kind === 'bad') throw new TypeError('bad')
      if (kind === 'busy') {
        failures += 1
        if (failures === 1) throw new TypeError('busy')
      }
      if (kind === 'work') return { out: await Promise.race([gateOf(item).promise, untilAborted(signal)]) }
      if (kind === 'deaf') return { out: await gateOf(item).promise }
      return { out: item }
    },
  })
  const two = kit.graph({ actions: { first, main }, transitions: { first: 'main' } })
  const map = kit.mapStates({
    reads: ['items'],
    writes: ['outs'],
    action: two.runnable({ entrypoint: 'first' }),
    settle,
    states: ({ state }) =>
      Object.fromEntries(
        state.items.map((item) => [item, [{ item }, item.includes('timed') ? { timeoutMs: TIMEOUT_MS } : {}]]),
      ),
    reduce: ({ results }) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) }),
  })
  const after = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'end' }) })
  return { graph: kit.graph({ actions: { map, after }, transitions: { map: 'after' } }), gateOf }
}

/** The status of the root and of each branch, with what goes with it. */
function told(tree: RunTree | undefined) {
  if (tree === undefined) return undefined
  const { status, pending, retrying, leaked } = tree.run
  const branches = Object.fromEntries(
    (tree.root.maps[0]?.branches ?? []).flatMap((page) => page.items.map((one) => [one.key, one.status])),
  )
  return { status, pending, retrying, leaked, branches }
}

describe.each(stores)('the status of a run in a store (%s)', (_, open) => {
  const setUp = (items: readonly string[], settle: 'all' | 'collect' = 'collect') => {
    const clock = new ManualClock()
    const { persister, other, expire } = open(clock)
    const { graph, gateOf } = program(settle)
    const state = { items: [...items] }
    const options = {
      appId: 'run',
      entrypoint: 'map',
      state,
      logger: quiet,
      leaseMs: LEASE_MS,
      graceMs: 100,
      clock,
    } as const
    const read = () => other.describe({ runId: 'run' })
    /** Reads until the store has it: a save may be under way. */
    const reads = async (expected: Partial<NonNullable<ReturnType<typeof told>>>): Promise<void> => {
      for (let round = 0; round < 2_000; round++) {
        const now = told(await read())
        if (now !== undefined && Object.entries(expected).every(([name, value]) => isSame(now, name, value))) break
        await flush()
      }
      expect(told(await read())).toMatchObject(expected)
    }
    return { clock, persister, other, expire, graph, gateOf, options, read, reads }
  }
  /** Answers the question of the branch `ask`, once the run has opened its map. */
  const answerAsk = async (app: Answered): Promise<void> => {
    while ((await app.send(answer('yes'), { path: 'map/ask' })) === 'dropped') await flush()
  }
  const isSame = (now: object, name: string, value: unknown): boolean =>
    isDeepStrictEqual(Reflect.get(now, name), value)

  it('is queued when nobody has run it', async () => {
    const { graph, options, persister, reads } = setUp(['work'])
    await resumeOrCreate(graph, { ...options, persister })

    await reads({ status: 'queued', branches: {} })
  })

  it('is running while it runs, with what its branches do', async () => {
    const { graph, options, persister, read, reads, gateOf } = setUp(['work', 'ask', 'done'])
    const app = createApplication(graph, { ...options, persister })
    const run = app.run()

    await reads({ status: 'running', pending: 1, branches: { work: 'running', ask: 'waiting', done: 'done' } })
    const tree = await read()
    expect(tree?.run).toMatchObject({
      incarnation: 0,
      heldBy: { id: expect.any(String), leaseUntil: expect.any(Number) },
    })
    gateOf('work').resolve('x')
    await reads({ status: 'waiting', pending: 1, branches: { ask: 'waiting', work: 'done', done: 'done' } })
    await app.send(answer('yes'), { path: 'map/ask' })
    await run
    await reads({ status: 'finished', pending: 0, branches: {} })
    expect((await read())?.root.maps[0]).toMatchObject({ map: 'map', status: 'done', counts: { done: 3 } })
  })

  it('is waiting while it waits for messages and times, also when its process dies, and answered once a message lies there', async () => {
    const { graph, options, persister, other, expire, reads } = setUp(['ask', 'sleep'])
    const { persister: dying, crash } = mortal(persister)
    const app = createApplication(graph, { ...options, persister: dying })
    const outcome = await app.run({ whenWaiting: 'return' })

    expect(outcome.status).toBe('waiting')
    await reads({ status: 'waiting', pending: 1, branches: { ask: 'waiting', sleep: 'waiting' } })
    crash()
    await expire().catch(() => {})
    await reads({ status: 'waiting', pending: 1, branches: { ask: 'waiting', sleep: 'waiting' } })
    const [question] = (await other.pending()).items
    expect(question).toMatchObject({
      runId: 'run',
      path: [['map', 1, 'ask']],
      action: 'main',
      kinds: ['answer'],
      ask: { of: 'ask' },
    })
    await sendStored({ persister: other, appId: 'run', path: 'map/ask', message: answer('yes') })
    await reads({ status: 'waiting' })
    expect((await other.pending()).items).toEqual([])
    expect((await other.pending({ answered: true })).items).toMatchObject([{ id: question?.id, answered: true }])
    expect((await other.due()).items.map(({ runId }) => runId)).toEqual(['run'])
  })

  it('is retrying while only the delay before an attempt is left', async () => {
    const { graph, options, persister, read, reads } = setUp(['busy', 'done'])
    const app = createApplication(graph, { ...options, persister })
    const run = app.run()

    await reads({ status: 'retrying', retrying: 1, branches: { busy: 'retrying', done: 'done' } })
    const tree = await read()
    const { nextAt = 0 } = tree?.run ?? {}
    expect(nextAt).toBeGreaterThan(options.clock.now())
    const [page] = tree?.root.maps[0]?.branches ?? []
    expect(page?.items[0]?.due).toMatchObject([
      { kind: 'retry', at: nextAt, action: 'main', path: [['map', 1, 'busy']] },
    ])
    options.clock.advance(5_000)
    await run
    await reads({ status: 'finished', retrying: 0 })
  })

  it('is halted, and failed, with the error; siblings of a failed branch are cancelled', async () => {
    const { graph, options, persister, read, reads } = setUp(['bad', 'work'], 'all')
    const app = createApplication(graph, { ...options, persister })
    await expect(app.run()).rejects.toThrow('bad')

    await reads({ status: 'failed', branches: { bad: 'failed', work: 'cancelled' } })
    const tree = await read()
    expect(tree?.run.error).toMatchObject({
      name: 'ParallelError',
      errors: [{ name: 'ActionError', cause: { message: 'bad' } }],
    })
    expect(tree?.root.maps[0]?.status).toBe('failed')
    expect(
      tree?.root.maps[0]?.branches.find(({ status }) => status === 'failed')?.items[0]?.error?.cause?.message,
    ).toBe('bad')

    const good = setUp([])
    await createApplication(good.graph, { ...good.options, persister: good.persister }).run({ haltAfter: 'map' })
    await good.reads({ status: 'halted' })
  })

  it('is cancelled for good by a user, with all below', async () => {
    const { graph, options, persister, read, reads } = setUp(['work', 'ask'])
    const app = createApplication(graph, { ...options, persister })
    const run = app.run()
    await reads({ status: 'running', branches: { work: 'running', ask: 'waiting' } })

    await app.cancel({ reason: 'enough' })
    await run

    await reads({ status: 'cancelled', pending: 0, branches: { work: 'cancelled', ask: 'cancelled' } })
    expect((await read())?.run.cancelled).toMatchObject({ cause: 'app', reason: 'enough' })
  })

  it('goes on when one branch is cancelled, or passes its time, or ignores its cancel', async () => {
    const { graph, options, persister, reads, gateOf } = setUp(['work', 'deaf', 'work:2'])
    const app = createApplication(graph, { ...options, persister })
    const run = app.run()
    await reads({ branches: { work: 'running', deaf: 'running', 'work:2': 'running' } })

    await app.cancel({ path: 'map/work' })
    const cancelled = app.cancel({ path: 'map/deaf' })
    await flush()
    options.clock.advance(100)
    await cancelled

    await reads({
      status: 'running',
      leaked: 1,
      branches: { 'work:2': 'running', work: 'cancelled', deaf: 'cancelled' },
    })
    gateOf('work:2').resolve('x')
    await run
    await reads({ status: 'finished', leaked: 1 })
  })

  it('goes on when a branch passes its time limit: that has failed', async () => {
    const { graph, options, persister, read, reads, gateOf } = setUp(['work:timed', 'work'])
    const app = createApplication(graph, { ...options, persister })
    const run = app.run()
    await reads({ status: 'running', branches: { 'work:timed': 'running', work: 'running' } })

    options.clock.advance(TIMEOUT_MS)

    await reads({ status: 'running', branches: { work: 'running', 'work:timed': 'failed' } })
    const failed = (await read())?.root.maps[0]?.branches.find(({ status }) => status === 'failed')?.items[0]
    expect(failed).toMatchObject({ key: 'work:timed', error: { name: 'TimeoutError' } })
    gateOf('work').resolve('x')
    await run
    await reads({ status: 'finished' })
    expect((await read())?.root.maps[0]?.counts).toMatchObject({ done: 1, failed: 1, cancelled: 0 })
  })

  it('is running and then interrupted when its store is away and the run fails; resumed, it goes on', async () => {
    const { graph, options, persister, expire, read, reads, gateOf } = setUp(['work', 'ask', 'done'])
    const { persister: distant, leave } = absent(persister)
    const app = createApplication(graph, { ...options, persister: distant })
    const run = app.run()
    await reads({ status: 'running', branches: { work: 'running', ask: 'waiting', done: 'done' } })

    leave()
    gateOf('work').resolve('x')

    await expect(run).rejects.toMatchObject({ fault: 'unavailable' })
    await reads({ status: 'running' })
    await expire()
    await reads({ status: 'interrupted', branches: { ask: 'waiting', work: 'interrupted', done: 'done' } })
    expect((await read())?.run.heldBy).toBeUndefined()
    const again = await resumeOrCreate(graph, { ...options, persister })
    const rest = again.run()
    await reads({ status: 'waiting', branches: { ask: 'waiting', done: 'done', work: 'done' } })
    await answerAsk(again)
    await rest
    await reads({ status: 'finished' })
  })

  it('is interrupted while a run awaits a store that is away beyond its lease, and running once that is back', async () => {
    const { graph, options, persister, expire, reads, gateOf } = setUp(['work', 'ask'])
    const { persister: distant, leave, comeBack } = absent(persister)
    const app = createApplication(graph, { ...options, persister: distant, whenUnavailable: 'wait' })
    const run = app.run()
    await reads({ status: 'running', branches: { work: 'running', ask: 'waiting' } })

    leave()
    gateOf('work').resolve('x')
    await reads({ status: 'running' })
    await expire()
    await reads({ status: 'interrupted', branches: { ask: 'waiting', work: 'interrupted' } })
    comeBack()
    options.clock.advance(LEASE_MS)

    await reads({ status: 'waiting', pending: 1, branches: { ask: 'waiting', work: 'done' } })
    await app.send(answer('yes'), { path: 'map/ask' })
    await run
    await reads({ status: 'finished', pending: 0 })
  })

  it.each(['attended', 'unattended'] as const)(
    'is waiting once its store is back that was away as it began to wait (%s)',
    async (how) => {
      const { graph, options, persister, reads, gateOf } = setUp(['work', 'ask'])
      const { persister: distant, leave, comeBack } = absent(persister, ({ rows }) => rows.length === 0)
      const whenUnavailable = how === 'unattended' ? 'wait' : 'fail'
      const app = createApplication(graph, { ...options, persister: distant, whenUnavailable })
      const run = app.run({ whenWaiting: how === 'attended' ? 'stay' : 'return' })
      await reads({ status: 'running', branches: { work: 'running', ask: 'waiting' } })

      leave()
      gateOf('work').resolve('x')
      await reads({ status: 'running', branches: { ask: 'waiting', work: 'done' } })
      comeBack()
      options.clock.advance(LEASE_MS)

      if (how === 'unattended') expect(await run).toMatchObject({ status: 'waiting' })
      await reads({ status: 'waiting', pending: 1, branches: { ask: 'waiting', work: 'done' } })
      await app.send(answer('yes'), { path: 'map/ask' })
      await (how === 'unattended' ? app.run() : run)
      await reads({ status: 'finished' })
    },
  )

  it.each(['shutdown', 'signal', 'reader', 'dispose'] as const)(
    'is interrupted by %s, and running again at once when it is resumed',
    async (how) => {
      const { graph, options, persister, reads, gateOf } = setUp(['work', 'ask'])
      const app = createApplication(graph, { ...options, persister })
      const controller = new AbortController()
      const steps = how === 'reader' ? app.iterate() : undefined
      const run = (steps === undefined ? app.run({ signal: controller.signal }) : steps.next()).catch(() => {})
      await reads({ status: 'running', branches: { work: 'running', ask: 'waiting' } })

      if (how === 'shutdown') await app.shutdown()
      if (how === 'signal') controller.abort()
      if (how === 'dispose') await app[Symbol.asyncDispose]()
      if (how === 'reader') await steps?.return(undefined as never)
      await run

      await reads({ status: 'interrupted', branches: { ask: 'waiting', work: 'interrupted' } })
      const again = await resumeOrCreate(graph, { ...options, persister })
      const rest = again.run()
      await reads({ status: 'running' })
      gateOf('work').resolve('x')
      await answerAsk(again)
      await rest
      await reads({ status: 'finished' })
    },
  )

  it('is running until the lease of a killed process is over, then interrupted; taken over, it is running with another incarnation', async () => {
    const { graph, options, persister, other, expire, read, reads, gateOf } = setUp(['work', 'ask', 'done'])
    const { persister: dying, crash } = mortal(persister)
    const app = createApplication(graph, { ...options, persister: dying })
    void app.run().catch(() => {})
    await reads({ status: 'running', branches: { work: 'running', ask: 'waiting', done: 'done' } })
    crash()
    await reads({ status: 'running' })
    await expire()

    await reads({ status: 'interrupted', branches: { ask: 'waiting', work: 'interrupted', done: 'done' } })
    const dead = await read()
    const claim = (await other.driver.find(root))?.claim
    expect([dead?.run.since, dead?.run.heldBy, dead?.root.maps[0]?.status]).toEqual([
      claim?.leaseUntil,
      undefined,
      'interrupted',
    ])
    expect(await other.count()).toEqual({ interrupted: 1 })

    const again = await resumeOrCreate(graph, { ...options, persister: other })
    const run = again.run()
    await reads({ status: 'running' })
    expect((await read())?.run).toMatchObject({
      incarnation: 1,
      heldBy: { id: expect.not.stringMatching(claim?.writer ?? '') },
    })
    gateOf('work').resolve('x')
    await answerAsk(again)
    await run
    await reads({ status: 'finished' })
  })

  it('is interrupted when it is rewound, and queued when it is forked', async () => {
    const { graph, options, persister, other, read, reads } = setUp(['done'])
    await createApplication(graph, { ...options, persister }).run()
    await reads({ status: 'finished' })

    await rewind({ persister: other, appId: 'run', sequenceId: 0 })
    await resumeOrCreate(graph, { ...options, persister, appId: 'fork', forkFrom: { appId: 'run', sequenceId: 0 } })

    await reads({ status: 'interrupted' })
    expect((await read())?.run).toMatchObject({ epoch: 1, sequenceId: 0, next: 'after' })
    const fork = await other.describe({ runId: 'fork' })
    expect(fork?.run).toMatchObject({ status: 'queued', forkedFrom: { appId: 'run', sequenceId: 0 } })
  })
})
