import { type ActionContext, type AnyEvent, createApplication, defineMessage, defineState, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// A context belongs to one attempt. Here code keeps it beyond the end of that attempt and calls every member: the
// values are still those of the attempt, and the calls have no effect, whatever runs by then.

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const hint = defineMessage('hint', type<string>())
const reply = defineMessage('reply', type<string>())

/** Members of a context, and those of them without an effect. */
const VALUES = [
  'appId',
  'partitionKey',
  'path',
  'action',
  'sequenceId',
  'attempt',
  'delivery',
  'idempotencyKey',
] as const
type Value = (typeof VALUES)[number]
const valuesOf = (context: ActionContext): Pick<ActionContext, Value> =>
  Object.fromEntries(VALUES.map((name) => [name, context[name]])) as never

type Kept = { readonly context: ActionContext; readonly effects: string[] }
const refused = (result: Promise<unknown>): Promise<unknown> =>
  result.then(
    (value) => ({ value }),
    (error: unknown) => [error instanceof TypeError, error instanceof Error ? error.message : error],
  )
const read = async (messages: AsyncIterable<{ readonly body: unknown }>): Promise<unknown[]> => {
  const bodies: unknown[] = []
  for await (const { body } of messages) bodies.push(body)
  return bodies
}
const ended = 'has ended, so nothing is done. Await in an action whatever uses its context, and stop at its signal.'
const at = (what: string, n: number): unknown => [
  true,
  `context.${what}: attempt 1 at step ${n} (Action "first") ${ended}`,
]

/** Late calls of each member with an effect, and their results. */
const CALLS: {
  readonly [K in Exclude<keyof ActionContext, Value>]: readonly [(kept: Kept) => unknown, unknown]
} = {
  cancel: [({ context }) => context.cancel('y'), 'unknown'],
  send: [({ context }) => context.send('y', hint('late')), 'dropped'],
  broadcast: [({ context }) => context.broadcast(hint('late')), undefined],
  messages: [({ context }) => read(context.messages(hint)), []],
  receive: [({ context }) => read(context.receive(reply, { timeoutMs: 5 })), []],
  receiveOne: [({ context }) => refused(context.receiveOne(reply)), at('receiveOne', 0)],
  sleep: [({ context }) => refused(context.sleep({ ms: 5 })), at('sleep', 0)],
  once: [
    ({ context, effects }) => refused(context.once('charge', () => effects.push('late'))),
    at('once("charge")', 0),
  ],
  log: [({ context }) => context.log('late'), undefined],
  progress: [({ context }) => context.progress(0.5), undefined],
  attributes: [({ context }) => context.attributes({ late: true }), undefined],
  span: [({ context }) => context.span('late', (span) => span.span('later', () => 'called')), 'called'],
}

/** Ends of the attempt. The branch x is at its first step when it begins. */
const ENDS = ['committed', 'retried', 'given up by its time limit', 'given up after a cancel'] as const

async function keep(how: (typeof ENDS)[number]) {
  const effects: string[] = []
  const contexts: ActionContext[] = []
  const alive: object[] = []
  const [begun, held] = [[defer(), defer()], defer()]
  const heard: unknown[] = []
  const body = async ({ context }: { readonly context: ActionContext }): Promise<{ out: string }> => {
    begun[contexts.push(context) - 1]?.resolve()
    alive.push(valuesOf(context))
    context.log('alive')
    if (how.startsWith('given up')) return new Promise(() => {})
    if (how === 'retried' && contexts.length === 1) throw new RangeError('once more')
    if (how === 'retried') await held.promise
    return { out: 'first' }
  }
  const first = kit.action({
    reads: ['item'],
    writes: ['out'],
    ...(how === 'retried' && { retry: { attempts: 2, delayMs: 0 } }),
    ...(how === 'given up by its time limit' && { timeoutMs: 100, fallback: () => ({ out: 'given up' }) }),
    run: body,
  })
  const second = kit.action({
    reads: ['out'],
    writes: ['out'],
    async run({ state: { out }, context }) {
      await held.promise
      const receipt = await context.once('charge', () => {
        effects.push('second')
        return 'receipt of second'
      })
      return { out: `${out}, ${receipt}` }
    },
  })
  const listen = kit.action({
    reads: ['item'],
    writes: ['out'],
    async run({ context, signal }) {
      for await (const { body } of context.messages(hint)) heard.push(body)
      return { out: `y heard ${heard.length}, ${signal.aborted ? 'cancelled' : 'left alone'}` }
    },
  })
  const x = kit
    .graph({ actions: { first, second }, transitions: { first: 'second' } })
    .runnable({ entrypoint: 'first' })
  const main = kit.mapActions({
    reads: ['item'],
    writes: ['outs'],
    settle: 'collect',
    actions: { x, y: listen },
    reduce: ({ results }) => ({ outs: results.map((r) => (r.status === 'done' ? r.state.out : r.status)) }),
  })
  const clock = new ManualClock()
  const persister = memoryPersister()
  const lines: unknown[] = []
  const app = createApplication(kit.graph({ actions: { main } }), {
    entrypoint: 'main',
    state: { item: 'i' },
    appId: 'app',
    partitionKey: 'tenant',
    persister,
    clock,
    random: () => 0,
    graceMs: 10,
    logger: {
      debug: (...line) => lines.push(['debug', ...line]),
      info: (...line) => lines.push(['info', ...line]),
      warn() {},
      error() {},
    },
  })
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as AnyEvent))
  const run = app.run()
  await begun[0]?.promise
  if (how === 'retried') {
    await clock.fire(0)
    await begun[1]?.promise
  }
  if (how === 'given up by its time limit') for (const ms of [100, 10]) await clock.fire(ms)
  if (how === 'given up after a cancel') {
    void app.cancel({ path: 'main/x' })
    clock.advance(10)
  }
  await flush()
  const [context] = contexts
  if (context === undefined) throw new RangeError('It did not begin.')
  const rows = async (): Promise<number> => {
    const ids = ['app', context.appId]
    const found = await Promise.all(ids.map(async (id) => persister.driver.history('tenant', id)))
    return found.flat().length
  }
  return { app, run, held, kept: { context, effects }, alive: alive[0], effects, heard, events, lines, rows, persister }
}

