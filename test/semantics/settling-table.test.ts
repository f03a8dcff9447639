import {
  type ActionContext,
  type AnyEvent,
  createApplication,
  createLimit,
  ParallelError,
  type SettlePolicy,
} from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// Two branches. An event happens to x at some moment, while y runs; then y is done, if it may. Every cell of the table
// *policy × event × moment* is one test; the small oracle below gives the expected result.

const POLICIES = ['all', 'collect', 'any', 'first', { atLeast: 2 }] as const satisfies readonly SettlePolicy[]
const HAPPENINGS = ['success', 'failure', 'cancel', 'late success', 'late failure'] as const
const MOMENTS = [
  'queued',
  'running',
  'committing',
  'waiting for room',
  'retry wait',
  'clean-up after a cancel',
] as const
type Policy = (typeof POLICIES)[number]
type Happening = (typeof HAPPENINGS)[number]
type Moment = (typeof MOMENTS)[number]
type Status = 'done' | 'failed' | 'cancelled'

const GRACE = 1000
const DELAY = 100

/** The oracle: the order and the ends of the branches without interference; then the verdict of the policy. */
function expected(policy: Policy, happening: Happening, moment: Moment) {
  const cancelled = happening === 'cancel' || happening.startsWith('late') || moment === 'clean-up after a cancel'
  const own: Status = cancelled ? 'cancelled' : happening === 'success' ? 'done' : 'failed'
  const stands = moment === 'queued' || moment === 'waiting for room'
  // A branch queued behind y gets its turn when y is done; a cancel does not wait for that.
  const order: (readonly ['x' | 'y', Status])[] =
    stands && !cancelled
      ? [
          ['y', 'done'],
          ['x', own],
        ]
      : [
          ['x', own],
          ['y', 'done'],
        ]
  const results: Record<string, Status> = {}
  let verdict: 'reduced' | 'failed' | undefined
  for (const [key, status] of order) {
    results[key] = verdict === undefined ? status : 'cancelled'
    if (verdict !== undefined) continue
    const good = status === 'done'
    if ((policy === 'all' || typeof policy === 'object') && !good) verdict = 'failed'
    if (policy === 'first' || (policy === 'any' && good)) verdict = 'reduced'
  }
  if (verdict === undefined)
    verdict = policy === 'any' && !Object.values(results).includes('done') ? 'failed' : 'reduced'
  const decidedByY = stands && !cancelled && (policy === 'any' || policy === 'first')
  const inTurn = stands && !cancelled && !decidedByY
  const begins = stands ? Number(inTurn) : moment === 'retry wait' && !cancelled ? 2 : 1
  return {
    verdict,
    results,
    reason: cancelled ? 'said so' : undefined,
    begins,
    settled: ['x', 'y'],
    afterTheEnd: 0,
    timers: 0,
  }
}

