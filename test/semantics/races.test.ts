import { createApplication, createLimit, defineMessage, printPath, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// Races found by random schedules, each by hand.

describe('a branch that gets a permit', () => {
  it('does not start when it is cancelled in the same tick', async () => {
    const began: string[] = []
    const work = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ state }) {
        began.push(state.prompt)
        return { answer: '' }
      },
    })
    const map = chat.mapStates({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      concurrency: createLimit(1),
      action: work,
      states: { a: { prompt: 'a' }, b: { prompt: 'b' }, c: { prompt: 'c' } },
      watch({ event, cancel }) {
        if (event.type === 'step.end' && event.key === 'a') cancel('b') // the permit of a is free, b gets it
      },
      reduce: ({ results }) => ({ answer: results.map(({ status }) => status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    const { state } = await app.run()

    expect(began).toEqual(['a', 'c'])
    expect(state.answer).toBe('done,cancelled,done')
  })
})

describe('an action', () => {
  it('does not start when a listener of step.start cancels it', async () => {
    let began = 0
    const work = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: `${++began}` }) })
    const app = createApplication(chat.graph({ actions: { work } }), { entrypoint: 'work', state: {} })
    app.on('step.start', () => void app.cancel({ reason: 'no' }))

    expect(await app.run()).toMatchObject({ status: 'cancelled', reason: 'no' })
    expect(began).toBe(0)
  })
})

describe('a further attempt', () => {
  it('does not run when it is cancelled in the tick in which it is due', async () => {
    const clock = new ManualClock()
    let began = 0
    const flaky = chat.action({
      reads: [],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 10, jitter: 0 },
      run: () => {
        began += 1
        throw new RangeError('no')
      },
    })
    const app = createApplication(chat.graph({ actions: { flaky } }), { entrypoint: 'flaky', state: {}, clock })
    app.on('step.start', ({ attempt }) => {
      if (attempt === 2) queueMicrotask(() => void app.cancel())
    })

    const run = app.run()
    await clock.fire(10)

    expect((await run).status).toBe('cancelled')
    expect(began).toBe(1)
  })
})

describe('a watch that gets the end of the last branch', () => {
  it('cannot make the map reduce against its policy', async () => {
    const fail = chat.action({ reads: [], writes: ['answer'], run: () => Promise.reject(new RangeError('no')) })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'any',
      actions: { a: fail, b: fail },
      watch({ event, cancel }) {
        if (event.type === 'branch.settled') cancel(['a', 'b']) // settled by now, or cancelled
      },
      reduce: () => ({ answer: 'reduced' }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    await expect(app.run()).rejects.toThrow(`Map action "map" cannot settle as 'any': 1 of 2 branches failed: "a".`)
  })

  it('starts no further branch by a cancel', async () => {
    const began: string[] = []
    const work = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ state }) {
        began.push(state.prompt)
        return { answer: '' }
      },
    })
    const map = chat.mapStates({
      reads: [],
      writes: ['answer'],
      settle: 'first',
      concurrency: 1,
      action: work,
      states: { a: { prompt: 'a' }, b: { prompt: 'b' }, c: { prompt: 'c' } },
      watch({ event, cancel }) {
        if (event.type === 'branch.settled' && event.key === 'a') cancel('a')
      },
      reduce: ({ results }) => ({ answer: results.map((r) => r.status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })

    expect((await app.run()).state.answer).toBe('done,cancelled,cancelled')
    expect(began).toEqual(['a'])
  })
})

