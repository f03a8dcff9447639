import { createApplication, type Interceptor, type RunOutcome } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const slow = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
const over = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  settle: 'collect',
  actions: { x: echo, y: slow },
  reduce: () => ({ answers: {} }),
})
const one = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { x: echo },
  reduce: () => ({ answers: {} }),
})
const graph = chat.graph({ actions: { echo, slow, over, one } })

type Hook = Exclude<keyof Interceptor, 'name' | 'onFault'>

/** An application with an interceptor that hangs at one hook until `gate` resolves, and another one behind it. */
function hanging(entrypoint: 'echo' | 'slow' | 'over' | 'one', hook: Hook, options: object = {}) {
  const clock = new ManualClock()
  const gate: Deferred<void> = defer()
  const called = defer()
  const seen: string[] = []
  const behind: Interceptor = { name: 'behind', [hook]: () => void seen.push('behind') }
  const deaf: Interceptor = {
    name: 'deaf',
    [hook]() {
      called.resolve()
      return gate.promise
    },
  }
  const interceptors = hook.startsWith('before') ? [deaf, behind] : [behind, deaf]
  const warned: string[] = []
  const logger = { ...quiet, warn: (text: string) => void (text.includes('given up') && warned.push(text)) }
  const app = createApplication(graph, {
    entrypoint,
    state: { prompt: 'p' },
    clock,
    graceMs: 100,
    interceptors,
    logger,
    ...options,
  })
  app.on('branch.leaked', ({ path, source, interceptor, sinceMs }) =>
    seen.push(`leaked ${path.map(({ key }) => key).join('/')}:${source} ${interceptor} ${sinceMs}`),
  )
  app.on('run.end', ({ status }) => seen.push(`run.end ${status}`))
  return { app, clock, gate, called: called.promise, seen, warned }
}

const leakOf = (interceptor: string, action: string, path = '', sinceMs = 100) => ({
  path,
  action,
  sinceMs,
  interceptor: `deaf ${interceptor}`,
})

