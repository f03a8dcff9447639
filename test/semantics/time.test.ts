import {
  type AnyEvent,
  type Application,
  createApplication,
  defineMessage,
  defineState,
  resumeOrCreate,
  type,
} from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'

// Durations, time limits and waits use a clock that never goes back. Events and stores carry the wall clock; setting it
// changes nothing else, and is logged once.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const reply = defineMessage('reply', type<string>())
const HOUR = 3_600_000

function start(actions: object, more: object = {}) {
  const clock = new ManualClock()
  clock.advance(5_000) // so that no moment is the first of the clock
  const lines: string[] = []
  const app = createApplication(kit.graph({ actions: actions as never }), {
    entrypoint: Object.keys(actions)[0],
    state: { item: 'a' },
    clock,
    random: () => 0,
    graceMs: 10,
    logger: { debug() {}, info() {}, warn: (line: string) => lines.push(line), error() {} },
    ...more,
  } as never) as unknown as Application<{ item: string; out: string; outs: string[] }, unknown>
  const jumps = () => lines.filter((line) => line.startsWith('The wall clock'))
  return { app, clock, lines, jumps }
}
const base = { reads: ['item'], writes: ['out'] } as const
const moved = (clock: ManualClock, by: number): void => clock.setWall(clock.now() + by)
const over = (action: unknown, more: object = {}) =>
  kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    action: action as never,
    states: { a: { item: 'a' } },
    reduce: ({ results }: { results: readonly { status: string }[] }) => ({ outs: results.map((r) => r.status) }),
    ...more,
  } as never)

describe.each([
  ['back', -HOUR],
  ['forward', HOUR],
])('a wall clock that is set %s by an hour', (_, by) => {
  it('moves no time limit of an action', async () => {
    const { app, clock } = start({
      slow: kit.action({ ...base, timeoutMs: 200, run: ({ signal }) => untilAborted(signal) }),
    })
    const ends: string[] = []
    const started = emitted(app, 'step.start')
    const run = app.run().catch((error: Error) => ends.push(error.message))
    await started
    moved(clock, by)

    clock.advance(199)
    await flush()
    const early = ends.length
    clock.advance(1)
    await run

    expect([early, ends]).toEqual([0, ['Action "slow" failed (step 0): Action "slow" took longer than 200 ms.']])
  })

  it('moves no time limit of a branch, nor of a wait for a message', async () => {
    const ask = kit.action({
      ...base,
      run: async ({ context }) => ({ out: (await context.receiveOne(reply, { timeoutMs: 100 })).body }),
    })
    const { app, clock } = start({ map: over(ask, { timeoutMs: 200, retry: { attempts: 9, delayMs: 0 } }) })
    const events: AnyEvent[] = []
    app.on('*', (event) => events.push(event as AnyEvent))
    const waiting = emitted(app, 'wait', 'map/a')
    const run = app.run()
    await waiting
    moved(clock, by)

    for (const ms of [100, 0, 99]) {
      clock.advance(ms)
      await flush()
    }
    const early = events.filter(({ type }) => type === 'branch.settled').length
    clock.advance(1)

    expect([early, (await run).state.outs]).toEqual([0, ['failed']])
    expect(events.flatMap((e) => (e.type === 'wake' ? [e.durationMs] : []))).toEqual([100, 100])
    expect(events.flatMap((e) => (e.type === 'branch.settled' ? [e.durationMs] : []))).toEqual([200])
  })

  it('moves no delay before another attempt, and no duration', async () => {
    let attempts = 0
    const { app, clock } = start({
      flaky: kit.action({
        ...base,
        retry: { attempts: 2, delayMs: 100 },
        async run() {
          attempts += 1
          if (attempts === 1) throw new RangeError('once more')
          moved(clock, by)
          return { out: 'done' }
        },
      }),
    })
    const durations: number[] = []
    app.on('step.end', (event) => durations.push(event.durationMs))
    const retrying = emitted(app, 'retry')
    const run = app.run()
    await retrying
    moved(clock, by)

    clock.advance(99)
    await flush()
    const early = attempts
    clock.advance(1)
    await run

    expect([early, attempts, durations]).toEqual([1, 2, [0, 0]])
  })

  it('moves neither the grace period nor the time that code has leaked', async () => {
    const { app, clock, lines } = start({ deaf: kit.action({ ...base, run: () => new Promise<never>(() => {}) }) })
    const started = emitted(app, 'step.start')
    const run = app.run()
    await started
    void app.cancel()
    moved(clock, by)

    clock.advance(10)

    expect((await run).leaked).toEqual([{ path: '', action: 'deaf', sinceMs: 10 }])
    expect(lines[0]).toContain('ignored a cancel for 10 ms')
  })

  it('is logged once', async () => {
    let attempts = 0
    const { app, clock, jumps } = start({
      flaky: kit.action({
        ...base,
        retry: { attempts: 3, delayMs: 100, factor: 1 },
        run() {
          attempts += 1
          if (attempts < 3) throw new RangeError('once more')
          return { out: 'done' }
        },
      }),
    })
    const retrying = emitted(app, 'retry')
    const run = app.run()
    await retrying
    moved(clock, by)
    for (let i = 0; i < 2; i++) await clock.fire(100)
    await run

    await app.run()

    const how = by < 0 ? 'back by 3600000 ms' : 'forward by 3600000 ms, or the machine slept'
    expect(jumps()).toEqual([
      `The wall clock was set ${how}. Time limits and waits are not changed by it, except those until a moment; times that events and stores carry follow it.`,
    ])
  })

  it('ends no branch before its start, and keeps the stored times in order', async () => {
    const held = defer()
    const persister = memoryPersister()
    const act = kit.action({ ...base, run: () => held.promise.then(() => ({ out: 'x' })) })
    const results: { startedAt?: number | undefined; endedAt: number }[] = []
    const { app, clock } = start({ map: over(act) }, { persister, appId: 'app' })
    app.on('branch.settled', ({ result }) => results.push(result))
    const started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await started
    moved(clock, by)

    held.resolve()
    await run

    expect(results.map(({ startedAt = 0, endedAt }) => endedAt >= startedAt)).toEqual([true])
    const times = (await persister.steps({ runId: 'app' })).items.map(({ endedAt = 0 }) => endedAt)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })
})

