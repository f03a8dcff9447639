import { createApplication, createLimit, defineMessage, type Interceptor, type } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// Combinations: cancels and interceptors, waits and limits, retries and fallbacks, stops and sub-applications.

const counted = () => {
  const began: string[] = []
  const work = chat.action({
    reads: [],
    writes: ['answer'],
    run({ context }) {
      began.push(context.path.map(({ key }) => key).join('/'))
      return { answer: 'a' }
    },
  })
  return { began, work }
}

describe('while an interceptor runs before a run', () => {
  const asked = () => {
    const { began, work } = counted()
    const gate = defer()
    const ends: string[] = []
    const interceptors: Interceptor[] = [
      { beforeRun: () => gate.promise, afterRun: (_, { status }) => void ends.push(status) },
    ]
    const options = { entrypoint: 'work', state: {}, interceptors } as const
    return { began, gate, ends, app: createApplication(chat.graph({ actions: { work } }), options) }
  }

  it('a cancel is not lost', async () => {
    const { began, gate, ends, app } = asked()
    const run = app.run()
    const cancelled = app.cancel({ reason: 'no' })
    gate.resolve()
    await cancelled

    expect(await run).toMatchObject({ status: 'cancelled', reason: 'no', by: 'app' })
    expect([began, ends]).toEqual([[], ['cancelled']])
  })

  it('the signal of the caller is not lost', async () => {
    const { began, gate, app } = asked()
    const controller = new AbortController()
    const run = app.run({ signal: controller.signal })
    controller.abort(new RangeError('no'))
    gate.resolve()

    await expect(run).rejects.toThrow('no')
    expect(began).toEqual([])
  })

  it('a cancel comes before a refusal', async () => {
    const { gate, app } = asked()
    const run = app.run()
    void app.cancel({ reason: 'no' })
    gate.reject(new RangeError('refused'))

    expect(await run).toMatchObject({ status: 'cancelled', reason: 'no' })
  })

  it('disposing of the application ends the run', async () => {
    const { began, gate, app } = asked()
    const run = app.run()
    const disposed = app[Symbol.asyncDispose]()
    gate.resolve()
    await disposed

    expect(await run).toMatchObject({ status: 'cancelled' })
    expect(began).toEqual([])
  })

  it('a stop of its actor ends the run at once', async () => {
    const { began, gate, app } = asked()
    const run = app.run()
    app.actor.stop()

    expect(await run).toMatchObject({ status: 'cancelled', by: 'stop' })
    gate.resolve()
    await flush()
    expect(began).toEqual([])
  })

  it('a silent one is abandoned after a cancel', async () => {
    const { work } = counted()
    const clock = new ManualClock()
    const interceptors: Interceptor[] = [{ beforeRun: () => new Promise(() => {}) }]
    const options = { entrypoint: 'work', state: {}, interceptors, clock, graceMs: 100 } as const
    const app = createApplication(chat.graph({ actions: { work } }), options)
    const run = app.run()
    void app.cancel({ reason: 'no' })
    clock.advance(100)

    expect(await run).toMatchObject({ status: 'cancelled', reason: 'no' })
  })

  it('an application left behind by its action is cancelled with the step', async () => {
    const { began, work } = counted()
    const gate = defer()
    const outcome = defer<unknown>()
    const below = chat.graph({ actions: { work } })
    const outer = chat.action({
      reads: [],
      writes: ['n'],
      run({ context }) {
        const child = createApplication(below, { entrypoint: 'work', state: {}, parent: context, key: 'child' })
        void child.run().then(outcome.resolve)
        return { n: 1 }
      },
    })
    const interceptors: Interceptor[] = [{ beforeRun: ({ path }) => (path.length > 0 ? gate.promise : undefined) }]
    const app = createApplication(chat.graph({ actions: { outer } }), { entrypoint: 'outer', state: {}, interceptors })
    const cancelled = emitted(app, 'cancel', 'outer/child')
    const run = app.run()
    await cancelled
    gate.resolve()

    expect(await run).toMatchObject({ status: 'finished' })
    expect(await outcome.promise).toMatchObject({ status: 'cancelled', by: 'parent' })
    expect(began).toEqual([])
  })
})

