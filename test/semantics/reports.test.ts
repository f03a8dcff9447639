import pino from 'pino'
import {
  type ActionContext,
  type AnyEvent,
  createApplication,
  defineState,
  type LogLine,
  printPath,
  structuredLogger,
} from 'teasel'
import { decodeEvent, encodeEvent } from 'teasel/codec'
import type { Executor } from 'teasel/executor'
import { describeApp } from 'teasel/live'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { loopback } from '../support/channel/loopback.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ item: string; out: string; outs: string[] }>()
type Run = (context: ActionContext, signal: AbortSignal) => string | Promise<string>

const REPORTS = ['span.start', 'span.end', 'log', 'progress', 'step.end'] as const
const isReport = ({ type }: AnyEvent): boolean => (REPORTS as readonly string[]).includes(type)

/** An application of one action, and its reports. */
function appOf(run: Run, options: object = {}) {
  const act = kit.action({
    reads: [],
    writes: ['out'],
    run: async ({ context, signal }) => ({ out: await run(context, signal) }),
  })
  const clock = new ManualClock()
  const graph = kit.graph({ actions: { act } })
  const app = createApplication(graph, { entrypoint: 'act', state: {}, logger: quiet, clock, graceMs: 50, ...options })
  const events: AnyEvent[] = []
  const all: AnyEvent[] = []
  app.on('*', (event) => {
    all.push(event as AnyEvent)
    if (isReport(event as AnyEvent)) events.push(event as AnyEvent)
  })
  return { app, clock, events, all }
}

/** Reports in short. */
const inShort = (events: readonly AnyEvent[]): string[] =>
  events.map((event) => {
    switch (event.type) {
      case 'span.start':
        return `+ ${event.name}${event.parent === undefined ? '' : ` in ${event.parent}`}`
      case 'span.end':
        return `- ${event.span} ${event.status}`
      case 'log':
        return `${event.level} ${event.text}${event.span === undefined ? '' : ` in ${event.span}`}`
      case 'progress':
        return `progress ${event.fraction ?? `${event.done}/${event.total}`}${event.message ?? ''}`
      default:
        return event.type
    }
  })

