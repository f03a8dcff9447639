import { actorLogic, createApplication, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { type AnyEventObject, createActor, toPromise, transition, waitFor } from 'xstate'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'

// Stops, ends and races of XState, and the behaviour of a run. A row each.

interface S {
  n: number
  log: string[]
}
const kit = defineState<S>()
const counting = () => {
  const seen = { ran: 0 }
  const add = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state }) => {
      seen.ran += 1
      return { n: state.n + 1 }
    },
  })
  const graph = kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] } })
  return { seen, graph, logic: actorLogic(graph.runnable({ entrypoint: 'add' })) }
}
const input = { state: { n: 0 } }

/** An action that ends on command, and ignores its signal. */
function deaf() {
  const gate = defer<{ n: number }>()
  const begun = defer()
  const seen = { aborted: [] as unknown[], ended: false }
  const wait = kit.action({
    reads: [],
    writes: ['n'],
    async run({ signal }) {
      signal.addEventListener('abort', () => seen.aborted.push(signal.reason))
      begun.resolve()
      try {
        return await gate.promise
      } finally {
        seen.ended = true
      }
    },
  })
  const graph = kit.graph({ actions: { wait } })
  return { gate, begun: begun.promise, seen, graph, logic: actorLogic(graph.runnable({ entrypoint: 'wait' })) }
}
function recorder() {
  const lines: string[] = []
  const write = (level: string) => (text: string, data?: unknown) =>
    void lines.push(`${level}: ${text} ${String(data)}`)
  return { lines, logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') } }
}
const isStop = expect.objectContaining({ name: 'CancelledError', cancelCause: 'stop' })

describe('a stop', () => {
  it('before the start has no effect: the start runs the application', async () => {
    const { seen, logic } = counting()
    const actor = createActor(logic, { input })

    actor.stop()
    await flush()
    const before = seen.ran
    actor.start()

    expect((await toPromise(actor)).state).toEqual({ n: 3 })
    expect(before).toBe(0)
  })

  it('right after the start runs nothing', async () => {
    const { seen, logic } = counting()

    const actor = createActor(logic, { input }).start()
    actor.stop()
    await flush()

    expect([actor.getSnapshot().status, seen.ran]).toEqual(['stopped', 0])
  })

  it('is final: a further start runs nothing', async () => {
    const { seen, logic } = counting()
    const actor = createActor(logic, { input }).start()

    actor.stop()
    actor.start()
    await flush()

    expect([actor.getSnapshot().status, seen.ran]).toEqual(['stopped', 0])
  })

  it('returns at once while the action still runs, and has fired its signal', async () => {
    const { begun, seen, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    await begun

    actor.stop()

    expect(seen).toEqual({ aborted: [isStop], ended: false })
    expect(actor.getSnapshot().status).toBe('stopped')
  })

  it('fires the signal before any observer gets the end', async () => {
    const { begun, seen, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } })
    const heard: number[] = []
    actor.subscribe({ complete: () => heard.push(seen.aborted.length) })
    actor.start()
    await begun

    actor.stop()

    expect(heard).toEqual([1])
  })

  it('of an application resolves its run at once, as cancelled', async () => {
    const { begun, graph } = deaf()
    const app = createApplication(graph, { entrypoint: 'wait', state: {} })
    const run = app.run()
    await begun

    app.actor.stop()

    expect(await run).toMatchObject({ status: 'cancelled', reason: isStop, by: 'stop', state: {} })
  })

  it('of an application is final: a further run is refused', async () => {
    const { graph } = counting()
    const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })

    app.actor.stop()

    await expect(app.run()).rejects.toThrow('The actor of the application was stopped.')
  })

  it.each([
    ['a late value', (end: ReturnType<typeof deaf>['gate']) => end.resolve({ n: 7 }), '[object Object]'],
    ['a late error', (end: ReturnType<typeof deaf>['gate']) => end.reject(new RangeError('late')), 'RangeError: late'],
  ])('ignores and logs %s', async (_, end, said) => {
    const { gate, begun, graph } = deaf()
    const { lines, logger } = recorder()
    const app = createApplication(graph, { entrypoint: 'wait', state: {}, logger })
    const run = app.run()
    await begun

    app.actor.stop()
    await run
    end(gate)
    await flush()

    expect(lines).toEqual([`debug: Action "wait" ended after it was given up. Its outcome is ignored. ${said}`])
    expect(app.state).toEqual({})
  })

  it('of a branch alone is refused: only its map stops it', async () => {
    const wait = kit.action({ reads: [], writes: [], run: ({ signal }) => untilAborted(signal) })
    const map = kit.mapStates({ reads: [], writes: [], action: wait, states: { a: {} }, reduce: () => ({}) })
    const branches: { id: string; stop(): unknown }[] = []
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      inspect: (event) => {
        const ref = event.actorRef as unknown as { id: string; stop(): unknown }
        if (event.type === '@xstate.actor' && ref.id === 'a') branches.push(ref)
      },
    })
    const started = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await started

    expect(() => branches[0]?.stop()).toThrow('A non-root actor cannot be stopped directly.')
    await app.cancel({ path: 'a' })
    await expect(run).rejects.toThrow(`cannot settle as 'all'`)
  })

  it('of a map reaches a thousand branches in the same tick', async () => {
    let aborted = 0
    let live = 0
    const allLive = defer()
    const wait = kit.action({
      reads: [],
      writes: [],
      run: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted += 1
        })
        live += 1
        if (live === 1000) allLive.resolve()
        return untilAborted(signal)
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: [],
      action: wait,
      states: Array.from({ length: 1000 }, () => ({})),
      concurrency: 1000,
      reduce: () => ({}),
    })
    const actor = createActor(actorLogic(kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' })), {
      input: { state: {} },
    }).start()
    await allLive.promise

    actor.stop()

    expect(aborted).toBe(1000)
  })
})