it('a listener of run.start can cancel the run', async () => {
  const { began, work } = counted()
  const app = createApplication(chat.graph({ actions: { work } }), { entrypoint: 'work', state: {} })
  app.on('run.start', () => void app.cancel({ reason: 'no' }))

  expect(await app.run()).toMatchObject({ status: 'cancelled', reason: 'no' })
  expect(began).toEqual([])
})

describe('app.cancel of one branch', () => {
  it('reaches it during an interceptor before it', async () => {
    const { began, work } = counted()
    const gate = defer()
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { a: work, b: work },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const called = defer()
    const beforeBranch: Interceptor['beforeBranch'] = ({ key }) => {
      if (key === 'a') return undefined
      called.resolve()
      return gate.promise
    }
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      interceptors: [{ beforeBranch }],
      graceMs: 0,
    })
    const run = app.run()
    await called.promise
    await app.cancel({ path: 'map/b', reason: 'no' })

    expect((await run).state.answer).toBe('done,cancelled')
    gate.resolve()
    await flush()
    expect(began).toEqual(['a'])
  })

  it('has the grace period of its map', async () => {
    const clock = new ManualClock()
    const { work } = counted()
    const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      graceMs: 10,
      actions: { a: deaf, b: work },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: quiet,
    })
    const settled = emitted(app, 'branch.settled', 'map/b')
    const run = app.run()
    await settled
    void app.cancel({ path: 'map/a' })
    await clock.fire(10)
    await flush()
    expect(clock.pending).toBe(0)

    expect(await run).toMatchObject({ state: { answer: 'cancelled,done' }, leaked: [{ path: 'map/a', sinceMs: 10 }] })
  })

  it('reaches it before its start, from a listener of its own event', async () => {
    for (const interceptors of [[], [{ beforeBranch() {} }]]) {
      const { began, work } = counted()
      const map = chat.mapActions({
        reads: [],
        writes: ['answer'],
        settle: 'collect',
        actions: { a: work, b: work },
        reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
      })
      const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {}, interceptors })
      app.on('branch.queued', ({ key }) => void (key === 'b' && app.cancel({ path: 'map/b' })))

      expect((await app.run()).state.answer).toBe('done,cancelled')
      expect(began).toEqual(['a'])
    }
  })
})

it('an application that is cancelled when a branch is queued starts none', async () => {
  const { began, work } = counted()
  const map = chat.mapActions({ reads: [], writes: ['answer'], actions: { a: work }, reduce: () => ({ answer: '' }) })
  const interceptors: Interceptor[] = [{ beforeBranch() {} }]
  const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {}, interceptors })
  app.on('branch.queued', () => void app.cancel())

  expect(await app.run()).toMatchObject({ status: 'cancelled' })
  expect(began).toEqual([])
})

const hint = defineMessage('hint', type<string>())
const other = defineMessage('other', type<string>())

