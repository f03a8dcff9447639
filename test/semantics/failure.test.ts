import { type AnyEvent, type Application, createApplication, createLimit, TimeoutError } from 'teasel'
import { describe, expect, it } from 'vitest'
import { type Chat, chat } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

type Actions = Parameters<typeof chat.graph>[0]['actions']

function start(actions: Actions, options: object = {}, graph: object = {}) {
  const clock = new ManualClock()
  const app = createApplication(chat.graph({ actions, ...graph } as never), {
    entrypoint: Object.keys(actions)[0],
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

const boom = () => {
  throw new RangeError('boom')
}
const base = { reads: ['prompt'], writes: ['answer'] } as const
const waits = (more: object = {}) =>
  chat.action({ ...base, ...more, run: ({ signal }: { signal: AbortSignal }) => untilAborted(signal) } as never)
const deaf = (more: object = {}) => chat.action({ ...base, ...more, run: () => new Promise(() => {}) } as never)
type Told = { key: string; status: string; error?: Error; recovered?: boolean; state?: { answer?: string } }
const over = (action: unknown, more: object = {}) =>
  chat.mapStates({
    reads: ['prompt'],
    writes: ['answers'],
    settle: 'collect',
    action,
    states: { a: {} },
    reduce: ({ results }: { results: readonly Told[] }) => ({
      answers: Object.fromEntries(
        results.map((r) => [
          r.key,
          `${r.status} ${r.error?.message ?? ''}${r.recovered ? 'recovered ' : ''}${r.state?.answer ?? ''}`.trim(),
        ]),
      ),
    }),
    ...more,
  } as never)

describe('the time limit of an action', () => {
  it('fires its signal with a TimeoutError and fails the step with it, without any map', async () => {
    let reason: unknown
    const slow = chat.action({
      ...base,
      timeoutMs: 100,
      run: ({ signal }) =>
        untilAborted(signal).catch((why: unknown) => {
          reason = why
          throw why
        }) as Promise<never>,
    })
    const { app, clock } = start({ slow })

    const run = app.run().catch((error: unknown) => error)
    await clock.timerIn(100)
    clock.advance(99)
    await flush()
    const early = reason
    clock.advance(1)

    expect(await run).toMatchObject({
      message: 'Action "slow" failed (step 0): Action "slow" took longer than 100 ms.',
    })
    expect([early, TimeoutError.is(reason), clock.pending]).toEqual([undefined, true, 0])
  })

  it('counts one attempt: the next has the full time again', async () => {
    const attempts: number[] = []
    const slow = chat.action({
      ...base,
      timeoutMs: 100,
      retry: { attempts: 2, delayMs: 0 },
      run({ context, signal }) {
        attempts.push(context.attempt)
        return untilAborted(signal) as Promise<never>
      },
    })
    const { app, clock, of } = start({ slow })

    const run = app.run().catch((error: unknown) => error)
    await clock.fire(100)
    await clock.fire(0)
    await clock.timerIn(100)
    clock.advance(99)
    await flush()
    const during = of('step.end').length
    clock.advance(1)

    expect(await run).toMatchObject({ cause: { name: 'TimeoutError' }, attempt: 2 })
    expect([attempts, during]).toEqual([[1, 2], 1])
  })

  it('fails a late success, and a late failure during clean-up', async () => {
    const late = (end: () => { answer: string }) =>
      chat.action({
        ...base,
        timeoutMs: 10,
        run: ({ signal }) => untilAborted(signal).catch(end) as Promise<{ answer: string }>,
      })
    const success = start({ late: late(() => ({ answer: 'too late' })) })
    const failure = start({ late: late(boom) })

    const runs = [success, failure].map(({ app }) => app.run().catch((error: Error) => error.cause))
    await flush()
    for (const { clock } of [success, failure]) clock.advance(10)

    expect(await Promise.all(runs)).toMatchObject([{ name: 'TimeoutError' }, { name: 'TimeoutError' }])
  })

  it('abandons code that ignores it after the grace period, once, and starts the next attempt', async () => {
    let calls = 0
    const stubborn = defer<{ answer: string }>()
    const action = chat.action({
      ...base,
      timeoutMs: 100,
      retry: { attempts: 2, delayMs: 0 },
      run: () => (++calls === 1 ? stubborn.promise : { answer: 'second' }),
    })
    const { app, clock, of } = start({ action }, { graceMs: 50, concurrency: createLimit(1) })

    const run = app.run()
    await clock.fire(100)
    await clock.timerIn(50)
    clock.advance(49)
    await flush()
    const early = of('branch.leaked').length
    clock.advance(1)
    await clock.fire(0)
    const end = await run
    stubborn.resolve({ answer: 'first, late' })
    await flush()

    expect(end).toMatchObject({ state: { answer: 'second' }, leaked: [{ action: 'action', sinceMs: 50 }] })
    expect(app.state.answer).toBe('second')
    expect([early, of('branch.leaked').length, clock.pending]).toEqual([0, 1, 0])
  })

  it('leaves no timer when the action is quicker, fails by itself, or is cancelled', async () => {
    const quick = start({ a: chat.action({ ...base, timeoutMs: 10, run: async () => ({ answer: '' }) }) })
    const plain = start({ a: chat.action({ ...base, timeoutMs: 10, run: () => ({ answer: '' }) }) })
    const failing = start({ a: chat.action({ ...base, timeoutMs: 10, run: boom }) })
    const cancelled = start({ a: waits({ timeoutMs: 10 }) as never })

    await quick.app.run()
    await plain.app.run()
    await failing.app.run().catch(() => {})
    const started = emitted(cancelled.app, 'step.start')
    const run = cancelled.app.run()
    await started
    await cancelled.app.cancel()
    await run

    expect([quick, plain, failing, cancelled].map(({ clock }) => clock.pending)).toEqual([0, 0, 0, 0])
  })

  it('of code abandoned by a cancel sets no further timer', async () => {
    const { app, clock } = start({ a: deaf({ timeoutMs: 60_000 }) as never }, { graceMs: 10 })
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    void app.cancel()
    clock.advance(10)

    expect(await run).toMatchObject({ status: 'cancelled', leaked: [{ action: 'a' }] })
    expect(clock.pending).toBe(0)
  })
})

describe('the time limit of a branch', () => {
  it('counts over all attempts, from the first start, and ends a wait for the next', async () => {
    const failing = chat.action({ ...base, run: boom })
    const { app, clock } = start({
      map: over(failing, { timeoutMs: 100, retry: { attempts: 9, delayMs: 70, factor: 1, jitter: 0 } }) as never,
    })

    const run = app.run()
    for (let i = 0; i < 2; i++) await clock.fire(70)

    expect((await run).state.answers).toEqual({ a: 'failed Branch "map/a" took longer than 100 ms.' })
    expect(clock.pending).toBe(0)
  })

  it('excludes the time in the queue of a limit, and an entry overrides the map', async () => {
    const gate = defer<{ answer: string }>()
    const action = chat.action({
      ...base,
      run: ({ context, signal }) =>
        context.path[0]?.key === 'a' ? gate.promise : (untilAborted(signal) as Promise<never>),
    })
    const { app, clock } = start({
      map: over(action, {
        timeoutMs: 50,
        concurrency: createLimit(1),
        states: { a: [{}, { timeoutMs: 1000 }], b: {} },
      }) as never,
    })

    const run = app.run()
    await clock.timerIn(1000)
    clock.advance(500)
    gate.resolve({ answer: 'x' })
    await clock.timerIn(50)
    clock.advance(49)
    await flush()
    const early = clock.pending
    clock.advance(1)

    expect((await run).state.answers).toEqual({ a: 'done x', b: 'failed Branch "map/b" took longer than 50 ms.' })
    expect(early).toBeGreaterThan(0)
  })
})

describe('the fallback of an action', () => {
  it('returns the update after the last attempt, and marks the step as recovered', async () => {
    const seen: unknown[] = []
    const action = chat.action({
      ...base,
      retry: { attempts: 2, delayMs: 0 },
      run: boom,
      fallback: ({ error, state, inputs }) => {
        seen.push(error instanceof RangeError, state.prompt, inputs)
        return { answer: 'saved' }
      },
    })
    const { app, clock, of } = start({ action })

    const run = app.run()
    await clock.fire(0)

    expect(await run).toMatchObject({ status: 'finished', state: { answer: 'saved' }, sequenceId: 0 })
    expect(seen).toEqual([true, 'p', {}])
    expect(of('step.end')).toMatchObject([
      { status: 'failed', attempt: 1 },
      { status: 'done', attempt: 2, recovered: true },
    ])
  })

  it('of an action that times out gets the TimeoutError', async () => {
    const action = waits({ timeoutMs: 10, fallback: ({ error }: { error: Error }) => ({ answer: error.name }) })
    const { app, clock } = start({ action: action as never })

    const run = app.run()
    await clock.fire(10)

    expect((await run).state.answer).toBe('TimeoutError')
  })

  it('is checked as any update, and fails with both errors', async () => {
    const action = chat.action({ ...base, run: boom, fallback: () => ({ wrong: 1 }) as never })

    const error = (await start({ action })
      .app.run()
      .catch((thrown: unknown) => thrown)) as Error

    expect(error.message).toBe(
      'Action "action" failed (step 0): boom (and its fallback failed: The fallback of Action "action" returned "wrong", which it does not declare. Add to writes or leave it out. Known writes: "answer".)',
    )
    expect(error.cause).toMatchObject({
      cause: new RangeError('boom'),
      errors: [new RangeError('boom'), { code: 'contract' }],
    })
  })

  it('that throws fails with both errors; one that rethrows its error declines', async () => {
    const failed = (fallback: (args: { error: unknown }) => never) =>
      start({ action: chat.action({ ...base, run: boom, fallback }) })
        .app.run()
        .catch((error: Error) => error)
    const both = await failed(() => {
      throw new Error('worse')
    })
    const declined = await failed(({ error }) => {
      throw error
    })

    expect(both).toMatchObject({
      name: 'ActionError',
      cause: { errors: [new RangeError('boom'), new Error('worse')], cause: new RangeError('boom') },
    })
    expect(declined).toMatchObject({ message: 'Action "action" failed (step 0): boom', cause: new RangeError('boom') })
  })

  it('is not called after a cancel, nor for a broken contract', async () => {
    let asked = 0
    const fallback = () => {
      asked += 1
      return { answer: '' }
    }
    const cancelled = start({ action: waits({ fallback }) as never })
    const broken = start({ action: chat.action({ ...base, run: () => ({}) as never, fallback }) })
    const started = emitted(cancelled.app, 'step.start')

    const run = cancelled.app.run()
    await started
    await cancelled.app.cancel()
    await run
    await broken.app.run().catch(() => {})

    expect(asked).toBe(0)
  })

  it('marks the result of a branch as recovered', async () => {
    const action = chat.action({ ...base, run: boom, fallback: () => ({ answer: 'saved' }) })

    expect((await start({ map: over(action) as never }).app.run()).state.answers).toEqual({ a: 'done recovered saved' })
  })
})

describe('the fallback of a branch', () => {
  it.each(['all', 'collect', 'any', 'first', { atLeast: 1 }] as const)('makes it done under %j', async (policy) => {
    const map = over(chat.action({ ...base, run: boom }), {
      settle: policy,
      fallback: ({ error, key, state }: { error: Error; key: string; state: Chat }) => ({
        answer: `${key} ${state.prompt} ${error.message}`,
      }),
    })
    const { app, of } = start({ map: map as never })

    expect((await app.run()).state.answers).toEqual({ a: 'done recovered a p boom' })
    expect(of('branch.settled')).toMatchObject([
      { status: 'done', result: { recovered: true, state: { prompt: 'p', answer: 'a p boom' } } },
    ])
  })

  it.each(['listens', 'ignores its signal'] as const)('makes a timed-out branch done that %s', async (how) => {
    const action = how === 'listens' ? waits() : deaf()
    const map = over(action, {
      timeoutMs: 10,
      states: { a: [{}, { fallback: ({ error }: { error: Error }) => ({ answer: error.name }) }] },
    })
    const { app, clock } = start({ map: map as never }, { graceMs: 20 })

    const run = app.run()
    await clock.fire(10)
    await clock.fire(20)

    expect(await run).toMatchObject({
      state: { answers: { a: 'done recovered TimeoutError' } },
      leaked: { length: how === 'listens' ? 0 : 1 },
    })
    expect(clock.pending).toBe(0)
  })

  it('is not called for a cancelled branch', async () => {
    const map = over(waits(), { fallback: () => ({ answer: 'saved' }) })
    const { app } = start({ map: map as never })
    const started = emitted(app, 'step.start', 'map/a')

    const run = app.run()
    await started
    await app.cancel({ path: 'map/a' })

    expect((await run).state.answers).toEqual({ a: 'cancelled' })
  })

  it('with an unknown key, or that throws, fails it with both errors', async () => {
    const fail = (fallback: () => object) =>
      start({ map: over(chat.action({ ...base, run: boom }), { fallback }) as never })
        .app.run()
        .then(({ state }) => state.answers['a'])
    const unknown = await fail(() => ({ anwser: '' }))
    const thrown = await fail(() => {
      throw new Error('worse')
    })

    expect(unknown).toBe(
      'failed Action "map" failed (step 0, branch map/a): boom (and its fallback failed: Branch "map/a": its fallback gave an update with the key "anwser", which the branch does not have. Did you mean "answer"?)',
    )
    expect(thrown).toBe('failed Action "map" failed (step 0, branch map/a): boom (and its fallback failed: worse)')
  })

  it('leaves the actor of the branch done, with the state of the fallback', async () => {
    const outputs: unknown[] = []
    const inspect = (event: {
      type: string
      actorRef: { id: string }
      snapshot?: { status: string; context: unknown }
    }) => {
      if (event.type === '@xstate.snapshot' && event.actorRef.id === 'a')
        outputs.push([event.snapshot?.status, event.snapshot?.context])
    }
    const map = over(chat.action({ ...base, run: boom }), { fallback: () => ({ answer: 'saved' }) })

    await start({ map: map as never }, { inspect }).app.run()

    expect(outputs.at(-1)).toEqual(['done', { prompt: 'p', answer: 'saved' }])
  })

  it('of a sub-graph goes through its reduce', async () => {
    const inner = chat.graph({ actions: { bad: chat.action({ ...base, run: boom }) } }).runnable({ entrypoint: 'bad' })
    const below = chat.subgraph({
      reads: ['prompt'],
      writes: ['answer'],
      graph: inner,
      state: ({ state }) => ({ prompt: state.prompt }),
      fallback: ({ error }) => ({ answer: String(error) }),
      reduce: ({ branch }) => ({ answer: `${branch.recovered} ${branch.state.answer}` }),
    })

    expect((await start({ below }).app.run()).state.answer).toBe('true RangeError: boom')
  })
})

describe('an error transition', () => {
  const rescue = chat.action({ reads: [], writes: ['verdict'], run: () => ({ verdict: 'rescued' }) })
  const graph = {
    onError: { bad: [{ to: 'rescue', when: ({ error }: { error: unknown }) => error instanceof RangeError }] },
  }

  it('is chosen after retry and fallback, by the thrown value', async () => {
    const order: string[] = []
    const bad = chat.action({
      ...base,
      retry: { attempts: 2, delayMs: 0, when: () => order.push('retry') > 0 },
      run: boom,
      fallback: ({ error }) => {
        order.push('fallback')
        throw error
      },
    })
    const { app, clock, of } = start({ bad, rescue }, {}, graph)

    const run = app.run()
    await clock.fire(0)

    expect(await run).toMatchObject({ status: 'finished', state: { verdict: 'rescued' }, sequenceId: 1 })
    expect(order).toEqual(['retry', 'fallback'])
    expect(of('step.end').map((event) => event.type === 'step.end' && [event.status, event.attempt])).toEqual([
      ['failed', 1],
      ['failed', 2],
      ['done', 1],
    ])
  })

  it('is not chosen when the action throws because of a cancel: nothing is committed', async () => {
    const bad = waits()
    const { app, of } = start({ bad, rescue }, {}, { ...graph, onError: { bad: 'rescue' } })
    const started = emitted(app, 'step.start')

    const run = app.run()
    await started
    await app.cancel({ reason: new RangeError('enough') })

    expect(await run).toMatchObject({ status: 'cancelled', state: { prompt: 'p' }, sequenceId: -1 })
    expect(of('step.end').map((event) => event.type === 'step.end' && event.status)).toEqual(['cancelled'])
    expect(of('transition')).toEqual([])
  })

  it('is chosen when the condition after a fallback throws: nothing counts as recovered', async () => {
    const bad = chat.action({ ...base, run: boom, fallback: () => ({ answer: '' }) })
    const branch = chat
      .graph({
        actions: { bad, rescue, never: rescue },
        transitions: { bad: [{ to: 'never', when: boom }] },
        onError: { bad: 'rescue' },
      })
      .runnable({ entrypoint: 'bad' })
    const steps: unknown[] = []
    const { app } = start({ map: over(branch) as never })
    app.on('step.end', ({ source, path, status }) => {
      if (path.length > 0) steps.push([source, status])
    })

    expect((await app.run()).state.answers).toEqual({ a: 'done' }) // and not `done recovered`
    expect(steps).toEqual([
      ['bad', 'failed'],
      ['rescue', 'done'],
    ])
  })

  it('is not chosen when the fallback has recovered the step', async () => {
    const bad = chat.action({ ...base, run: boom, fallback: () => ({ answer: '' }) })

    expect((await start({ bad, rescue }, {}, graph).app.run()).state).toEqual({ prompt: 'p', answer: '' })
  })
})

describe('the options', () => {
  const one = { reads: [], writes: [], run: () => ({}) } as const
  it.each([
    [{ timeoutMs: 0 }, 'timeoutMs is 0; it takes a number of milliseconds above 0.'],
    [{ timeoutMs: '5' }, 'timeoutMs is "5"; it takes a number of milliseconds above 0.'],
    [{ fallback: { answer: '' } }, 'fallback is an object; it takes a function: ({ error }) => update.'],
    [{ timeout: 5 }, 'has no option "timeout". Did you mean "timeoutMs"?'],
  ])('%j is refused, for an action and for a map', (options, message) => {
    expect(() => chat.action({ ...one, ...options } as never)).toThrow(message)
    expect(() => over(chat.action(one), options)).toThrow(message)
  })
})
