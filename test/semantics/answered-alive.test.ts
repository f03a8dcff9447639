import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { createPersister, memoryPersister, PersistenceError, type Persister, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-answered-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Work {
  log: string[]
  outs: string[]
}
const kit = defineState<Work>()
const approve = defineMessage('approve', type<string>())
const ask = kit.action({
  reads: ['log'],
  writes: ['log'],
  async run({ state: { log }, context }) {
    const { body } = await context.receiveOne(approve)
    return { log: [...log, body] }
  },
})
const twice = kit.graph({ actions: { ask, again: ask }, transitions: { ask: 'again' } })
const options = { appId: 'app', entrypoint: 'ask', state: { log: [] as string[] } } as const

/** A persister that counts the queries of its inbox, and can hold their answers. */
function counting({ driver }: Persister, held?: () => Promise<void> | undefined) {
  let asked = 0
  const counted = overDriver(driver, {
    async inbox(root) {
      asked += 1
      const found = await driver.inbox(root)
      await held?.()
      return found
    },
  })
  return { persister: createPersister(counted), asked: () => asked }
}

/** A map over one action that waits, with a store of its own. */
const inner = (persister: Persister | undefined) =>
  kit.mapActions({
    reads: ['log'],
    writes: ['outs'],
    ...(persister && { persister }),
    actions: { ask },
    reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.log) }),
  })
const both = (left: ReturnType<typeof inner>, right: ReturnType<typeof inner>) =>
  kit.mapActions({
    reads: ['log'],
    writes: ['outs'],
    actions: { left, right },
    reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.outs) }),
  })

