import { createApplication, defineMessage, defineState, type Pending, resumeOrCreate, type } from 'teasel'
import { createPersister, memoryPersister, type Row, sendStored } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { sealRow } from '../../src/persistence/seal.js'
import { flush } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// A wait carries what is asked, under an id that stays.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const yes = defineMessage('yes', type<string>())
const no = defineMessage('no', type<string>())

/** A schema that gives JSON Schema, as zod 4 and ArkType do. */
const schema = (json: unknown) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => ({ value: value as number }),
    jsonSchema: {
      input({ target }: { readonly target: string }) {
        if (json instanceof Error) throw json
        return { $schema: target, ...(json as object) }
      },
    },
  },
})
const rating = defineMessage('rating', schema({ type: 'number' }))
const odd = defineMessage('odd', schema(new TypeError('no JSON Schema for this')))

const single = kit.action({
  reads: [],
  writes: ['out'],
  run: async ({ context }) => {
    const { body } = await context.receiveOne(rating, odd, yes, {
      ask: { text: 'How good?', of: [1, 2] },
      timeoutMs: 50,
    })
    return { out: String(body) }
  },
})
const both = kit.action({
  reads: [],
  writes: ['out'],
  run: async ({ context }) => {
    const answers = await Promise.all([
      context.receiveOne(yes, { ask: 'first?' }),
      context.receiveOne(no, { ask: 'second?' }),
    ])
    const third = await context.receiveOne(yes, { ask: 'third?' })
    return { out: [...answers, third].map(({ body }) => body).join() }
  },
})
const map = kit.mapActions({
  reads: [],
  writes: ['outs'],
  actions: { a: both },
  reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
})
const questions = (pending: readonly Pending[]) => pending.map(({ id, ask, kinds }) => [id.slice(-4), ask, ...kinds])

