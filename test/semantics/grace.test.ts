import { createApplication, type SettlePolicy } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

it('the deadline of the application ends the source of a map with a longer one', async () => {
  const clock = new ManualClock()
  const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
  const inner = chat.mapActions({
    reads: [],
    writes: ['answer'],
    graceMs: 5000,
    actions: async function* () {
      try {
        yield deaf
        await new Promise(() => {})
      } finally {
        await new Promise(() => {})
      }
    } as never,
    reduce: () => ({ answer: 'a' }),
  })
  const options = { entrypoint: 'inner', state: {}, clock, graceMs: 100 } as const
  const app = createApplication(chat.graph({ actions: { inner } }), options)
  let ended: unknown
  const started = emitted(app, 'step.start', 'inner/0')
  void app.run().then((end) => {
    ended = end
  })
  await started
  void app.cancel()
  for (const ms of [100, 1, 1]) {
    await flush()
    clock.advance(ms)
  }
  await flush()

  expect(ended).toMatchObject({ status: 'cancelled' })
})

it('the deadline of the application shortens that of a source whose map still awaits an interceptor', async () => {
  const clock = new ManualClock()
  const quick = chat.action({ reads: [], writes: ['answer'], run: () => ({ answer: 'a' }) })
  const inner = chat.mapActions({
    reads: [],
    writes: ['answer'],
    graceMs: 5000,
    actions: async function* () {
      yield quick
      await new Promise(() => {})
    },
    reduce: () => ({ answer: 'a' }),
  })
  const called = defer()
  const afterBranch = () => {
    called.resolve()
    return new Promise<void>(() => {})
  }
  const interceptors = [{ afterBranch }]
  const options = { entrypoint: 'inner', state: {}, clock, graceMs: 100, logger: quiet, interceptors } as const
  const app = createApplication(chat.graph({ actions: { inner } }), options)
  const run = app.run()
  await called.promise
  void app.cancel()
  for (const ms of [100, 1, 1]) {
    await flush()
    clock.advance(ms)
  }

  expect(await run).toMatchObject({ status: 'cancelled', leaked: [{ interceptor: 'afterBranch' }, { sinceMs: 100 }] })
})

describe('the clean-up of a map after its branches', () => {
  /** A map that closes at once; its source closes, and its folding code ends, on command. */
  function closing(settles: SettlePolicy) {
    const clock = new ManualClock()
    const [source, fold] = [defer(), defer()]
    const one = chat.action({
      reads: [],
      writes: ['answer'],
      run: async () => (settles === 'all' ? Promise.reject(new Error('bad')) : { answer: 'a' }),
    })
    const entries = [one]
    const iterator = {
      next: async () => {
        const value = entries.pop()
        return value === undefined ? new Promise<never>(() => {}) : { done: false, value }
      },
      return: async () => {
        await source.promise
        return { done: true, value: undefined }
      },
    }
    const map = chat.mapActions({
      reads: [],
      writes: ['answer'],
      settle: settles,
      actions: () => ({ [Symbol.asyncIterator]: () => iterator }) as unknown as AsyncGenerator<typeof one>,
      async reduceLive() {
        await fold.promise
        return { answer: 'b' }
      },
    })
    const options = { entrypoint: 'map', state: {}, clock, graceMs: 100, logger: quiet } as const
    const app = createApplication(chat.graph({ actions: { map } }), options)
    const leaked: number[] = []
    app.on('branch.leaked', ({ sinceMs }) => leaked.push(sinceMs))
    const pass = async (ms: number) => {
      await flush()
      clock.advance(ms)
      await flush()
    }
    return { app, pass, source, fold, leaked }
  }

  it('has its full grace period from its own cancel, not from the settling of the map', async () => {
    const { app, pass, source, fold, leaked } = closing('first')
    const run = app.run()
    await pass(60)
    void app.cancel()
    await pass(20)
    source.resolve()
    await pass(70)
    fold.resolve()
    const { status } = await run

    expect({ status, leaked }).toEqual({ status: 'cancelled', leaked: [] })
  })

  it('is abandoned once, also when the application is cancelled meanwhile', async () => {
    const { app, pass, source, leaked } = closing('all')
    const settled = emitted(app, 'branch.settled', 'map/0')
    const run = app.run()
    await settled
    source.resolve()
    await pass(60)
    void app.cancel()
    for (const ms of [40, 60, 1]) await pass(ms)
    const { status } = await run

    expect({ status, leaked }).toEqual({ status: 'cancelled', leaked: [100] })
  })

  it('covers its source, and then its folding code', async () => {
    const { app, pass, leaked } = closing('first')
    const settled = emitted(app, 'branch.settled', 'map/0')
    const run = app.run()
    await settled
    void app.cancel()
    for (const ms of [100, 1, 1]) await pass(ms)
    const { status } = await run

    expect({ status, leaked }).toEqual({ status: 'cancelled', leaked: [100, 100] })
  })
})
