import {
  type AnyEvent,
  createApplication,
  createLimit,
  defineMessage,
  defineState,
  type InterceptedStep,
  type,
} from 'teasel'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { assertDown, assertUp } from '../../src/remote/frame-rules.js'
import { countKept } from '../../src/remote/local-code.js'
import { defaultPlace } from '../../src/runtime/map/branch-maker.js'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { type Mangle, rogue } from '../support/channel/rogue.js'
import { flush, flushUntil, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { collectGarbage } from '../support/garbage.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; ends: readonly string[] }>()
const { executor } = defaultPlace
let owner: TreeLoopback | undefined

beforeAll(() => {
  defaultPlace.executor = loopback((made) => {
    owner = made
  })
})
afterAll(() => {
  defaultPlace.executor = executor
})

const hang = kit.action({ reads: [], writes: ['n'], run: ({ signal }) => untilAborted(signal) })
const count = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })

function appOf(actions: Readonly<Record<string, typeof hang>>) {
  const map = kit.mapActions({
    reads: [],
    writes: ['ends'],
    settle: 'collect',
    actions,
    reduce: ({ results }) => ({
      ends: results.map((one) => `${one.key} ${one.status}${one.status === 'failed' ? `: ${one.error.message}` : ''}`),
    }),
  })
  return createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
}

describe('a worker that dies', () => {
  it('fails its branches as lost, and another one takes its place', async () => {
    const app = appOf({ a: hang, b: count })
    const done = emitted(app, 'branch.settled', 'map/b')
    const run = app.run()
    await done
    owner?.die()

    const { state } = await run
    expect(state.ends).toEqual([
      expect.stringMatching(/^a failed: Branch "map\/a": Its worker was lost. It was told to die. /),
      'b done',
    ])
    expect((await appOf({ b: count }).run()).state.ends).toEqual(['b done'])
  })

  it('leaves a cancelled branch cancelled', async () => {
    const app = appOf({ a: hang })
    const started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await started
    const cancelled = app.cancel({ path: 'map/a' })
    owner?.die()

    expect([(await run).state.ends, await cancelled]).toEqual([['a cancelled'], 'cancelled'])
  })
})

it('a branch elsewhere that waits is answered by a message that 1 000 unread ones precede', async () => {
  const [yes, other] = [defineMessage('yes', type<number>()), defineMessage('other', type<number>())]
  const ask = kit.action({
    reads: [],
    writes: ['n'],
    run: async ({ context }) => ({ n: (await context.receiveOne(yes)).body }),
  })
  const app = appOf({ ask })
  const asked = emitted(app, 'wait', 'map/ask')
  const run = app.run()
  await asked
  const answers = new Set<string>()
  for (let i = 0; i < 1_000; i++) answers.add(await app.send(other(i), { path: 'map/ask' }))
  const full = await app.send(other(0), { path: 'map/ask' })
  const delivery = await app.send(yes(1), { path: 'map/ask' })
  if (delivery === 'refused') await app.cancel()

  expect([...answers, full, delivery]).toEqual(['queued', 'refused', 'delivered'])
  expect((await run).state.ends).toEqual(['ask done'])
})