describe('under a shared limit', () => {
  it('a branch that is cancelled while it waits needs no permit to end', async () => {
    const held = defer()
    const wait = chat.action({
      reads: [],
      writes: ['answer'],
      run: async ({ context }) => ({ answer: (await context.receiveOne(hint)).body }),
    })
    const hold = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => held.promise.then(() => ({ answer: 'held' })),
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      concurrency: createLimit(1),
      actions: { wait, hold },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const settled: string[] = []
    app.on('branch.settled', ({ key }) => void settled.push(key))
    const started = emitted(app, 'step.start', 'map/wait', 'map/hold')
    const run = app.run()
    await started
    void app.cancel({ path: 'map/wait' })
    await flush()

    expect(settled).toEqual(['wait'])
    held.resolve()
    expect((await run).state.answer).toBe('cancelled,done')
  })

  it('an attempt that times out while it waits for its permit again has ended', async () => {
    const clock = new ManualClock()
    const held = defer()
    const wait = chat.action({
      reads: [],
      writes: ['answer'],
      timeoutMs: 50,
      run: async ({ context }) => ({ answer: (await context.receiveOne(hint)).body }),
    })
    const hold = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => held.promise.then(() => ({ answer: 'held' })),
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      concurrency: createLimit(1),
      actions: { wait, hold },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {}, clock })
    const settled: string[] = []
    app.on('branch.settled', ({ key }) => void settled.push(key))
    const started = emitted(app, 'step.start', 'map/wait', 'map/hold')
    const run = app.run()
    await started
    await app.send(hint('h'), { path: 'map/wait' }) // it has its message, and waits for its permit
    await clock.fire(50)
    await flush()

    expect(settled).toEqual(['wait'])
    held.resolve()
    expect(await run).toMatchObject({ state: { answer: 'failed,done' }, leaked: [] })
  })

  it('an action that ends while it asks for its permit again leaves it to the others', async () => {
    const [inside, ended, late, held] = [defer(), defer(), defer(), defer()]
    const work = (until: Promise<void>) =>
      chat.action({ reads: [], writes: ['answer'], run: () => until.then(() => ({ answer: 'worked' })) })
    const inner = chat.graph({ actions: { work: work(inside.promise) } })
    const make = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const app = createApplication(inner, { entrypoint: 'work', state: {}, parent: context, key: 'hand' })
        app.on('run.end', () => ended.resolve())
        void app.run() // the permit is free meanwhile
        await late.promise
        return { answer: 'made' }
      },
    })
    const waiting = (until: Promise<void>) =>
      chat.action({
        reads: [],
        writes: ['answer'],
        async run({ context }) {
          await context.receiveOne(hint)
          await until
          return { answer: 'heard' }
        },
      })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      concurrency: createLimit(1),
      actions: { make, hold: waiting(held.promise), last: waiting(Promise.resolve()) },
      reduce: ({ results }) => ({ answer: results.map(({ key }) => key).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const wait = emitted(app, 'wait', 'map/hold', 'map/last')
    const settled = emitted(app, 'branch.settled', 'map/make')
    const run = app.run()
    await wait
    await app.send(hint('go'), { path: 'map/hold' }) // it asks for the permit, which the inner action holds
    inside.resolve()
    await ended.promise
    await flush() // the permit went to `hold`, and `make` asks for it

    late.resolve()
    await settled
    held.resolve()
    await app.send(hint('go'), { path: 'map/last' })

    expect((await run).state.answer).toBe('make,hold,last')
  })

  it('an action that begins to wait while it asks for its permit again leaves it to the others', async () => {
    const [inside, ended, late, held] = [defer(), defer(), defer(), defer()]
    const limit = createLimit(1)
    const work = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => inside.promise.then(() => ({ answer: 'worked' })),
    })
    const inner = chat.graph({ actions: { work } })
    const make = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const app = createApplication(inner, { entrypoint: 'work', state: {}, parent: context, key: 'hand' })
        app.on('run.end', () => ended.resolve())
        void app.run() // the permit is free meanwhile
        await late.promise
        await context.receiveOne(hint)
        return { answer: 'made' }
      },
    })
    const hold = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        await context.receiveOne(hint)
        await held.promise
        return { answer: 'heard' }
      },
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      concurrency: limit,
      actions: { make, hold },
      reduce: ({ results }) => ({ answer: results.map(({ key }) => key).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const holdWaits = emitted(app, 'wait', 'map/hold')
    const makeWaits = emitted(app, 'wait', 'map/make')
    const settled = emitted(app, 'branch.settled', 'map/hold')
    const run = app.run()
    await holdWaits
    await app.send(hint('go'), { path: 'map/hold' }) // it asks for the permit, which the inner action holds
    inside.resolve()
    await ended.promise
    await flush() // the permit went to `hold`, and `make` asks for it
    expect([limit.running, limit.waiting]).toEqual([1, 1])

    late.resolve()
    await makeWaits
    expect([limit.running, limit.waiting]).toEqual([1, 0])
    held.resolve()
    await settled
    expect([limit.running, limit.waiting]).toEqual([0, 0])

    await app.send(hint('go'), { path: 'map/make' })
    expect((await run).state.answer).toBe('make,hold')
  })

  it('an action that waits twice at once takes one permit', async () => {
    const held = defer()
    const second = defer()
    const wait = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const late = second.promise.then(() => context.receiveOne(other))
        await Promise.all([context.receiveOne(hint), late])
        return { answer: 'waited' }
      },
    })
    const hold = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => held.promise.then(() => ({ answer: 'held' })),
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      concurrency: createLimit(1),
      actions: { wait, hold },
      reduce: ({ results }) => ({ answer: results.map(({ state }) => state.answer).join() }),
    })
    const graph = chat.graph({ actions: { map }, transitions: { map: [{ to: 'map', when: () => again }] } })
    let again = true
    const app = createApplication(graph, { entrypoint: 'map', state: {} })
    const started = emitted(app, 'step.start', 'map/wait', 'map/hold')
    const run = app.run({ maxSteps: 1 }).catch(() => {})
    await started
    await app.send(hint('h'), { path: 'map/wait' }) // waits for its permit again, which `hold` has
    await flush()
    second.resolve()
    await flush()
    await app.send(other('o'), { path: 'map/wait' })
    await flush()
    held.resolve()
    await run
    again = false
    const next = app.run() // the permit is free again
    for (const message of [hint('h'), other('o')]) {
      await flush()
      await app.send(message, { path: 'map#2/wait' })
    }
    expect((await Promise.race([next, flush().then(() => undefined)]))?.state.answer).toBe('waited,held')
  })
})

