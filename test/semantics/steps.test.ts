import { actorLogic, createApplication, defineState, task, type } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { createActor, toPromise } from 'xstate'
import { defer, flush } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

interface S {
  n: number
  text: string
}
const kit = defineState<S>()
const appOf = (action: unknown, options: object = {}) =>
  createApplication(kit.graph({ actions: { step: action as ReturnType<typeof pass> } }), {
    entrypoint: 'step',
    state: {},
    logger: quiet,
    ...options,
  })
const pass = () => kit.action({ reads: [], writes: [], run: () => ({}) })

describe('the signal of a step', () => {
  it('is the same on each read', async () => {
    const same: boolean[] = []
    const look = kit.action({
      reads: [],
      writes: [],
      run: (args) => {
        const { signal, context } = args
        same.push(signal === args.signal && context === args.context)
        return {}
      },
    })

    await appOf(look).run()

    expect(same).toEqual([true])
  })

  it('is created on its first read', async () => {
    let created = 0
    vi.stubGlobal(
      'AbortController',
      class extends AbortController {
        constructor() {
          super()
          created += 1
        }
      },
    )
    const reads = kit.action({ reads: [], writes: [], run: ({ signal }) => (signal.aborted ? undefined : {}) as never })
    try {
      await appOf(pass()).run()
      const before = created
      await appOf(reads).run()

      expect([before, created]).toEqual([0, 1])
    } finally {
      vi.unstubAllGlobals()
    }
  })

  it('has fired already when it is first read after the cancel, with its reason', async () => {
    const gate = defer()
    const seen: unknown[] = []
    const late = kit.action({
      reads: [],
      writes: [],
      async run(args) {
        await gate.promise
        seen.push(args.signal.aborted, args.signal.reason)
        return {}
      },
    })
    const app = appOf(late)
    const started = emitted(app, 'step.start')
    const run = app.run()
    await started

    const cancelled = app.cancel({ reason: 'enough' })
    gate.resolve()
    await cancelled

    expect(seen).toEqual([true, 'enough'])
    expect((await run).status).toBe('cancelled')
  })

  it('has not fired when it is first read without a cancel', async () => {
    const seen: boolean[] = []
    const look = kit.action({
      reads: [],
      writes: [],
      run: ({ signal }) => {
        seen.push(signal.aborted)
        return {}
      },
    })

    await appOf(look).run()

    expect(seen).toEqual([false])
  })
})

describe('a step that yields', () => {
  it('is left at the chunk after a cancel, which is not emitted', async () => {
    const gate = defer()
    const left: string[] = []
    const pour = kit.action({
      reads: [],
      writes: ['text'],
      async *run() {
        try {
          yield 'first'
          await gate.promise
          yield 'second'
          yield 'third'
          return { text: 'all' }
        } finally {
          left.push('finally')
        }
      },
    })
    const app = appOf(pour)
    const chunks: unknown[] = []
    app.on('*', (event) => {
      if ((event.type as string) === 'chunk') chunks.push((event as unknown as { chunk: unknown }).chunk)
    })
    const yielded = emitted(app, 'chunk')
    const run = app.run()
    await yielded

    const cancelled = app.cancel()
    gate.resolve()
    await cancelled

    expect({ chunks, left }).toEqual({ chunks: ['first'], left: ['finally'] })
    expect(await run).toMatchObject({ status: 'cancelled', state: {} })
  })

  it('is an async generator: an object with the same members is an update', async () => {
    const odd = kit.action({
      reads: [],
      writes: ['text'],
      run: () => ({ [Symbol.asyncIterator]: () => ({}), text: 'x' }) as { text: string },
    })

    expect((await appOf(odd).run()).state.text).toBe('x')
  })

  it('that returns undefined fails with a clear message', async () => {
    const nothing = kit.action({ reads: [], writes: ['text'], run: () => null as never })

    await expect(appOf(nothing).run()).rejects.toThrow('returned null instead of an update')
  })
})

