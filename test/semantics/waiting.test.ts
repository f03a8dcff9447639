import { type AnyEvent, actorLogic, createApplication, createLimit, defineMessage, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { createActor, toPromise, waitFor } from 'xstate'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ topic: string; answer: string; answers: Record<string, string> }>()
const reply = defineMessage('reply', type<string>())
const veto = defineMessage('veto', type<string>())

/** Waits for a person. */
const ask = kit.action({
  reads: [],
  writes: ['answer'],
  async run({ context }) {
    const { kind, body } = await context.receiveOne(reply, veto)
    return { answer: `${kind} ${body}` }
  },
})
const told = (results: readonly { key: string; status: string; reason?: unknown; by?: string }[]) =>
  Object.fromEntries(
    results.map((r) => [r.key, r.status === 'cancelled' ? `${String(r.reason)} by ${r.by}` : r.status]),
  )
const askAll = (
  settlePolicy: 'all' | 'collect' = 'collect',
  concurrency: number | ReturnType<typeof createLimit> = 64,
) =>
  kit.mapActions({
    reads: [],
    writes: ['answers'],
    settle: settlePolicy,
    concurrency,
    actions: { a: ask, b: ask, c: ask },
    reduce: ({ results }) => ({ answers: told(results) }),
  })
const appOf = (
  main: typeof ask | ReturnType<typeof askAll>,
  options: { readonly clock?: ManualClock; readonly concurrency?: number } = {},
) => createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {}, appId: 'app', ...options })
const pathOf = ({ path }: { path: readonly { map: string; key: string }[] }) =>
  path.map(({ map, key }) => `${map}/${key}`).join('/')

it('a reader whose time is over has ended: it waits no more when it is read again', async () => {
  const clock = new ManualClock()
  const ends: string[] = []
  const read = kit.action({
    reads: [],
    writes: ['answer'],
    async run({ context }) {
      const reader = context.receive(reply, { timeoutMs: 50 })
      for (let i = 0; i < 2; i++) {
        for await (const { body } of reader) ends.push(body)
        ends.push('end')
      }
      return { answer: 'none' }
    },
  })
  const app = createApplication(kit.graph({ actions: { read } }), { entrypoint: 'read', state: {}, clock })
  let waits = 0
  app.on('wait', () => {
    waits += 1
  })
  const run = app.run({ whenWaiting: 'return' })
  await clock.timerIn(50)
  clock.advance(50)
  await flush()

  expect([ends, waits]).toEqual([['end', 'end'], 1])
  void app.cancel()
  await run
})

