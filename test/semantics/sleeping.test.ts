import fc from 'fast-check'
import {
  type ActionContext,
  type AnyEvent,
  CancelledError,
  createApplication,
  createLimit,
  defineMessage,
  defineState,
  resumeOrCreate,
  type,
} from 'teasel'
import { dueOf, memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// Times are absolute and stored: a sleep, a wait, a delay or a time limit that was cut off is due at its moment.

const HOUR = 3_600_000
const kit = defineState<{ item: string; out: string; outs: string[] }>()
const reply = defineMessage('reply', type<string>())

/** An action that runs `work` and returns its text. */
const does = (work: (context: ActionContext) => unknown, more: object = {}) =>
  kit.action({
    reads: ['item'],
    writes: ['out'],
    ...more,
    run: async ({ context }) => ({ out: String((await work(context)) ?? 'done') }),
  })
const word = (error: unknown): string => (error instanceof Error ? error.name : String(error))
interface Settled {
  readonly key: string
  readonly status: string
  readonly state?: { readonly out: string }
}
const branches = (action: ReturnType<typeof does>, keys: readonly string[], more: object = {}) =>
  kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    action: action as never,
    states: Object.fromEntries(keys.map((item) => [item, { item }])),
    reduce: ({ results }: { results: readonly Settled[] }) => ({
      outs: results.map((r) => `${r.key} ${r.status === 'done' ? r.state?.out : r.status}`),
    }),
    ...more,
  } as never) as unknown as ReturnType<typeof does>
const graphOf = (main: ReturnType<typeof does>) => kit.graph({ actions: { main } })
const start = (main: ReturnType<typeof does>, more: object = {}) => {
  const clock = new ManualClock()
  const app = createApplication(graphOf(main), {
    entrypoint: 'main',
    state: { item: '' },
    appId: 'app',
    clock,
    logger: quiet,
    random: () => 0,
    ...more,
  })
  return { app, clock }
}

/** Runs the same stored application in one process after another. Each is killed: nothing of it goes on. */
function processes(main: ReturnType<typeof does>) {
  const persister = memoryPersister()
  let clock = new ManualClock()
  const open = () => {
    clock = new ManualClock(clock.now()) // the timers of a killed process never fire
    return resumeOrCreate(graphOf(main), {
      entrypoint: 'main',
      state: { item: '' },
      appId: 'app',
      persister,
      clock,
      logger: quiet,
      random: () => 0,
    })
  }
  return {
    persister,
    open,
    now: () => clock.now(),
    /** Time passes in the process that lives. */
    advance: (ms: number) => clock.advance(ms),
    /** The process is killed, and time passes. */
    kill(ms: number) {
      clock = new ManualClock(clock.now() + ms)
    },
    async look() {
      const app = await open()
      return { app, outcome: await app.run({ whenWaiting: 'return' }) }
    },
    labels: async () => (await persister.driver.history(null, 'app')).map(({ label }) => label),
  }
}

