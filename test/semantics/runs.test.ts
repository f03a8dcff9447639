import { BusyError, createApplication, defineState, MaxStepsError, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; log: string[]; done: boolean }>()
const add = kit.action({ reads: ['n'], writes: ['n'], tags: ['count'], run: ({ state }) => ({ n: state.n + 1 }) })
const report = kit.action({ reads: ['n'], writes: ['log'], run: ({ state }) => ({ log: [`n is ${state.n}`] }) })
const counter = kit.graph({
  actions: { add, report },
  transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }, { to: 'report' }] },
})
const create = () => createApplication(counter, { entrypoint: 'add', state: { n: 0 } })

describe('step, run and iterate', () => {
  it('step takes one step, and returns undefined when none is left', async () => {
    const app = create()

    const steps = [await app.step(), await app.step(), await app.step(), await app.step(), await app.step()]

    expect(steps.map((step) => step && [step.action, step.sequenceId, step.update])).toEqual([
      ['add', 0, { n: 1 }],
      ['add', 1, { n: 2 }],
      ['add', 2, { n: 3 }],
      ['report', 3, { log: ['n is 3'] }],
      undefined,
    ])
    expect({ position: app.position, next: app.next, sequenceId: app.sequenceId }).toEqual({
      position: 'report',
      next: undefined,
      sequenceId: 3,
    })
  })

  it('run goes to the end, and a second run has no step left', async () => {
    const app = create()

    const first = await app.run()
    const second = await app.run()

    expect(first).toMatchObject({
      status: 'finished',
      action: 'report',
      next: undefined,
      sequenceId: 3,
      state: { n: 3 },
    })
    expect(second).toEqual(first)
  })

  it('haltAfter halts once its action has committed; a further run goes on', async () => {
    const app = create()

    const ends = [
      await app.run({ haltAfter: 'add' }),
      await app.run({ haltAfter: { tag: 'count' } }),
      await app.run({ haltAfter: ['report', 'add'] }),
    ]

    expect(ends.map(({ status, action, next, sequenceId }) => ({ status, action, next, sequenceId }))).toEqual([
      { status: 'halted', action: 'add', next: 'add', sequenceId: 0 },
      { status: 'halted', action: 'add', next: 'add', sequenceId: 1 },
      { status: 'halted', action: 'add', next: 'report', sequenceId: 2 },
    ])
  })

  it('haltBefore is checked after at least one step', async () => {
    const app = create()

    const first = await app.run({ haltBefore: 'add' })
    const before = await app.run({ haltBefore: 'report' })
    const through = await app.run({ haltBefore: 'report' })

    expect([first.sequenceId, before.sequenceId, through.sequenceId]).toEqual([0, 2, 3])
    expect([first.status, before.status, through.status]).toEqual(['halted', 'halted', 'finished'])
    expect(before).toMatchObject({ action: 'add', next: 'report' })
  })

  it('iterate yields every committed step and returns the outcome', async () => {
    const app = create()
    const seen: number[] = []
    const steps = app.iterate({ haltAfter: 'report' })
    let end = await steps.next()
    while (end.done !== true) {
      seen.push(end.value.state.n)
      end = await steps.next()
    }

    expect(seen).toEqual([1, 2, 3, 3])
    expect(end.value).toMatchObject({ status: 'halted', action: 'report' })
  })

  it('iterate takes the next step only on request', async () => {
    const app = create()
    const steps = app.iterate()

    await steps.next()
    await flush()
    const waiting = app.sequenceId
    await steps.next()

    expect([waiting, app.sequenceId]).toEqual([0, 1])
    await steps.return({} as never)
  })

  it('leaving iterate ends the run, and the application can run again', async () => {
    const app = create()
    for await (const step of app.iterate()) if (step.sequenceId === 1) break

    const { status, sequenceId } = await app.run()

    expect({ status, sequenceId }).toEqual({ status: 'finished', sequenceId: 3 })
  })

  it('stream yields events in order, and paces the run', async () => {
    const app = create()
    const types: string[] = []
    for await (const event of app.stream({ haltAfter: 'add' })) types.push(event.type)

    expect(types).toEqual(['run.start', 'step.start', 'transition', 'step.end', 'run.end'])
  })

  it('stream holds its producers back without a reader', async () => {
    let made = 0
    const pour = kit.action({
      reads: [],
      writes: ['done'],
      async *run() {
        for (; made < 1000; made++) yield made
        return { done: true }
      },
    })
    const app = createApplication(kit.graph({ actions: { pour } }), { entrypoint: 'pour', state: {} })
    const events = app.stream()

    await events.next()
    await flush()
    const ahead = made
    let chunks = 0
    for await (const event of events) if (event.type === 'chunk') chunks += 1

    expect(ahead).toBeLessThanOrEqual(70)
    expect(chunks).toBe(1000)
  })

  it('maxSteps fails a longer run; committed steps stay', async () => {
    const app = create()

    await expect(app.run({ maxSteps: 2 })).rejects.toBeInstanceOf(MaxStepsError)
    expect([app.sequenceId, (await app.run({ maxSteps: 2 })).sequenceId]).toEqual([1, 3])
  })

  it('run passes its inputs to each of its steps', async () => {
    const seen: number[] = []
    const take = kit.action({
      reads: ['n'],
      writes: ['n'],
      inputs: { by: type<number>() },
      run({ state, inputs }) {
        seen.push(inputs.by)
        return { n: state.n + inputs.by }
      },
    })
    const graph = kit.graph({
      actions: { take },
      transitions: { take: [{ to: 'take', when: ({ state }) => state.n < 6 }] },
    })

    const { state } = await createApplication(graph, { entrypoint: 'take', state: { n: 0 } }).run({ inputs: { by: 3 } })

    expect({ n: state.n, seen }).toEqual({ n: 6, seen: [3, 3] })
  })
})

