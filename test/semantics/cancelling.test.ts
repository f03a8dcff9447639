import { createApplication, defineMessage, defineState, printPath, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { answersOf, chat } from '../support/chat.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

/** A branch that waits for its signal, and logs its start and end. */
function waiters() {
  const log: string[] = []
  const wait = chat.action({
    reads: ['prompt'],
    writes: ['answer'],
    async run({ state, signal }) {
      log.push(`${state.prompt} began`)
      try {
        return await untilAborted(signal)
      } finally {
        await Promise.resolve()
        log.push(`${state.prompt} ended: ${String(signal.reason)}`)
      }
    },
  })
  return { wait, log }
}

const mapOf = (
  wait: ReturnType<typeof waiters>['wait'],
  settlePolicy: 'all' | 'collect' | { atLeast: 2 } = 'collect',
) =>
  chat.mapStates({
    reads: ['prompt'],
    writes: ['answers'],
    settle: settlePolicy,
    action: wait,
    states: { a: { prompt: 'a' }, b: { prompt: 'b' } },
    reduce: ({ results }) => ({
      answers: Object.fromEntries(
        results.map((r) => [r.key, r.status === 'cancelled' ? `${String(r.reason)} by ${r.by}` : r.status]),
      ),
    }),
  })

describe('cancelling down the tree', () => {
  it('by the signal of the caller fires every signal in the same tick, and rejects when all have ended', async () => {
    const { wait, log } = waiters()
    const nested = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: mapOf(wait),
      states: { x: {}, y: {} },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { nested } }), { entrypoint: 'nested', state: { prompt: '' } })
    const controller = new AbortController()
    let fired = 0
    const started = emitted(
      app,
      'step.start',
      'nested/x/nested/a',
      'nested/x/nested/b',
      'nested/y/nested/a',
      'nested/y/nested/b',
    )

    const run = app
      .run({ signal: controller.signal })
      .catch((reason: unknown) => log.push(`rejected: ${String(reason)}`))
    await started
    app.on('cancel', () => (fired += 1))
    controller.abort('left')
    const inTheTick = fired
    await run

    expect(inTheTick).toBe(7) // the root, two maps' branches and four leaves
    expect(log.filter((line) => line.includes('ended'))).toHaveLength(4)
    expect(log.at(-1)).toBe('rejected: left')
  })

  it('by app.cancel with a path reaches one branch, which keeps its status with any result', async () => {
    const gate = defer()
    const stubborn = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ state }) {
        await gate.promise
        return { answer: state.prompt }
      },
    })
    const map = mapOf(stubborn as never)
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: '' } })
    const started = emitted(app, 'step.start', 'map/a', 'map/b')

    const run = app.run()
    await started
    void app.cancel({ path: 'map/a', reason: 'not needed' })
    gate.resolve()

    expect((await run).state.answers).toEqual({ a: 'not needed by app', b: 'done' })
  })

  it("takes the key alone when the application is at one map, and fails the step under 'all'", async () => {
    const { wait } = waiters()
    const app = createApplication(chat.graph({ actions: { map: mapOf(wait, 'all') } }), {
      entrypoint: 'map',
      state: { prompt: '' },
    })
    const started = emitted(app, 'step.start', 'map/a', 'map/b')

    const run = app.run().catch((error: unknown) => error)
    await started
    await app.cancel({ path: 'b', reason: 'enough' })

    expect(await run).toMatchObject({
      name: 'ParallelError',
      message: `Map action "map" cannot settle as 'all': 2 of 2 branches were cancelled: "a" and "b".`,
    })
  })

  it('fails the step of a map that then cannot have enough, and names what was cancelled', async () => {
    const { wait } = waiters()
    const app = createApplication(chat.graph({ actions: { map: mapOf(wait, { atLeast: 2 }) } }), {
      entrypoint: 'map',
      state: { prompt: '' },
    })
    const started = emitted(app, 'step.start', 'map/a', 'map/b')

    const run = app.run().catch((error: unknown) => error)
    await started
    await app.cancel({ path: 'map/a', reason: 'enough' })

    expect(await run).toMatchObject({
      message: `Map action "map" cannot settle as { atLeast: 2 }: 2 of 2 branches were cancelled: "a" and "b".`,
    })
  })

  it('takes messages no more: what is sent then is dropped', async () => {
    const gate = defer()
    const note = defineMessage('note', type<string>())
    const slow = chat.action({ reads: [], writes: ['answer'], run: () => gate.promise.then(() => ({ answer: '' })) })
    const app = createApplication(chat.graph({ actions: { slow } }), { entrypoint: 'slow', state: { prompt: '' } })
    const run = app.run()
    await flush()

    const before = await app.send(note('one'))
    void app.cancel({ reason: 'over' })
    const after = await app.send(note('two'))
    gate.resolve()

    expect([before, after]).toEqual(['queued', 'dropped'])
    expect(await run).toMatchObject({ status: 'cancelled', reason: 'over' })
  })

  it('ignores an unknown path, and an application that does not run', async () => {
    const { wait } = waiters()
    const app = createApplication(chat.graph({ actions: { map: mapOf(wait) } }), {
      entrypoint: 'map',
      state: { prompt: '' },
    })

    await app.cancel()
    const started = emitted(app, 'step.start', 'map/a', 'map/b')
    const run = app.run()
    await started
    await app.cancel({ path: 'map/zzz' })
    await app.cancel({ reason: 'now' })

    expect(await run).toMatchObject({ status: 'cancelled', reason: 'now', by: 'app' })
  })

  it('commits nothing of a reducer that returns in spite of it', async () => {
    const gate = defer()
    const map = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: chat.action({ reads: ['prompt'], writes: ['answer'], run: () => ({ answer: '' }) }),
      states: [{}],
      async reduce() {
        await gate.promise
        return { answers: { late: 'yes' } }
      },
    })
    const app = createApplication(chat.graph({ actions: { map } }), { entrypoint: 'map', state: { prompt: '' } })
    const reducing = emitted(app, 'reduce')

    const run = app.run()
    await reducing
    void app.cancel()
    gate.resolve()

    expect(await run).toMatchObject({ status: 'cancelled', state: { prompt: '' } })
  })

  it('abandons code that ignores its signal after the grace period, at any depth, once', async () => {
    const clock = new ManualClock()
    const never = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: () => new Promise<{ answer: string }>(() => {}),
    })
    const inner = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: never,
      states: { deaf: {} },
      reduce: ({ results }) => ({ answers: answersOf(results) }),
    })
    const outer = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      action: inner,
      states: { x: {} },
      reduce: () => ({ answers: {} }),
    })
    const app = createApplication(chat.graph({ actions: { outer } }), {
      entrypoint: 'outer',
      state: { prompt: '' },
      clock,
      logger: quiet,
    })
    const leaks: string[] = []
    app.on('branch.leaked', ({ path }) => leaks.push(printPath(path)))
    const started = emitted(app, 'step.start', 'outer/x/outer/deaf')

    const run = app.run()
    await started
    void app.cancel()
    clock.advance(5000)
    const end = await run

    const path = 'outer/x/outer/deaf'
    expect(end).toMatchObject({ status: 'cancelled', leaked: [{ path, sinceMs: 5000 }] })
    expect(leaks).toEqual([path])
    expect(clock.pending).toBe(0)
  })

  it('abandons a source that does not close, and continues', async () => {
    const clock = new ManualClock()
    const quick = chat.action({ reads: ['prompt'], writes: ['answer'], run: () => ({ answer: 'quick' }) })
    const map = chat.mapStates({
      reads: ['prompt'],
      writes: ['answers'],
      settle: 'any',
      action: quick,
      async *states() {
        yield {}
        await new Promise(() => {})
      },
      reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.status])) }),
    })
    const app = createApplication(chat.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { prompt: '' },
      clock,
      logger: quiet,
    })

    const run = app.run()
    await clock.fire(5000)

    expect(await run).toMatchObject({
      status: 'finished',
      state: { answers: { 0: 'done' } },
      leaked: [{ action: 'map' }],
    })
  })
})