describe('a user-defined clock', () => {
  it('without a monotonic time uses `now`', async () => {
    const manual = new ManualClock()
    const clock = {
      now: () => manual.now(),
      setTimeout: (fn: () => void, ms: number) => manual.setTimeout(fn, ms),
      clearTimeout: (timer: unknown) => manual.clearTimeout(timer),
    }
    const { app } = start(
      { slow: kit.action({ ...base, timeoutMs: 50, run: ({ signal }) => untilAborted(signal) }) },
      { clock },
    )
    const started = emitted(app, 'step.start')
    const run = app.run().catch((error: Error) => error.message)
    await started

    manual.advance(50)

    expect(await run).toContain('took longer than 50 ms')
  })

  it('whose timers move only with the wall clock still ends due waits', async () => {
    const manual = new ManualClock()
    const clock = {
      now: () => manual.now(),
      monotonic: () => 7, // as a clock without fake timers
      setTimeout: (fn: () => void, ms: number) => manual.setTimeout(fn, ms),
      clearTimeout: (timer: unknown) => manual.clearTimeout(timer),
    }
    const { app } = start(
      { slow: kit.action({ ...base, timeoutMs: 50, run: ({ signal }) => untilAborted(signal) }) },
      { clock },
    )
    const started = emitted(app, 'step.start')
    const run = app.run().catch((error: Error) => error.message)
    await started

    manual.advance(50)

    expect(await run).toContain('took longer than 50 ms')
  })
})

