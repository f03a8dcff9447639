import { type ActionContext, type AnyEvent, createApplication, defineMessage, defineState, type } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const reply = defineMessage('reply', type<string>())
const veto = defineMessage('veto', type<string>())
const hint = defineMessage('hint', type<string>())

function start(code: (context: ActionContext, signal: AbortSignal) => Promise<string>, more: object = {}) {
  const clock = new ManualClock(1_000)
  const ask = kit.action({
    reads: [],
    writes: ['out'],
    run: async ({ context, signal }) => ({ out: await code(context, signal) }),
  })
  const app = createApplication(kit.graph({ actions: { ask } }), {
    entrypoint: 'ask',
    state: {},
    clock,
    logger: quiet,
    ...more,
  })
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as AnyEvent))
  const waiting = emitted(app, 'wait')
  return { app, clock, events, waiting, run: app.run() }
}
const wordOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error))

describe('a withdrawn wait', () => {
  it('by its time limit takes nothing: the next one gets the answer', async () => {
    const { app, clock, run } = start(async (context) => {
      const late = await context.receiveOne(reply, veto, { timeoutMs: 10 }).then(({ body }) => body, wordOf)
      return `${late} Then: ${(await context.receiveOne(reply)).body}.`
    })
    await clock.timerIn(10)
    const waiting = emitted(app, 'wait')
    clock.advance(10)
    await waiting

    const delivery = await app.send(reply('yes'))

    expect(delivery).toBe('delivered')
    expect((await run).state.out).toBe(
      'TimeoutError: Action "ask": the wait for "reply" and "veto" took longer than 10 ms. Then: yes.',
    )
    expect(clock.pending).toBe(0)
  })

  it('by its signal rejects with the reason, and takes no message, neither a later nor a present one', async () => {
    const controller = new AbortController()
    const { app, waiting, run } = start(async (context) => {
      const { signal } = controller
      const first = await context.receiveOne(reply, { signal }).then(({ body }) => body, wordOf)
      const second = await context.receiveOne(veto, { signal }).then(({ body }) => body, wordOf)
      return `${first} ${second} ${(await context.receiveOne(reply)).body} ${(await context.receiveOne(veto)).body}`
    })
    await waiting
    await app.send(veto('no'))
    const third = emitted(app, 'wait')
    controller.abort('withdrawn')
    await third

    await app.send(reply('yes'))

    expect((await run).state.out).toBe('withdrawn withdrawn yes no')
  })

  it('by a past deadline takes a present message, and waits for none', async () => {
    const { app, clock, waiting, run } = start(async (context) => {
      await context.receiveOne(veto)
      const there = await context.receiveOne(reply, { until: 500 })
      const none = await context.receiveOne(reply, { until: 500 }).then(({ body }) => body, wordOf)
      return `${there.body}, ${none}`
    })
    await waiting
    await app.send(reply('yes'))
    await app.send(veto('go'))
    await clock.fire(0)

    expect((await run).state.out).toBe('yes, TimeoutError: Action "ask": the wait for "reply" took longer than 0 ms.')
  })

  it('ends at the earlier of its two limits, and wakes without a message', async () => {
    const { app, clock, run, events } = start(async (context) =>
      context.receiveOne(reply, { timeoutMs: 100, until: 1_040 }).then(({ body }) => body, wordOf),
    )
    await clock.timerIn(40)
    clock.advance(39)
    await flush()
    const early = app.sequenceId
    clock.advance(1)

    expect([early, (await run).status]).toEqual([-1, 'finished'])
    expect(events.flatMap((e) => (e.type === 'wake' ? [[e.message, e.durationMs]] : []))).toEqual([[undefined, 40]])
  })

  it('ends a loop over messages; each message starts the time again', async () => {
    const { app, clock, run } = start(async (context) => {
      const bodies: string[] = []
      for await (const { body } of context.receive(reply, { timeoutMs: 10 })) bodies.push(body)
      return bodies.join()
    })
    await clock.timerIn(10)
    clock.advance(9)
    await app.send(reply('a'))
    await clock.timerIn(10)
    clock.advance(9)
    await app.send(reply('b'))
    await clock.fire(10)

    expect((await run).state.out).toBe('a,b')
  })

  it('has ended with its message: a reader that is left during the wake event wakes once', async () => {
    let leave: (() => void) | undefined
    const { app, events, waiting, run } = start(async (context) => {
      const reader = context.receive(reply)[Symbol.asyncIterator]()
      leave = () => void reader.return?.()
      const first = await reader.next()
      return first.done === true ? 'none' : first.value.body
    })
    app.on('wake', () => {
      const once = leave
      leave = undefined
      once?.()
    })
    await waiting

    await app.send(reply('yes'))

    expect((await run).state.out).toBe('yes')
    expect(events.filter(({ type }) => type === 'wake')).toHaveLength(1)
  })

  it('leaves no listener at the signal', async () => {
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    const { app, waiting, run } = start(async (context) => (await context.receiveOne(reply, { signal })).body)
    await waiting
    const during = [add.mock.calls.length, remove.mock.calls.length]

    await app.send(reply('yes'))

    expect([(await run).state.out, during, remove.mock.calls[0]?.[1] === add.mock.calls[0]?.[1]]).toEqual([
      'yes',
      [1, 0],
      true,
    ])
  })
})

describe('a wait for a sibling with an end of its own', () => {
  /** Two branches: `a` waits for a time, then sends; `b` waits without a limit. */
  function pair(a: (context: ActionContext) => Promise<string>, b: (context: ActionContext) => Promise<string>) {
    const clock = new ManualClock()
    const make = (code: typeof a) =>
      kit.action({
        reads: ['item'],
        writes: ['out'],
        run: async ({ context }) => ({ out: await code(context).catch(wordOf) }),
      })
    const map = kit.mapActions({
      reads: ['item'],
      writes: ['outs'],
      actions: { a: make(a), b: make(b) },
      reduce: ({ branches }) => ({ outs: [branches.a.state.out, branches.b.state.out] }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { item: '' }, clock })
    return { clock, run: app.run() }
  }
  const one = async (context: ActionContext, ...options: readonly [] | readonly [object]): Promise<string> => {
    for await (const { body } of context.messages(hint, ...(options as []))) return body
    return 'none came'
  }

  it('does not fail those that wait for it: it continues, and sends', async () => {
    const { clock, run } = pair(
      async (context) => {
        const heard = await one(context, { timeoutMs: 10 })
        context.send('b', hint('from a'))
        return heard
      },
      (context) => one(context),
    )
    await clock.fire(10)

    expect((await run).state.outs).toEqual(['none came', 'from a'])
  })

  it('completes at once when no sibling is left', async () => {
    const { clock, run } = pair(
      (context) => one(context, { timeoutMs: 10_000 }),
      async () => 'done',
    )

    expect((await run).state.outs).toEqual(['none came', 'done'])
    expect(clock.pending).toBe(0)
  })

  it('fails the others once it waits without an end as well', async () => {
    const { clock, run } = pair(
      async (context) => `${await one(context, { timeoutMs: 10 })}, ${await one(context)}`,
      (context) => one(context),
    )
    await clock.fire(10)

    expect((await run).state.outs.map((out) => out.split(':')[0])).toEqual(['NoSenderError', 'NoSenderError'])
  })
})