describe('context.span', () => {
  it('times nested sections, passes results through, and keeps the order and the numbers of events', async () => {
    const results: unknown[] = []
    const { app, events, all } = appOf(async (context) => {
      const promise = context.span(
        'outer',
        async (outer) => {
          results.push(outer.span('sync', (inner) => inner.id))
          outer.log('between')
          outer.attributes({ b: 2 })
          return outer.span('inner', async () => 'deep', { c: 3 })
        },
        { a: 1 },
      )
      results.push(await promise)
      return 'done'
    })

    await app.run()

    expect(results).toEqual(['0.1.1', 'deep'])
    expect(inShort(events)).toEqual([
      '+ outer',
      '+ sync in 0.1.0',
      '- 0.1.1 done',
      'info between in 0.1.0',
      '+ inner in 0.1.0',
      '- 0.1.2 done',
      '- 0.1.0 done',
      'step.end',
    ])
    expect(events[0]).toMatchObject({ attributes: { a: 1 }, action: 'act', source: 'act', sequenceId: 0 })
    expect(events[6]).toMatchObject({ attributes: { a: 1, b: 2 }, durationMs: 0 })
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i))
  })

  it('ends with the error of its function, and throws that', async () => {
    const [one, two] = [new RangeError('one'), new RangeError('two')]
    const caught: unknown[] = []
    const { app, events } = appOf(async (context) => {
      try {
        context.span('throws', () => {
          throw one
        })
      } catch (error) {
        caught.push(error)
      }
      await context.span('rejects', () => Promise.reject(two)).catch((error: unknown) => caught.push(error))
      return 'done'
    })

    await app.run()

    expect(caught).toEqual([one, two])
    const ends = events.filter(({ type }) => type === 'span.end')
    expect(ends).toMatchObject([
      { status: 'failed', error: one },
      { status: 'failed', error: two },
    ])
  })

  it('ends as cancelled, before its step, when its step is cancelled', async () => {
    const { app, events } = appOf((context, signal) => context.span('waits', () => untilAborted(signal)))
    const started = emitted(app, 'span.start')
    const run = app.run()
    await started

    app.cancel({ reason: 'enough' })
    await run

    expect(inShort(events)).toEqual(['+ waits', '- 0.1.0 cancelled', 'step.end'])
    expect(events[1]).toMatchObject({ error: 'enough' })
  })

  it('ends when code that ignores its cancel is given up, inner ones first, and once', async () => {
    const late = defer<string>()
    const { app, clock, events } = appOf((context) =>
      context.span('outer', (outer) => outer.span('inner', () => late.promise)),
    )
    const started = emitted(app, 'span.start')
    const run = app.run()
    await started
    app.cancel({ reason: 'enough' })
    await clock.fire(50)
    await run

    late.resolve('late')
    await flush()

    expect(inShort(events)).toEqual(['+ outer', '+ inner in 0.1.0', '- 0.1.1 cancelled', '- 0.1.0 cancelled'])
  })

  it('is cut where nobody awaited it', async () => {
    const late = defer<string>()
    const { app, events } = appOf((context) => {
      void context.span('left', () => late.promise)
      return 'done'
    })

    await app.run()
    late.resolve('late')
    await flush()

    expect(inShort(events)).toEqual(['+ left', '- 0.1.0 cut', 'step.end'])
  })

  it('has ids of its own in each attempt', async () => {
    const act = kit.action({
      reads: [],
      writes: ['out'],
      retry: { attempts: 2, delayMs: 0 },
      run: ({ context }) =>
        context.span('try', () => {
          if (context.attempt === 1) throw new RangeError('busy')
          return { out: 'done' }
        }),
    })
    const app = createApplication(kit.graph({ actions: { act } }), { entrypoint: 'act', state: {}, logger: quiet })
    const spans: string[] = []
    app.on('span.start', ({ span }) => spans.push(span))

    await app.run()

    expect(spans).toEqual(['0.1.0', '0.2.0'])
  })

  it('refuses what is no name, no function, no record', async () => {
    const faults: unknown[] = []
    const { app, events } = appOf((context) => {
      const calls: (() => unknown)[] = [
        () => context.span(1 as never, () => 1),
        () => context.span('x', 'no function' as never),
        () => context.span('x', () => 1, 'text' as never),
        () => context.attributes(null as never),
        () => context.progress('half' as never),
        () => context.progress(7),
        () => context.progress({ done: -1 }),
        () => context.progress({ done: '1' as never }),
        () => context.progress(0.5, 3 as never),
      ]
      for (const call of calls)
        try {
          call()
        } catch (error) {
          faults.push(error)
        }
      return 'done'
    })

    await app.run()

    expect(inShort(events)).toEqual(['step.end'])
    expect(faults.map(String)).toEqual([
      "TypeError: context.span takes a name and a function: span('embed', (span) => …).",
      "TypeError: context.span takes a name and a function: span('embed', (span) => …).",
      'TypeError: context.span takes a record of attributes, not "text".',
      'TypeError: context.attributes takes a record of attributes, not null.',
      'TypeError: context.progress was given "half". It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.',
      'RangeError: context.progress was given 7. It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.',
      'RangeError: context.progress was given -1. It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.',
      'TypeError: context.progress was given "1". It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.',
      'TypeError: context.progress was given the message 3. It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.',
    ])
  })
})

it('takes a sum of fractions that is a little above 1', async () => {
  const sum = 1 + 4 * Number.EPSILON
  const { app, events } = appOf((context) => {
    context.progress(sum)
    return 'done'
  })

  await app.run()

  expect(events.find(({ type: of }) => of === 'progress')).toMatchObject({ fraction: 1 })
})

describe('context.attributes', () => {
  it('are in the end of the step, done or failed', async () => {
    const done = appOf((context) => {
      context.attributes({ model: 'small', tokens: 1 })
      context.attributes({ tokens: 2 })
      return 'done'
    })
    const failed = appOf((context) => {
      context.attributes({ model: 'large' })
      throw new RangeError('no')
    })

    await done.app.run()
    await expect(failed.app.run()).rejects.toThrow('no')

    expect(done.events).toMatchObject([{ type: 'step.end', attributes: { model: 'small', tokens: 2 } }])
    expect(failed.events).toMatchObject([{ type: 'step.end', status: 'failed', attributes: { model: 'large' } }])
  })
})