describe('context.sleep', () => {
  it('ends after its time, with events, and counts as waiting', async () => {
    const { app, clock } = start(does((context) => context.sleep({ ms: 1000 })))
    const events: AnyEvent[] = []
    for (const name of ['wait', 'wake'] as const) app.on(name, (event) => events.push(event))
    const began = clock.now()

    const first = await app.run({ whenWaiting: 'return' })
    const due = app.due
    clock.advance(1000)
    const last = await app.run()

    expect(first).toMatchObject({ status: 'waiting', pending: [], nextAt: began + 1000 })
    expect(due).toEqual([{ kind: 'sleep', at: began + 1000, appId: 'app', path: [], action: 'main', sequenceId: 0 }])
    expect(last).toMatchObject({ status: 'finished', state: { out: 'done' } })
    expect(events).toMatchObject([
      { type: 'wait', id: 'app.0.0', from: 'time', kinds: [], since: began, until: began + 1000 },
      { type: 'wake', id: 'app.0.0', from: 'time', kinds: [], message: undefined, durationMs: 1000 },
    ])
    expect([app.due, app.pending]).toEqual([[], []])
  })

  it('lasts until a moment, a number or a Date, however the wall clock is set', async () => {
    const log: string[] = []
    const { app, clock } = start(
      does(async (context) => {
        await context.sleep({ until: new Date(clock.now() + HOUR) })
        log.push('after a Date')
        await context.sleep({ until: clock.now() + HOUR })
        log.push('after a number')
        await context.sleep({ until: clock.now() - 1 })
        await context.sleep({ ms: 0 })
      }),
    )
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting

    clock.setWall(clock.now() + HOUR) // the machine was suspended
    clock.advance(60_000)
    await flush()
    const forward = [...log]
    clock.setWall(clock.now() - 1000)
    clock.advance(HOUR)
    await flush()
    const back = [...log]
    clock.advance(1000)
    await run

    expect([forward, back, log]).toEqual([['after a Date'], ['after a Date'], ['after a Date', 'after a number']])
  })

  it('holds no permit, and no slot of its map', async () => {
    const limit = createLimit(1)
    const log: string[] = []
    const sleeper = does(async (context) => {
      log.push(`${context.path[0]?.key} begins`)
      await context.sleep({ ms: 10 })
      log.push(`${context.path[0]?.key} ends`)
    })
    const { app, clock } = start(branches(sleeper, ['a', 'b'], { concurrency: limit }))

    const run = app.run()
    await flush()
    expect([log, limit.running]).toEqual([['a begins', 'b begins'], 0])
    clock.advance(10)

    expect((await run).state.outs).toEqual(['a done', 'b done'])
  })

  it('ends with the cancel of its step, with its own signal, and with a branch that settles its map', async () => {
    const own = new AbortController()
    const seen: string[] = []
    const { app } = start(
      does(async (context) => {
        await context.sleep({ ms: HOUR, signal: own.signal }).catch((error) => seen.push(word(error)))
        await context.sleep({ ms: HOUR }).catch((error) => {
          seen.push(word(error))
          throw error
        })
      }),
    )
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting
    own.abort(new RangeError('enough'))
    await flush()
    await app.cancel()
    expect((await run).status).toBe('cancelled')

    const racers = does((context) => (context.path[0]?.key === 'a' ? 'first' : context.sleep({ ms: HOUR })))
    const race = start(branches(racers, ['a', 'b'], { settle: 'any' }))
    const end = await race.app.run()

    expect(seen).toEqual(['RangeError', new CancelledError('app', 'app').name])
    expect([end.state.outs, race.clock.pending]).toEqual([['a first', 'b cancelled'], 0])
  })

  it('lets siblings wait for each other meanwhile', async () => {
    const talk = does(async (context) => {
      if (context.path[0]?.key === 'a') {
        await context.sleep({ ms: 10 })
        context.send('b', reply('awake'))
        return 'sent'
      }
      for await (const { body } of context.messages(reply)) return body
      return 'nobody'
    })
    const { app, clock } = start(branches(talk, ['a', 'b']))
    const run = app.run()
    await flush()
    clock.advance(10)

    expect((await run).state.outs).toEqual(['a sent', 'b awake'])
  })

  it.each([
    ['nothing', undefined, 'sleep takes a record of options'],
    ['both', { ms: 1, until: 1 }, 'sleep takes { ms } or { until }'],
    ['neither', {}, 'sleep takes { ms } or { until }'],
    ['a negative time', { ms: -1 }, 'sleep: ms is -1; it takes milliseconds, 0 or more.'],
    ['an endless time', { ms: Infinity }, 'sleep: ms is Infinity'],
    ['no date', { until: new Date('no date') }, 'sleep: until is'],
    ['another option', { millis: 1 }, 'sleep has no option "millis"'],
  ])('refuses %s', async (_, given, message) => {
    const { app } = start(does((context) => context.sleep(given as never)))

    await expect(app.run()).rejects.toThrow(message)
  })
})

