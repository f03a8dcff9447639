import { getEventListeners } from 'node:events'
import { type AnyEvent, BusyError, createApplication, printPath } from 'teasel'
import { describe, expect, it } from 'vitest'
import { chat, echo } from '../support/chat.js'
import { defer, flush, flushUntil, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { counting, pouring } from '../support/pourers.js'

const BUFFER = 64
const said = (event: AnyEvent): string => `${event.type} ${printPath(event.path)}`.trim()

describe('a stream', () => {
  it('S-104 S-105 interleaves the chunks of parallel branches in the order in which they were produced', async () => {
    const { app, taps } = pouring()
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of app.stream({ include: ['chunk'] }))
        seen.push(`${printPath(event.path)} ${event.action} ${event.chunk}`)
    })()

    for (const [name, text] of [
      ['b', '1'],
      ['a', '2'],
      ['a', '3'],
      ['b', '4'],
    ] as const) {
      const yielded = emitted(app, 'chunk')
      taps[name].pour(text)
      await yielded
    }
    taps.a.end()
    taps.b.end()
    await reading

    expect(seen).toEqual(['both/b both 1', 'both/a both 2', 'both/a both 3', 'both/b both 4'])
    expect(app.state.answers).toEqual({ a: '23', b: '14' })
  })

  it('passes a chunk to its reader while the producer works on the next', async () => {
    const { app, taps } = pouring()
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    const events = app.stream({ include: ['chunk'] })
    const first = events.next()
    await started

    taps.a.pour('early')

    expect((await first).value).toMatchObject({ type: 'chunk', chunk: 'early' })
    await events.return(undefined as never)
  })

  it('returns the outcome at the end, and nothing after', async () => {
    const { app } = counting(1)
    const events = app.stream({ include: ['run.end'] })

    const read = [await events.next(), await events.next(), await events.next()]

    expect(read[0]).toMatchObject({ done: false, value: { type: 'run.end', status: 'finished' } })
    expect(read[1]).toMatchObject({ done: true, value: { status: 'finished', action: 'count', state: { n: 1 } } })
    expect(read[2]).toEqual({ done: true, value: undefined })
  })

  it('rejects with the failure after the events before it', async () => {
    const bad = chat.action({ reads: [], writes: ['n'], run: () => Promise.reject(new Error('no')) })
    const app = createApplication(chat.graph({ actions: { bad } }), { entrypoint: 'bad', state: {} })
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of app.stream()) seen.push(event.type)
    })()

    await expect(reading).rejects.toThrow('no')
    expect(seen).toEqual(['run.start', 'step.start', 'step.end', 'run.end'])
  })

  it('starts nothing before its first next, also when it is returned before', async () => {
    const { app, tally } = counting(3)
    const events = app.stream()
    const returned = await app.stream().return(undefined as never)
    await flush()
    const untouched = { made: tally.made, sequenceId: app.sequenceId, returned, ended: await app.ended() }

    await events.next()
    await flush()

    expect(untouched).toEqual({
      made: 0,
      sequenceId: -1,
      returned: { done: true, value: undefined },
      ended: undefined,
    })
    expect(tally.made).toBe(3)
  })

  it('answers overlapping calls of next in order', async () => {
    const { app } = counting(2)
    const events = app.stream({ include: ['chunk'] })

    const read = await Promise.all([events.next(), events.next(), events.next(), events.next()])

    expect(read.map(({ done }) => done)).toEqual([false, false, true, true])
    expect(read.slice(0, 2).map(({ value }) => (value as { chunk: number }).chunk)).toEqual([0, 1])
  })

  it('is refused at its first next during another run, which is unaffected', async () => {
    const { app, taps } = pouring()
    const run = app.run()
    const events = app.stream()

    await expect(events.next()).rejects.toBeInstanceOf(BusyError)
    await events.return(undefined as never)
    taps.a.end()
    taps.b.end()

    expect((await run).status).toBe('finished')
  })

  it('does not cancel the next run when it is left after the end of its own', async () => {
    const gate = defer()
    const slow = chat.action({ reads: [], writes: ['n'], run: () => gate.promise.then(() => ({ n: 1 })) })
    const graph = chat.graph({ actions: { echo, slow }, transitions: { echo: 'slow' } })
    const app = createApplication(graph, { entrypoint: 'echo', state: { prompt: '' } })
    const events = app.stream({ haltAfter: 'echo' })
    await events.next()
    await app.ended() // its events lie unread
    const second = app.run()

    await events.return(undefined as never)
    gate.resolve()

    expect((await second).status).toBe('finished')
  })
})