describe('the duration of a step', () => {
  const waiting = (end: (gate: ReturnType<typeof defer<object>>) => void) => {
    const clock = new ManualClock()
    const gate = defer<object>()
    const wait = kit.action({ reads: [], writes: [], run: () => gate.promise as Promise<Record<never, never>> })
    const app = appOf(wait, { clock })
    const told: unknown[] = []
    app.on('step.end', ({ status, durationMs }) => told.push([status, durationMs]))
    const run = app.run().catch(() => {})
    return { app, clock, run, told, end: () => end(gate) }
  }

  it.each([
    ['done', (gate: ReturnType<typeof defer<object>>) => gate.resolve({})],
    ['failed', (gate: ReturnType<typeof defer<object>>) => gate.reject(new RangeError('no'))],
  ] as const)('is measured when it is %s', async (status, how) => {
    const { clock, run, told, end } = waiting(how)
    await flush()
    clock.advance(30)
    end()
    await run

    expect(told).toEqual([[status, 30]])
  })

  it('is measured when it is cancelled', async () => {
    const { app, clock, run, told, end } = waiting((gate) => gate.resolve({}))
    await flush()
    clock.advance(30)
    const cancelled = app.cancel()
    end()
    await cancelled
    await run

    expect(told).toEqual([['cancelled', 30]])
  })
})

describe('interceptors of a step', () => {
  const fail = kit.action({
    reads: [],
    writes: [],
    run: () => {
      throw new RangeError('no')
    },
  })

  it('get the failure, also when an error transition continues', async () => {
    const outcomes: unknown[] = []
    const interceptor = {
      afterStep: ({ action }: { action: string }, outcome: { status: string; error?: unknown }) => {
        outcomes.push([action, outcome.status, String(outcome.error)])
      },
    }
    const graph = kit.graph({ actions: { fail, next: pass() }, onError: { fail: 'next' } })
    const app = createApplication(graph, { entrypoint: 'fail', state: {}, logger: quiet, interceptors: [interceptor] })

    await app.run()

    expect(outcomes).toEqual([
      ['fail', 'failed', 'ActionError: Action "fail" failed (step 0): no'],
      ['next', 'done', 'undefined'],
    ])
  })

  it('that are pending when the run is cancelled let no action start', async () => {
    const gate = defer()
    let ran = 0
    const count = kit.action({
      reads: [],
      writes: [],
      run: () => {
        ran += 1
        return {}
      },
    })
    const called = defer()
    const beforeStep = () => {
      called.resolve()
      return gate.promise
    }
    const app = appOf(count, { interceptors: [{ beforeStep }] })
    const run = app.run()
    await called.promise

    const cancelled = app.cancel()
    gate.resolve()
    await cancelled

    expect([(await run).status, ran]).toEqual(['cancelled', 0])
  })

  it('do not see a step in iterate that failed and was recovered', async () => {
    const graph = kit.graph({ actions: { fail, next: pass() }, onError: { fail: 'next' } })
    const app = createApplication(graph, { entrypoint: 'fail', state: {}, logger: quiet })

    const steps: string[] = []
    for await (const { action } of app.iterate()) steps.push(action)

    expect(steps).toEqual(['next'])
  })
})

describe('a lone actor', () => {
  it('takes any input when a parallel action passes inputs on to tasks that are known only at run time', async () => {
    const say = kit.action({
      reads: [],
      writes: ['text'],
      inputs: { word: type<string>() },
      run: ({ inputs }) => ({ text: inputs.word }),
    })
    const all = kit.parallel({
      reads: [],
      writes: ['text'],
      tasks: () => [task({ action: say, state: {} })],
      reduce: ({ results }) => ({ text: results.map(({ state }) => state.text).join() }),
    })
    const logic = actorLogic(kit.graph({ actions: { all } }).runnable({ entrypoint: 'all' }))

    const output = await toPromise(createActor(logic, { input: { state: {}, inputs: { word: 'hello' } } }).start())

    expect(output.state.text).toBe('hello')
  })
})