describe('an answer from another process', () => {
  it.each([
    ['memory', () => memoryPersister()],
    ['sqlite', () => sqlitePersister({ file: ':memory:' })],
  ])('reaches a waiting run (%s) once, and the store is not asked while nothing waits', async (_, open) => {
    const clock = new ManualClock()
    const { persister, asked } = counting(open())
    const app = createApplication(twice, { ...options, persister, clock })
    const told: string[] = []
    app.on('message', ({ message, delivery }) => void told.push(`${message.kind} ${delivery}`))
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting

    expect(await sendStored({ persister, appId: 'app', message: approve('one') })).toBe('queued')
    expect(await sendStored({ persister, appId: 'app', message: approve('two') })).toBe('queued')
    clock.advance(999)
    await flush()
    expect([app.state.log, asked()]).toEqual([[], 0])
    clock.advance(1)
    const { state } = await run

    expect(state.log).toEqual(['one', 'two'])
    expect(told).toEqual(['approve delivered', 'approve queued'])
    expect((await persister.load({ appId: 'app' }))?.inbox).toEqual([])
    expect([asked(), clock.pending]).toEqual([1, 0])
  })

  it('finds a waiting branch; one query serves all of them', async () => {
    const clock = new ManualClock()
    const { persister, asked } = counting(memoryPersister())
    const map = kit.mapActions({
      reads: ['log'],
      writes: ['outs'],
      actions: { x: ask, y: ask, z: ask },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.log) }),
    })
    const app = createApplication(kit.graph({ actions: { ask: map } }), {
      ...options,
      persister,
      clock,
      inboxPollMs: 50,
    })
    const waiting = emitted(app, 'wait', 'ask/x', 'ask/y', 'ask/z')
    const run = app.run()
    await waiting

    for (const key of ['z', 'x'])
      await sendStored({ persister, appId: 'app', path: `ask/${key}`, message: approve(key) })
    clock.advance(50)
    await flush()
    expect(asked()).toBe(1)
    await sendStored({ persister, appId: 'app', path: 'ask/y', message: approve('y') })
    clock.advance(50)

    expect((await run).state.outs).toEqual(['x', 'y', 'z'])
    expect([asked(), clock.pending]).toEqual([2, 0])
  })

  it('costs one query of a store, also when several maps have it as their own', async () => {
    const clock = new ManualClock()
    const own = counting(memoryPersister())
    const app = createApplication(kit.graph({ actions: { ask: both(inner(own.persister), inner(own.persister)) } }), {
      ...options,
      persister: memoryPersister(),
      clock,
      inboxPollMs: 50,
    })
    const waiting = emitted(app, 'wait', 'ask/left/left/ask', 'ask/right/right/ask')
    const run = app.run()
    await waiting

    clock.advance(50)
    await flush()
    const asked = own.asked()
    for (const side of ['left', 'right']) await app.send(approve(side), { path: `ask/${side}/${side}/ask` })

    expect((await run).state.outs).toEqual(['left', 'right'])
    expect(asked).toBe(1)
  })

  it.each([
    ['is away', () => Promise.reject(new TypeError('no connection')), undefined],
    ['has a damaged message with the same number', () => undefined, '{'],
  ])('is found in one store while the other one %s', async (_, held, damaged) => {
    const clock = new ManualClock()
    const persister = memoryPersister()
    const { persister: other } = counting(memoryPersister(), held)
    const map = both(inner(other), inner(undefined))
    const app = createApplication(kit.graph({ actions: { ask: map } }), {
      ...options,
      persister,
      clock,
      logger: quiet,
      inboxPollMs: 50,
    })
    const left = emitted(app, 'wait', 'ask/left/left/ask')
    const right = emitted(app, 'wait', 'ask/right/right/ask')
    const run = app.run()
    const { appId } = await left
    await right
    if (damaged !== undefined) await other.driver.post({ partitionKey: null, rootId: 'app' }, appId, damaged)
    await sendStored({ persister, appId: 'app', path: 'ask/right/right/ask', message: approve('right') })

    const settled = emitted(app, 'branch.settled', 'ask/right')
    clock.advance(50)
    await settled
    await app.send(approve('left'), { path: 'ask/left/left/ask' })

    expect((await run).state.outs).toEqual(['left', 'right'])
  })

  it('sent after the run returned as waiting resumes it, and the next run joins it', async () => {
    const clock = new ManualClock()
    const persister = memoryPersister()
    const app = createApplication(twice, { ...options, persister, clock })
    const { status } = await app.run({ whenWaiting: 'return' })
    await sendStored({ persister, appId: 'app', message: approve('one') })
    const committed = emitted(app, 'transition')
    clock.advance(1000)
    await committed

    const again = await app.run({ whenWaiting: 'return' })

    expect([status, again.status, again.state.log]).toEqual(['waiting', 'waiting', ['one']])
    await app.cancel()
    expect(clock.pending).toBe(0)
  })

  it('is delivered once, also when a pending query finds it again', async () => {
    const clock = new ManualClock()
    const gate = defer()
    const { persister } = counting(memoryPersister(), () => gate.promise)
    const thrice = kit.graph({ actions: { ask, again: ask, last: ask }, transitions: { ask: 'again', again: 'last' } })
    const app = createApplication(thrice, { ...options, persister, clock })
    const waiting = emitted(app, 'wait')
    void app.run().catch(() => {})
    await waiting
    const sent = app.send(approve('from here')) // stored, and delivered at once
    clock.advance(1000) // the query finds it, and returns late
    await sent
    await flush()
    expect(app.state.log).toEqual(['from here'])

    gate.resolve()
    await flush()
    await sendStored({ persister, appId: 'app', message: approve('from elsewhere') })
    clock.advance(1000)
    await flush()

    expect(app.state.log).toEqual(['from here', 'from elsewhere'])
  })

  it('that no action waits for yet is delivered by the first query only', async () => {
    const clock = new ManualClock()
    const persister = memoryPersister()
    const other = defineMessage('other', type<string>())
    const app = createApplication(twice, { ...options, persister, clock })
    const told: string[] = []
    app.on('message', ({ message, delivery }) => void told.push(`${message.kind} ${delivery}`))
    const waiting = emitted(app, 'wait')
    void app.run().catch(() => {})
    await waiting

    await sendStored({ persister, appId: 'app', message: other('later') })
    for (let i = 0; i < 3; i++) {
      clock.advance(1000)
      await flush()
    }

    expect(told).toEqual(['other queued'])
  })

  it('sent to a branch before its first record is there after a resume, when the branch waits', async () => {
    const clock = new ManualClock()
    const persister = memoryPersister()
    const all = { ...options, persister, clock } as const
    let hold = defer()
    const held = kit.action({
      reads: ['log'],
      writes: ['log'],
      async run({ context }) {
        await hold.promise
        return { log: [(await context.receiveOne(approve)).body] }
      },
    })
    const map = kit.mapActions({
      reads: ['log'],
      writes: ['outs'],
      concurrency: 1,
      actions: { x: held, y: ask },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => one.state.log) }),
    })
    const graph = kit.graph({ actions: { ask: map } })
    const first = createApplication(graph, all)
    const started = emitted(first, 'step.start', 'ask/x')
    void first.run().catch(() => {})
    await started
    expect(await first.send(approve('y'), { path: 'ask/y' })).toBe('queued')

    const second = await resumeOrCreate(graph, all)
    hold = defer() // the first runner stays at the old one
    const startedAgain = emitted(second, 'step.start', 'ask/x')
    const waiting = emitted(second, 'wait', 'ask/x')
    const run = second.run()
    await startedAgain
    hold.resolve()
    await waiting
    await second.send(approve('x'), { path: 'ask/x' })
    await clock.fire(1000)

    expect((await run).state.outs).toEqual(['x', 'y'])
  })

  it('is looked for again when the store was away, which is logged once', async () => {
    const clock = new ManualClock()
    const store = memoryPersister()
    let away = true
    const { persister } = counting(store, async () => {
      if (away) throw new TypeError('No connection.')
    })
    const told: string[] = []
    const silent = () => {}
    const logger = { debug: silent, info: silent, warn: silent, error: (text: string) => void told.push(text) }
    const app = createApplication(twice, { ...options, persister, clock, logger })
    const waiting = emitted(app, 'wait')
    void app.run().catch(() => {})
    await waiting
    await sendStored({ persister, appId: 'app', message: approve('one') })
    for (let i = 0; i < 3; i++) {
      clock.advance(1000)
      await flush()
    }
    away = false
    const committed = emitted(app, 'transition')
    clock.advance(1000)
    await committed

    expect(told).toEqual(['The store could not be asked for messages.'])
    expect(app.state.log).toEqual(['one'])
  })

  it('is not looked for in a closed store, and nothing is logged', async () => {
    const clock = new ManualClock()
    const persister = sqlitePersister({ file: ':memory:' })
    const told: string[] = []
    const silent = () => {}
    const logger = { debug: silent, info: silent, warn: silent, error: (text: string) => void told.push(text) }
    await createApplication(twice, { ...options, persister, clock, logger }).run({ whenWaiting: 'return' })

    await persister.close()
    clock.advance(3000)
    await flush()

    expect(told).toEqual([])
  })

  it('is never looked for with the interval Infinity; an invalid interval is refused', async () => {
    const clock = new ManualClock()
    const app = createApplication(twice, { ...options, persister: memoryPersister(), clock, inboxPollMs: Infinity })
    void app.run().catch(() => {})
    await flush()

    expect(clock.pending).toBe(1) // the heartbeat of its lease
    expect(() => createApplication(twice, { ...options, persister: memoryPersister(), inboxPollMs: 0 })).toThrow(
      'inboxPollMs is 0; it takes milliseconds, more than 0.',
    )
  })
})

