import { type AnyEvent, type Application, ContractError, createApplication, defineState, type Retry } from 'teasel'
import { describe, expect, it } from 'vitest'
import { flush, untilAborted } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// The total time limit of a retry, delays computed by a function, and the results of `retry.when`.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const base = { reads: ['item'], writes: ['out'] } as const
type Action = ReturnType<typeof failing>['action']

function start(action: Action, more: object = {}) {
  const clock = new ManualClock()
  const app = createApplication(kit.graph({ actions: { act: action } }), {
    entrypoint: 'act',
    state: { item: 'i' },
    clock,
    logger: quiet,
    random: () => 0,
    graceMs: 10,
    ...more,
  }) as unknown as Application<{ item: string; out: string; outs: string[] }, unknown>
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as AnyEvent))
  const run = app.run().then(
    ({ status, state }) => [status, state.out, state.outs],
    (error: Error) => error,
  )
  const pass = async (...steps: readonly number[]): Promise<void> => {
    await flush()
    for (const ms of steps) {
      clock.advance(ms)
      await flush()
    }
  }
  const faults = (): unknown[] => events.flatMap((e) => (e.type === 'fault' ? [e.where] : []))
  return {
    app,
    clock,
    run,
    pass,
    events,
    faults,
    delays: () => events.flatMap((e) => (e.type === 'retry' ? [e.delayMs] : [])),
  }
}
/** Fails at once, or waits for its signal. */
function failing(retry: Retry, more: object = {}, hangs = false) {
  const attempts: number[] = []
  const action = kit.action({
    ...base,
    retry,
    ...more,
    run({ context, signal }): Promise<{ out: string }> {
      attempts.push(context.attempt)
      return hangs ? untilAborted(signal) : Promise.reject(new RangeError(`boom ${context.attempt}`))
    },
  })
  return { action, attempts }
}
const over = (action: Action, retry: Retry): Action =>
  kit.mapStates({
    reads: [],
    writes: ['outs'],
    settle: 'collect',
    action,
    retry,
    states: { a: { item: 'a' } },
    reduce: ({ results }) => ({
      outs: results.map((r) => `${r.status} ${r.status === 'failed' ? r.error.message : ''}`),
    }),
  }) as never

describe('the time limit of all attempts together', () => {
  it('ends the running attempt, and no other follows', async () => {
    const { action, attempts } = failing({ attempts: 9, delayMs: 40, factor: 1, maxMs: 190 }, { timeoutMs: 60 }, true)
    const { run, pass } = start(action)

    await pass(60, 40, 60, 30)

    expect(await run).toMatchObject({
      message: 'Action "act" failed (step 0, attempt 2 of 9): Action "act" took longer than 60 ms.',
    })
    expect(attempts).toEqual([1, 2])
  })

  it('shortens an attempt with a longer limit of its own', async () => {
    const { action, attempts } = failing({ attempts: 9, delayMs: 40, factor: 1, maxMs: 120 }, { timeoutMs: 60 }, true)
    const { run, pass, app } = start(action)

    await pass(60, 40, 19)
    const early = app.sequenceId
    await pass(1)

    expect(await run).toMatchObject({
      message:
        'Action "act" failed (step 0, attempt 2 of 9): Action "act", all attempts together, took longer than 120 ms.',
    })
    expect([attempts, early]).toEqual([[1, 2], -1])
  })

  it('is not named where the limit of the attempt is as short', async () => {
    const { action } = failing({ attempts: 9, maxMs: 60 }, { timeoutMs: 60 }, true)
    const { run, pass } = start(action)

    await pass(60)

    expect(await run).toMatchObject({ message: expect.stringContaining('Action "act" took longer than 60 ms.') })
  })

  it('prevents an attempt that would start too late, and leaves the failure to the fallback', async () => {
    const retry = { attempts: 9, delayMs: 40, factor: 1, maxMs: 100 }
    const { action, attempts } = failing(retry, { fallback: () => ({ out: 'fallen back' }) })
    const { run, pass, clock } = start(action)

    await pass(40, 40)

    expect([await run, attempts, clock.pending]).toEqual([['finished', 'fallen back', undefined], [1, 2, 3], 0])
  })

  it('of a branch ends it in any phase', async () => {
    const { action, attempts } = failing(1, {}, true)
    const { run, pass } = start(over(action, { attempts: 3, maxMs: 50 }))

    await pass(50)

    expect([await run, attempts]).toEqual([
      ['finished', undefined, ['failed Branch "act/a" took longer than 50 ms.']],
      [1],
    ])
  })

  it('of a branch prevents an attempt that would start too late', async () => {
    const { action, attempts } = failing(1)
    const { run, pass } = start(over(action, { attempts: 9, delayMs: 40, factor: 1, maxMs: 50 }))

    await pass(40)

    expect([(await run) as unknown, attempts]).toEqual([
      ['finished', undefined, [expect.stringContaining('boom 2')]],
      [1, 2],
    ])
  })

  it('of a reduce prevents an attempt that would start too late', async () => {
    let calls = 0
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.action({ ...base, run: () => ({ out: 'x' }) }),
      states: { a: { item: 'a' } },
      retry: { attempts: 9, delayMs: 40, factor: 1, maxMs: 50 },
      reduce() {
        calls += 1
        throw new RangeError('no')
      },
    }) as never as Action
    const { run, pass } = start(map)

    await pass(40)

    expect([String(await run).includes('no'), calls]).toEqual([true, 2])
  })
})

