import {
  type ActionContext,
  type ActionError,
  type AnyEvent,
  type Application,
  ContractError,
  createApplication,
  createLimit,
  defineMessage,
  type Retry,
  type,
} from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { type Chat, chat } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

type Actions = Parameters<typeof chat.graph>[0]['actions']

function start(action: Actions[string], options: object = {}) {
  const clock = new ManualClock()
  const app = createApplication(chat.graph({ actions: { map: action as never } }), {
    entrypoint: 'map',
    state: { prompt: 'p' },
    logger: quiet,
    clock,
    random: () => 0,
    ...options,
  } as never) as Application<Chat, unknown>
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as never))
  return { app, clock, events, of: (type: string) => events.filter((event) => event.type === type) }
}

/** An action that fails a number of times before it succeeds, and logs its attempts. */
function flaky(failures: number, retry: Retry | undefined, why: () => unknown = () => new Error('boom')) {
  const log: string[] = []
  const action = chat.action({
    reads: ['prompt'],
    writes: ['answer'],
    ...(retry === undefined ? {} : { retry }),
    async run({ context, signal }) {
      log.push(
        `${context.path.at(-1)?.key ?? ''}${context.sequenceId}:${context.attempt}${signal.aborted ? ' aborted' : ''}`,
      )
      if (log.length <= failures) throw why()
      return { answer: `after ${log.length}` }
    },
  })
  return { action, log }
}

const over = (action: Actions[string], more: object = {}) =>
  chat.mapStates({
    reads: ['prompt'],
    writes: ['answers'],
    settle: 'collect',
    action: action as never,
    states: { a: {} } as never,
    reduce: ({ results }: { results: readonly { key: string; status: string; attempts: number }[] }) => ({
      answers: Object.fromEntries(results.map((r) => [r.key, `${r.status} ${r.attempts}`])),
    }),
    ...more,
  } as never)