describe('a duration', () => {
  it.each(['done', 'failed', 'cancelled'])('is right for a late listener: a step that is %s', async (how) => {
    const held = defer()
    const act = kit.action({
      ...base,
      async run({ signal }) {
        if (how === 'cancelled') return untilAborted(signal)
        await held.promise
        if (how === 'failed') throw new RangeError('no')
        return { out: 'x' }
      },
    })
    const { app, clock } = start({ act })
    const started = emitted(app, 'step.start')
    const run = app.run().catch(() => {})
    await started
    clock.advance(70)
    const heard: unknown[] = []
    app.on('step.end', ({ status, durationMs }) => heard.push([status, durationMs]))

    clock.advance(30)
    if (how === 'cancelled') void app.cancel()
    held.resolve()
    await run

    expect(heard).toEqual([[how, 100]])
  })

  it('is right for a late listener: of a branch, and of the step in it', async () => {
    const held = defer()
    const { app, clock } = start({
      map: over(kit.action({ ...base, run: () => held.promise.then(() => ({ out: 'x' })) })),
    })
    const started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await started
    clock.advance(70)
    const heard: unknown[] = []
    app.on('*', (e) => {
      if (e.type === 'step.end' || e.type === 'branch.settled') heard.push([e.type, e.path.length, e.durationMs])
    })

    clock.advance(30)
    held.resolve()
    await run

    expect(heard).toEqual([
      ['step.end', 1, 100],
      ['branch.settled', 1, 100],
      ['step.end', 0, 100],
    ])
  })

  it('is right after a resume: of a branch from its first start on, and of a settled one unchanged', async () => {
    const persister = memoryPersister()
    const clock = new ManualClock()
    const graph = (go: Promise<void>, quick: Promise<void>) => {
      const one = kit.action({ ...base, run: () => ({ out: 'one' }) })
      const two = kit.action({
        reads: ['item', 'out'],
        writes: ['out'],
        run: ({ state: { item } }) => (item === 'a' ? quick : go).then(() => ({ out: 'two' })),
      })
      const branch = kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' })
      return kit.graph({ actions: { map: over(branch, { states: { a: { item: 'a' }, b: { item: 'b' } } }) as never } })
    }
    const options = { appId: 'app', entrypoint: 'map', state: {}, persister, clock } as const
    const quick = defer()
    const first = createApplication(graph(new Promise(() => {}), quick.promise), options as never)
    const second = emitted(first, 'transition', 'map/a', 'map/b')
    const settled = emitted(first, 'branch.settled', 'map/a')
    void first.run().catch(() => {})
    await second
    clock.advance(40)
    quick.resolve()
    await settled
    clock.advance(60)

    const app = await resumeOrCreate(graph(Promise.resolve(), Promise.resolve()), options as never)
    const heard: unknown[] = []
    app.on('branch.settled', ({ key, durationMs }) => heard.push([key, durationMs]))
    app.on('step.end', ({ path, durationMs }) => heard.push([path.length, durationMs]))
    await app.run()

    expect(heard).toEqual([
      ['a', 40],
      [1, 0],
      ['b', 100],
      [0, 0],
    ])
  })

  it('is right for a late listener on the clock of the platform: of a first step, and of a second', async () => {
    let now = 1_000
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now)
    onTestFinished(() => spy.mockRestore())
    const held = [defer(), defer()]
    const step = (i: number) =>
      kit.action({ ...base, run: () => (held[i] as (typeof held)[0]).promise.then(() => ({ out: 'x' })) })
    const graph = kit.graph({ actions: { one: step(0), two: step(1) }, transitions: { one: 'two' } })
    const app = createApplication(graph, { entrypoint: 'one', state: { item: '' } })
    const run = app.run()
    const heard: unknown[] = []
    const listenOnce = () => {
      const { unsubscribe } = app.on('step.end', ({ source, durationMs }) => {
        unsubscribe()
        heard.push([source, durationMs])
      })
    }
    const pass = async (ms: number) => {
      await flush()
      now += ms
    }

    await pass(100)
    listenOnce()
    held[0]?.resolve()
    await pass(50)
    listenOnce()
    held[1]?.resolve()
    await run

    expect(heard).toEqual([
      ['one', 100],
      ['two', 50],
    ])
  })

  it('is a whole number on the clock of the platform', async () => {
    const act = kit.action({ ...base, run: async () => ({ out: await Promise.resolve('x') }) })
    const app = createApplication(kit.graph({ actions: { act } }), { entrypoint: 'act', state: { item: '' } })
    const durations: number[] = []
    app.on('step.end', ({ durationMs }) => durations.push(durationMs))

    await app.run()

    expect(durations.map((ms) => Number.isInteger(ms) && ms >= 0)).toEqual([true])
  })
})