it('a policy that needs more branches than there are fails before one starts', async () => {
  const { began, work } = counted()
  const map = chat.mapActions({
    reads: [],
    writes: ['answer'],
    settle: { atLeast: 3 },
    actions: { a: work, b: work },
    reduce: () => ({ answer: '' }),
  })
  const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

  await expect(app.run()).rejects.toThrow('there are only 2 branches')
  expect(began).toEqual([])
})

it('a branch stays recovered when a later step of it fails and is tried again', async () => {
  let tries = 0
  const weak = chat.action({
    reads: [],
    writes: ['answer'],
    run: () => Promise.reject(new RangeError('weak')),
    fallback: () => ({ answer: 'saved' }),
  })
  const flaky = chat.action({
    reads: [],
    writes: ['n'],
    run() {
      tries += 1
      if (tries === 1) throw new RangeError('flaky')
      return { n: tries }
    },
  })
  const both = chat.graph({ actions: { weak, flaky }, transitions: { weak: 'flaky' } })
  const map = chat.mapActions({
    reads: [],
    writes: ['n'],
    retry: { attempts: 2, delayMs: 0 },
    actions: { a: both.runnable({ entrypoint: 'weak' }) },
    reduce: ({ results }) => ({ n: results.filter(({ recovered }) => recovered).length }),
  })
  const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

  expect((await app.run()).state.n).toBe(1)
})

describe('an observer that returns a promise', () => {
  it('has its rejection reported', async () => {
    const error = vi.fn()
    const logger = { debug() {}, info() {}, warn() {}, error }
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answer'],
      actions: { a: echo },
      watch: async () => Promise.reject(new RangeError('watch')),
      reduce: () => ({ answer: '' }),
    })
    const options = { entrypoint: 'map', state: { prompt: '' }, logger } as const
    const app = createApplication(chat.graph({ actions: { map } }), options)
    app.on('run.end', async () => Promise.reject(new RangeError('listener')))
    await app.run()
    await flush()

    const told = new Set(error.mock.calls.map(([text, thrown]) => `${text} ${(thrown as Error).message}`))
    expect([...told].sort()).toEqual(['A listener of "run.end" threw. listener', 'watch of "map" threw. watch'])
  })
})