async function observe(policy: Policy, happening: Happening, moment: Moment) {
  const late = happening.startsWith('late')
  const [endX, endY, saved, cleaned] = [defer<{ answer: string }>(), defer<{ answer: string }>(), defer(), defer()]
  for (const { promise } of [endX, saved, cleaned] as Deferred<unknown>[]) promise.catch(() => {})
  const clock = new ManualClock()
  let byY: ActionContext | undefined
  let begins = 0

  const x = chat.action({
    reads: ['prompt'],
    writes: ['answer'],
    async run({ context, signal }) {
      begins += 1
      if (moment === 'retry wait' && context.attempt === 1) throw new Error('the first time')
      if (moment === 'clean-up after a cancel') {
        try {
          await untilAborted(signal)
        } catch (reason) {
          await cleaned.promise
          if (!happening.endsWith('success')) throw reason
        }
        return { answer: 'x' }
      }
      return late ? endX.promise : Promise.race([endX.promise, untilAborted(signal) as Promise<never>])
    },
  })
  const y = chat.action({
    reads: ['prompt'],
    writes: ['answer'],
    run({ context, signal }) {
      byY = context
      return Promise.race([endY.promise, untilAborted(signal) as Promise<never>])
    },
  })
  let told: readonly { key: string; status: Status; reason?: unknown }[] = []
  const map = chat.mapActions({
    reads: ['prompt'],
    writes: ['answers'],
    settle: policy as 'collect',
    concurrency: moment === 'queued' ? 1 : moment === 'waiting for room' ? createLimit(1) : 2,
    actions: { y, x: [x, moment === 'retry wait' ? { retry: { attempts: 2, delayMs: DELAY, jitter: 0 } } : {}] },
    reduce: ({ results }) => {
      told = results
      return { answers: {} }
    },
  })
  const afterStep = async ({ path }: { path: readonly { key: string }[] }) => {
    if (path[0]?.key === 'x') await saved.promise
  }
  const app = createApplication(chat.graph({ actions: { map } }), {
    entrypoint: 'map',
    state: { prompt: '' },
    clock,
    graceMs: GRACE,
    logger: quiet,
    interceptors: moment === 'committing' ? [{ onFault: 'fail', afterStep }] : [],
  })
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as AnyEvent))
  const cancel = (reason: string): void => void byY?.cancel('x', reason)

  /** Lets the code of x run to its end. */
  async function finish(): Promise<void> {
    const ok = happening.endsWith('success') || happening === 'cancel'
    const stands = moment === 'queued' || moment === 'waiting for room'
    if (stands && !late) endY.resolve({ answer: 'y' })
    await flush()
    if (moment === 'retry wait') clock.advance(DELAY)
    await flush()
    const end = moment === 'committing' ? saved : moment === 'clean-up after a cancel' ? cleaned : endX
    if (ok) (end as Deferred<unknown>).resolve({ answer: 'x' })
    else end.reject(new Error('x failed'))
    await flush()
  }

  const run = app.run().then(
    () => 'reduced' as const,
    (error: unknown) => {
      if (!(error instanceof ParallelError)) throw error
      told = error.results as typeof told
      return 'failed' as const
    },
  )
  await flush()
  if (moment === 'committing') endX.resolve({ answer: 'x' })
  if (moment === 'clean-up after a cancel') cancel('said so')
  await flush()
  if (happening === 'cancel' || late) cancel(moment === 'clean-up after a cancel' ? 'said again' : 'said so')
  if (late && moment === 'clean-up after a cancel') clock.advance(GRACE)
  const releasesItself = happening === 'cancel' && moment !== 'committing' && moment !== 'clean-up after a cancel'
  if (!releasesItself) await finish()
  await flush()
  endY.resolve({ answer: 'y' })
  const verdict = await run
  const ended = events.length
  clock.advance(10 * GRACE)
  await flush()

  const resultX = told.find(({ key }) => key === 'x')
  const saidSo = resultX?.reason === 'said so' || resultX?.reason === 'said again'
  return {
    verdict,
    results: Object.fromEntries(told.map(({ key, status }) => [key, status])),
    reason: saidSo ? resultX?.reason : undefined,
    begins,
    settled: events.flatMap((event) => (event.type === 'branch.settled' ? [event.key] : [])).sort(),
    afterTheEnd: events.length - ended,
    timers: clock.pending,
  }
}

describe.each(POLICIES)('settling as %j', (policy) => {
  describe.each(MOMENTS)('%s', (moment) => {
    it.each(HAPPENINGS)('%s', async (happening) => {
      expect(await observe(policy, happening, moment)).toEqual(expected(policy, happening, moment))
    })
  })
})