describe('context.log', () => {
  it('has levels, in events and in the logger', async () => {
    const lines: unknown[] = []
    const level = (name: string) => (text: string, data?: unknown) => void lines.push([name, text, data])
    const logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
    const { app, events } = appOf(
      ({ log }) => {
        log('plain', 1)
        log.debug('low')
        log.info('middle')
        log.warn('high', { a: 1 })
        log.error('most')
        return 'done'
      },
      { logger },
    )

    await app.run()

    expect(inShort(events)).toEqual(['info plain', 'debug low', 'info middle', 'warn high', 'error most', 'step.end'])
    expect(lines).toEqual([
      ['info', 'plain', 1],
      ['debug', 'low', undefined],
      ['info', 'middle', undefined],
      ['warn', 'high', { a: 1 }],
      ['error', 'most', undefined],
    ])
  })

  it('gives pino its fields, its errors and the place', async () => {
    const lines: Record<string, unknown>[] = []
    const logger = structuredLogger(pino({}, { write: (line) => void lines.push(JSON.parse(line)) }))
    const { app } = appOf(
      (context) => {
        context.log('with fields', { tokens: 3 })
        context.span('deep', ({ log }) => log.error('with an error', new RangeError('bad')))
        context.log('with a list', [1, 2])
        return 'done'
      },
      { logger, appId: 'app' },
    )
    app.on('progress', () => {})

    await app.run()
    logger.warn('the engine warns', { code: 7 })

    const place = { appId: 'app', path: '', action: 'act', sequenceId: 0, attempt: 1 }
    expect(lines).toMatchObject([
      { level: 30, msg: 'with fields', tokens: 3, ...place },
      { level: 50, msg: 'with an error', err: { type: 'RangeError', message: 'bad' }, span: '0.1.0', ...place },
      { level: 30, msg: 'with a list', data: [1, 2], ...place },
      { level: 40, msg: 'the engine warns', code: 7 },
    ])
  })

  it('survives a logger that throws', async () => {
    const record = (): never => {
      throw new RangeError('disk full')
    }
    const { app, events } = appOf(
      (context) => {
        context.log('text')
        return 'done'
      },
      { logger: { ...quiet, record } },
    )

    await app.run()

    expect(inShort(events)).toEqual(['info text', 'step.end'])
  })
})

describe('context.progress', () => {
  it('emits at most one event in 100 ms: the latest report, and the last one before the end of the step', async () => {
    const goOn = [defer(), defer()]
    const { app, clock, events } = appOf(async (context) => {
      for (let i = 0; i <= 50; i++) context.progress(i / 100)
      await goOn[0]?.promise
      for (let i = 51; i <= 99; i++) context.progress(i / 100)
      await goOn[1]?.promise
      context.progress({ done: 100, total: 100 }, ' all')
      context.progress({ done: 101, total: 101 }, ' all')
      return 'done'
    })
    const first = emitted(app, 'progress')
    const run = app.run()
    await first
    await clock.fire(100)
    goOn[0]?.resolve()
    await flush()
    clock.advance(99)
    expect(inShort(events)).toEqual(['progress 0', 'progress 0.5'])
    clock.advance(1)
    goOn[1]?.resolve()
    await run

    expect(inShort(events)).toEqual(['progress 0', 'progress 0.5', 'progress 0.99', 'progress 101/101 all', 'step.end'])
    expect(clock.pending).toBe(0)
  })

  it('is described while its step runs', async () => {
    const held = defer()
    const { app, clock } = appOf(async (context) => {
      context.progress({ done: 3, total: 4 }, 'pages')
      await held.promise
      return 'done'
    })
    const first = emitted(app, 'progress')
    const run = app.run()
    await first

    const { root, lacks } = await describeApp(app)
    held.resolve()
    await run
    const after = await describeApp(app)

    expect(root.step?.progress).toEqual({ done: 3, total: 4, message: 'pages', at: clock.now() })
    expect(lacks).not.toContain('progress')
    expect(after.root.step).toBeUndefined()
  })

  it('is read from a store while a branch runs in its first step: by the heartbeat', async () => {
    const held = defer()
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ context, state: { item } }) => {
        if (item === 'b') return { out: item }
        context.progress(0.25, item)
        await held.promise
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: act,
      states: { a: { item: 'a' }, b: { item: 'b' } },
      reduce: ({ results }) => ({ outs: results.map(({ key }) => key) }),
    })
    const clock = new ManualClock()
    const persister = memoryPersister()
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      appId: 'app',
      clock,
      persister,
      leaseMs: 3_000,
      logger: quiet,
    })
    const first = emitted(app, 'branch.settled')
    const run = app.run()
    await first
    await flush()
    clock.advance(1_000)
    await flush()

    const branch = await persister.describe({ runId: 'app', path: 'map/a' })
    held.resolve()
    await run

    expect(branch?.root.step).toMatchObject({ action: 'map', progress: { fraction: 0.25, message: 'a' } })
  })

  it('is left out for a reader that is behind', async () => {
    const { app, clock } = appOf(async (context) => {
      for (let i = 0; i < 500; i++) {
        context.progress(i / 500)
        clock.advance(100)
      }
      return 'done'
    })
    const reader = app.stream({ include: ['progress'] })

    await reader.next()
    await flush()
    let count = 1
    for await (const _ of reader) count += 1

    expect(count).toBeLessThan(70)
  })
})