describe('a worker that dies while another delivery is left', () => {
  const note = defineMessage('note', type<string>())

  it('goes on elsewhere at the last commit, with the messages that no commit took', async () => {
    const steps: string[] = []
    const notes = defineState<{ n: number; said: readonly string[]; ends: readonly string[] }>()
    const first = notes.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        steps.push('first')
        return { n: (await context.receiveOne(note)).body.length }
      },
    })
    const second = notes.action({
      reads: ['n'],
      writes: ['said'],
      async run({ context }) {
        steps.push('second')
        const a = await context.receiveOne(note)
        const b = await context.receiveOne(note)
        return { said: [a.body, b.body] }
      },
    })
    const branch = notes
      .graph({ actions: { first, second }, transitions: { first: 'second' } })
      .runnable({ entrypoint: 'first' })
    const map = notes.mapActions({
      reads: [],
      writes: ['ends'],
      actions: { branch },
      reduce: ({ results }) => ({ ends: results.flatMap(({ state }) => state.said) }),
    })
    const app = createApplication(notes.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
    const asked = emitted(app, 'wait', 'map/branch')
    const run = app.run()
    await asked
    const again = emitted(app, 'step.start', 'map/branch')
    await app.send(note('one'), { path: 'map/branch' })
    await again
    await app.send(note('two'), { path: 'map/branch' })
    const third = emitted(app, 'step.start', 'map/branch')
    owner?.die(true)
    await third
    await app.send(note('three'), { path: 'map/branch' })

    expect((await run).state.ends).toEqual(['two', 'three'])
    expect(steps).toEqual(['first', 'second', 'second'])
  })

  it('takes no answer to a question of its earlier delivery', async () => {
    const answers = [createDeferred<void>(), createDeferred<void>()]
    let asked = 0
    let runs = 0
    const once = kit.action({ reads: [], writes: ['n'], run: () => ({ n: ++runs }) })
    const map = kit.mapActions({ reads: [], writes: ['n'], actions: { once }, reduce: () => ({ n: 0 }) })
    const beforeStep = ({ action }: InterceptedStep) => (action === 'once' ? answers[asked++]?.promise : undefined)
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      logger: quiet,
      interceptors: [{ name: 'gate', beforeStep }],
    })
    const run = app.run()
    await flushUntil(() => asked === 1)
    owner?.die(true)
    await flushUntil(() => asked === 2)
    answers[0]?.resolve()
    await flush()
    expect(runs).toBe(0)
    answers[1]?.resolve()
    await run
    expect(runs).toBe(1)
  })

  it('fails its branches after the last one', async () => {
    const app = appOf({ a: hang })
    const settled = emitted(app, 'branch.settled', 'map/a')
    let started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    for (let delivery = 1; delivery <= 3; delivery++) {
      await started
      started = emitted(app, 'step.start', 'map/a')
      owner?.die(true)
    }

    expect((await run).state.ends).toEqual([
      expect.stringMatching(/^a failed: Branch "map\/a": Its worker was lost 3 times. It was told to die. /),
    ])
    expect((await settled).result).toMatchObject({ error: { code: 'worker-lost', deliveries: 3 } })
  })
})

describe('what the next step of a branch had done', () => {
  it('is kept for the run that tries it again, and no longer than its application', async () => {
    const effects: string[] = []
    let fails = true
    const charge = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        await context.once('charge', () => void effects.push('charged'))
        if (fails) throw new RangeError('not yet')
        return { n: 1 }
      },
    })
    const map = kit.mapActions({ reads: [], writes: ['ends'], actions: { charge }, reduce: () => ({ ends: ['done'] }) })
    const before = countKept()
    await (async () => {
      const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
      await expect(app.run()).rejects.toThrow('not yet')
      expect(countKept()).toBe(before + 1)
      fails = false
      expect((await app.run()).state.ends).toEqual(['done'])
      expect(effects).toEqual(['charged'])
    })()

    await vi.waitUntil(async () => {
      await collectGarbage()
      return countKept() === before
    }, 15_000)
  })
})

describe('the id of a branch', () => {
  const idKit = defineState<{ id: string; ids: readonly string[] }>()
  const name = idKit.action({ reads: [], writes: ['id'], run: ({ context }) => ({ id: context.appId }) })
  const idsOf = async (executor: null | undefined): Promise<readonly string[]> => {
    const inner = idKit.mapActions({
      reads: [],
      writes: ['id'],
      actions: { x: name },
      reduce: ({ results: [x] }) => ({ id: `${x?.appId} ${x?.state.id}` }),
    })
    const map = idKit.mapActions({
      reads: [],
      writes: ['ids'],
      actions: { one: name, deep: inner },
      ...(executor === null && { executor }),
      reduce: ({ branches }) => ({ ids: [branches.one.appId, branches.one.state.id, branches.deep.state.id] }),
    })
    const graph = idKit.graph({ actions: { map } })
    return (await createApplication(graph, { entrypoint: 'map', state: {}, appId: 'same' }).run()).state.ids
  }

  it('is the same here and elsewhere, also where its worker makes it', async () => {
    const elsewhere = await idsOf(undefined)
    const here = await idsOf(null)

    expect(elsewhere).toEqual(here)
    expect(here[1]).toBe(here[0])
    const [deep, own] = here[2]?.split(' ') ?? []
    expect(own).toBe(deep)
  })
})