describe('a delay computed by a function', () => {
  it('is taken unchanged, of any length', async () => {
    const asked: unknown[] = []
    const { action, attempts } = failing({
      attempts: 3,
      maxDelayMs: 10,
      jitter: 1,
      delayMs(args) {
        asked.push([String(args.error), args.attempt])
        return args.attempt * 60_000
      },
    })
    const { run, pass, delays } = start(action)

    await pass(60_000, 120_000)
    await run

    expect([attempts, delays()]).toEqual([
      [1, 2, 3],
      [60_000, 120_000],
    ])
    expect(asked).toEqual([
      ['RangeError: boom 1', 1],
      ['RangeError: boom 2', 2],
    ])
  })

  it('is the default one when it returns undefined', async () => {
    const { action } = failing({ attempts: 3, delayMs: () => undefined })
    const { run, pass, delays } = start(action)

    await pass(100, 200)
    await run

    expect(delays()).toEqual([100, 200])
  })

  it('ends the attempts when it throws: a fault', async () => {
    const { action, attempts } = failing({
      attempts: 3,
      delayMs() {
        throw new TypeError('no header')
      },
    })
    const { run, faults } = start(action)

    expect(await run).toMatchObject({ message: 'Action "act" failed (step 0, attempt 1 of 3): boom 1' })
    expect([attempts, faults()]).toEqual([[1], ['retry of Action "act"']])
  })
})

describe.each([
  ['action', (retry: Retry) => failing(retry).action],
  ['branch', (retry: Retry) => over(failing(1).action, retry)],
])('retry of a %s', (level, make) => {
  it.each([
    [
      'when returns a promise',
      { attempts: 3, when: async () => true },
      'retry.when returned a Promise. It must return true or false, synchronously.',
    ],
    [
      'when returns a rejected promise',
      { attempts: 3, when: async () => Promise.reject(new Error('later')) },
      'retry.when returned a Promise. It must return true or false, synchronously.',
    ],
    [
      'when returns a number',
      { attempts: 3, when: () => 1 },
      'retry.when returned 1. It must return true or false, synchronously.',
    ],
    [
      'delayMs returns a promise',
      { attempts: 3, delayMs: async () => 5 },
      'retry.delayMs returned a Promise. It must return milliseconds, 0 or more, synchronously.',
    ],
    [
      'delayMs returns a negative number',
      { attempts: 3, delayMs: () => -1 },
      'retry.delayMs returned -1. It must return milliseconds, 0 or more, synchronously.',
    ],
  ])('fails with the failure as the cause: %s', async (_, retry, says) => {
    const { run } = start(make(retry as never))

    const end = (await run) as ContractError | readonly [string, string, string[]]

    if (level === 'action') {
      expect(end).toBeInstanceOf(ContractError)
      expect(end).toMatchObject({
        message: `Action "act" (step 0) was not tried again: ${says}`,
        cause: { message: 'boom 1' },
      })
    } else expect(end).toEqual(['finished', undefined, [`failed Branch "act/a" was not tried again: ${says}`]])
  })
})