describe('a process whose run waits', () => {
  /** A program whose application waits for a message. */
  const program = (file: string, whenWaiting: string, then: string): string => `
    import { createApplication, defineMessage, defineState, type } from 'teasel'
    import { sendStored } from 'teasel/persistence'
    import { sqlitePersister } from 'teasel/persistence/sqlite'
    const kit = defineState()
    const approve = defineMessage('approve', type())
    const ask = kit.action({ reads: [], writes: ['a'], run: async ({ context }) => ({ a: (await context.receiveOne(approve)).body }) })
    const file = ${JSON.stringify(file)}
    const persister = sqlitePersister({ file })
    const app = createApplication(kit.graph({ actions: { ask } }), { appId: 'app', entrypoint: 'ask', state: {}, persister, inboxPollMs: 20 })
    ${then}
    const end = await app.run({ whenWaiting: '${whenWaiting}' })
    console.log(end.status, JSON.stringify(end.state))`
  const run = (code: string): string => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...SOURCE_ARGUMENTS, '--input-type=module', '-e', code],
      {
        encoding: 'utf8',
        timeout: 20_000,
      },
    )
    return status === 0 ? stdout.trim() : stderr
  }

  it('stays alive for the answer of another process', () => {
    // This timer keeps nothing alive.
    const later = `setTimeout(() => void sendStored({ persister: sqlitePersister({ file }), appId: 'app', message: approve('yes') }), 100).unref()`

    expect(run(program(join(folder, 'stays.db'), 'stay', later))).toBe('finished {"a":"yes"}')
  })

  it('ends when it returned as waiting', () => {
    expect(run(program(join(folder, 'left.db'), 'return', ''))).toBe('waiting {}')
  })
})

it('a message that a run took from the store before its sender heard of it was delivered, though the run is over', async () => {
  const clock = new ManualClock()
  const { driver } = memoryPersister()
  const heard = defer()
  const persister = createPersister(
    overDriver(driver, {
      async post(...message) {
        const id = await driver.post(...message)
        await heard.promise
        return id
      },
    }),
  )
  const app = createApplication(kit.graph({ actions: { ask } }), { ...options, persister, clock })
  const waiting = emitted(app, 'wait')
  const run = app.run()
  await waiting
  const delivery = app.send(approve('yes'))

  await clock.fire(1000)
  const { state } = await run
  heard.resolve()

  expect([state.log, await delivery]).toEqual([['yes'], 'delivered'])
})

describe('a stored wait that ends as it begins', () => {
  it.each(['listener', 'store'] as const)('leaves neither its mark nor its watch (by the %s)', async (how) => {
    const clock = new ManualClock()
    const memory = memoryPersister({ now: () => clock.now() })
    const { driver } = memory
    let away = false
    const { persister, asked } = counting(
      createPersister(
        overDriver(driver, {
          save(group) {
            if (away) throw new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
            return driver.save(group)
          },
        }),
      ),
    )
    const controller = new AbortController()
    const [gate, waits] = [defer(), defer()]
    const work = kit.action({
      reads: ['log'],
      writes: ['log'],
      async run({ context }) {
        await context.receiveOne(approve, { signal: controller.signal }).catch(() => {})
        waits.resolve()
        await gate.promise
        return { log: ['over'] }
      },
    })
    const app = createApplication(kit.graph({ actions: { ask: work } }), {
      ...options,
      persister,
      clock,
      logger: quiet,
    })
    app.on('wait', () => {
      if (how === 'listener') controller.abort()
      else away = true
    })
    const run = app.run().catch(() => undefined)
    await waits.promise
    await flush()
    away = false

    expect((await memory.pending()).items).toEqual([])
    const before = asked()
    clock.advance(9_000) // ends before the first heartbeat, which looks for a cancel
    await flush()
    expect(asked() - before).toBe(0)
    gate.resolve()
    await run
    expect(clock.pending).toBe(0)
  })
})