describe('the retry of an action', () => {
  it('calls it again for the same step, with a new signal, after growing delays', async () => {
    const { action, log } = flaky(2, { attempts: 3, delayMs: 100, jitter: 0 })
    const { app, clock, of, events } = start(action)
    const t0 = clock.now()

    const run = app.run()
    await clock.timerIn(100)
    clock.advance(99)
    await flush()
    const early = [...log]
    clock.advance(1)
    await clock.fire(200)

    expect(await run).toMatchObject({ status: 'finished', sequenceId: 0, state: { answer: 'after 3' } })
    expect([early, log]).toEqual([['0:1'], ['0:1', '0:2', '0:3']])
    expect(of('retry')).toMatchObject([
      { level: 'action', source: 'map', attempt: 2, delayMs: 100, at: t0 + 100, sequenceId: 0 },
      { level: 'action', source: 'map', attempt: 3, delayMs: 200, at: t0 + 300, sequenceId: 0 },
    ])
    expect(events.map(({ type }) => type)).toEqual([
      'run.start',
      ...['step.start', 'step.end', 'retry', 'step.start', 'step.end', 'retry', 'step.start', 'step.end'],
      'run.end',
    ])
    expect(of('step.end')).toMatchObject([
      { status: 'failed', attempt: 1, error: { message: 'Action "map" failed (step 0, attempt 1 of 3): boom' } },
      { status: 'failed', attempt: 2 },
      { status: 'done', attempt: 3, recovered: false },
    ])
    expect(clock.pending).toBe(0)
  })

  it('gives each attempt a signal and a context of its own, at the same step', async () => {
    const clock = new ManualClock()
    const signals: AbortSignal[] = []
    const contexts: ActionContext[] = []
    const work = chat.action({
      reads: [],
      writes: ['answer'],
      retry: { attempts: 3, delayMs: 10, factor: 1, jitter: 0 },
      timeoutMs: 5,
      run({ signal, context }) {
        signals.push(signal)
        contexts.push(context)
        return signals.length < 3 ? untilAborted(signal) : { answer: '' }
      },
    })
    const app = createApplication(chat.graph({ actions: { work } }), { entrypoint: 'work', state: {}, clock })

    const run = app.run()
    for (const ms of [5, 10, 5, 10]) await clock.fire(ms)
    await run

    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false])
    expect(new Set(contexts).size).toBe(3)
    expect(contexts.map(({ sequenceId }) => sequenceId)).toEqual([0, 0, 0])
  })

  it('fails with the last error, its attempt number and its cause', async () => {
    const { action } = flaky(9, { attempts: 2, delayMs: 0 })
    const { app, clock } = start(action)

    const run = app.run().catch((error: unknown) => error)
    await clock.fire(0)
    const error = (await run) as ActionError

    expect(error).toMatchObject({ message: 'Action "map" failed (step 0, attempt 2 of 2): boom', attempt: 2 })
    expect(error.cause).toEqual(new Error('boom'))
  })

  it('omits the attempts from the message when there is one', async () => {
    const { action } = flaky(9, 1)

    await expect(start(action).app.run()).rejects.toThrow('Action "map" failed (step 0): boom')
  })

  it('has a random delay, from the random of the application, up to maxDelayMs', async () => {
    const { action } = flaky(9, { attempts: 4, delayMs: 1000, factor: 10, maxDelayMs: 5000, jitter: 0.5 })
    const chances = [0, 0.5, 0.998]
    const { app, clock, of } = start(action, { random: () => chances.shift() ?? 0 })

    const run = app.run().catch(() => {})
    for (const ms of [1000, 3750, 2505]) await clock.fire(ms)
    await run

    expect(of('retry').map((event) => event.type === 'retry' && event.delayMs)).toEqual([1000, 3750, 2505])
  })

  it('starts anew with each step: a later step has all attempts again', async () => {
    const log: string[] = []
    const action = chat.action({
      reads: ['prompt'],
      writes: ['n'],
      retry: { attempts: 2, delayMs: 0 },
      run({ context }) {
        log.push(`${context.sequenceId}:${context.attempt}`)
        if (context.attempt === 1) throw new Error('first')
        return { n: context.sequenceId }
      },
    })
    const clock = new ManualClock()
    const graph = chat.graph({
      actions: { action },
      transitions: { action: [{ to: 'action', when: ({ state }) => state.n < 1 }] },
    })
    const app = createApplication(graph, { entrypoint: 'action', state: { prompt: '' }, clock })

    const run = app.run()
    for (let i = 0; i < 2; i++) await clock.fire(0)
    await run

    expect(log).toEqual(['0:1', '0:2', '1:1', '1:2'])
  })

  it.each([
    [
      'when returns false',
      { attempts: 3, when: ({ error }: { error: unknown }) => error instanceof RangeError },
      () => new Error('x'),
      1,
    ],
    [
      'when throws',
      {
        attempts: 3,
        when: () => {
          throw new Error('bad')
        },
      },
      () => new Error('x'),
      1,
    ],
    ['a contract is broken', 3, () => new ContractError('Something', { kind: 'source', message: 'is wrong' }), 1],
    [
      'a contract is broken by a cause',
      3,
      () => new Error('outer', { cause: new ContractError('S', { kind: 'source', message: '' }) }),
      1,
    ],
    [
      'when returns true',
      {
        attempts: 2,
        delayMs: 0,
        when: ({ error, attempt }: { error: unknown; attempt: number }) => error instanceof Error && attempt === 1,
      },
      () => new Error('x'),
      2,
    ],
  ] as const)('depends on the failure: %s', async (_, retry, why, attempts) => {
    const { action, log } = flaky(9, retry as Retry, why)
    const { app, clock } = start(action)

    const run = app.run().catch(() => {})
    await flush()
    clock.advance(0)
    await run

    expect(log).toHaveLength(attempts)
    expect(clock.pending).toBe(0)
  })

  it('is not used for an update that breaks the contract, nor for a missing input', async () => {
    let calls = 0
    const wrong = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      retry: 3,
      run: () => {
        calls += 1
        return {} as { answer: string }
      },
    })

    await expect(start(wrong).app.run()).rejects.toBeInstanceOf(ContractError)
    expect(calls).toBe(1)
  })

  it('calls interceptors once for the step, before its first attempt and after its last', async () => {
    const { action } = flaky(1, { attempts: 2, delayMs: 0 })
    const told: string[] = []
    const interceptors = [
      {
        beforeStep: () => void told.push('before'),
        afterStep: (_: unknown, { status }: { status: string }) => void told.push(status),
      },
    ]
    const { app, clock } = start(action, { interceptors })

    const run = app.run()
    await clock.fire(0)
    await run

    expect(told).toEqual(['before', 'done'])
  })

  it('ends at once by a cancel during its delay, and interceptors get a cancelled step', async () => {
    const { action, log } = flaky(9, { attempts: 3, delayMs: 60_000 })
    const told: string[] = []
    const interceptors = [{ afterStep: (_: unknown, { status }: { status: string }) => void told.push(status) }]
    const { app, clock, of } = start(action, { interceptors })
    const retrying = emitted(app, 'retry')

    const run = app.run()
    await retrying
    await app.cancel({ reason: 'enough' })

    expect(await run).toMatchObject({ status: 'cancelled', reason: 'enough' })
    expect([log, told, clock.pending]).toEqual([['0:1'], ['cancelled'], 0])
    expect(of('step.start')).toHaveLength(of('step.end').length)
  })

  it('ends by a stop of the actor during its delay', async () => {
    const { action, log } = flaky(9, { attempts: 3, delayMs: 60_000 })
    const { app, clock } = start(action)
    const retrying = emitted(app, 'retry')

    const run = app.run()
    await retrying
    app.actor.stop()

    expect(await run).toMatchObject({ status: 'cancelled' })
    expect([log, clock.pending]).toEqual([['0:1'], 0])
  })

  it('creates a generator for each attempt, and keeps earlier chunks', async () => {
    const log: string[] = []
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 0 },
      async *run({ context }) {
        try {
          yield context.attempt
          if (context.attempt === 1) throw new Error('half-way')
          return { answer: 'whole' }
        } finally {
          log.push(`finally ${context.attempt}`)
        }
      },
    })
    const { app, clock, of } = start(action)

    const run = app.run()
    await clock.fire(0)
    await run

    expect(of('chunk').map((event) => event.type === 'chunk' && event.chunk)).toEqual([1, 2])
    expect(log).toEqual(['finally 1', 'finally 2'])
  })

  it('ends the applications created by an attempt before the next starts', async () => {
    const log: string[] = []
    const wait = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: ({ signal }) => untilAborted(signal).finally(() => log.push('below ended')) as Promise<never>,
    })
    const graph = chat.graph({ actions: { wait } })
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 0 },
      async run({ context }) {
        log.push(`attempt ${context.attempt}`)
        if (context.attempt === 2) return { answer: '' }
        const below = createApplication(graph, { entrypoint: 'wait', state: { prompt: '' }, parent: context })
        const started = emitted(below, 'step.start')
        void below.run()
        await started
        throw new Error('left it behind')
      },
    })
    const { app, clock } = start(action)

    const run = app.run()
    await clock.fire(0)
    await run

    expect(log).toEqual(['attempt 1', 'below ended', 'attempt 2'])
  })

  it('gives an attempt the stored messages of the attempt before, ahead of later ones', async () => {
    const word = defineMessage('word', type<string>())
    const action = chat.action({
      reads: [],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 10 },
      async run({ context }) {
        const heard = [await context.receiveOne(word), await context.receiveOne(word)]
        if (context.attempt === 1) throw new Error('boom')
        heard.push(await context.receiveOne(word))
        return { answer: heard.map(({ body }) => body).join() }
      },
    })
    const { app, clock } = start(action, { persister: memoryPersister(), appId: 'app' })
    const waiting = emitted(app, 'wait')

    const run = app.run()
    await waiting
    const retrying = emitted(app, 'retry')
    for (const body of ['1', '2']) await app.send(word(body))
    await retrying
    const since = await app.send(word('3'))
    await clock.fire(10)

    expect(since).toBe('queued')
    expect((await run).state.answer).toBe('1,2,3')
  })

  it('holds no permit of a limit during its delay, and takes one again after it', async () => {
    const gate = defer()
    const log: string[] = []
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 10 },
      async run({ context }) {
        const key = context.path[0]?.key
        log.push(`${key}${context.attempt}`)
        if (key === 'a' && context.attempt === 1) throw new Error('boom')
        if (key === 'b') await gate.promise
        log.push(`${key} done`)
        return { answer: '' }
      },
    })
    const { app, clock } = start(over(action, { states: { a: {}, b: {} }, concurrency: createLimit(1) }))
    const started = emitted(app, 'step.start', 'map/b')

    const run = app.run()
    await started
    await clock.fire(10)
    await flush()
    const meanwhile = [...log]
    gate.resolve()
    await run

    expect(meanwhile).toEqual(['a1', 'b1'])
    expect(log).toEqual(['a1', 'b1', 'b done', 'a2', 'a done'])
  })

  it('ends with a cancel while it waits for a permit', async () => {
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 10 },
      async run({ context, signal }) {
        if (context.path[0]?.key === 'a') throw new Error('boom')
        return untilAborted(signal)
      },
    })
    const { app, clock, of } = start(over(action, { states: { a: {}, b: {} }, concurrency: createLimit(1) }))
    const started = emitted(app, 'step.start', 'map/b')

    const run = app.run()
    await started
    await clock.fire(10)
    await flush()
    await app.cancel({ path: 'map/a' })
    await flush()
    await app.cancel({ path: 'map/b' })

    expect((await run).state.answers).toEqual({ a: 'cancelled 1', b: 'cancelled 1' })
    expect(of('step.start').map((event) => event.path.at(-1)?.key)).toEqual([undefined, 'a', 'b'])
  })

  it('measures the time, not the timer: an early timer is set again', async () => {
    const { action, log } = flaky(1, { attempts: 2, delayMs: 100, jitter: 0 })
    const fire: (() => void)[] = []
    let now = 1000
    const clock = { now: () => now, setTimeout: (fn: () => void) => fire.push(fn), clearTimeout: () => {} }
    const { app } = start(action, { clock })
    const retrying = emitted(app, 'retry')

    const run = app.run()
    await retrying
    now = 1050
    fire.shift()?.()
    await flush()
    const early = log.length
    now = 5000
    fire.shift()?.()
    await run

    expect([early, log.length]).toEqual([1, 2])
  })
})