describe('reports of a branch elsewhere', () => {
  const branch = kit.action({
    reads: ['item'],
    writes: ['out'],
    run: async ({ state: { item }, context }) => {
      context.attributes({ item })
      context.log.warn('begins', { item })
      context.progress(0.5, item)
      await context.span('outer', (outer) => outer.span('inner', async () => 1, { deep: true }))
      return { out: item }
    },
  })
  const program = (executor?: Executor) => {
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      states: { a: { item: 'a' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
      ...(executor && { executor }),
    })
    return kit.graph({ actions: { map } })
  }

  it('arrive with everything, in their order, and without a gap', async () => {
    const seen: AnyEvent[][] = []
    const lines: (readonly [string, string])[][] = []
    for (const executor of [undefined, loopback()]) {
      const logged: (readonly [string, string])[] = []
      const record = ({ text, path, action }: LogLine): void => void logged.push([text, `${printPath(path)} ${action}`])
      const app = createApplication(program(executor), {
        entrypoint: 'map',
        state: {},
        appId: 'app',
        logger: { ...quiet, record },
      })
      const events: AnyEvent[] = []
      app.on('*', (event) => events.push(event as AnyEvent))
      await app.run()
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
      seen.push(events.filter(({ path }) => path.length === 1).filter(isReport))
      lines.push(logged)
    }

    const plain = (events: readonly AnyEvent[] = []): unknown[] =>
      events.map(({ runId: _, seq: __, time: ___, ...event }) => ({ ...event, durationMs: 0 }))
    expect(plain(seen[1])).toEqual(plain(seen[0]))
    expect(inShort(seen[1] ?? [])).toEqual([
      'warn begins',
      'progress 0.5a',
      '+ outer',
      '+ inner in 0.1.0',
      '- 0.1.1 done',
      '- 0.1.0 done',
      'step.end',
    ])
    expect(lines).toEqual([[['begins', 'map/a map']], [['begins', 'map/a map']]])
  })
})

describe('reports as JSON', () => {
  it('come back as they were', async () => {
    const { app, events } = appOf(async (context) => {
      context.log.error('text', { n: 1n })
      context.progress({ done: 1, total: 2 })
      await context.span('fails', () => Promise.reject(new RangeError('bad')), { at: new Date(5) }).catch(() => {})
      return 'done'
    })

    await app.run()

    const back = events.map((event) => decodeEvent(JSON.parse(JSON.stringify(encodeEvent(event)))))
    expect(inShort(back)).toEqual(inShort(events))
    expect(back[2]).toMatchObject({ attributes: { at: new Date(5) } })
    expect(back[3]).toMatchObject({ error: { name: 'RangeError', message: 'bad' } })
  })
})