describe('after a cancel and the grace period a silent interceptor is abandoned:', () => {
  it.each([
    ['beforeRun', 'echo', 'echo', ''],
    ['beforeStep', 'echo', 'echo', ''],
    ['afterStep', 'echo', 'echo', ''],
    ['afterStep', 'slow', 'slow', ''],
    ['beforeBranch', 'one', 'x', 'one/x'],
    ['afterBranch', 'one', 'one', ''],
    ['afterBranch', 'over', 'over', ''],
  ] as const)('%s of %s', async (hook, entrypoint, action, path) => {
    const { app, clock, gate, seen, warned } = hanging(entrypoint, hook)
    const run = app.run()
    await flush()
    const ended: string[] = []
    const cancelled = app.cancel({ reason: 'enough' }).then(() => ended.push('cancel'))
    await flush()
    clock.advance(99)
    await flush()
    const before = [...ended]
    for (const ms of [1, 1, 1]) {
      clock.advance(ms)
      await flush()
    }
    const outcome = (await run) as RunOutcome<object, string, string>
    await cancelled
    const told = [...seen]
    gate.resolve()
    await flush()

    const leaks = outcome.status === 'cancelled' ? outcome.leaked : []
    expect({ before, status: outcome.status, first: leaks[0], late: seen.length - told.length }).toEqual({
      before: [],
      status: 'cancelled',
      first: leakOf(hook, action, path),
      late: 0,
    })
    expect(told.slice(-1)).toEqual(['run.end cancelled'])
    expect(told).not.toContain('behind')
    expect(warned[0]).toContain(`interceptor deaf ${hook} ignored a cancel for 100 ms and was given up`)
  })

  it('afterRun of a cancelled run', async () => {
    const { app, clock, called, seen } = hanging('slow', 'afterRun')
    const started = emitted(app, 'step.start')
    const run = app.run()
    await started
    void app.cancel()
    await called
    await clock.fire(100)

    expect(await run).toMatchObject({ status: 'cancelled', leaked: [leakOf('afterRun', 'slow')] })
    expect(seen).toEqual(['leaked :slow deaf afterRun 100', 'run.end cancelled'])
  })

  it('afterRun of a run that had ended before the cancel', async () => {
    const { app, clock, gate, called, seen } = hanging('echo', 'afterRun')
    const run = app.run()
    await called
    clock.advance(1000)
    const cancelled = app.cancel()
    await clock.fire(100)
    await cancelled
    const outcome = await run
    gate.reject(new RangeError('late'))
    await flush()

    expect(outcome).toMatchObject({ status: 'finished', leaked: [leakOf('afterRun', 'echo')] })
    expect(seen).toEqual(['leaked :echo deaf afterRun 100', 'run.end finished'])
  })

  it('so that an application can be disposed of', async () => {
    const { app, clock, called } = hanging('echo', 'afterRun')
    void app.run()
    await called
    const disposed = app[Symbol.asyncDispose]().then(() => 'disposed')
    await clock.fire(100)

    expect(await disposed).toBe('disposed')
  })

  it('afterRun of an application that an action created and awaits', async () => {
    const clock = new ManualClock()
    const maker = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context }) {
        const below = createApplication(chat.graph({ actions: { echo } }), {
          entrypoint: 'echo',
          state: { prompt: 'p' },
          parent: context,
          key: 'k',
        })
        await below.run()
        return { answer: 'a' }
      },
    })
    const called = defer()
    const deaf: Interceptor = {
      name: 'deaf',
      afterRun({ path }) {
        if (path.length === 0) return undefined
        called.resolve()
        return new Promise<void>(() => {})
      },
    }
    const options = { entrypoint: 'maker', state: { prompt: 'p' }, clock, graceMs: 100, logger: quiet } as const
    const app = createApplication(chat.graph({ actions: { maker } }), { ...options, interceptors: [deaf] })
    const run = app.run()
    await called.promise
    void app.cancel()
    await clock.fire(100)

    const { leaked } = (await run) as { leaked: readonly object[] }
    expect(leaked[0]).toEqual(leakOf('afterRun', 'echo', 'maker/k'))
  })

  it('afterRun of an application that an action created and did not await, when the action has returned', async () => {
    const clock = new ManualClock()
    const maker = chat.action({
      reads: [],
      writes: ['answer'],
      async run({ context }) {
        const graph = chat.graph({ actions: { echo } })
        void createApplication(graph, { entrypoint: 'echo', state: { prompt: 'p' }, parent: context }).run()
        await flush()
        return { answer: 'a' }
      },
    })
    const interceptors: Interceptor[] = [
      { afterRun: ({ path }) => (path.length > 0 ? new Promise(() => {}) : undefined) },
    ]
    const options = { entrypoint: 'maker', state: {}, clock, graceMs: 100, logger: quiet, interceptors } as const
    const run = createApplication(chat.graph({ actions: { maker } }), options).run()
    await clock.fire(100)

    expect(await run).toMatchObject({
      status: 'finished',
      leaked: [{ path: 'maker', action: 'echo', sinceMs: 100, interceptor: 'afterRun' }],
    })
  })

  it('afterStep of a map whose branches were abandoned before', async () => {
    const never = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
    const maps = chat.mapActions({ reads: [], writes: [], actions: { never }, reduce: () => ({}) })
    const clock = new ManualClock()
    const interceptors: Interceptor[] = [
      { afterStep: ({ path }) => (path.length > 0 ? undefined : new Promise(() => {})) },
    ]
    const options = { entrypoint: 'maps', state: {}, clock, graceMs: 100, logger: quiet, interceptors } as const
    const app = createApplication(chat.graph({ actions: { maps } }), options)
    const started = emitted(app, 'step.start', 'maps/never')
    const run = app.run()
    await started
    void app.cancel()
    for (const ms of [100, 1, 1, 1]) {
      await flush()
      clock.advance(ms)
    }
    const { leaked } = (await run) as { leaked: readonly object[] }

    expect(leaked).toEqual([
      { path: 'maps/never', action: 'never', sinceMs: 100 },
      { path: '', action: 'maps', sinceMs: 100, interceptor: 'afterStep' },
    ])
  })

  it('an answer in time counts, and leaves no timer', async () => {
    const { app, clock, gate, called, seen } = hanging('slow', 'afterStep')
    const started = emitted(app, 'step.start')
    const run = app.run()
    await started
    void app.cancel()
    await called
    clock.advance(99)
    gate.resolve()
    const outcome = await run
    await flush()

    expect(outcome).toMatchObject({ status: 'cancelled', leaked: [] })
    expect({ seen, timers: clock.pending }).toEqual({ seen: ['behind', 'run.end cancelled'], timers: 0 })
  })

  it('without a cancel it is awaited without a limit', async () => {
    const { app, clock, gate, called, seen } = hanging('echo', 'beforeStep')
    const run = app.run()
    await called
    clock.advance(1_000_000)
    gate.resolve()

    expect(await run).toMatchObject({ status: 'finished', leaked: [] })
    expect(seen).toEqual(['behind', 'run.end finished'])
  })
})

it('a branch that is cancelled during its interceptors ends when they have answered, and runs nothing', async () => {
  const gate = defer()
  const asked: string[] = []
  const interceptors: Interceptor[] = [
    {
      beforeBranch: ({ key }) => (key === 'x' ? gate.promise : undefined),
      beforeStep: ({ action }) => void asked.push(action),
    },
  ]
  const two = chat.mapActions({
    reads: ['prompt'],
    writes: ['verdict'],
    settle: 'collect',
    actions: { x: echo, y: echo },
    watch: ({ event, cancel }) => {
      if (event.type === 'branch.settled' && event.key === 'y') cancel('x', 'enough')
    },
    reduce: ({ results }) => ({
      verdict: results
        .map((one) => `${one.key} ${one.status}${one.status === 'cancelled' ? ` ${one.by} ${one.reason}` : ''}`)
        .join(),
    }),
  })
  const options = { entrypoint: 'two', state: { prompt: 'p' }, interceptors } as const
  const app = createApplication(chat.graph({ actions: { two } }), options)
  const cancelled = emitted(app, 'branch.settled', 'two/y') // its watch cancels x
  const run = app.run()
  await cancelled
  gate.reject(new RangeError('no x'))
  const { state } = await run

  expect({ verdict: state.verdict, asked }).toEqual({
    verdict: 'x cancelled watch enough,y done',
    asked: ['two', 'y'],
  })
})