describe('the retry of a branch', () => {
  it('continues at the failed step with the committed state, as the same application', async () => {
    const log: string[] = []
    const first = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: () => {
        log.push('first')
        return { answer: 'kept' }
      },
    })
    const second = chat.action({
      reads: ['answer'],
      writes: ['n'],
      run({ state, context }) {
        log.push(`second ${state.answer} ${context.attempt} ${context.appId.length}`)
        if (context.attempt < 3) throw new Error('boom')
        return { n: 1 }
      },
    })
    const branch = chat
      .graph({ actions: { first, second }, transitions: { first: 'second' } })
      .runnable({ entrypoint: 'first' })
    const { app, clock, of } = start(over(branch as never, { retry: { attempts: 3, delayMs: 10, jitter: 0 } }))

    const run = app.run()
    for (const ms of [10, 20]) await clock.fire(ms)

    expect((await run).state.answers).toEqual({ a: 'done 3' })
    expect(log).toEqual(['first', 'second kept 1 52', 'second kept 2 52', 'second kept 3 52'])
    expect(of('retry')).toMatchObject([
      { level: 'branch', action: 'map', source: 'second', attempt: 2, delayMs: 10 },
      { level: 'branch', action: 'map', source: 'second', attempt: 3, delayMs: 20 },
    ])
    expect(of('branch.start')).toHaveLength(1)
    expect(of('branch.settled')).toHaveLength(1)
  })

  it('has the attempt in its error, and multiplies with the retry of the action', async () => {
    const { action, log } = flaky(9, { attempts: 2, delayMs: 0 })
    const { app, clock } = start(over(action, { settle: 'all', retry: { attempts: 2, delayMs: 0 } }))

    const run = app.run().catch((error: unknown) => error)
    for (let i = 0; i < 3; i++) await clock.fire(0)

    expect(((await run) as Error).cause).toMatchObject({
      message: 'Action "map" failed (step 0, attempt 4 of 4, branch map/a): boom',
      attempt: 4,
    })
    expect(log).toEqual(['a0:1', 'a0:2', 'a0:3', 'a0:4'])
  })

  it('passes the thrown value to when, and an entry overrides the map', async () => {
    const { action, log } = flaky(9, undefined, () => new RangeError('r'))
    const asked: unknown[] = []
    const when = ({ error }: { error: unknown }) => asked.push(error instanceof RangeError) > 1
    const states = { a: {}, b: [{}, { retry: 1 }] }
    const { app } = start(over(action, { states, retry: { attempts: 5, when } }))

    expect(await app.run().then(({ state }) => state.answers)).toEqual({ a: 'failed 1', b: 'failed 1' })
    expect([log, asked]).toEqual([['a0:1', 'b0:1'], [true]])
  })

  it('runs no done branch again, and cancels no sibling before the last attempt has failed', async () => {
    const runs: string[] = []
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run({ context }) {
        const key = context.path[0]?.key ?? ''
        runs.push(key)
        if (key === 'b' && context.attempt === 1) throw new Error('boom')
        return { answer: key }
      },
    })
    const { app, clock } = start(
      over(action, { settle: 'all', states: { a: {}, b: {}, c: {} }, retry: { attempts: 2, delayMs: 0 } }),
    )

    const run = app.run()
    await clock.fire(0)

    expect((await run).state.answers).toEqual({ a: 'done 1', b: 'done 2', c: 'done 1' })
    expect(runs).toEqual(['a', 'b', 'c', 'b'])
  })

  it('holds no permit of a limit during its delay, and its status is retrying', async () => {
    const gate = defer()
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context }) {
        if (context.path[0]?.key === 'a' && context.attempt === 1) throw new Error('boom')
        if (context.path[0]?.key === 'b') await gate.promise
        return { answer: '' }
      },
    })
    const statuses: string[] = []
    const watch = ({
      event,
      branches,
    }: {
      event: { type: string; key: string }
      branches: Record<string, { status: string }>
    }) => {
      if (event.type === 'step.end') statuses.push(`${event.key}: a is ${branches['a']?.status}`)
    }
    const { app, clock } = start(
      over(action, {
        states: { a: {}, b: {} },
        concurrency: createLimit(1),
        retry: { attempts: 2, delayMs: 50 },
        watch,
      }),
    )
    const retrying = emitted(app, 'retry', 'map/a')

    const run = app.run()
    await retrying
    const settled = emitted(app, 'branch.settled', 'map/b')
    gate.resolve()
    await settled
    await clock.fire(50)

    expect((await run).state.answers).toEqual({ a: 'done 2', b: 'done 1' })
    expect(statuses[0]).toBe('b: a is retrying')
  })

  it('keeps its mailbox', async () => {
    const seen: unknown[] = []
    const { defineMessage, type } = await import('teasel')
    const hint = defineMessage('hint', type<string>())
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context }) {
        if (context.attempt === 1) throw new Error('before it read')
        for await (const { body } of context.receive(hint)) {
          seen.push(body)
          break
        }
        return { answer: '' }
      },
    })
    const { app, clock } = start(over(action, { retry: { attempts: 2, delayMs: 50 } }))
    const retrying = emitted(app, 'retry', 'map/a')

    const run = app.run()
    await retrying
    const delivery = app.send(hint('kept'), { path: 'map/a' })
    await clock.fire(50)
    await run

    expect([await delivery, seen]).toEqual(['queued', ['kept']])
  })

  it.each(['path', 'run', 'stop'] as const)('ends at once by a cancel of the %s', async (what) => {
    const { action, log } = flaky(9, undefined)
    const { app, clock } = start(over(action, { retry: { attempts: 3, delayMs: 60_000 } }))
    const retrying = emitted(app, 'retry', 'map/a')

    const run = app.run()
    await retrying
    if (what === 'stop') app.actor.stop()
    else await app.cancel(what === 'path' ? { path: 'map/a' } : {})

    expect(await run).toMatchObject(
      what === 'path' ? { state: { answers: { a: 'cancelled 1' } } } : { status: 'cancelled' },
    )
    expect([log, clock.pending]).toEqual([['a0:1'], 0])
  })
})