describe('a process that ends', () => {
  it('during a sleep leaves the rest of it; after its moment it is due at once, without another sleep', async () => {
    const log: string[] = []
    const { now, kill, look, labels, persister } = processes(
      does(async (context) => {
        await context.sleep({ ms: HOUR })
        log.push('one')
        await context.sleep({ ms: HOUR })
        log.push('two')
      }),
    )
    const began = now()

    const first = await look()
    kill(HOUR / 2)
    const second = await look()
    const third = await look()
    expect([first, second, third].map(({ outcome }) => 'nextAt' in outcome && outcome.nextAt)).toEqual(
      Array.from({ length: 3 }, () => began + HOUR),
    )
    expect(await labels()).toEqual(['start', 'status'])

    kill(HOUR)
    const fourth = await look()
    expect(fourth.outcome).toMatchObject({ status: 'waiting', nextAt: began + 1.5 * HOUR + HOUR })
    expect((await persister.load({ appId: 'app' }))?.waiting?.waits.map(({ n }) => n)).toEqual([1])

    kill(HOUR)
    log.length = 0
    const last = await look()
    expect([last.outcome.status, log, await labels()]).toEqual([
      'finished',
      ['one', 'two'],
      ['start', 'status', 'main'],
    ])
  })

  it('at any time leaves each sleep with its moment: it is due at once when that has passed', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 4 })
    const gaps = fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(lengths, gaps, async (sleeps, pauses) => {
        const { now, kill, look, persister } = processes(
          does(async (context) => {
            for (const ms of sleeps) await context.sleep({ ms })
          }),
        )
        let asleep = 0
        let until = now() + (sleeps[0] ?? 0)
        for (const pause of [0, ...pauses]) {
          kill(pause)
          while (asleep < sleeps.length && until <= now()) until = now() + (sleeps[++asleep] ?? 0)
          const { outcome } = await look()
          const stored = await persister.load({ appId: 'app' })
          if (asleep === sleeps.length) {
            expect(outcome.status).toBe('finished')
            break
          }
          expect(outcome).toMatchObject({ status: 'waiting', nextAt: until })
          expect(stored && [...dueOf(stored)]).toEqual([{ kind: 'sleep', at: until, action: 'main' }])
        }
      }),
      { numRuns: 30 },
    )
  })

  it('during a wait with a time limit keeps its end: the rest of it, or a timeout at once', async () => {
    const { now, kill, look } = processes(
      does((context) =>
        context.receiveOne(reply, { timeoutMs: HOUR }).then(
          ({ body }) => body,
          (error) => context.receiveOne(reply, { timeoutMs: 10 * HOUR }).then(({ body }) => `${word(error)}, ${body}`),
        ),
      ),
    )
    const began = now()
    await look()
    kill(HOUR - 1)
    const second = await look()
    kill(5 * HOUR)
    const third = await look()
    kill(HOUR)
    const { app, outcome } = await look()
    await app.send(reply('at last'))
    const end = await app.run()

    expect(second.outcome).toMatchObject({ nextAt: began + HOUR, pending: [{ since: began, until: began + HOUR }] })
    expect(third.outcome).toMatchObject({ nextAt: began + 16 * HOUR - 1, pending: [{ id: 'app.0.1' }] })
    expect(outcome).toMatchObject({ nextAt: began + 16 * HOUR - 1, pending: [{ id: 'app.0.1' }] })
    expect(end.state.out).toBe('TimeoutError, at last')
  })

  it('after a failed attempt does not end the waits of the next one', async () => {
    let attempts = 0
    const { now, advance, look } = processes(
      does(
        async (context) => {
          await context.sleep({ ms: 1000 })
          attempts += 1
          if (attempts === 1) throw new RangeError('once more')
        },
        { retry: { attempts: 2, delayMs: 0 } },
      ),
    )
    const began = now()
    const { app } = await look()
    const retry = emitted(app, 'retry')
    advance(1000)
    await retry
    advance(0)
    await flush()

    expect(app.due).toMatchObject([{ kind: 'sleep', at: began + 2000 }])
  })

  it('during the delay before an attempt neither repeats the delay nor forgets the attempt', async () => {
    const attempts: number[] = []
    const { now, kill, open, look, persister } = processes(
      does(
        ({ attempt }) => {
          attempts.push(attempt)
          if (attempts.length < 3) throw new RangeError('not yet')
        },
        { retry: { attempts: 3, delayMs: 1000, factor: 2, jitter: 0 } },
      ),
    )
    const began = now()
    const first = await look()
    expect(first.outcome).toMatchObject({ status: 'waiting', pending: [], nextAt: began + 1000 })
    expect(first.app.due).toMatchObject([{ kind: 'retry', at: began + 1000, action: 'main', sequenceId: 0 }])
    expect((await persister.load({ appId: 'app' }))?.retry).toMatchObject({ tries: 1, at: began + 1000 })

    kill(400)
    const second = await look()
    expect([second.outcome, attempts]).toMatchObject([{ status: 'waiting', nextAt: began + 1000 }, [1]])
    kill(10 * HOUR)
    const third = await look()
    expect([third.outcome, attempts]).toMatchObject([{ status: 'waiting' }, [1, 2]])
    kill(10 * HOUR)
    const end = await (await open()).run()

    expect([end.status, attempts]).toEqual(['finished', [1, 2, 3]])
  })

  it('during the delay before an attempt waits no longer than the delay, though the clock was set back', async () => {
    const attempts: number[] = []
    const { now, kill, look, advance } = processes(
      does(
        ({ attempt }) => {
          attempts.push(attempt)
          if (attempts.length < 2) throw new RangeError('not yet')
        },
        { retry: { attempts: 2, delayMs: 1000, jitter: 0 } },
      ),
    )
    await look()
    kill(-HOUR)
    const { app, outcome } = await look()

    expect(outcome).toMatchObject({ status: 'waiting', nextAt: now() + 1000 })
    advance(1000)
    expect((await app.run()).status).toBe('finished')
    expect(attempts).toEqual([1, 2])
  })

  it('during the delay of a branch counts the attempt, and keeps its moment', async () => {
    const attempts: number[] = []
    const { now, kill, look } = processes(
      branches(
        does(({ attempt }) => {
          attempts.push(attempt)
          if (attempts.length < 3) throw new RangeError('not yet')
        }),
        ['a'],
        { retry: { attempts: 3, delayMs: 1000, factor: 1, jitter: 0 } },
      ),
    )
    const began = now()
    const first = await look()
    kill(400)
    const second = await look()
    kill(600)
    const third = await look()
    kill(1000)
    const last = await look()

    expect([first, second].map(({ outcome }) => outcome)).toMatchObject([
      { status: 'waiting', nextAt: began + 1000 },
      { status: 'waiting', nextAt: began + 1000 },
    ])
    expect(third.outcome).toMatchObject({ status: 'waiting', nextAt: began + 2000 })
    expect([last.outcome.state.outs, attempts]).toEqual([['a done'], [1, 2, 3]])
  })

  it('keeps the time limit of a branch from its first start, also in its first step', async () => {
    const held = defer()
    const { now, kill, advance, look, persister, open } = processes(
      branches(
        does(async (context) => {
          await context.receiveOne(reply)
          await held.promise
        }),
        ['a'],
        { timeoutMs: HOUR },
      ),
    )
    const began = now()
    const first = await look()
    kill(HOUR / 2)
    const second = await look()
    const [place] = second.app.due
    const stored = await persister.load({ appId: place?.appId ?? '' })
    kill(HOUR)
    const last = await open()
    const run = last.run()
    await emitted(last, 'branch.start')
    advance(0)

    expect([first, second].map(({ outcome }) => 'nextAt' in outcome && outcome.nextAt)).toEqual([
      began + HOUR,
      began + HOUR,
    ])
    expect(place).toMatchObject({ kind: 'timeout', at: began + HOUR, path: [{ map: 'main', key: 'a' }], sequenceId: 0 })
    expect([stored?.deadlineAt, stored?.startedAt, stored?.status]).toEqual([began + HOUR, began, 'waiting'])
    expect((await run).state.outs).toEqual(['a failed'])
  })

  it('keeps a cancel that comes while the only step of a branch with a time limit is being saved', async () => {
    const [saving, saved, end] = [defer(), defer(), defer()]
    const persister = memoryPersister()
    const save = persister.driver.save.bind(persister.driver)
    Object.defineProperty(persister.driver, 'save', {
      async value(...[group]: Parameters<typeof save>) {
        if (group.rows.some(({ label }) => label === 'a')) {
          saving.resolve()
          await saved.promise
        }
        return save(group)
      },
    })
    const a = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'a' }) })
    const b = kit.action({ reads: [], writes: ['out'], run: () => end.promise.then(() => ({ out: 'b' })) })
    const main = kit.mapActions({
      reads: [],
      writes: ['outs'],
      timeoutMs: HOUR,
      settle: 'collect',
      actions: { a, b },
      reduce: ({ results }) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) }),
    })
    const app = createApplication(kit.graph({ actions: { main } }), {
      entrypoint: 'main',
      state: {},
      appId: 'app',
      persister,
      clock: new ManualClock(),
    })
    let id = ''
    app.on('branch.start', ({ key, appId }) => {
      if (key === 'a') id = appId
    })
    const run = app.run()
    await saving.promise
    const cancelled = app.cancel({ path: 'main/a' })
    saved.resolve()
    await cancelled
    const stored = await persister.load({ appId: id })
    end.resolve()

    expect([(await run).state.outs, stored?.status]).toEqual([['a cancelled', 'b done'], 'cancelled'])
  })
})