describe('a run that waits for a person', () => {
  it('returns when all that is left waits, with every wait', async () => {
    const clock = new ManualClock(5000)
    const app = appOf(askAll(), { clock })

    const outcome = await app.run({ whenWaiting: 'return' })

    expect(outcome).toMatchObject({ status: 'waiting', action: 'main', next: 'main', sequenceId: -1, leaked: [] })
    expect(outcome.status === 'waiting' && outcome.pending).toEqual(
      ['a', 'b', 'c'].map((key) => ({
        runId: 'app',
        partitionKey: null,
        path: [{ map: 'main', visit: 1, key }],
        action: key,
        kinds: ['reply', 'veto'],
        appId: expect.stringMatching(/./),
        sequenceId: 0,
        id: expect.stringMatching(/.\.0\.0$/),
        since: 5000,
        answered: false,
      })),
    )
  })

  it('continues when it is answered, in any order, and passes its end to the next run', async () => {
    const app = appOf(askAll())

    const counts: unknown[] = []
    let outcome = await app.run({ whenWaiting: 'return' })
    for (let round = 0; outcome.status === 'waiting' && round < 5; round++) {
      const last = outcome.pending.at(-1)
      counts.push(outcome.pending.map(pathOf))
      await app.send(reply('yes'), { path: last?.path ?? [] })
      outcome = await app.run({ whenWaiting: 'return' })
    }

    expect(counts).toEqual([['main/a', 'main/b', 'main/c'], ['main/a', 'main/b'], ['main/a']])
    expect(outcome).toMatchObject({ status: 'finished', state: { answers: { a: 'done', b: 'done', c: 'done' } } })
  })

  it('stays by default', async () => {
    const app = appOf(ask)

    const run = app.run()
    await flush()
    const sent = await app.send(veto('no'))

    expect(sent).toBe('delivered')
    expect((await run).state.answer).toBe('veto no')
  })

  it('does not return while a branch works, a source is pulled, or something is reduced', async () => {
    const [work, more, fold] = [defer(), defer(), defer()]
    const busy = kit.action({
      reads: [],
      writes: ['answer'],
      async run() {
        await work.promise
        return { answer: 'worked' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      async *actions() {
        yield ask
        yield busy
        await more.promise
      },
      async reduce({ results }) {
        await fold.promise
        return { answers: told(results) }
      },
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })
    const log: string[] = []

    const first = app.run({ whenWaiting: 'return' }).finally(() => log.push('back'))
    for (const held of [work, more]) {
      await flush()
      log.push('not yet')
      held.resolve()
    }
    await first
    await app.send(reply('x'), { path: 'main/0' })
    const second = app.run({ whenWaiting: 'return' }).finally(() => log.push('end'))
    await flush()
    log.push('not yet')
    fold.resolve()

    expect((await second).status).toBe('finished')
    expect(log).toEqual(['not yet', 'not yet', 'back', 'not yet', 'end'])
  })

  it.each([
    ['a number', 1],
    ['a shared limit', createLimit(1)],
  ])('lists all waits at once, with %s as the concurrency', async (_, concurrency) => {
    const app = appOf(askAll('collect', concurrency))

    const first = await app.run({ whenWaiting: 'return' })
    for (const key of ['c', 'a', 'b']) await app.send(reply(key), { path: `main/${key}` })
    const last = await app.run({ whenWaiting: 'return' })

    expect(first.status === 'waiting' && first.pending.map(pathOf)).toEqual(['main/a', 'main/b', 'main/c'])
    expect(last).toMatchObject({ status: 'finished', state: { answers: { a: 'done', b: 'done', c: 'done' } } })
  })

  it('finds waits three maps down', async () => {
    const over = (action: ReturnType<typeof askAll>) =>
      kit.mapStates({
        reads: [],
        writes: ['answers'],
        action,
        states: { x: {} },
        reduce: ({ results }) => ({ answers: results[0]?.state.answers ?? {} }),
      })
    const app = appOf(over(over(askAll())))

    const paths: string[] = []
    let outcome = await app.run({ whenWaiting: 'return' })
    while (outcome.status === 'waiting' && paths.length < 9) {
      paths.push(...outcome.pending.slice(0, 1).map(pathOf))
      await app.send(reply('yes'), { path: outcome.pending[0]?.path ?? [] })
      outcome = await app.run({ whenWaiting: 'return' })
    }

    expect(paths).toEqual(['a', 'b', 'c'].map((key) => `main/x/main/x/main/${key}`))
    expect(outcome).toMatchObject({ status: 'finished', state: { answers: { a: 'done', b: 'done', c: 'done' } } })
  })

  it('counts an action that waits and works as waiting', async () => {
    const work = defer<string>()
    const both = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const first = await Promise.race([work.promise, context.receiveOne(reply).then(({ body }) => body)])
        return { answer: first }
      },
    })
    const app = appOf(both)

    const outcome = await app.run({ whenWaiting: 'return' })
    work.resolve('work')

    expect(outcome.status).toBe('waiting')
    expect(await app.run()).toMatchObject({ status: 'finished', state: { answer: 'work' } })
  })

  it('waits in one action for several answers at once', async () => {
    const both = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const [a, b] = await Promise.all([context.receiveOne(reply), context.receiveOne(veto)])
        return { answer: `${a.body} ${b.body}` }
      },
    })
    const app = appOf(both)

    const outcome = await app.run({ whenWaiting: 'return' })
    await app.send(veto('second'))
    await app.send(reply('first'))

    expect(outcome.status === 'waiting' && outcome.pending.map(({ kinds }) => kinds)).toEqual([['reply'], ['veto']])
    expect(await app.run()).toMatchObject({ status: 'finished', state: { answer: 'first second' } })
  })

  it('keeps a failure after its return for the next run, once', async () => {
    const failing = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const { body } = await context.receiveOne(reply)
        if (body === 'bad') throw new Error('no good')
        return { answer: body }
      },
    })
    const app = appOf(failing)

    await app.run({ whenWaiting: 'return' })
    const ended = emitted(app, 'run.end')
    await app.send(reply('bad'))
    await ended
    await flush() // the run has ended without a caller
    const told = app.run({ whenWaiting: 'return' })

    await expect(told).rejects.toThrow('no good')
    expect((await app.run({ whenWaiting: 'return' })).status).toBe('waiting')
    await app.send(reply('good'))
    expect((await app.run()).state.answer).toBe('good')
  })

  it('is ended by shutdown and by dispose, which wait for its clean-up', async () => {
    const log: string[] = []
    const tidy = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        try {
          return { answer: (await context.receiveOne(reply)).body }
        } finally {
          await Promise.resolve()
          log.push('tidied up')
        }
      },
    })
    const app = appOf(tidy)

    await app.run({ whenWaiting: 'return' })
    await app.shutdown('enough')
    log.push('shut down')
    const again = await app.run({ whenWaiting: 'return' })
    await app[Symbol.asyncDispose]()
    log.push('disposed')

    expect(again.status).toBe('waiting')
    expect(log).toEqual(['tidied up', 'shut down', 'tidied up', 'disposed'])
  })

  it('rejects with the reason of a signal that fires after a join, and otherwise keeps no listener on it', async () => {
    const app = appOf(ask)
    const [early, late] = [new AbortController(), new AbortController()]

    await app.run({ whenWaiting: 'return', signal: early.signal })
    early.abort('too early')
    const run = app.run({ signal: late.signal })
    await flush()
    late.abort('over')

    await expect(run).rejects.toBe('over')
  })

  it('refuses other options at a join, and a second caller at once', async () => {
    const app = appOf(askAll())

    await app.run({ whenWaiting: 'return', maxSteps: 7 })
    const other = app.run({ maxSteps: 8 })
    const same = app.run({ maxSteps: 7 })
    const second = app.run()

    await expect(other).rejects.toThrow('was started with different maxSteps. Omit maxSteps, or cancel that run first.')
    await expect(second).rejects.toMatchObject({ code: 'busy' })
    await app.cancel({ reason: 'end' })
    expect((await same).status).toBe('cancelled')
  })

  it('returns from step, iterate and stream too', async () => {
    const next = kit.action({ reads: ['answer'], writes: ['topic'], run: ({ state }) => ({ topic: state.answer }) })
    const graph = kit.graph({ actions: { ask, next }, transitions: { ask: 'next' } })
    const make = () => createApplication(graph, { entrypoint: 'ask', state: {} })
    const [stepped, iterated, streamed] = [make(), make(), make()]

    const none = await stepped.step({ whenWaiting: 'return' })
    const committed = emitted(stepped, 'transition')
    await stepped.send(reply('s'))
    await committed // outside of any call
    const step = await stepped.step({ whenWaiting: 'return' })
    const steps: string[] = []
    const loop = iterated.iterate({ whenWaiting: 'return' })
    const waits = await loop.next()
    await iterated.send(reply('i'))
    for await (const { action } of iterated.iterate({ whenWaiting: 'return' })) steps.push(action)
    const types: string[] = []
    for await (const event of streamed.stream({ whenWaiting: 'return' })) types.push(event.type)
    await streamed.send(reply('t'))
    for await (const event of streamed.stream()) types.push(event.type)

    expect(none).toMatchObject({ status: 'waiting', pending: [{ action: 'ask', path: [] }] })
    expect(step).toMatchObject({ action: 'ask', update: { answer: 'reply s' } })
    expect(waits).toMatchObject({ done: true, value: { status: 'waiting' } })
    expect(steps).toEqual(['ask', 'next'])
    expect(types.slice(0, 3)).toEqual(['run.start', 'step.start', 'wait'])
    expect(types.slice(-2)).toEqual(['step.end', 'run.end'])
    expect([iterated.state.topic, streamed.state.topic]).toEqual(['reply i', 'reply t'])
  })

  it('continues at once when a listener answers during the event', async () => {
    const app = appOf(ask)
    app.on('wait', () => void app.send(reply('at once')))

    expect(await app.run({ whenWaiting: 'return' })).toMatchObject({ status: 'finished' })
  })
})