describe('one run at a time', () => {
  it('refuses a second run during the first, which is unharmed', async () => {
    const gate = defer()
    const wait = kit.action({
      reads: [],
      writes: ['done'],
      async run() {
        await gate.promise
        return { done: true }
      },
    })
    const app = createApplication(kit.graph({ actions: { wait } }), { entrypoint: 'wait', state: {} })

    const first = app.run()
    await expect(app.run()).rejects.toBeInstanceOf(BusyError)
    await expect(app.step()).rejects.toThrow('The application is already running.')
    gate.resolve()

    expect((await first).state.done).toBe(true)
  })

  it('refuses to run after disposal', async () => {
    const app = create()
    await app[Symbol.asyncDispose]()

    await expect(app.run()).rejects.toThrow('The application is disposed. Make a new one.')
  })

  it('cancels the run and stops the actor by await using', async () => {
    const aborted = defer<unknown>()
    const wait = kit.action({
      reads: [],
      writes: ['done'],
      async run({ signal }) {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason))
        return untilAborted(signal)
      },
    })
    const graph = kit.graph({ actions: { wait } })
    const { run, actor } = await (async () => {
      await using app = createApplication(graph, { entrypoint: 'wait', state: {} })
      const started = emitted(app, 'step.start')
      const run = app.run()
      await started
      return { run, actor: app.actor }
    })()

    expect(await run).toMatchObject({ status: 'cancelled' })
    await aborted.promise
    expect(actor.getSnapshot().status).toBe('stopped')
  })
})

describe('a failure', () => {
  it('rejects with the action, the step and the cause; the state stays, and the step can be tried again', async () => {
    let fail = true
    const shaky = kit.action({
      reads: ['n'],
      writes: ['n'],
      run({ state }) {
        if (fail) throw new Error('503')
        return { n: state.n + 1 }
      },
    })
    const app = createApplication(kit.graph({ actions: { shaky } }), { entrypoint: 'shaky', state: { n: 1 } })

    await expect(app.run()).rejects.toMatchObject({
      name: 'ActionError',
      action: 'shaky',
      sequenceId: 0,
      path: '',
      cause: new Error('503'),
    })
    fail = false

    expect(app.state).toEqual({ n: 1 })
    expect(await app.run()).toMatchObject({ status: 'finished', sequenceId: 0, state: { n: 2 } })
  })
})

