import { createApplication, merge } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { type Deferred, defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { counting, pouring } from '../support/pourers.js'

/** A generator that yields its name on command, and logs the requests to it. */
function lever(name: string) {
  const turns: Deferred<boolean>[] = []
  const log: string[] = []
  async function* generate(): AsyncGenerator<string, string, void> {
    try {
      for (let i = 0; ; i++) {
        const turn = defer<boolean>()
        turns.push(turn)
        if (!(await turn.promise)) return `${name} ended`
        yield `${name}${i}`
      }
    } finally {
      log.push('cleaned')
    }
  }
  const last = (): Deferred<boolean> | undefined => turns.at(-1)
  return {
    generator: generate(),
    log,
    get asked() {
      return turns.length
    },
    yield: () => last()?.resolve(true),
    end: () => last()?.resolve(false),
    fail: (error: Error) => last()?.reject(error),
  }
}

describe('merge', () => {
  it('returns every other source when one cannot begin', async () => {
    const returned: string[] = []
    const source = (name: string): AsyncIterable<never> => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          returned.push(name)
          return { done: true, value: undefined }
        },
      }),
    })
    const broken: AsyncIterable<never> = {
      [Symbol.asyncIterator]() {
        throw new RangeError('cannot begin')
      },
    }

    await expect(merge(source('a'), broken, source('b')).next()).rejects.toThrow('cannot begin')
    expect(returned).toEqual(['a', 'b'])
  })

  it('S-118 S-121 joins the streams of applications as their events arrive, and returns all outcomes', async () => {
    const [fast, slow] = [pouring({ appId: 'fast' }), pouring({ appId: 'slow' })]
    const both = merge(fast.app.stream({ include: ['chunk'] }), slow.app.stream({ include: ['chunk'] }))
    const seen: unknown[] = []
    const reading = (async () => {
      for (;;) {
        const { done, value } = await both.next()
        if (done === true) return value
        seen.push(value.chunk)
      }
    })()

    for (const [from, text] of [
      [slow, '1'],
      [fast, '2'],
      [fast, '3'],
      [slow, '4'],
    ] as const) {
      const yielded = emitted(from.app, 'chunk')
      from.taps.a.pour(text)
      await yielded
    }
    for (const { taps } of [fast, slow]) {
      taps.a.end()
      taps.b.end()
    }

    expect((await reading).map((end) => `${end.status} ${end.state.answers['a']}`)).toEqual([
      'finished 23',
      'finished 14',
    ])
    expect(seen).toEqual(['1', '2', '3', '4'])
  })

  it('begins nothing before its first next', async () => {
    const { app, tally } = counting(3)
    const a = lever('a')
    const joined = merge(app.stream(), a.generator)
    await flush()

    expect([tally.made, a.asked]).toEqual([0, 0])
    await joined.return(undefined as never)
    expect([tally.made, a.asked]).toEqual([0, 0])
  })

  it('pulls at most one value of a source ahead of its reader', async () => {
    const [a, b] = [lever('a'), lever('b')]
    const joined = merge(a.generator, b.generator)
    const first = joined.next()
    a.yield()
    await first
    await flush()
    a.yield()
    b.yield()
    await flush()

    expect([a.asked, b.asked]).toEqual([2, 1])
    expect([(await joined.next()).value, (await joined.next()).value]).toEqual(['a1', 'b0'])
    a.end()
    b.end()
  })

  it('does not let a fast source starve a slow one', async () => {
    async function* forever(name: string): AsyncGenerator<string, void, void> {
      for (;;) yield name
    }
    const seen: string[] = []
    for await (const name of merge(forever('a'), forever('b'), forever('c'))) {
      seen.push(name)
      if (seen.length === 300) break
    }

    expect(['a', 'b', 'c'].map((name) => seen.filter((one) => one === name).length)).toEqual([100, 100, 100])
  })

  it('is cancelled as one when it is left, and waits for all ends', async () => {
    const [one, two] = [pouring(), pouring()]
    const started = [one, two].map(({ app }) => emitted(app, 'step.start', 'both/a', 'both/b'))
    one.taps.b.pour('x')

    for await (const event of merge(one.app.stream(), two.app.stream())) {
      await Promise.all(started)
      if (event.type === 'chunk') break
    }

    expect([one.cleaned.length, two.cleaned.length]).toEqual([2, 2])
    expect([(await one.app.ended())?.status, (await two.app.ended())?.status]).toEqual(['cancelled', 'cancelled'])
  })

  it('is left at once while a next waits', async () => {
    const { app, cleaned } = pouring()
    const joined = merge(app.stream({ include: ['chunk'] }))
    const waiting = joined.next()
    await flush()

    await joined.return([] as never)

    expect([cleaned.length, await waiting]).toEqual([2, { done: true, value: undefined }])
  })

  it('fails with the first failure, after the other sources were returned and have ended', async () => {
    const bad = lever('bad')
    const { app, cleaned, taps } = pouring()
    const joined = merge(bad.generator, app.stream({ include: ['chunk'] }))
    const first = joined.next()
    taps.a.pour('before')
    const before = await first
    const second = joined.next()

    bad.fail(new Error('broken'))

    await expect(second).rejects.toThrow('broken')
    expect([before.value, cleaned.length, bad.log, await joined.next()]).toMatchObject([
      { chunk: 'before' },
      2,
      ['cleaned'],
      { done: true, value: undefined },
    ])
  })

  it('waits for a plain generator in the middle of an await', async () => {
    const a = lever('a')
    const joined = merge(a.generator)
    void joined.next()
    await flush()
    let left = false
    const leaving = joined.return(undefined as never).then(() => {
      left = true
    })
    await flush()
    const early = left

    a.yield()
    await leaving

    expect([early, left, a.log]).toEqual([false, true, ['cleaned']])
  })

  it('rejects when a source fails while it is left', async () => {
    async function* sour(): AsyncGenerator<number, void, void> {
      try {
        for (;;) yield 1
      } finally {
        await Promise.reject(new Error('sour'))
      }
    }
    const joined = merge(sour())
    await joined.next()

    await expect(joined.return(undefined as never)).rejects.toThrow('sour')
  })

  it('of no sources ends at once', async () => {
    expect(await merge().next()).toEqual({ done: true, value: [] })
  })

  it('takes any async iterable, also without a return method, and further readers', async () => {
    const { app } = counting(2)
    const numbers: AsyncIterable<number> = {
      [Symbol.asyncIterator]() {
        let i = 0
        return { next: async () => (i < 2 ? { done: false, value: i++ } : { done: true, value: undefined }) }
      },
    }
    const joined = merge(numbers, app.events({ include: ['chunk'] }))
    const first = [await joined.next(), await joined.next()]
    await app.run()
    const second = [await joined.next(), await joined.next()]
    await app[Symbol.asyncDispose]()

    expect([...first, ...second].map(({ value }) => (typeof value === 'number' ? value : value))).toMatchObject([
      0,
      1,
      { chunk: 0 },
      { chunk: 1 },
    ])
    expect(await joined.next()).toEqual({ done: true, value: [undefined, undefined] })
  })

  it('releases a listening source when it is left before it began', async () => {
    const { app } = counting(1)
    const events = app.events()
    await merge(events).return(undefined as never)
    await app.run()

    expect(await events.next()).toEqual({ done: true, value: undefined })
  })
})

describe('an application that streams', () => {
  it('can be read again and again, one run after the other', async () => {
    const loop = chat.graph({
      actions: { add: chat.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) }) },
      transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] },
    })
    const app = createApplication(loop, { entrypoint: 'add', state: { n: 0 } })
    for (let i = 0; i < 2; i++) for await (const _ of app.stream({ haltAfter: 'add' }));

    expect(app.state.n).toBe(2)
  })
})