describe('settling under pressure', () => {
  const start = (map: object, options: object = {}) => {
    const clock = new ManualClock()
    const app = createApplication(chat.graph({ actions: { map: map as never } }), {
      entrypoint: 'map',
      state: { prompt: '' },
      clock,
      logger: quiet,
      ...options,
    })
    const settled: string[] = []
    app.on('branch.settled', ({ key, status }) => settled.push(`${key} ${status}`))
    return { app, clock, settled }
  }
  const over = (action: object, more: object = {}) =>
    chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      settle: 'collect',
      action,
      states: { a: {} },
      reduce: ({ results }: { results: readonly { key: string; status: string }[] }) => ({
        answers: Object.fromEntries(results.map(({ key, status }) => [key, status])),
      }),
      ...more,
    } as never)

  it.each([
    ['a success', (end: Deferred<{ answer: string }>) => end.resolve({ answer: '' })],
    ['a failure', (end: Deferred<{ answer: string }>) => end.reject(new Error('boom'))],
  ] as const)('keeps the cancel of the same tick over %s, before it and after it', async (_, happen) => {
    const outcomes: unknown[] = []
    for (const first of ['cancel', 'end']) {
      const end = defer<{ answer: string }>()
      const { app, settled } = start(over(chat.action({ reads: [], writes: ['answer'], run: () => end.promise })))
      const started = emitted(app, 'step.start', 'map/a')
      const run = app.run()
      await started
      if (first === 'end') happen(end)
      void app.cancel({ path: 'map/a' })
      if (first === 'cancel') happen(end)
      outcomes.push([(await run).state.answers, settled])
    }

    expect(outcomes).toEqual([
      [{ a: 'cancelled' }, ['a cancelled']],
      [{ a: 'cancelled' }, ['a cancelled']],
    ])
  })

  it('keeps a branch cancelled whose generator throws in its finally', async () => {
    const action = chat.action({
      reads: [],
      writes: ['answer'],
      retry: 3,
      async *run({ signal }) {
        try {
          yield 1
          await untilAborted(signal)
          return { answer: '' }
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what is tested
          throw new Error('while it cleaned up')
        }
      },
      fallback: () => ({ answer: 'never' }),
    })
    const { app, clock, settled } = start(over(action, { retry: 3, fallback: () => ({ answer: 'never' }) }))
    const yielded = emitted(app, 'chunk', 'map/a')

    const run = app.run()
    await yielded
    void app.cancel({ path: 'map/a' })

    expect((await run).state.answers).toEqual({ a: 'cancelled' })
    expect([settled, clock.pending]).toEqual([['a cancelled'], 0])
  })

  it('goes on when watch throws at each event, also at retries and recoveries', async () => {
    const action = chat.action({
      reads: [],
      writes: ['answer'],
      run: () => {
        throw new Error('boom')
      },
    })
    const watch = () => {
      throw new Error('watch')
    }
    const { app, clock } = start(
      over(action, { watch, retry: { attempts: 2, delayMs: 0 }, fallback: () => ({ answer: '' }) }),
    )

    const run = app.run()
    await clock.fire(0)

    expect((await run).state.answers).toEqual({ a: 'done' })
  })

  it('ends the delay of a branch whose retry makes watch settle', async () => {
    const action = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context }) {
        await flush()
        if (context.path[0]?.key === 'a') throw new Error('boom')
        await flush()
        return { answer: '' }
      },
    })
    const watch = ({
      event,
      branches,
      settle: enough,
    }: {
      event: { type: string }
      branches: Record<string, { status: string }>
      settle(): void
    }) => {
      if (event.type === 'step.end' && branches['a']?.status === 'retrying') enough()
    }
    const { app, clock, settled } = start(
      over(action, { watch, states: { a: {}, b: {} }, retry: { attempts: 2, delayMs: 60_000 } }),
    )

    expect((await app.run()).state.answers).toEqual({ a: 'cancelled', b: 'cancelled' })
    expect([settled.length, clock.pending]).toEqual([2, 0])
  })

  it('retries only the failed branches of a branch that is a map: the done ones keep their results', async () => {
    const runs: string[] = []
    const leaf = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context, signal }) {
        const key = context.path.at(-1)?.key ?? ''
        runs.push(key)
        if (key === 'good') return { answer: '' }
        if (runs.length <= 2) throw new Error('boom')
        return signal.aborted ? untilAborted(signal) : { answer: '' }
      },
    })
    const inner = over(leaf, { settle: 'all', states: { good: {}, bad: {} } })
    const { app, clock } = start(over(inner, { retry: { attempts: 2, delayMs: 10, jitter: 0 } }))

    const run = app.run()
    await clock.fire(10)

    expect((await run).state.answers).toEqual({ a: 'done' })
    expect([runs, clock.pending]).toEqual([['good', 'bad', 'bad'], 0])
  })

  it('cancels a pending retry two maps down', async () => {
    const leaf = chat.action({
      reads: [],
      writes: ['answer'],
      retry: { attempts: 2, delayMs: 60_000 },
      run: () => {
        throw new Error('boom')
      },
    })
    const { app, clock } = start(over(over(leaf, { retry: { attempts: 2, delayMs: 60_000 } }), { retry: 5 }))
    const retrying = emitted(app, 'retry', 'map/a/map/a')

    const run = app.run()
    await retrying
    await app.cancel()

    expect(await run).toMatchObject({ status: 'cancelled' })
    expect(clock.pending).toBe(0)
  })
})