describe('a loop of synchronous steps', () => {
  it('gives promises a turn after each of them', async () => {
    const forever = kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: () => true }] } })
    const app = createApplication(forever, { entrypoint: 'add', state: { n: 0 } })
    const seen: number[] = []

    const run = app.run()
    for (let i = 0; i < 5; i++) {
      await Promise.resolve()
      seen.push(app.sequenceId)
    }
    await app.cancel()
    const { sequenceId } = await run

    expect(seen.every((at, i) => i === 0 || at - (seen[i - 1] ?? 0) <= 1)).toBe(true)
    expect(sequenceId).toBeLessThan(10)
  })
})

describe('cancelling a run', () => {
  const wait = kit.action({
    reads: [],
    writes: ['done'],
    run: ({ signal }) => untilAborted(signal),
  })
  const waiting = kit.graph({ actions: { wait } })

  it("by the caller's signal rejects with its reason, after everything has ended", async () => {
    const ended: string[] = []
    const clean = kit.action({
      reads: [],
      writes: ['done'],
      async run({ signal }) {
        try {
          return await untilAborted(signal)
        } finally {
          await Promise.resolve()
          ended.push('finally')
        }
      },
    })
    const app = createApplication(kit.graph({ actions: { clean } }), { entrypoint: 'clean', state: {} })
    const controller = new AbortController()
    const reason = new Error('the user left')
    const started = emitted(app, 'step.start')

    const run = app.run({ signal: controller.signal }).catch((error: unknown) => {
      ended.push('rejected')
      return error
    })
    await started
    controller.abort(reason)

    expect(await run).toBe(reason)
    expect(ended).toEqual(['finally', 'rejected'])
  })

  it('by an aborted signal runs nothing', async () => {
    let ran = false
    const never = kit.action({
      reads: [],
      writes: [],
      run: () => {
        ran = true
        return {}
      },
    })
    const app = createApplication(kit.graph({ actions: { never } }), { entrypoint: 'never', state: {} })

    await expect(app.run({ signal: AbortSignal.abort('no') })).rejects.toBe('no')
    expect(ran).toBe(false)
  })

  it('by app.cancel resolves with the action, the reason and the source', async () => {
    const app = createApplication(waiting, { entrypoint: 'wait', state: {} })
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    await app.cancel({ reason: 'enough' })

    expect(await run).toMatchObject({
      status: 'cancelled',
      action: 'wait',
      next: 'wait',
      reason: 'enough',
      by: 'app',
      sequenceId: -1,
    })
  })

  it('keeps one listener on the signal of the caller while it runs, and none after', async () => {
    const counts: number[] = []
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...args)
    }
    const app = create()
    app.on('step.end', () => counts.push(listeners))

    await app.run({ signal })

    expect(counts).toEqual([1, 1, 1, 1])
    expect(listeners).toBe(0)
  })

  it('abandons code that ignores its signal after the grace period, and reports it', async () => {
    const clock = new ManualClock()
    const never = kit.action({ reads: [], writes: ['done'], run: () => new Promise<{ done: boolean }>(() => {}) })
    const warned: string[] = []
    const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} }
    const app = createApplication(kit.graph({ actions: { never } }), {
      entrypoint: 'never',
      state: {},
      clock,
      logger,
      graceMs: 50,
    })
    const leaks: unknown[] = []
    app.on('branch.leaked', ({ source, sinceMs }) => leaks.push([source, sinceMs]))
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    void app.cancel()
    await clock.timerIn(50)
    clock.advance(49)
    await flush()
    const early = leaks.length
    clock.advance(1)

    expect(await run).toMatchObject({ status: 'cancelled', leaked: [{ path: '', action: 'never', sinceMs: 50 }] })
    expect({ early, leaks, warned: warned.length, timers: clock.pending }).toEqual({
      early: 0,
      leaks: [['never', 50]],
      warned: 1,
      timers: 0,
    })
  })

  it('ignores a late result of abandoned code, also in a further run', async () => {
    const clock = new ManualClock()
    const gates = [defer<number>(), defer<number>()]
    let call = 0
    const slow = kit.action({ reads: [], writes: ['n'], run: async () => ({ n: (await gates[call++]?.promise) ?? 0 }) })
    const app = createApplication(kit.graph({ actions: { slow } }), {
      entrypoint: 'slow',
      state: {},
      clock,
      logger: quiet,
    })
    const started = emitted(app, 'step.start')

    const first = app.run()
    await started
    void app.shutdown()
    clock.advance(5000)
    await first
    const startedAgain = emitted(app, 'step.start')
    const second = app.run()
    await startedAgain
    gates[0]?.resolve(111)
    await flush()
    const before = app.state
    gates[1]?.resolve(2)

    expect(before).toEqual({})
    expect((await second).state).toEqual({ n: 2 })
  })

  it('leaves a further run without its cancel, its attempts and its leaks', async () => {
    const clock = new ManualClock()
    const begun = defer()
    let calls = 0
    const work = kit.action({
      reads: [],
      writes: ['n'],
      retry: { attempts: 2, delayMs: 10, jitter: 0 },
      run() {
        calls += 1
        if (calls === 1) throw new RangeError('no')
        if (calls === 2) begun.resolve()
        return calls === 2 ? new Promise<never>(() => {}) : { n: calls }
      },
    })
    const options = { entrypoint: 'work', state: {}, clock, logger: quiet } as const
    const app = createApplication(kit.graph({ actions: { work } }), options)
    const attempts: (number | undefined)[] = []
    app.on('step.start', ({ attempt }) => attempts.push(attempt))

    const first = app.run()
    await clock.fire(10)
    await begun.promise
    void app.shutdown()
    clock.advance(5000)
    const { status, leaked } = await first
    const second = await app.run()

    expect([status, leaked.length]).toEqual(['cancelled', 1])
    expect(second).toMatchObject({ status: 'finished', state: { n: 3 }, leaked: [] })
    expect(attempts).toEqual([1, 2, 1])
  })

  it('runs the finally of a generator that it stops', async () => {
    const closed: string[] = []
    const gate = defer()
    const pour = kit.action({
      reads: [],
      writes: ['done'],
      async *run() {
        try {
          for (let i = 0; ; i++) {
            yield i
            if (i === 2) await gate.promise
          }
        } finally {
          await Promise.resolve()
          closed.push('finally')
        }
      },
    })
    const app = createApplication(kit.graph({ actions: { pour } }), { entrypoint: 'pour', state: {} })

    const run = app.run().then((end) => closed.push(end.status))
    await flush()
    void app.cancel()
    gate.resolve()
    await run

    expect(closed).toEqual(['finally', 'cancelled'])
  })

  it('awaits the finally of a generator that it stops', async () => {
    const gate = defer()
    const pour = kit.action({
      reads: [],
      writes: [],
      async *run() {
        try {
          yield 1
          yield 2
          return {}
        } finally {
          await gate.promise
        }
      },
    })
    const app = createApplication(kit.graph({ actions: { pour } }), { entrypoint: 'pour', state: {} })
    app.on('chunk', () => void app.cancel())
    let ended = false

    const run = app.run().finally(() => {
      ended = true
    })
    await flush()
    const early = ended
    gate.resolve()

    expect((await run).status).toBe('cancelled')
    expect(early).toBe(false)
  })

  it('keeps the update of a step that is past its check at the cancel', async () => {
    const when = () => {
      void app.cancel()
      return true
    }
    const graph = kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when }] } })
    const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })

    const { status, sequenceId, state } = await app.run()

    expect({ status, sequenceId, state }).toEqual({ status: 'cancelled', sequenceId: 0, state: { n: 1 } })
  })

  it('discards the update of a step that returned after the cancel, and keeps committed steps', async () => {
    const [started, gate] = [defer(), defer()]
    const late = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ state }) {
        started.resolve()
        await gate.promise
        return { n: state.n + 100 }
      },
    })
    const graph = kit.graph({ actions: { add, late }, transitions: { add: 'late' } })
    const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })

    const run = app.run()
    await started.promise
    void app.cancel()
    gate.resolve()

    expect(await run).toMatchObject({ status: 'cancelled', action: 'late', state: { n: 1 }, sequenceId: 0 })
  })
})

describe('the time slice of a run', () => {
  it('lets timers and a cancel through a loop that never waits', async () => {
    const spin = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const graph = kit.graph({ actions: { spin }, transitions: { spin: 'spin' } })
    const app = createApplication(graph, { entrypoint: 'spin', state: { n: 0 } })

    setImmediate(() => void app.cancel({ reason: 'let through' }))
    const end = await app.run({ maxSteps: 5_000_000 })

    expect(end).toMatchObject({ status: 'cancelled', reason: 'let through' })
  })
})