describe('abandoned code', () => {
  it('is reported by the run even when its branch failed later', async () => {
    const clock = new ManualClock()
    const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
    const quick = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
    const fail = chat.action({ reads: [], writes: ['answer'], run: () => Promise.reject(new RangeError('no')) })
    const race = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'any',
      actions: { deaf, quick },
      reduce: () => ({ answer: '' }),
    })
    const branch = chat
      .graph({ actions: { race, fail }, transitions: { race: 'fail' } })
      .runnable({ entrypoint: 'race' })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { branch },
      reduce: ({ results }) => ({ answer: results.map((r) => r.status).join() }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: quiet,
    })

    const run = app.run()
    await clock.fire(5000)

    expect(await run).toMatchObject({
      state: { answer: 'failed' },
      leaked: [{ path: 'map/branch/race/deaf', sinceMs: 5000 }],
    })
  })

  it('is reported with the time since the map settled, for a source too', async () => {
    const clock = new ManualClock()
    const quick = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
    const map = chat.mapStates({
      reads: [],
      writes: ['answer'],
      settle: 'any',
      action: quick,
      async *states() {
        yield {}
        await new Promise(() => {})
      },
      reduce: () => ({ answer: '' }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: quiet,
    })

    const run = app.run()
    await clock.fire(5000)

    expect((await run).leaked).toEqual([{ path: '', action: 'map', sinceMs: 5000 }])
  })

  it('can be an interceptor before or after the action: the step ends, and a late answer is ignored', async () => {
    const told = async (at: 'beforeStep' | 'afterStep') => {
      const clock = new ManualClock()
      const gate = defer()
      const called = defer()
      let began = 0
      const work = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: `${++began}` }) })
      const held = {
        [at]() {
          called.resolve()
          return gate.promise
        },
      }
      const options = { entrypoint: 'work' as const, state: {}, clock, logger: quiet, interceptors: [held] }
      const app = createApplication(chat.graph({ actions: { work } }), options)
      const heard: string[] = []
      app.on('*', ({ type }) => heard.push(type))

      const run = app.run()
      await called.promise
      void app.cancel()
      clock.advance(5000)
      const { leaked } = await run
      gate.reject(new RangeError('late'))
      await flush()

      return { began, heard, leaked }
    }
    const heard = ['run.start', 'step.start', 'cancel', 'branch.leaked', 'step.end', 'run.end']
    const leak = { path: '', action: 'work', sinceMs: 5000 }

    expect(await told('beforeStep')).toEqual({ began: 0, heard, leaked: [{ ...leak, interceptor: 'beforeStep' }] })
    expect(await told('afterStep')).toEqual({ began: 1, heard, leaked: [{ ...leak, interceptor: 'afterStep' }] })
  })

  it('ends its branch once when a listener of the report stops the actor', async () => {
    const clock = new ManualClock()
    let recovered = 0
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      timeoutMs: 10,
      graceMs: 20,
      actions: { deaf: chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) }) },
      fallback() {
        recovered += 1
        return { answer: '' }
      },
      reduce: () => ({ answer: '' }),
    })
    const options = { entrypoint: 'map', state: {}, clock, logger: quiet } as const
    const app = createApplication(chat.graph({ actions: { map } }), options)
    app.on('branch.leaked', () => app.actor.stop())

    const run = app.run()
    await clock.fire(10)
    await clock.fire(20)

    expect((await run).status).toBe('cancelled')
    expect(recovered).toBe(1)
  })

  it('calls no interceptor when it ends', async () => {
    const clock = new ManualClock()
    const gate = defer<{ answer: string }>()
    const called: string[] = []
    const slow = chat.action({ reads: [], writes: ['answer'], run: () => gate.promise })
    const app = createApplication(chat.graph({ actions: { slow } }), {
      entrypoint: 'slow',
      state: {},
      clock,
      logger: quiet,
      interceptors: [{ afterStep: () => void called.push('afterStep'), afterRun: () => void called.push('afterRun') }],
    })
    const started = emitted(app, 'step.start')
    const run = app.run()
    await started
    await flush()
    void app.cancel()
    clock.advance(5000)
    await run

    gate.resolve({ answer: 'late' })
    await flush()

    expect(called).toEqual(['afterRun'])
  })

  it('starts nothing in a later run of the application', async () => {
    const clock = new ManualClock()
    const gates = [defer(), defer()]
    const called = defer()
    let began = 0
    const work = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: `${++began}` }) })
    let calls = 0
    const held = {
      beforeStep() {
        called.resolve()
        return gates[calls++]?.promise
      },
    }
    const options = { entrypoint: 'work' as const, state: {}, clock, logger: quiet, interceptors: [held] }
    const app = createApplication(chat.graph({ actions: { work } }), options)

    const first = app.run()
    await called.promise
    void app.shutdown()
    clock.advance(5000)
    await first
    const second = app.run()
    gates[0]?.resolve()
    await flush()
    const early = began
    gates[1]?.resolve()
    await second

    expect([early, began]).toEqual([0, 1])
  })

  it('includes a reducer only after its own grace period, however early a branch of its map was cancelled', async () => {
    const clock = new ManualClock()
    const gate = defer()
    const reducing = defer()
    const hold = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
    const other = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        context.cancel('hold')
        return { answer: '' }
      },
    })
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { hold, other },
      async reduce() {
        reducing.resolve()
        await gate.promise
        return { answer: '' }
      },
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      clock,
      logger: quiet,
    })
    const leaks: number[] = []
    app.on('branch.leaked', ({ sinceMs }) => leaks.push(sinceMs))

    const run = app.run()
    await reducing.promise
    clock.advance(3000)
    void app.cancel()
    clock.advance(4999)
    await flush()
    const early = [...leaks]
    clock.advance(1)
    await run

    expect([early, leaks]).toEqual([[], [5000]])
  })

  it('logs only to the logger', async () => {
    const clock = new ManualClock()
    const gate = defer()
    const logged: string[] = []
    const deaf = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        await gate.promise
        context.log('late')
        return { answer: '' }
      },
    })
    const logger = { ...quiet, info: (text: string) => logged.push(text) }
    const app = createApplication(chat.graph({ actions: { deaf } }), { entrypoint: 'deaf', state: {}, clock, logger })
    const heard: string[] = []
    app.on('*', ({ type }) => heard.push(type))
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    void app.cancel()
    clock.advance(5000)
    await run
    gate.resolve()
    await flush()

    expect(logged).toEqual(['late'])
    expect(heard.at(-1)).toBe('run.end')
  })
})