describe.each(ENDS)('a context whose attempt was %s', (how) => {
  it('keeps the values of its attempt', async () => {
    const { kept, alive, held, run } = await keep(how)

    expect(valuesOf(kept.context)).toEqual(alive)
    held.resolve()
    await run
    expect(valuesOf(kept.context)).toEqual(alive)
    expect(alive).toMatchObject({ action: 'first', sequenceId: 0, attempt: 1, partitionKey: 'tenant' })
  })

  it.each(Object.entries(CALLS))('does nothing when %s is called', async (name, [call, answer]) => {
    const { kept, held, run, effects, heard, events, lines, rows, app } = await keep(how)
    const before = [events.length, lines.length, await rows()]

    const answered = await call(kept)
    await flush()

    const silent = ['receiveOne', 'sleep', 'once', 'log'].includes(name) ? 1 : 0
    expect(answered).toEqual(answer)
    expect([events.length, lines.length - silent, await rows()]).toEqual(before)
    expect(lines.slice(before[1]).map((line) => (line as string[])[0])).toEqual(
      silent === 0 ? [] : [name === 'log' ? 'info' : 'debug'],
    )
    expect([effects, heard]).toEqual([[], []])
    if (how !== 'given up after a cancel') held.resolve()
    await run
    expect(app.state.outs[1]).toBe('y heard 0, left alone')
    expect(effects).toEqual(how === 'given up after a cancel' ? [] : ['second'])
  })

  it('is refused as the parent of an application', async () => {
    const { kept, held, run } = await keep(how)
    const graph = kit.graph({ actions: { act: kit.action({ reads: [], writes: [], run: () => ({}) }) } })

    expect(() => createApplication(graph, { entrypoint: 'act', state: {}, parent: kept.context, key: 'late' })).toThrow(
      'The step of "first" has ended, and its context with it. Make the application while the step runs.',
    )
    held.resolve()
    await run
  })
})

describe('the members of a context', () => {
  it('are all called in this test', async () => {
    const { kept, held, run } = await keep('committed')
    held.resolve()
    await run

    const offered = Object.getOwnPropertyNames(Object.getPrototypeOf(kept.context))
    expect(offered.filter((name) => name !== 'constructor').sort()).toEqual([...VALUES, ...Object.keys(CALLS)].sort())
  })
})

describe('an abandoned generator', () => {
  it('yields nothing', async () => {
    const held = defer()
    const late: string[] = []
    const pour = kit.action({
      reads: [],
      writes: ['out'],
      timeoutMs: 100,
      fallback: () => ({ out: 'given up' }),
      async *run() {
        yield 'in time'
        await held.promise
        late.push('yields')
        yield 'late'
        late.push('goes on')
        return { out: 'late' }
      },
    })
    const clock = new ManualClock()
    const app = createApplication(kit.graph({ actions: { pour } }), {
      entrypoint: 'pour',
      state: {},
      clock,
      graceMs: 10,
      logger: quiet,
    })
    const chunks: unknown[] = []
    app.on('chunk', ({ chunk }) => chunks.push(chunk))
    const yielded = emitted(app, 'chunk')
    const run = app.run()
    await yielded
    await clock.fire(100)
    await clock.fire(10)
    const { state } = await run

    held.resolve()
    await flush()

    expect([chunks, late, state]).toEqual([['in time'], ['yields'], { out: 'given up' }])
  })
})

describe('a context whose members are first read after its attempt', () => {
  it('has the number of its own step', async () => {
    const numbers: unknown[] = []
    let kept: { readonly context: ActionContext } | undefined
    const one = kit.action({
      reads: [],
      writes: ['out'],
      run(args) {
        kept = args
        return { out: '1' }
      },
    })
    const two = kit.action({
      reads: [],
      writes: ['out'],
      run({ context }) {
        numbers.push(kept?.context.sequenceId, kept?.context.idempotencyKey, context.sequenceId)
        return { out: '2' }
      },
    })
    const graph = kit.graph({ actions: { one, two }, transitions: { one: 'two' } })

    await createApplication(graph, { entrypoint: 'one', state: {}, appId: 'app' }).run()

    expect(numbers).toEqual([0, 'app:0:0', 1])
  })
})