describe('the filters of a stream', () => {
  const graph = () => {
    const inner = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { x: echo, y: echo },
      reduce: () => ({ answers: {} }),
    })
    const outer = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { deep: inner, flat: echo },
      reduce: () => ({ answers: {} }),
    })
    return chat.graph({ actions: { first: echo, outer }, transitions: { first: 'outer' } })
  }
  const create = () => createApplication(graph(), { entrypoint: 'first', state: { prompt: 'p' } })
  const read = async (events: AsyncIterable<AnyEvent>): Promise<string[]> => {
    const seen: string[] = []
    for await (const event of events) seen.push(said(event))
    return seen
  }

  it('include selects only these types', async () => {
    expect(await read(create().stream({ include: ['map.start', 'run.end'] }))).toEqual([
      'map.start',
      'map.start outer/deep',
      'run.end',
    ])
  })

  it('actions selects events about these actions and below them', async () => {
    expect(await read(create().stream({ actions: ['first'] }))).toEqual(['step.start', 'transition', 'step.end'])
  })

  it('keys selects events in these branches and below them', async () => {
    expect(await read(create().stream({ keys: ['deep'], include: ['step.end'] }))).toEqual([
      'step.end outer/deep/deep/x',
      'step.end outer/deep/deep/y',
      'step.end outer/deep',
    ])
  })

  it('depth selects so many levels', async () => {
    const at = (depth: number) => read(create().stream({ depth, include: ['step.end'] }))

    expect(await at(0)).toEqual(['step.end', 'step.end'])
    const [first, ...rest] = await at(1)
    const [last, ...branches] = rest.reverse()
    expect([first, last]).toEqual(['step.end', 'step.end'])
    expect(branches.sort()).toEqual(['step.end outer/deep', 'step.end outer/flat']) // in the order in which they end
  })

  it('exclude events before the buffer, so that they hold nothing back', async () => {
    const { app, tally } = counting(10_000)
    const events = app.stream({ include: ['run.start', 'run.end'] })

    await events.next()
    await app.ended()

    expect(tally.made).toBe(10_000)
    await events.return(undefined as never)
  })

  it('keep unwanted events from being created at all', async () => {
    let asked = 0
    const clock = { now: () => ++asked, setTimeout: () => 0, clearTimeout: () => {} }
    const { app } = counting(1000, { clock })
    for await (const _ of app.stream({ include: ['run.end'] })) asked = 0

    expect(asked).toBe(0)
    expect(app.state.n).toBe(1000)
  })
})