describe('no orphans', () => {
  it('cancels and awaits an application that an action created and left running', async () => {
    const { wait, log } = waiters()
    const graph = chat.graph({ actions: { wait } })
    const careless = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      async run({ context }) {
        const app = createApplication(graph, {
          entrypoint: 'wait',
          state: { prompt: 'left behind' },
          parent: context,
          key: 'k',
        })
        const started = emitted(app, 'step.start', 'careless/k')
        void app.run()
        await started
        return { answer: 'did not wait' }
      },
    })
    const app = createApplication(chat.graph({ actions: { careless } }), {
      entrypoint: 'careless',
      state: { prompt: '' },
    })
    app.on('step.end', ({ action, path }) => path.length === 0 && log.push(`${action} committed`))

    await app.run()

    expect(log).toEqual(['left behind began', expect.stringContaining('left behind ended'), 'careless committed'])
  })

  it('refuses to run an application of a step that has ended', async () => {
    const { wait } = waiters()
    const graph = chat.graph({ actions: { wait } })
    let kept: { run(): Promise<unknown> } | undefined
    const leaky = chat.action({
      reads: [],
      writes: ['answer'],
      run({ context }) {
        kept = createApplication(graph, { entrypoint: 'wait', state: { prompt: '' }, parent: context })
        return { answer: '' }
      },
    })
    await createApplication(chat.graph({ actions: { leaky } }), { entrypoint: 'leaky', state: {} }).run()

    await expect(kept?.run()).rejects.toThrow(
      'The application ended with the step that made it. Await its runs in that step.',
    )
  })

  it('leaves no actor running after a failure, a cancel or a stop', async () => {
    const actors = new Map<string, { getSnapshot(): { status: string } }>()
    const inspect = (event: { type: string; actorRef: { sessionId: string } }) => {
      if (event.type === '@xstate.actor') actors.set(event.actorRef.sessionId, event.actorRef as never)
    }
    const left = () => [...actors.values()].filter((actor) => actor.getSnapshot().status === 'active').length
    const { wait } = waiters()
    const failing = chat.action({
      reads: ['prompt'],
      writes: ['answer'],
      run: () => {
        throw new RangeError('no')
      },
    })
    const mixed = chat.mapActions({
      reads: ['prompt'],
      writes: ['answers'],
      actions: { wait, failing },
      reduce: () => ({ answers: {} }),
    })
    const graph = chat.graph({ actions: { mixed, map: mapOf(wait) } })
    const failed = createApplication(graph, {
      entrypoint: 'mixed',
      state: { prompt: '' },
      logger: quiet,
      inspect: inspect as never,
    })
    const cancelled = createApplication(graph, {
      entrypoint: 'map',
      state: { prompt: '' },
      logger: quiet,
      inspect: inspect as never,
    })

    await failed.run().catch(() => {})
    const run = cancelled.run()
    await flush()
    const during = left()
    await cancelled.cancel()
    await run
    const after = left()
    await failed[Symbol.asyncDispose]()
    await cancelled[Symbol.asyncDispose]()

    expect(during).toBeGreaterThan(3)
    expect(after).toBe(2) // the two applications themselves
    expect(left()).toBe(0)
  })

  it('shows a map of three as one application, one map, three branches and one reducer, each below its parent', async () => {
    const tree: string[] = []
    const kit = defineState<{ n: number; sum: number }>()
    const one = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['sum'],
      action: one,
      states: { a: {}, b: {}, c: {} },
      reduce: () => ({ sum: 0 }),
    })
    const inspect = (event: { type: string; actorRef: { id: string; _parent?: { id: string } } }) => {
      if (event.type === '@xstate.actor') tree.push(`${event.actorRef.id} < ${event.actorRef._parent?.id}`)
    }
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { n: 1 },
      inspect: inspect as never,
    })

    await app.run()

    expect(tree).toEqual(['app < undefined', 'map < app', 'reduce < map', 'a < map', 'b < map', 'c < map'])
  })
})
