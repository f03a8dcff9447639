import { getEventListeners } from 'node:events'
import { type AnyEvent, createApplication, printPath } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { counting, pouring } from '../support/pourers.js'

const told = (event: AnyEvent): string =>
  event.type === 'dropped'
    ? `${event.count} lost from ${event.seq}`
    : event.type === 'chunk'
      ? `chunk ${event.chunk}`
      : event.type

describe('a further reader', () => {
  it('reads from its creation on, not from its first read', async () => {
    const { app } = counting(2)
    const events = app.events()

    await app.run()
    await app[Symbol.asyncDispose]()
    const seen: string[] = []
    for await (const event of events) seen.push(told(event))

    expect(seen).toEqual(['run.start', 'step.start', 'chunk 0', 'chunk 1', 'step.end', 'run.end'])
  })

  it('reads run after run, and ends when the application is disposed of', async () => {
    const app = createApplication(chat.graph({ actions: { a: echo, b: echo }, transitions: { a: 'b' } }), {
      entrypoint: 'a',
      state: { prompt: '' },
    })
    const events = app.events({ include: ['run.start'] })
    const seen: (number | undefined)[] = []
    const reading = (async () => {
      for await (const { seq } of events) seen.push(seq)
      seen.push(undefined)
    })()

    await app.run({ haltAfter: 'a' })
    await app.run()
    await flush()
    const between = [...seen]
    await app[Symbol.asyncDispose]()
    await reading

    expect(between).toEqual([0, 0])
    expect(seen).toEqual([0, 0, undefined])
  })

  it('ends at once on a disposed application', async () => {
    const { app } = counting(1)
    await app[Symbol.asyncDispose]()

    expect(await app.events().next()).toEqual({ done: true, value: undefined })
  })

  it('holds nothing back, loses only chunks, and gets their number and position', async () => {
    const { app, tally } = counting(10)
    const events = app.events({ buffer: 4 })

    await app.run()
    const made = tally.made
    await app[Symbol.asyncDispose]()
    const seen: string[] = []
    for await (const event of events) seen.push(told(event))

    expect(made).toBe(10)
    expect(seen).toEqual(['run.start', 'step.start', 'chunk 0', 'chunk 1', '8 lost from 4', 'step.end', 'run.end'])
  })

  it('marks every place where chunks were lost', async () => {
    const { app, taps } = pouring()
    const events = app.events({ buffer: 1, include: ['chunk', 'branch.settled'] })
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    const run = app.run()
    await started

    for (const text of ['1', '2', '3']) taps.a.pour(text)
    await flush()
    taps.a.end()
    await flush()
    taps.b.pour('4')
    taps.b.end()
    await run
    await app[Symbol.asyncDispose]()
    const seen: unknown[] = []
    for await (const event of events)
      seen.push(event.type === 'dropped' ? event.count : `${event.type} ${printPath(event.path)}`)

    expect(seen).toEqual(['chunk both/a', 2, 'branch.settled both/a', 1, 'branch.settled both/b'])
  })

  it('gets chunks again once it has caught up', async () => {
    const { app, taps } = pouring()
    const events = app.events({ buffer: 1, include: ['chunk'] })
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    void app.run()
    await started
    for (const text of ['1', '2']) taps.a.pour(text)
    await flush()
    const behind = [await events.next(), await events.next()]

    taps.a.pour('3')
    const caughtUp = await events.next()

    expect([...behind, caughtUp].map(({ value }) => told(value as AnyEvent))).toEqual([
      'chunk 1',
      expect.stringMatching(/^1 lost from/),
      'chunk 3',
    ])
    await app[Symbol.asyncDispose]()
  })

  it('only stops listening when it is left, also before its first read', async () => {
    const { app, taps } = pouring()
    const [one, two] = [app.events(), app.events()]
    await two.return()
    const run = app.run()
    for await (const _ of one) break
    taps.a.end()
    taps.b.end()

    expect((await run).status).toBe('finished')
    expect([await one.next(), await two.next()]).toEqual(Array(2).fill({ done: true, value: undefined }))
  })

  it('rejects with the reason of its signal, and removes its listener, while the run goes on', async () => {
    const { app, taps } = pouring()
    const controller = new AbortController()
    const events = app.events({ signal: controller.signal, include: ['chunk'] })
    const run = app.run()
    const waiting = events.next()

    controller.abort('enough')

    await expect(waiting).rejects.toBe('enough')
    await expect(app.events({ signal: controller.signal }).next()).rejects.toBe('enough')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    taps.a.end()
    taps.b.end()
    expect((await run).status).toBe('finished')
  })
})

describe('a reader of an application created by an action', () => {
  const nested = (read: (app: ReturnType<typeof counting>['app']) => Promise<unknown>) => {
    const inner = chat.action({
      reads: [],
      writes: ['n'],
      async *run() {
        yield 'inner'
        return { n: 1 }
      },
    })
    const outer = chat.action({
      reads: [],
      writes: ['verdict'],
      async *run({ context }) {
        yield 'outer'
        const app = createApplication(chat.graph({ actions: { inner } }), {
          entrypoint: 'inner',
          state: {},
          parent: context,
          key: 'k',
        })
        await read(app as never)
        return { verdict: '' }
      },
    })
    const beside = chat.mapActions({
      reads: [],
      writes: ['answers'],
      actions: { outer, other: outer },
      reduce: () => ({ answers: {} }),
    })
    return createApplication(chat.graph({ actions: { beside } }), { entrypoint: 'beside', state: {} })
  }

  it('S-117 reads the events of that application, with its own names', async () => {
    const seen: unknown[] = []
    const app = nested(async (one) => {
      for await (const event of one.stream()) {
        if (event.type === 'chunk') seen.push(`${printPath(event.path)} ${event.action} ${event.chunk}`)
      }
    })

    await app.run()

    expect(seen.sort()).toEqual(['beside/other/other/k inner inner', 'beside/outer/outer/k inner inner'])
  })

  it('ends with the step that created the application', async () => {
    const readings: Promise<number>[] = []
    const app = nested(async (one) => {
      const events = one.events()
      readings.push(
        (async () => {
          let count = 0
          for await (const _ of events) count += 1
          return count
        })(),
      )
      await one.run()
    })

    await app.run()

    expect(await Promise.all(readings)).toEqual([5, 5])
  })
})