describe('the back-pressure of a stream', () => {
  it('stops a producer when its buffer is full, and resumes it one by one as it is read', async () => {
    const { app, tally } = counting(1000)
    const events = app.stream({ include: ['chunk'] })
    await events.next()
    await flushUntil(() => tally.made > BUFFER)
    const ahead = tally.made
    await events.next()
    await flushUntil(() => tally.made > ahead)

    expect([ahead, tally.made]).toEqual([BUFFER + 1, BUFFER + 2])
    await events.return(undefined as never)
  })

  it('stops branches between their steps, too', async () => {
    const spin = chat
      .graph({
        actions: { spin: chat.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) }) },
        transitions: { spin: [{ to: 'spin', when: ({ state }) => state.n < 10_000 }] },
      })
      .runnable({ entrypoint: 'spin' })
    const map = chat.mapStates({
      reads: ['n'],
      writes: ['answers'],
      action: spin,
      states: { one: {} },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 0 } })
    let steps = 0
    app.on('step.end', () => (steps += 1))
    const events = app.stream({ include: ['step.end'] })
    await events.next()
    await flushUntil(() => steps > BUFFER)

    expect(steps).toBe(BUFFER + 1)
    await events.return(undefined as never)
  })

  it('reaches an application created by an action', async () => {
    let made = 0
    const inner = chat.graph({
      actions: {
        pour: chat.action({
          reads: [],
          writes: ['n'],
          async *run() {
            for (; made < 1000; ) yield made++
            return { n: made }
          },
        }),
      },
    })
    const outer = chat.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        await using app = createApplication(inner, { entrypoint: 'pour', state: {}, parent: context, key: 'hand' })
        return { n: (await app.run()).state.n }
      },
    })
    const app = createApplication(chat.graph({ actions: { outer } }), { entrypoint: 'outer', state: {} })
    const events = app.stream({ include: ['chunk' as 'step.end'] })
    await events.next()
    await flushUntil(() => made > BUFFER)

    expect(made).toBe(BUFFER + 1)
    await events.return(undefined as never)
  })

  it.each(['path', 'whole'])('releases a producer that waits for room when it is cancelled (%s)', async (way) => {
    const { app, taps, cleaned } = pouring()
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    const events = app.stream({ include: ['chunk'] })
    void events.next()
    await started
    for (let i = 0; i < 100; i++) taps.a.pour('x')
    await flush()

    await (way === 'path' ? app.cancel({ path: 'both/a', reason: 'enough' }) : app.cancel())

    expect(cleaned).toContain('a')
    await events.return(undefined as never)
  })

  it('releases a run that waits after its step when its reader cancels it from inside the loop', async () => {
    const loop = chat.graph({
      actions: { add: chat.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) }) },
      transitions: { add: [{ to: 'add', when: () => true }] },
    })
    const app = createApplication(loop, { entrypoint: 'add', state: { n: 0 } })
    for await (const event of app.stream({ include: ['step.end'] })) {
      if (event.sequenceId === 0) await flush()
      await app.cancel({ reason: 'seen enough' })
    }

    expect(await app.ended()).toMatchObject({ status: 'cancelled', reason: 'seen enough', sequenceId: BUFFER })
  })
})

describe('leaving a stream', () => {
  it('cancels the run and waits for its clean-up', async () => {
    const { app, taps, cleaned } = pouring()
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    taps.a.pour('x')
    for await (const event of app.stream()) {
      await started
      if (event.type === 'chunk') break
    }

    expect(cleaned.sort()).toEqual(['a', 'b'])
    expect(await app.ended()).toMatchObject({ status: 'cancelled', by: 'reader' })
  })

  it('happens at once while a next waits', async () => {
    const { app, cleaned } = pouring()
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    const events = app.stream({ include: ['chunk'] })
    const waiting = events.next()
    await started

    const left = await events.return('left' as never)

    expect([left, await waiting]).toEqual([
      { done: true, value: 'left' },
      { done: true, value: undefined },
    ])
    expect(cleaned).toHaveLength(2)
  })

  it('by a throw rejects with the thrown value, after the end', async () => {
    const { app, taps, cleaned } = pouring()
    taps.a.pour('x')
    taps.b.pour('y')
    const events = app.stream({ include: ['chunk'] })
    await events.next()
    await events.next() // both branches run now, also on a slow machine

    await expect(events.throw(new RangeError('mine'))).rejects.toThrow('mine')
    expect(cleaned).toHaveLength(2)
  })

  it('by the signal rejects with its reason, after the end, and removes its listener', async () => {
    const { app, taps, cleaned } = pouring()
    const started = emitted(app, 'step.start', 'both/a', 'both/b')
    const controller = new AbortController()
    const events = app.stream({ include: ['chunk'], signal: controller.signal })
    taps.a.pour('x')
    await events.next()
    await started
    const waiting = events.next()

    controller.abort('gone')

    await expect(waiting).rejects.toBe('gone')
    expect([cleaned.length, getEventListeners(controller.signal, 'abort').length]).toEqual([2, 0])
  })

  it('with detach leaves the run alone, without a pace; its outcome is available', async () => {
    const { app, taps } = pouring()
    const heard: unknown[] = []
    app.on('chunk', ({ chunk }) => heard.push(chunk))
    taps.a.pour('0')
    for await (const event of app.stream({ detach: true })) if (event.type === 'chunk') break
    const refused = await app.run().catch((error: unknown) => error)

    for (let i = 1; i < 100; i++) taps.a.pour(String(i))
    taps.a.end()
    taps.b.end()
    const ended = await app.ended()

    expect(refused).toBeInstanceOf(BusyError)
    expect(ended).toMatchObject({ status: 'finished', action: 'last' })
    expect(heard).toHaveLength(100)
    expect(await app.ended()).toBe(ended)
  })

  it('with detach passes a failure to the logger, and to the caller of ended', async () => {
    const gate = defer()
    gate.promise.catch(() => {}) // it may fail before the action awaits it
    const told: unknown[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (...all: unknown[]) => void told.push(all[0]) }
    const late = chat.action({ reads: [], writes: ['n'], run: () => gate.promise.then(() => ({ n: 1 })) })
    const app = createApplication(chat.graph({ actions: { late } }), { entrypoint: 'late', state: {}, logger })
    for await (const _ of app.stream({ detach: true })) break

    gate.reject(new Error('late'))

    await expect(app.ended()).rejects.toThrow('late')
    await flush()
    expect(told).toEqual(['A run failed after its reader had left.'])
  })
})