describe('the retry of a reduce', () => {
  const failing = (failures: number, retry: Retry) => {
    let calls = 0
    const { action, log } = flaky(0, undefined)
    const reduce = ({ results }: { results: readonly unknown[] }) => {
      calls += 1
      if (calls <= failures) throw new Error('fold')
      return { answers: { n: `${results.length} ${calls}` } }
    }
    return { map: over(action, { states: { a: {}, b: {} }, retry, reduce }), log }
  }

  it('calls it again with the same results, and runs no branch again', async () => {
    const { map, log } = failing(1, { attempts: 2, delayMs: 10, jitter: 0 })
    const { app, clock, of } = start(map)

    const run = app.run()
    await clock.fire(10)

    expect((await run).state.answers).toEqual({ n: '2 2' })
    expect(log).toEqual(['a0:1', 'b0:1'])
    expect(of('retry')).toMatchObject([{ level: 'reduce', source: 'map', attempt: 2, delayMs: 10 }])
  })

  it('ends with a cancel, and fails with its error after the last attempt', async () => {
    const cancelled = start(failing(9, { attempts: 2, delayMs: 10 }).map)
    const failed = start(failing(9, { attempts: 2, delayMs: 10 }).map)

    const first = cancelled.app.run()
    const retrying = emitted(failed.app, 'retry')
    const second = failed.app.run().catch((error: unknown) => error)
    await retrying
    await cancelled.app.cancel()
    failed.clock.advance(10)

    expect(await first).toMatchObject({ status: 'cancelled' })
    expect(await second).toMatchObject({ message: 'Action "map" failed (step 0): fold' })
    expect([cancelled.clock.pending, failed.clock.pending]).toEqual([0, 0])
  })
})