describe('waiting', () => {
  it('is emitted with its kinds, its source and its duration', async () => {
    const clock = new ManualClock()
    const app = appOf(ask, { clock })
    const events: unknown[] = []
    const keep = ({ seq: _, time: __, runId: ___, ...rest }: AnyEvent) => events.push(rest)
    app.on('wait', keep as never)
    app.on('wake', keep as never)
    const waiting = emitted(app, 'wait')

    const run = app.run()
    await waiting
    clock.advance(40)
    await app.send(reply('yes'))
    await run

    const facts = { incarnation: 0, appId: 'app', path: [], action: 'main', source: 'main', sequenceId: 0 }
    const asked = { id: 'app.0.0', kinds: ['reply', 'veto'], from: 'outside' }
    expect(events).toEqual([
      { type: 'wait', ...facts, ...asked, since: clock.now() - 40 },
      { type: 'wake', ...facts, ...asked, message: { kind: 'reply', body: 'yes', from: '' }, durationMs: 40 },
    ])
  })

  it('shows in watch and in the snapshots of actors', async () => {
    const release = defer()
    const seen: string[] = []
    const poke = kit.action({
      reads: [],
      writes: ['answer'],
      async *run() {
        await release.promise
        yield 1
        return { answer: '' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      settle: 'collect',
      actions: { ask, poke },
      watch({ event, branches, cancel }) {
        seen.push(`${event.type}: ${branches.ask.status}`)
        if (event.type === 'chunk') cancel('ask', 'seen enough')
      },
      reduce: ({ results }) => ({ answers: told(results) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })
    const started = emitted(app, 'step.start', 'main/ask', 'main/poke')

    const run = app.run()
    await started
    const before = app.actor.getSnapshot() as unknown as { waiting: boolean }
    release.resolve()
    const { state } = await run

    expect(before.waiting).toBe(false) // poke works
    expect(seen[0]).toBe('chunk: waiting')
    expect(state.answers).toEqual({ ask: 'seen enough by watch', poke: 'done' })
  })

  it('of an embedded actor shows in its snapshot, and a message sent to the actor ends it', async () => {
    const logic = actorLogic(kit.graph({ actions: { main: askAll() } }).runnable({ entrypoint: 'main' }))
    const actor = createActor(logic, { input: { state: {} } }).start()

    await waitFor(actor, ({ waiting }) => waiting)
    for (const path of ['main/a', 'main/b', 'main/c']) actor.send({ type: 'message', message: reply('yes'), path })
    const going = actor.getSnapshot().waiting
    const output = await toPromise(actor)

    expect(going).toBe(false)
    expect(output.state.answers).toEqual({ a: 'done', b: 'done', c: 'done' })
  })

  it('holds no permit of a shared limit', async () => {
    const order: string[] = []
    const work = kit.action({
      reads: [],
      writes: ['answer'],
      run: () => {
        order.push('work')
        return { answer: '' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      concurrency: createLimit(1),
      actions: { ask, work },
      reduce: ({ results }) => ({ answers: told(results) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })

    const { status } = await app.run({ whenWaiting: 'return' })

    expect([status, order]).toEqual(['waiting', ['work']])
    await app.cancel()
  })

  it('takes its permit again before the action goes on', async () => {
    const gate = defer()
    const order: string[] = []
    const hear = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const { body } = await context.receiveOne(reply)
        order.push(`heard ${body}`)
        return { answer: body }
      },
    })
    const work = kit.action({
      reads: [],
      writes: ['answer'],
      async run() {
        order.push('work')
        await gate.promise
        order.push('work done')
        return { answer: '' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      concurrency: createLimit(1),
      actions: { hear, work },
      reduce: ({ results }) => ({ answers: told(results) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })
    const started = emitted(app, 'step.start', 'main/hear', 'main/work')

    const run = app.run()
    await started
    order.push(await app.send(reply('yes'), { path: 'main/hear' }))
    await flush()
    gate.resolve()

    expect((await run).state.answers).toEqual({ hear: 'done', work: 'done' })
    expect(order).toEqual(['work', 'delivered', 'work done', 'heard yes'])
  })

  it('left behind by an action takes no permit and no message of a later step', async () => {
    const limit = createLimit(1)
    const hasty = kit.action({
      reads: [],
      writes: ['topic'],
      async run({ context }) {
        await Promise.race([context.receiveOne(reply).catch(() => {}), Promise.resolve()])
        return { topic: 'hasty' }
      },
    })
    const both = kit.graph({ actions: { hasty, ask }, transitions: { hasty: 'ask' } }).runnable({ entrypoint: 'hasty' })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      concurrency: limit,
      actions: { one: both, two: both },
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer])) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })

    const waiting = await app.run({ whenWaiting: 'return' })
    for (const key of ['one', 'two']) await app.send(reply(key), { path: `main/${key}` })
    const { state } = await app.run()

    expect(waiting.status === 'waiting' && waiting.pending.map(({ action }) => action)).toEqual(['ask', 'ask'])
    expect(state.answers).toEqual({ one: 'reply one', two: 'reply two' })
  })

  it('of siblings for each other is no fault while one of them waits for a person', async () => {
    const listen = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        for await (const { body } of context.messages(reply)) return { answer: body }
        return { answer: 'none' }
      },
    })
    const pass = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const { body } = await context.receiveOne(reply)
        context.broadcast(reply(`${body}, passed on`))
        return { answer: '' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      actions: { one: listen, two: listen, pass },
      reduce: ({ branches: { one, two } }) => ({ answers: { one: one.state.answer, two: two.state.answer } }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })

    const waiting = await app.run({ whenWaiting: 'return' })
    await app.send(reply('word'), { path: 'main/pass' })
    const { state } = await app.run()

    expect(waiting.status === 'waiting' && waiting.pending.map(pathOf)).toEqual(['main/pass'])
    expect(state.answers).toEqual({ one: 'word, passed on', two: 'word, passed on' })
  })

  it('in an application created by an action is the wait of that action', async () => {
    const inner = kit.graph({ actions: { ask } })
    const outer = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const app = createApplication(inner, { entrypoint: 'ask', state: {}, parent: context, key: 'in' })
        return { answer: (await app.run()).state.answer }
      },
    })
    const app = appOf(outer)

    const waiting = await app.run({ whenWaiting: 'return' })
    await app.send(reply('deep'), { path: (waiting.status === 'waiting' && waiting.pending[0]?.path) || [] })

    expect(waiting.status === 'waiting' && waiting.pending.map(pathOf)).toEqual(['main/in'])
    expect((await app.run()).state.answer).toBe('reply deep')
  })
})