describe('iterate with a depth', () => {
  const stepped = (depth: number) => {
    const two = chat
      .graph({ actions: { one: echo, two: echo }, transitions: { one: 'two' } })
      .runnable({ entrypoint: 'one' })
    const map = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { a: two, b: two },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { first: echo, map }, transitions: { first: 'map' } }), {
      entrypoint: 'first',
      state: { prompt: 'p' },
    })
    return { app, steps: app.iterate({ depth }) }
  }
  const name = (step: { action: string } & object): string =>
    'path' in step ? `${printPath(step.path as never)} ${(step as { source?: string }).source}` : step.action

  it('S-119 S-120 yields the committed steps of branches that run side by side', async () => {
    const seen: string[] = []
    const actions = new Set<string>()
    for await (const step of stepped(1).steps) {
      seen.push(name(step))
      actions.add(step.action)
    }

    expect(seen).toEqual(['first', 'map/a one', 'map/b one', 'map/a two', 'map/b two', 'map'])
    expect([...actions]).toEqual(['first', 'map'])
  })

  it('yields only its own steps at depth 0', async () => {
    const seen: object[] = []
    for await (const step of stepped(0).steps) seen.push(step)

    expect(seen.map((step) => Object.keys(step).join())).toEqual(Array(2).fill('action,update,state,sequenceId'))
  })

  it('holds each branch after its step until the reader asks for another', async () => {
    const { app, steps } = stepped(1)
    const started: string[] = []
    app.on('step.start', ({ path, source }) => started.push(`${printPath(path)} ${source}`.trim()))
    await steps.next()
    await flush()
    const atFirst = [...started]
    await steps.next() // a has committed its first, and b
    await flush()
    const inHand = [...started]
    await steps.next()
    await flush()

    expect(atFirst).toEqual(['first'])
    expect(inHand.slice(1)).toEqual(['map', 'map/a one', 'map/b one'])
    expect(started.slice(4)).toEqual(['map/a two'])
    await steps.return(undefined as never)
  })

  it('releases all of them when it is left, or cancelled from inside the loop', async () => {
    const left = stepped(1)
    for await (const step of left.steps) if ('path' in step) break
    const { app, steps } = stepped(1)
    for await (const step of steps) if ('path' in step) await app.cancel({ reason: 'x' })

    expect(await left.app.ended()).toMatchObject({ status: 'cancelled', by: 'reader' })
    expect(await app.ended()).toMatchObject({ status: 'cancelled', reason: 'x' })
  })

  it('S-122 decides after each step of the first whether the second is cancelled', async () => {
    const hold = chat.action({ reads: [], writes: ['answer'], run: ({ signal }) => untilAborted(signal) })
    const quick = chat
      .graph({ actions: { look: echo, answer: echo }, transitions: { look: 'answer' } })
      .runnable({ entrypoint: 'look' })
    const race = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      settle: 'collect',
      actions: { quick, thorough: hold },
      reduce: ({ branches }) => ({ answers: { thorough: branches.thorough.status } }),
    })
    const app = createApplication(chat.graph({ actions: { race } }), { entrypoint: 'race', state: { prompt: 'p' } })
    const decided: string[] = []
    for await (const step of app.iterate({ depth: 1 })) {
      if (!('path' in step)) continue
      decided.push(step.source)
      if (step.source === 'answer') await app.cancel({ path: 'race/thorough', reason: 'answered' })
    }

    expect(decided).toEqual(['look', 'answer'])
    expect(app.state.answers).toEqual({ thorough: 'cancelled' })
  })
})