describe('the options of a retry', () => {
  const one = { reads: [], writes: [], run: () => ({}) } as const
  it.each([
    [0, 'retry.attempts is 0; it takes a whole number above 0, the first attempt counted, or Infinity.'],
    [{ attempts: 1.5 }, 'retry.attempts is 1.5; it takes a whole number above 0'],
    [{ attempts: 2, delayMs: -1 }, 'retry.delayMs is -1; it takes milliseconds, 0 or more.'],
    [{ attempts: 2, factor: 0.5 }, 'retry.factor is 0.5; it takes a number of 1 or more.'],
    [{ attempts: 2, maxDelayMs: Number.NaN }, 'retry.maxDelayMs is NaN; it takes milliseconds, 0 or more.'],
    [{ attempts: 2, jitter: 2 }, 'retry.jitter is 2; it takes a number from 0 to 1.'],
    [{ attempts: 2, delay: 1 }, 'retry has no option "delay".'],
    [{ attempts: 2, when: true }, 'retry.when is true; it takes a function'],
    ['often', 'retry takes a record of options, not "often".'],
  ])('%j is refused with the valid values', (retry, message) => {
    expect(() => chat.action({ ...one, retry: retry as never })).toThrow(message)
    expect(() => over(chat.action(one), { retry })).toThrow(message)
  })

  it('is refused in an entry, and fails the step', async () => {
    const map = over(chat.action({ reads: [], writes: [], run: () => ({}) }), { states: { a: [{}, { retry: 0 }] } })

    await expect(start(map).app.run()).rejects.toThrow(
      'Action "map" (step 0): states gave an invalid entry: retry.attempts is 0; it takes a whole number above 0',
    )
  })
})