describe('a branch that waits for a person', () => {
  it('is cancelled from outside by its path', async () => {
    const app = appOf(askAll())

    await app.run({ whenWaiting: 'return' })
    await app.cancel({ path: 'main/b', reason: 'not needed' })
    const left = await app.run({ whenWaiting: 'return' })
    for (const path of ['main/a', 'main/c']) await app.send(reply('yes'), { path })

    expect(left.status === 'waiting' && left.pending.map(pathOf)).toEqual(['main/a', 'main/c'])
    expect((await app.run()).state.answers).toEqual({ a: 'done', b: 'not needed by app', c: 'done' })
  })

  it('is cancelled from outside before its start', async () => {
    const app = appOf(askAll('collect', 1))

    await app.run({ whenWaiting: 'return' })
    for (const path of ['main/b', 'main/c']) await app.cancel({ path, reason: 'not needed' })
    await app.send(reply('yes'), { path: 'main/a' })

    expect((await app.run()).state.answers).toEqual({ a: 'done', b: 'not needed by app', c: 'not needed by app' })
  })

  it.each([
    ['an action', ask],
    ['a map of actions', askAll()],
  ] as const)('as %s is cancelled by a sibling', async (_, waiting) => {
    const go = defer()
    const killer = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        await go.promise
        context.cancel('waiting', 'in the way')
        return { answer: '' }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      settle: 'collect',
      actions: { waiting: waiting as typeof ask, killer },
      reduce: ({ results }) => ({ answers: told(results) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), { entrypoint: 'main', state: {} })
    const started = emitted(app, 'step.start', 'main/killer')

    const run = app.run()
    await started
    go.resolve()

    expect((await run).state.answers).toEqual({ waiting: 'in the way by killer', killer: 'done' })
  })

  it('gets messages sent before it waited, once, and none once it has settled', async () => {
    const gate = defer()
    const late = kit.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        await gate.promise
        const heard = [await context.receiveOne(reply), await context.receiveOne(reply)]
        return { answer: heard.map(({ body }) => body).join() }
      },
    })
    const main = kit.mapActions({
      reads: [],
      writes: ['answers'],
      actions: { late },
      reduce: ({ branches }) => ({ answers: { late: branches.late.state.answer } }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), {
      entrypoint: 'main',
      state: {},
      logger: quiet,
    })
    const told: string[] = []
    app.on('message', ({ to, delivery }) => told.push(`${to} ${delivery}`))
    const started = emitted(app, 'step.start', 'main/late')

    const run = app.run()
    await started
    const sent = [await app.send(reply('1'), { path: 'main/late' }), await app.send(reply('2'), { path: 'late' })]
    gate.resolve()
    const { state } = await run
    sent.push(await app.send(reply('3'), { path: 'main/late' }), await app.send(reply('4'), { path: 'main/nobody' }))

    expect(sent).toEqual(['queued', 'queued', 'dropped', 'dropped'])
    expect(told).toEqual(['main/late queued', 'main/late queued']) // nothing is emitted after the end of the run
    expect(state.answers).toEqual({ late: '1,2' })
  })

  it('drops a message when its mailbox is full', async () => {
    const app = appOf(ask)

    await app.run({ whenWaiting: 'return' })
    const other = defineMessage('other', type<number>())
    const sent = await Promise.all(Array.from({ length: 1002 }, (_, i) => app.send(other(i))))

    expect([sent.filter((s) => s === 'queued').length, sent.slice(-2)]).toEqual([1000, ['refused', 'refused']])
    await app.cancel()
  })
})