describe('a cancel', () => {
  it('resolves when the action has ended, its finally block included', async () => {
    const { gate, begun, seen, graph } = deaf()
    const app = createApplication(graph, { entrypoint: 'wait', state: {} })
    const run = app.run()
    await begun
    const order: string[] = []

    const cancelled = app.cancel({ reason: 'enough' }).then(() => order.push(`cancelled, ended: ${seen.ended}`))
    await flush()
    order.push('released')
    gate.resolve({ n: 7 })
    await cancelled

    expect(order).toEqual(['released', 'cancelled, ended: true'])
    expect(seen.aborted).toEqual(['enough'])
    expect(await run).toMatchObject({ status: 'cancelled', reason: 'enough', state: {} })
  })

  it('passes its reason to the signal unchanged, in the same tick', async () => {
    const { begun, seen, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    await begun
    const reason = { why: 'a better answer' }

    actor.send({ type: 'cancel', reason })

    expect(seen.aborted[0]).toBe(reason)
  })

  it('is an outcome, not an error: it needs no observer', async () => {
    const { gate, begun, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    await begun

    actor.send({ type: 'cancel' })
    gate.resolve({ n: 1 })
    await flush()

    expect(actor.getSnapshot()).toMatchObject({ status: 'done', error: undefined, output: { status: 'cancelled' } })
  })

  it.each([
    ['before the start', false],
    ['right after the start', true],
  ])('that comes %s takes effect before the first step', async (_, started) => {
    const { seen, logic } = counting()
    const actor = createActor(logic, { input })
    const heard: string[] = []
    actor.on('*', (event) => heard.push(event.type))

    if (started) actor.start()
    actor.send({ type: 'cancel', reason: 'early' })
    actor.start()

    expect(await toPromise(actor)).toMatchObject({ status: 'cancelled', reason: 'early', sequenceId: -1 })
    expect([seen.ran, heard]).toEqual([0, ['run.start', 'cancel', 'run.end']])
  })

  it('reaches a loop that never waits', async () => {
    const spin = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const logic = actorLogic(
      kit.graph({ actions: { spin }, transitions: { spin: 'spin' } }).runnable({ entrypoint: 'spin' }),
    )
    const actor = createActor(logic, { input }).start()

    setImmediate(() => actor.send({ type: 'cancel', reason: 'dizzy' }))

    expect(await toPromise(actor)).toMatchObject({ status: 'cancelled', reason: 'dizzy' })
  })

  it('abandons code that ignores it after the grace period; a later result is ignored and logged', async () => {
    const { gate, begun, graph } = deaf()
    const { lines, logger } = recorder()
    const clock = new ManualClock()
    const app = createApplication(graph, { entrypoint: 'wait', state: {}, logger, clock, graceMs: 50 })
    const run = app.run()
    await begun

    const cancelled = app.cancel()
    clock.advance(50)
    await cancelled
    gate.resolve({ n: 7 })
    await flush()

    expect(await run).toMatchObject({ status: 'cancelled', leaked: [{ action: 'wait', path: '', sinceMs: 50 }] })
    expect(lines).toEqual([
      'warn: Action "wait" ignored a cancel for 50 ms and was given up. It may still run; hand the signal on to what it awaits, or bound that. undefined',
      'debug: Action "wait" ended after it was given up. Its outcome is ignored. [object Object]',
    ])
    expect(app.state).toEqual({})
  })

  it('that comes second has no effect: the first reason counts', async () => {
    const { gate, begun, seen, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    await begun

    actor.send({ type: 'cancel', reason: 'first' })
    actor.send({ type: 'cancel', reason: 'second' })
    gate.resolve({ n: 1 })

    expect(await toPromise(actor)).toMatchObject({ reason: 'first' })
    expect(seen.aborted).toEqual(['first'])
  })
})

describe('a late event', () => {
  it('has no effect on an actor that is done', async () => {
    const { logic } = counting()
    const actor = createActor(logic, { input }).start()
    const output = await toPromise(actor)

    actor.send({ type: 'cancel', reason: 'late' })
    await flush()

    expect(actor.getSnapshot()).toMatchObject({ status: 'done', output })
  })

  it('has no effect on a stopped actor', async () => {
    const { begun, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    await begun
    actor.stop()
    const stopped = actor.getSnapshot()

    actor.send({ type: 'cancel' })

    expect(actor.getSnapshot()).toBe(stopped)
  })

  it('leaves an ended snapshot as it is, when it is an event of an earlier step, a foreign one or malformed', async () => {
    const { logic } = counting()
    const events: AnyEventObject[] = ['cancel', 'message', 'teasel.step', 'teasel.waits', 'teasel.end', 'foreign'].map(
      (type) => ({ type }),
    )
    const actor = createActor(logic, {
      input,
      inspect: (inspected) => void (inspected.type === '@xstate.event' && events.push(inspected.event)),
    }).start()
    await toPromise(actor)
    const ended = actor.getSnapshot()

    const changed = events.filter((event) => transition(logic, ended, event as never)[0] !== ended)

    expect(events.map(({ type }) => type)).toContain('teasel.step')
    expect(changed).toEqual([])
  })

  it('gets an answer: a message to an ended application is dropped', async () => {
    const { graph } = counting()
    const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })
    await app.run()

    expect(await app.send({ kind: 'hint', body: 1 })).toBe('dropped')
    expect(await app.send({ kind: 'hint', body: 1 }, { path: 'nobody/here' })).toBe('dropped')
    await app[Symbol.asyncDispose]()
    expect(await app.send({ kind: 'hint', body: 1 })).toBe('dropped')
  })

  it('is cleared by a stop together with the rest of the queue', async () => {
    const { logic, seen } = counting()
    const actor = createActor(logic, { input })
    const steps: unknown[] = []
    actor.subscribe(({ sequenceId, status }) => {
      steps.push([sequenceId, status])
      if (sequenceId === 0) actor.stop()
    })

    actor.start()
    await flush()

    expect(steps).toEqual([
      [-1, 'active'],
      [0, 'active'],
    ])
    expect([actor.getSnapshot().status, seen.ran]).toEqual(['stopped', 1])
  })
})

describe('waiting for the end', () => {
  it('works with toPromise and waitFor, also after the end', async () => {
    const { logic } = counting()
    const actor = createActor(logic, { input }).start()
    await toPromise(actor)

    expect(await toPromise(actor)).toMatchObject({ status: 'finished' })
    expect((await waitFor(actor, ({ status }) => status === 'done')).state).toEqual({ n: 3 })
  })

  it('ends with a stop: toPromise resolves with undefined, waitFor rejects', async () => {
    const { begun, logic } = deaf()
    const actor = createActor(logic, { input: { state: {} } }).start()
    const promised = toPromise(actor)
    const waited = waitFor(actor, ({ status }) => status === 'done')
    await begun

    actor.stop()

    expect(await promised).toBeUndefined()
    await expect(waited).rejects.toThrow('Actor terminated without satisfying predicate')
  })
})

describe('depth', () => {
  it('of sub-graphs: a hundred nested applications run, and are cancelled from the top', async () => {
    const reached = defer<number>()
    let innermost: unknown
    const leaf = kit.action({
      reads: ['n'],
      writes: ['n'],
      inputs: { wait: type<boolean>() },
      run({ state, inputs, signal, context }) {
        signal.addEventListener('abort', () => {
          innermost = signal.reason
        })
        if (!inputs.wait) return { n: state.n + 1 }
        reached.resolve(context.path.length)
        return untilAborted(signal)
      },
    })
    let graph = kit.graph({ actions: { down: leaf } }).runnable({ entrypoint: 'down' })
    for (let i = 0; i < 100; i++) {
      const down = kit.subgraph({
        reads: ['n'],
        writes: ['n'],
        graph,
        state: ({ state }) => state,
        reduce: ({ branch }) => ({ n: branch.state.n }),
      })
      graph = kit.graph({ actions: { down } }).runnable({ entrypoint: 'down' }) as never
    }
    const start = (wait: boolean) =>
      createActor(actorLogic(graph), { input: { state: { n: 1 }, inputs: { wait } } }).start()

    const done = await toPromise(start(false))
    const actor = start(true)
    const depth = await reached.promise
    actor.send({ type: 'cancel', reason: 'from the top' })

    expect(innermost).toBe('from the top')
    expect([done.state, depth]).toEqual([{ n: 2 }, 100])
    expect(await toPromise(actor)).toMatchObject({ status: 'cancelled', reason: 'from the top' })
  })

  it('of messages: a thousand branches that pass one on do not overflow the stack', async () => {
    const length = 1000
    const all = defer()
    const pass = kit.action({
      reads: ['n'],
      writes: ['log'],
      async run({ state, context }) {
        if (state.n === length - 1) all.resolve()
        if (state.n === 0) await all.promise
        else for await (const _ of context.messages({ kind: 'baton' } as never)) break
        context.send(String(state.n + 1), { kind: 'baton', body: undefined })
        return { log: [`${state.n}`] }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['n'],
      action: pass,
      states: Array.from({ length }, (_, n) => ({ n })),
      concurrency: length,
      reduce: ({ results }) => ({ n: results.length }),
    })
    const logic = actorLogic(kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' }))

    const output = await toPromise(createActor(logic, { input: { state: {} } }).start())

    expect(output.state.n).toBe(length)
  })
})