describe('the permits of a shared limit', () => {
  it('are free again when the worker that holds them dies', async () => {
    const limit = createLimit(1)
    const withLimit = (action: typeof hang) =>
      createApplication(
        kit.graph({
          actions: {
            map: kit.mapActions({
              reads: [],
              writes: ['ends'],
              settle: 'collect',
              concurrency: limit,
              actions: { action },
              reduce: ({ results }) => ({ ends: results.map(({ status }) => status) }),
            }),
          },
        }),
        { entrypoint: 'map', state: {}, logger: quiet },
      )
    const app = withLimit(hang)
    const started = emitted(app, 'step.start', 'map/action')
    const run = app.run()
    await started
    expect(limit.running).toBe(1)
    owner?.die()

    expect([(await run).state.ends, limit.running]).toEqual([['failed'], 0])
    expect((await withLimit(count).run()).state.ends).toEqual(['done'])
  })

  it('that an earlier delivery had are not those of the next one, which may use their numbers again', async () => {
    const limit = createLimit(1)
    const [entered, gate] = [createDeferred<void>(), createDeferred<void>()]
    const second = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state, context }) {
        if (context.delivery > 1) {
          entered.resolve()
          await gate.promise
        }
        return { n: state.n + 1 }
      },
    })
    const steps = kit
      .graph({ actions: { first: count, second }, transitions: { first: 'second' } })
      .runnable({ entrypoint: 'first' })
    const withdraw = '{"type":"withdraw","id":1}'
    // The first delivery has the permits 0 and 1. The next one asks for 1 in vain, and withdraws it twice.
    const up: Mangle = (text, { delivery }) => {
      if (delivery === 1) return text.includes('"position":"second"') ? ['no frame'] : [text]
      return text.includes('"acquire"') ? [text, '{"type":"acquire","id":1}', withdraw, withdraw] : [text]
    }
    const map = kit.mapActions({
      ...{ reads: [], writes: ['ends'], concurrency: limit, actions: { steps }, executor: rogue({ up }) },
      reduce: ({ results }) => ({ ends: results.map(({ status, state }) => `${status} ${state.n}`) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
    const run = app.run()
    await entered.promise
    await flush()

    expect(limit.running).toBe(1)
    gate.resolve()
    expect([(await run).state.ends, limit.running]).toEqual([['done 2'], 0])
  })
})

describe('a message under way', () => {
  it('counts as a possible sender: nobody waits in vain before it has arrived', async () => {
    const ping = defineMessage('ping', type<number>())
    const asks = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        context.send('answers', ping(1))
        for await (const { body } of context.messages(ping)) return { n: body }
        return { n: 0 }
      },
    })
    const answers = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        for await (const { body, from } of context.messages(ping)) {
          context.send(from, ping(body + 1))
          return { n: body }
        }
        return { n: 0 }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['n'],
      actions: { asks, answers },
      reduce: ({ results }) => ({ n: results.reduce((n, { state }) => n * 10 + state.n, 0) }),
    })

    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
    expect((await app.run()).state.n).toBe(21)
  })
})

describe('a value that is no data', () => {
  it('in its inputs fails its branch, and no other', async () => {
    const call = kit.action({
      reads: [],
      writes: ['n'],
      inputs: { client: type<() => number>() },
      run: ({ inputs }) => ({ n: inputs.client() }),
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['ends'],
      settle: 'collect',
      actions: { call, count },
      reduce: ({ results }) => ({ ends: results.map(({ key, status }) => `${key} ${status}`) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
    const failed = emitted(app, 'branch.settled', 'map/call')

    expect((await app.run({ inputs: { client: () => 1 } })).state.ends).toEqual(['call failed', 'count done'])
    expect((await failed).result).toMatchObject({
      error: { name: 'SerializationError', message: expect.stringContaining('client is a function') },
    })
  })

  it('in a chunk is dropped with a fault, and the step commits', async () => {
    const pour = kit.action({
      reads: [],
      writes: ['n'],
      async *run() {
        yield 1
        yield () => 2
        return { n: 3 }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['n'],
      actions: { pour },
      reduce: ({ results: [r] }) => ({ n: r?.state.n ?? 0 }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
    const seen: AnyEvent['type'][] = []
    app.on('chunk', ({ type: what }) => void seen.push(what))
    app.on('fault', ({ type: what }) => void seen.push(what))

    expect([(await app.run()).state.n, seen]).toEqual([3, ['chunk', 'fault']])
  })
})

describe('a frame', () => {
  it('of an unknown type, or with a field of another type, is refused at either end', () => {
    expect(() => assertDown({ type: 'explode' })).toThrow('The frame "explode" has the unknown type "explode".')
    expect(() => assertDown({ type: 'credit', n: '1' })).toThrow('The frame "credit".n is "1"; it takes a whole number')
    expect(() => assertUp({ type: 'waits', n: 1, waits: null })).toThrow('The frame "waits".waits is null; it takes a')
    expect(() => assertUp(undefined)).toThrow('The frame is undefined; it takes a record.')
  })
})