describe('the question of a wait', () => {
  it('stands in the event, in pending, in the outcome and in the store, with JSON Schemas', async () => {
    const clock = new ManualClock(5000)
    const persister = memoryPersister()
    const app = createApplication(kit.graph({ actions: { single } }), {
      entrypoint: 'single',
      state: {},
      appId: 'app',
      partitionKey: 'tenant',
      persister,
      clock,
    })
    const events: unknown[] = []
    app.on('wait', (event) => events.push(event))

    const outcome = await app.run({ whenWaiting: 'return' })

    const ask = { text: 'How good?', of: [1, 2] }
    const schemas = { rating: { $schema: 'draft-2020-12', type: 'number' } }
    const wait = { id: 'app.0.0', kinds: ['rating', 'odd', 'yes'], ask, schemas, since: 5000, until: 5050 }
    const pending = {
      runId: 'app',
      partitionKey: 'tenant',
      appId: 'app',
      path: [],
      action: 'single',
      sequenceId: 0,
      answered: false,
      ...wait,
    }
    expect(events).toMatchObject([{ type: 'wait', from: 'outside', ...wait }])
    expect(app.pending).toEqual([pending])
    expect(outcome).toMatchObject({ status: 'waiting', pending: [pending], nextAt: 5050 })
    const stored = await persister.load({ appId: 'app', partitionKey: 'tenant' })
    expect(stored?.waiting).toEqual({ waits: [{ n: 0, action: 'single', from: 'outside', ...wait }] })
  })

  it('is a frozen copy, and must be data', async () => {
    const ask = { choices: ['a'] }
    const app = createApplication(
      kit.graph({
        actions: {
          main: kit.action({
            reads: [],
            writes: ['out'],
            async run({ context }) {
              await context.receiveOne(yes, { ask: { call: () => 1 } }).catch((error) => context.log(error.message))
              const answer = context.receiveOne(yes, { ask })
              ask.choices.push('b')
              return { out: (await answer).body }
            },
          }),
        },
      }),
      { entrypoint: 'main', state: {} },
    )
    const lines: string[] = []
    app.on('log', ({ text }) => lines.push(text))
    await app.run({ whenWaiting: 'return' })

    expect(app.pending.map((one) => [one.ask, Object.isFrozen(one.ask)])).toEqual([[{ choices: ['a'] }, true]])
    expect(lines[0]).toContain('at ask.call')
  })

  it('of each of two waits of a step is stored, also of a branch in its first step; looking again writes nothing', async () => {
    const clock = new ManualClock(5000)
    const persister = memoryPersister()
    const options = { appId: 'app', entrypoint: 'map', state: {}, persister, clock, logger: quiet } as const
    const look = async () => {
      const app = await resumeOrCreate(kit.graph({ actions: { map } }), options)
      const outcome = await app.run({ whenWaiting: 'return' })
      return { app, outcome, pending: outcome.status === 'waiting' ? outcome.pending : [] }
    }
    const first = await look()
    const branch = first.pending[0]?.appId ?? ''
    const rows = async () =>
      (await persister.driver.load(null, ['app', branch])).flatMap((tail) => tail?.rows.map(({ data }) => data) ?? [])
    const asked = async () => (await persister.load({ appId: branch }))?.waiting?.waits.map((one) => [one.n, one.ask])
    const before = await rows()
    clock.advance(1000)
    const second = await look()

    expect(questions(first.pending)).toEqual([
      ['.0.0', 'first?', 'yes'],
      ['.0.1', 'second?', 'no'],
    ])
    expect(second.pending).toEqual(first.pending)
    expect(await rows()).toEqual(before)
    expect(await asked()).toEqual([
      [0, 'first?'],
      [1, 'second?'],
    ])

    await sendStored({ persister, appId: 'app', path: 'map/a', message: no('2') })
    const third = await look()
    expect(questions(third.pending)).toEqual([['.0.0', 'first?', 'yes']])
    expect((await rows()).length).toBe(before.length)
    await third.app.send(yes('1'), { path: 'map/a' })
    await flush()
    expect(questions(third.app.pending)).toEqual([['.0.2', 'third?', 'yes']])
    expect([await asked(), (await rows()).length]).toEqual([[[2, 'third?']], before.length])

    await third.app.send(yes('3'), { path: 'map/a' })
    expect((await third.app.run()).state.outs).toEqual(['1,2,3'])
    expect((await persister.load({ appId: branch }))?.waiting).toBeUndefined()
  })

  it('is answered at the path that a reader gives for it, by a process that has no application', async () => {
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { map } })
    const app = createApplication(graph, { appId: 'app', entrypoint: 'map', state: {}, persister, logger: quiet })
    await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()

    for (const { runId: appId, path, kinds } of (await persister.pending()).items)
      expect(await sendStored({ persister, appId, path, message: kinds[0] === 'yes' ? yes('1') : no('2') })).toBe(
        'queued',
      )
    expect((await persister.pending()).items).toEqual([])
    expect((await persister.pending({ answered: true })).items.map(({ ask }) => ask)).toEqual(['first?', 'second?'])
  })

  it('is answered there also in an application that an action has made, whatever its key', async () => {
    const persister = memoryPersister()
    const asking = kit.graph({ actions: { both } })
    const makes = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context: parent }) => {
        const made = [undefined, 'k/1#~'].map((key) =>
          createApplication(asking, { entrypoint: 'both', state: {}, parent, ...(key !== undefined && { key }) }).run(),
        )
        return { out: (await Promise.all(made)).map(({ state }) => state.out).join(' ') }
      },
    })
    const outer = kit.mapActions({
      reads: [],
      writes: ['outs'],
      actions: { 'x/y': makes },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    })
    const graph = kit.graph({ actions: { outer } })
    const options = { appId: 'app', entrypoint: 'outer', state: {}, persister, logger: quiet } as const
    const app = createApplication(graph, options)
    await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()

    const { items } = await persister.pending()
    expect(items.length).toBe(4)
    for (const { path, kinds } of items)
      expect(
        await sendStored({ persister, appId: 'app', path, message: kinds[0] === 'yes' ? yes('1') : no('2') }),
      ).toBe('queued')
    const again = await resumeOrCreate(graph, options)
    const run = again.run({ whenWaiting: 'return' })
    await run
    for (const { path } of again.pending) await again.send(yes('3'), { path })
    expect((await again.run()).state.outs).toEqual(['1,2,3 1,2,3'])
    expect(await sendStored({ persister, appId: 'app', path: items[0]?.path, message: yes('4') })).toBe('dropped')
  })

  it('is read from a store that held one wait without its times', async () => {
    const { driver } = memoryPersister()
    const old = (row: Row): Row => {
      const { k, d, ...data } = JSON.parse(row.data) as { k: string; d: readonly unknown[]; f: number }
      const notes = [['waiting', { action: 'both', kinds: ['no'] }, row.order]]
      return row.label === 'status' ? sealRow({ ...row, data: JSON.stringify({ ...data, d: notes }) }) : row
    }
    const load = driver.load.bind(driver)
    const loadOld: typeof load = async (...asked) =>
      (await load(...asked)).map((tail) => tail && { ...tail, rows: tail.rows.map(old) })
    const start = { appId: 'app', entrypoint: 'both', state: {}, logger: quiet, clock: new ManualClock(5000) } as const
    const graph = kit.graph({ actions: { both } })
    await createApplication(graph, { ...start, persister: createPersister(driver) }).run({ whenWaiting: 'return' })

    Object.defineProperty(driver, 'load', { value: loadOld })
    const persister = createPersister(driver)
    const stored = await persister.load({ appId: 'app' })
    const app = await resumeOrCreate(graph, { ...start, persister })
    const outcome = await app.run({ whenWaiting: 'return' })

    const wait = { id: 'app.0.0', n: 0, action: 'both', from: 'outside', kinds: ['no'], since: 5000 }
    expect([stored?.status, stored?.waiting]).toEqual(['waiting', { waits: [wait] }])
    expect(outcome.status === 'waiting' && questions(outcome.pending)).toEqual([
      ['.0.0', 'first?', 'yes'],
      ['.0.1', 'second?', 'no'],
    ])
  })

  it('that has ended is gone from the store with the next note of its step', async () => {
    const persister = memoryPersister()
    const once = kit.action({
      reads: [],
      writes: ['out'],
      async run({ context, signal }) {
        const { body } = await context.receiveOne(yes)
        await context.once('noted', () => body)
        return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
    })
    const options = { appId: 'app', entrypoint: 'once', state: {}, persister, logger: quiet } as const
    const app = createApplication(kit.graph({ actions: { once } }), options)
    await app.run({ whenWaiting: 'return' })
    await app.send(yes('1'))
    await flush()

    const stored = await persister.load({ appId: 'app' })
    await app.shutdown()

    expect([stored?.status, stored?.waiting]).toEqual(['running', undefined])
  })
})
