import { Writable } from 'node:stream'
import { type ActionContext, createApplication, defineMessage, defineState, type } from 'teasel'
import { type ConsoleReporter, consoleReporter, type ReporterOptions } from 'teasel/reporter'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { cutTo, oneLine, widthOf } from '../../src/adapters/reporter/text-width.js'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'
import { Terminal } from './terminal.js'

const kit = defineState<{ item: string; items: string[]; out: string; outs: string[] }>()
const answer = defineMessage('answer', type<string>())

afterEach(() => vi.unstubAllEnvs())

/** An application with a step, then a map whose branches are held by the test. */
function rig(count: number, options: ReporterOptions = {}, terminal = new Terminal(), more: readonly string[] = []) {
  vi.stubEnv('CI', '')
  vi.stubEnv('NO_COLOR', '1')
  vi.stubEnv('FORCE_COLOR', undefined)
  vi.stubEnv('TERM', 'xterm')
  const clock = new ManualClock()
  const held = new Map<string, ReturnType<typeof defer<string>>>()
  const begun = new Map<string, ActionContext>()
  const plan = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'planned' }) })
  const work = kit.action({
    reads: ['item'],
    writes: ['out'],
    run: async ({ state: { item }, context }) => {
      begun.set(item, context)
      if (item.startsWith('ask')) return { out: (await context.receiveOne(answer, { ask: 'Go on?' })).body }
      const gate = defer<string>()
      held.set(item, gate)
      return { out: await gate.promise }
    },
  })
  const read = kit.mapStates({
    reads: ['items'],
    writes: ['outs'],
    action: work,
    concurrency: 8,
    settle: 'collect',
    states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
    reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
  })
  const graph = kit.graph({ actions: { plan, read }, transitions: { plan: 'read' } })
  const reporter: ConsoleReporter = consoleReporter({ name: 'demo', stream: terminal, clock, ...options })
  const items = [...Array.from({ length: count }, (_, i) => `doc-${i}`), ...more]
  const app = createApplication(graph, {
    entrypoint: 'plan',
    state: { items },
    clock,
    logger: quiet,
    tracker: reporter,
  })
  return { app, clock, terminal, held, begun, reporter, items }
}