describe('an application created by a cancelled action', () => {
  it('runs nothing', async () => {
    let began = 0
    const work = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: `${++began}` }) })
    const graph = chat.graph({ actions: { work } })
    const late = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context, signal }) {
        await untilAborted(signal).catch(() => {})
        const below = createApplication(graph, { entrypoint: 'work', state: {}, parent: context })
        return { answer: (await below.run()).status }
      },
    })
    const app = createApplication(chat.graph({ actions: { late } }), { entrypoint: 'late', state: {} })
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    await app.cancel()

    expect(await run).toMatchObject({ status: 'cancelled' })
    expect(began).toBe(0)
  })
})

describe('an application created by an action', () => {
  const work = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
  const below = chat.graph({ actions: { work } })

  it('emits its end before the step of that action ends, even when it is not awaited', async () => {
    const gate = defer()
    const afterRun = ({ path }: { readonly path: readonly unknown[] }) => (path.length > 0 ? gate.promise : undefined)
    const careless = chat.action({
      reads: [],
      writes: ['answer'],
      run({ context }) {
        void createApplication(below, { entrypoint: 'work', state: {}, parent: context, key: 'k' }).run()
        return { answer: '' }
      },
    })
    const app = createApplication(chat.graph({ actions: { careless } }), {
      entrypoint: 'careless',
      state: {},
      interceptors: [{ afterRun: async (args) => afterRun(args) }],
    })
    const heard: string[] = []
    app.on('*', ({ type, path }) => heard.push(`${type} ${printPath(path)}`.trim()))

    const run = app.run()
    await flush()
    gate.resolve()
    await run

    expect(heard.slice(-3)).toEqual(['run.end careless/k', 'step.end', 'run.end'])
  })

  it('ends with its actor when that action is abandoned', async () => {
    const clock = new ManualClock()
    const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
    const graph = chat.graph({ actions: { deaf } })
    let made: { readonly actor: { getSnapshot(): { readonly status: string } } } | undefined
    const stuck = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const own = createApplication(graph, { entrypoint: 'deaf', state: {}, parent: context, key: 'k' })
        made = own
        await own.run()
        return new Promise<never>(() => {})
      },
    })
    const app = createApplication(chat.graph({ actions: { stuck } }), {
      entrypoint: 'stuck',
      state: {},
      clock,
      logger: quiet,
    })
    const heard: string[] = []
    app.on('*', ({ type, path }) => heard.push(`${type} ${printPath(path)}`.trim()))
    const started = emitted(app, 'step.start', 'stuck/k')

    const run = app.run()
    await started
    void app.cancel()
    clock.advance(5000)
    await run

    expect(made?.actor.getSnapshot().status).not.toBe('active')
    expect(heard.slice(-4)).toEqual(['branch.leaked stuck/k', 'run.end stuck/k', 'branch.leaked', 'run.end'])
  })
})

describe('a message to an application that does not run', () => {
  it('is dropped without an event', async () => {
    const work = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
    const app = createApplication(chat.graph({ actions: { work } }), { entrypoint: 'work', state: {} })
    const heard: string[] = []
    app.on('*', ({ type }) => heard.push(type))

    await app.run()
    const delivery = await app.send(defineMessage('note', type<string>())('late'))

    expect([delivery, heard.at(-1)]).toEqual(['dropped', 'run.end'])
  })
})

describe('events', () => {
  const quick = chat.action({ reads: [], writes: ['answer'], run: async () => ({ answer: '' }) })
  const slow = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })

  it('are emitted in the order of their numbers when watch causes one during another', async () => {
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: 'collect',
      actions: { quick, slow },
      watch({ event, cancel }) {
        if (event.type === 'branch.settled' && event.key === 'quick') cancel('slow')
      },
      reduce: () => ({ answer: '' }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: {} })
    const heard: string[] = []
    app.on('*', ({ seq, type }) => heard.push(`${seq} ${type}`))

    await app.run()

    expect(heard).toContainEqual(expect.stringMatching(/cancel$/))
    expect(heard.map((line) => Number.parseInt(line, 10))).toEqual(heard.map((_, i) => i))
  })

  it('are emitted in the order of their numbers when a listener causes one during another', async () => {
    const app = createApplication(chat.graph({ actions: { slow } }), { entrypoint: 'slow', state: {} })
    const heard: string[] = []
    app.on('step.start', () => void app.cancel())
    app.on('*', ({ seq, type }) => heard.push(`${seq} ${type}`))

    await app.run()

    expect(heard).toEqual(['0 run.start', '1 step.start', '2 cancel', '3 step.end', '4 run.end'])
  })
})