describe('an application created by an action', () => {
  const nested = (outcome: (value: unknown) => void) => {
    const inner = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
    const below = chat.graph({ actions: { inner } })
    const outer = chat.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const child = createApplication(below, { entrypoint: 'inner', state: {}, parent: context, key: 'child' })
        await child.run().then(outcome, outcome)
        return { n: 1 }
      },
    })
    return createApplication(chat.graph({ actions: { outer } }), { entrypoint: 'outer', state: {} })
  }

  it('is cancelled by its parent, whatever cancelled the parent', async () => {
    const told = vi.fn()
    const controller = new AbortController()
    const app = nested(told)
    const causes: string[] = []
    app.on('cancel', ({ cause, by, path }) => void causes.push(`${path.length} ${cause} ${by}`))
    const started = emitted(app, 'step.start', 'outer/child')
    const run = app.run({ signal: controller.signal })
    await started
    controller.abort('gone')
    await expect(run).rejects.toBe('gone')

    expect(told.mock.calls).toMatchObject([[{ status: 'cancelled', reason: 'gone', by: 'parent' }]])
    expect(causes).toEqual(['0 signal signal', '1 parent parent'])
  })

  it('is stopped with its parent, and emits its end before it', async () => {
    const app = nested(() => {})
    const told: string[] = []
    app.on('*', ({ type, path }) => void told.push(`${path.length} ${type}`))
    const started = emitted(app, 'step.start', 'outer/child')
    const run = app.run()
    await started
    app.actor.stop()
    await run
    await flush()

    expect(told.slice(-2)).toEqual(['1 run.end', '0 run.end'])
  })
})

it('the grace period of an outer map holds for the source of an inner one', async () => {
  const clock = new ManualClock()
  const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
  const inner = chat.mapStates({
    reads: [],
    writes: ['answer'],
    action: deaf,
    async *states() {
      try {
        yield {}
        await new Promise(() => {})
      } finally {
        await new Promise(() => {})
      }
    },
    reduce: () => ({ answer: '' }),
  })
  const outer = chat.mapActions({
    reads: [],
    writes: ['answer'],
    graceMs: 10,
    actions: { a: inner },
    reduce: () => ({ answer: '' }),
  })
  const options = { entrypoint: 'outer', state: {}, clock, logger: quiet, graceMs: 10 } as const
  const app = createApplication(chat.graph({ actions: { outer } }), options)
  const started = emitted(app, 'step.start', 'outer/a/a/0')
  const run = app.run()
  await started
  void app.cancel()
  await flush()
  for (let i = 0; i < 3; i++) {
    clock.advance(10)
    await flush()
  }

  expect(await Promise.race([run, flush().then(() => 'hangs')])).toMatchObject({ status: 'cancelled' })
})

it('a late error of an after-interceptor of a branch is no event after a stop', async () => {
  const { work } = counted()
  const late = defer()
  const error = vi.fn()
  const logger = { debug() {}, info() {}, warn() {}, error }
  const map = chat.mapActions({ reads: [], writes: ['answer'], actions: { a: work }, reduce: () => ({ answer: '' }) })
  const called = defer()
  const afterBranch = () => {
    called.resolve()
    return late.promise
  }
  const interceptors: Interceptor[] = [{ name: 'late', afterBranch }]
  const options = { entrypoint: 'map', state: {}, interceptors, logger } as const
  const app = createApplication(chat.graph({ actions: { map } }), options)
  const told: string[] = []
  app.on('*', ({ type: name }) => void told.push(name))
  const run = app.run()
  await called.promise
  app.actor.stop()
  await run
  late.reject(new RangeError('late'))
  await flush()

  expect(told.at(-1)).toBe('run.end')
  expect(error.mock.calls).toEqual([['interceptor late afterBranch threw.', new RangeError('late')]])
})