describe('consoleReporter in a terminal', () => {
  it('ends with the keys of the program, as long as a run is open', async () => {
    const keys = 'Ctrl+C cancels · again: stops'
    const { app, clock, terminal, held } = rig(30, { keys }, new Terminal(80, 12))
    const run = app.run()
    await flush()
    await clock.advance(100)

    const open = terminal.lines
    for (let left = 30; left > 0; left -= 1) {
      for (const gate of held.values()) gate.resolve('x')
      await flush()
    }
    await run

    expect(open.at(-1)).toBe(keys)
    expect(open.length).toBeLessThan(12)
    expect(terminal.lines.join()).not.toContain('Ctrl+C')
    expect(terminal.lines.at(-1)).toContain('demo finished')
  })

  it('shows the head, finished steps, the map with its counts and eta, branches, failures', async () => {
    const { app, clock, terminal, held, begun, items } = rig(12)
    const run = app.run()
    await flush()
    for (const item of items.slice(0, 4)) {
      clock.advance(500)
      if (item === 'doc-1') held.get(item)?.reject(new RangeError('too\u001b[2J busy'))
      else held.get(item)?.resolve('ok')
      await flush()
    }
    begun.get('doc-5')?.progress({ done: 3, total: 7 }, 'pages')
    await flush()
    clock.advance(84)

    expect(terminal.lines.slice(0, 8)).toEqual([
      '▶ demo running 2.0 s 1 step',
      '✓ plan 0 ms',
      '▶ read 2.0 s',
      '  read ███████░░░░░░░░░░░░░ 4/12 ✓3 ✕1 ▶8 eta 4.0 s',
      '  ▶ read/doc-4 read 2.0 s',
      '  ▶ read/doc-5 read 2.0 s 3/7 pages',
      '  ▶ read/doc-6 read 2.0 s',
      '  … and 5 more',
    ])
    expect(terminal.lines[8]).toBe('✕ read/doc-1 (read) RangeError: too [2J busy')
    expect(terminal.lines.every((line) => widthOf(line) < 80)).toBe(true)

    for (const item of items.slice(4)) {
      await flush()
      held.get(item)?.resolve('ok')
    }
    await flush()
    await run
    expect(terminal.lines.slice(-1)).toEqual(['✓ demo finished 2.1 s 2 steps'])
    expect(terminal.lines).toContain('✓ read 2.1 s ✓11 ✕1')
    expect(terminal.lines.filter((line) => line.includes('demo'))).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('draws at most twelve frames a second, however many events come', async () => {
    const { app, clock, terminal, begun, held } = rig(1)
    const run = app.run()
    await flush()
    clock.advance(1)
    const before = terminal.writes
    for (let ms = 0; ms < 1000; ms++) {
      begun.get('doc-0')?.log(`line ${ms}`)
      clock.advance(1)
    }
    expect(terminal.writes - before).toBeLessThanOrEqual(12)
    expect(terminal.writes - before).toBeGreaterThanOrEqual(10)
    held.get('doc-0')?.resolve('ok')
    await run
  })

  it('lets what others write go above, and leaves an open line alone', async () => {
    const terminal = new Terminal()
    const { app, clock, held } = rig(1, {}, terminal)
    const run = app.run()
    await flush()
    clock.advance(84)

    terminal.write('a line of the program\n')
    expect(terminal.lines).toEqual([
      'a line of the program',
      '▶ demo running 0 ms 1 step',
      '✓ plan 0 ms',
      '▶ read 0 ms',
      '  read ░░░░░░░░░░░░░░░░░░░░ 0/1 ▶1',
      '  ▶ read/doc-0 read 0 ms',
    ])
    terminal.write('Name? ')
    clock.advance(2000)
    expect(terminal.lines).toEqual(['a line of the program', 'Name?'])
    terminal.write('Ada\n')
    expect(terminal.lines.slice(0, 3)).toEqual(['a line of the program', 'Name? Ada', '▶ demo running 2.0 s 1 step'])

    held.get('doc-0')?.resolve('ok')
    await run
    expect(Object.hasOwn(terminal, 'write')).toBe(false)
    terminal.write('after\n')
    expect(terminal.lines).toEqual([
      'a line of the program',
      'Name? Ada',
      '✓ plan 0 ms',
      '✓ read 2.1 s ✓1',
      '✓ demo finished 2.1 s 2 steps',
      'after',
    ])
  })

  it('cuts lines to a terminal that becomes narrow, counting wide characters', async () => {
    const terminal = new Terminal(60)
    const { app, clock, held, begun } = rig(1, { name: '研究 🔬 run' }, terminal)
    const run = app.run()
    await flush()
    begun.get('doc-0')?.progress(0.5, '文字列文字列文字列文字列文字列文字列')
    clock.advance(84)
    expect(terminal.lines[0]).toBe('▶ 研究 🔬 run running 0 ms 1 step')
    terminal.columns = 40
    clock.advance(1000)

    expect(terminal.lines.map(widthOf).every((width) => width < 40)).toBe(true)
    expect(terminal.lines.at(-1)).toBe('  ▶ read/doc-0 read 1.0 s 50 % 文字列…')
    held.get('doc-0')?.resolve('ok')
    await run
  })

  it('shows open questions, waiting branches, and what was abandoned', async () => {
    const { app, clock, terminal } = rig(0)
    app.state satisfies object
    const asking = createApplication(
      kit.graph({
        actions: {
          ask: kit.action({
            reads: [],
            writes: ['out'],
            run: async ({ context }) => ({ out: (await context.receiveOne(answer, { ask: 'Go on?' })).body }),
          }),
        },
      }),
      { entrypoint: 'ask', state: {}, clock, tracker: consoleReporter({ name: 'asking', stream: terminal, clock }) },
    )
    const waits = emitted(asking, 'wait')
    const run = asking.run()
    await waits
    clock.advance(84)
    expect(terminal.lines.at(-1)).toBe('? ask waits for answer Go on?')
    expect(terminal.lines[0]).toMatch(/^⏸ asking waiting \d+ ms 0 steps$/)
    asking.send(answer('yes'))
    await run
    expect(terminal.lines).toEqual(['✓ ask 84 ms', '✓ asking finished 84 ms 1 step'])
  })

  it('shows a run as waiting once no branch of it works', async () => {
    const { app, clock, terminal, held } = rig(1, {}, undefined, ['ask-1'])
    const run = app.run()
    await flush()
    clock.advance(84)
    expect(terminal.lines[0]).toMatch(/^▶ demo running \d+ ms 1 step$/)
    held.get('doc-0')?.resolve('ok')
    await flush()
    clock.advance(84)
    expect(terminal.lines[0]).toMatch(/^⏸ demo waiting \d+ ms 1 step$/)
    await app.send(answer('yes'), { path: 'read/ask-1' })
    await run
    expect(terminal.lines.at(-1)).toBe('✓ demo finished 168 ms 2 steps')
  })

  it('ends with `close`: the streams and the clock are given back, and nothing more is shown', async () => {
    const { app, clock, terminal, held, reporter } = rig(1)
    const run = app.run()
    await flush()
    clock.advance(84)

    reporter.close()
    reporter.close()
    const { writes } = terminal
    held.get('doc-0')?.resolve('ok')
    await run

    expect([clock.pending, terminal.writes, Object.hasOwn(terminal, 'write')]).toEqual([0, writes, false])
    expect(terminal.lines).toEqual(['✓ plan 0 ms', '▶ demo running 84 ms 1 step'])
  })

  it('holds the branches that run, and numbers of all others', async () => {
    const { app, clock, terminal, held, items } = rig(5000)
    const run = app.run()
    for (const item of items) {
      while (!held.has(item)) await new Promise((resolve) => setImmediate(resolve))
      held.get(item)?.resolve('ok')
      held.delete(item)
      if (item === 'doc-2499') {
        await flush()
        clock.advance(1000)
        expect(terminal.lines.find((line) => line.startsWith('  read '))).toMatch(
          /^ {2}read █{10}░{10} 2500\/5000 ✓2500 ▶8 ○2492 eta 1\.0 s$/,
        )
        expect(terminal.lines.length).toBeLessThan(12)
      }
    }
    await run
  })
})

describe('consoleReporter elsewhere', () => {
  it.each<readonly [string, () => ReporterOptions, Readonly<Record<string, string>>]>([
    ['in a pipe', () => ({}), {}],
    ['under CI', () => ({}), { CI: 'true' }],
    ['with plain', () => ({ plain: true }), {}],
    ['in a dumb terminal', () => ({}), { TERM: 'dumb' }],
  ])('%s prints a line for each change, and for each map each second', async (how, options, env) => {
    const lines: string[] = []
    const pipe = { isTTY: how !== 'in a pipe', write: (text: string) => void lines.push(text) }
    const { app, clock, held, items } = rig(3)
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const reporter = consoleReporter({ name: 'demo', stream: pipe, clock, ...options() })
    app.on('*', (event) => reporter.track(event as Parameters<typeof reporter.track>[0]))
    const run = app.run()
    await flush()
    clock.advance(1000)
    held.get('doc-0')?.resolve('ok')
    await flush()
    held.get('doc-1')?.reject(new RangeError('busy', { cause: new TypeError('socket') }))
    await flush()
    clock.advance(1000)
    held.get(items[2] ?? '')?.resolve('ok')
    await run

    expect(lines).toEqual([
      '▶ demo running 0 ms 0 steps\n',
      '▶ plan\n',
      '✓ plan 0 ms\n',
      '▶ read\n',
      '  read 0/3 ▶3\n',
      '✕ read/doc-1 (read) failed after 1.0 s: RangeError: busy (cause: TypeError: socket)\n',
      '  read 2/3 ✓1 ✕1 ▶1\n',
      '✓ read 2.0 s ✓2 ✕1\n',
      '✓ demo finished 2.0 s 2 steps\n',
    ])
  })

  it.each([
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ NO_COLOR: '1' }, true, false],
    [{}, true, true],
    [{}, false, false],
  ])('colours by %j in a terminal (%s): %s', (env, isTTY, coloured) => {
    vi.stubEnv('CI', '')
    vi.stubEnv('NO_COLOR', undefined)
    vi.stubEnv('FORCE_COLOR', undefined)
    vi.stubEnv('TERM', 'xterm')
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const lines: string[] = []
    const stream = { isTTY, write: (text: string) => void lines.push(text) }
    const reporter = consoleReporter({ stream, plain: true })
    const facts = { runId: 'r', incarnation: 0, seq: 0, time: 0, appId: 'r', path: [] }

    reporter.track({ type: 'run.start', next: 'a', ...facts })
    reporter.close()

    expect(lines.join('').includes('\u001b[')).toBe(coloured)
  })

  it('prints the first twenty failures of a run, and counts the others', async () => {
    const lines: string[] = []
    const { app, held, items } = rig(30, { plain: true, stream: { write: (text) => void lines.push(text) } })
    const run = app.run()
    for (const item of items) {
      while (!held.has(item)) await new Promise((resolve) => setImmediate(resolve))
      held.get(item)?.reject(new RangeError('busy'))
    }
    await run

    const failures = lines.filter((line) => line.startsWith('✕'))
    expect(failures).toHaveLength(20)
    expect(failures.at(-1)).toContain('(further failures are counted only)')
  })

  it('refuses unknown options', () => {
    expect(() => consoleReporter({ plian: true } as never)).toThrow(
      'consoleReporter has no option "plian". Did you mean "plain"?',
    )
  })
})

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['äé', 2],
    ['e\u0301', 1],
    ['日本', 4],
    ['한국', 4],
    ['👩‍🔬', 2],
    ['❤️', 2],
    ['✓✕⊘▶', 4],
    ['ｆｕｌｌ', 8],
  ])('%s takes %d columns', (text, width) => {
    expect(widthOf(text)).toBe(width)
  })

  it('is kept by a cut, and control characters are gone', () => {
    expect([cutTo('日本語', 5), cutTo('日本語', 6), cutTo('abc', 0), cutTo('abcd', 3)]).toEqual([
      '日本…',
      '日本語',
      '',
      'ab…',
    ])
    expect(oneLine('a\n\u001b[31mb\u0007\u202ec')).toBe('a [31mb c')
  })
})

describe('a stream whose reader has left', () => {
  it.each(['plain', 'drawn'])('fails no program: %s', async (how) => {
    vi.stubEnv('CI', '')
    vi.stubEnv('TERM', 'xterm')
    const uncaught = vi.fn()
    process.on('uncaughtException', uncaught)
    const gone = Object.assign(new Error('EPIPE: the pipe is closed.'), { code: 'EPIPE' })
    const sink = new Writable({ autoDestroy: false, write: (_, __, done) => void setImmediate(() => done(gone)) })
    const stream = Object.assign(sink, { isTTY: how === 'drawn', columns: 80, rows: 24 })
    const tracker = consoleReporter({ stream })
    const work = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'done' }) })
    const graph = kit.graph({ actions: { work } })
    const ends = []
    for (const appId of ['a', 'b']) {
      ends.push((await createApplication(graph, { appId, entrypoint: 'work', state: {}, tracker }).run()).status)
      await new Promise((resolve) => setImmediate(resolve))
      await flush()
    }
    process.off('uncaughtException', uncaught)

    expect(ends).toEqual(['finished', 'finished'])
    expect(uncaught).not.toHaveBeenCalled()
    expect(sink.listenerCount('error')).toBeLessThanOrEqual(1)
  })
})
