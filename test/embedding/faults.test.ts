import { actorLogic, createApplication, defineState } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { createActor, toPromise, waitFor } from 'xstate'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'

// The receivers of errors: of actions, branches, listeners, observers, inspectors, conditions. A row each.

interface S {
  n: number
  done: string[]
}
const kit = defineState<S>()
const fail = kit.action({
  reads: [],
  writes: ['n'],
  run: async () => {
    throw new RangeError('no')
  },
})
const broken = kit.graph({ actions: { fail } })
const failing = actorLogic(broken.runnable({ entrypoint: 'fail' }))
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const counter = kit.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 3 }] },
})
const counting = actorLogic(counter.runnable({ entrypoint: 'add' }))
const SAID = 'ActionError: Action "fail" failed (step 0): no'

/** Collects the errors that XState throws globally while `act` runs. */
async function thrownGlobally(act: () => unknown): Promise<string[]> {
  const thrown: string[] = []
  const real = globalThis.setTimeout
  const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((fn: () => void, ms?: number) =>
    real(() => {
      try {
        fn()
      } catch (error) {
        thrown.push(String(error))
      }
    }, ms)) as typeof setTimeout)
  try {
    await act()
    await flush()
    await new Promise<void>((resolve) => real(resolve, 0))
  } finally {
    spy.mockRestore()
  }
  return thrown
}
const recorder = () => {
  const lines: string[] = []
  const write = (text: string, data?: unknown) => void lines.push(`${text} ${String(data)}`)
  return { lines, logger: { debug: () => {}, info: () => {}, warn: write, error: write } }
}

describe('a failure of the root', () => {
  it('reaches an observer of errors, and no other', async () => {
    const heard: string[] = []

    const thrown = await thrownGlobally(() => {
      const actor = createActor(failing, { input: { state: {} } })
      actor.subscribe({ error: (error) => heard.push(String(error)) })
      actor.start()
    })

    expect({ heard, thrown }).toEqual({ heard: [SAID], thrown: [] })
  })

  it('is thrown globally without an observer, as by any actor', async () => {
    expect(await thrownGlobally(() => createActor(failing, { input: { state: {} } }).start())).toEqual([SAID])
  })

  it('rejects toPromise', async () => {
    const thrown = await thrownGlobally(() =>
      expect(toPromise(createActor(failing, { input: { state: {} } }).start())).rejects.toThrow('failed (step 0): no'),
    )

    expect(thrown).toEqual([])
  })

  it('rejects waitFor', async () => {
    const actor = createActor(failing, { input: { state: {} } })
    const waited = waitFor(actor, ({ status }) => status === 'done')

    actor.start()

    await expect(waited).rejects.toThrow('failed (step 0): no')
  })

  it('of an application rejects only its run, with any observer of its actor', async () => {
    const app = createApplication(broken, { entrypoint: 'fail', state: {} })

    const thrown = await thrownGlobally(async () => {
      app.actor.subscribe(() => {})
      await expect(app.run()).rejects.toThrow('failed (step 0): no')
    })

    expect(thrown).toEqual([])
    expect(app.actor.getSnapshot()).toMatchObject({ status: 'active', error: undefined })
  })

  it('of an application keeps its last step: a further run tries the failed step again', async () => {
    let calls = 0
    const flaky = kit.action({
      reads: [],
      writes: ['n'],
      run: () => {
        calls += 1
        if (calls === 1) throw new RangeError('no')
        return { n: calls }
      },
    })
    const app = createApplication(kit.graph({ actions: { flaky } }), { entrypoint: 'flaky', state: {} })

    await app.run().catch(() => {})

    expect(await app.run()).toMatchObject({ status: 'finished', sequenceId: 0, state: { n: 2 } })
  })

  it('by an input that does not fit is an error of the actor only', () => {
    const errorOf = (input: object) =>
      String((createActor(counting, { input: input as never }).getSnapshot() as { error?: unknown }).error)

    expect([errorOf({ state: 'n' }), errorOf({ state: { n: 0 }, inputs: { x: 1 } }), errorOf({ stat: {} })]).toEqual([
      'ContractError: The input state is "n". It takes a plain object of state keys.',
      'InputError: The graph does not take the input "x". There are no inputs.',
      'TypeError: The input of the actor has no option "stat". Did you mean "state"?',
    ])
  })
})

describe('a failure of a branch', () => {
  it('never crashes the application above: reduce gets it', async () => {
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['done'],
      actions: { add, fail },
      settle: 'collect',
      reduce: ({ results }) => ({ done: results.map(({ key, status }) => `${key} ${status}`) }),
    })
    const logic = actorLogic(kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' }))

    const thrown = await thrownGlobally(async () => {
      const output = await toPromise(createActor(logic, { input: { state: { n: 0 } } }).start())
      expect(output.state.done).toEqual(['add done', 'fail failed'])
    })

    expect(thrown).toEqual([])
  })

  it('leaves no sibling running: their signals fire before the step fails', async () => {
    const order: string[] = []
    const wait = kit.action({
      reads: ['n'],
      writes: ['n'],
      async run({ signal }) {
        try {
          return await untilAborted(signal)
        } finally {
          order.push('sibling ended')
        }
      },
    })
    const map = kit.mapActions({ reads: ['n'], writes: [], actions: { wait, fail }, reduce: () => ({}) })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 0 } })

    await app.run().catch(() => order.push('run failed'))

    expect(order).toEqual(['sibling ended', 'run failed'])
  })

  it('cancels the application that its action created', async () => {
    const aborted: unknown[] = []
    const wait = kit.action({
      reads: [],
      writes: ['n'],
      run: ({ signal }) => {
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        return untilAborted(signal)
      },
    })
    const outer = kit.action({
      reads: [],
      writes: ['n'],
      async run({ context }) {
        const graph = kit.graph({ actions: { wait } })
        const below = createApplication(graph, { entrypoint: 'wait', state: {}, parent: context })
        const started = emitted(below, 'step.start')
        void below.run()
        await started
        throw new RangeError('no')
      },
    })
    const app = createApplication(kit.graph({ actions: { outer } }), { entrypoint: 'outer', state: {} })

    await expect(app.run()).rejects.toThrow('failed (step 0): no')

    expect(aborted).toEqual([expect.objectContaining({ name: 'CancelledError' })])
  })

  it('that comes at once is still seen by siblings', async () => {
    const now = kit.action({
      reads: [],
      writes: ['n'],
      run: () => {
        throw new RangeError('at once')
      },
    })
    const map = kit.mapActions({ reads: ['n'], writes: [], actions: { now, add }, reduce: () => ({}) })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 0 } })

    await expect(app.run()).rejects.toMatchObject({
      results: [
        { key: 'now', status: 'failed' },
        { key: 'add', status: 'cancelled' },
      ],
    })
  })
})

describe('an error of an observer', () => {
  it.each(['subscribe', 'on'] as const)(
    'in a listener by %s of the actor is thrown globally; the run goes on',
    async (by) => {
      const actor = createActor(counting, { input: { state: { n: 0 } } })
      let calls = 0
      const bad = () => {
        calls += 1
        if (calls === 2) throw new RangeError('listener')
      }
      if (by === 'subscribe') actor.subscribe(bad)
      else actor.on('step.end', bad)

      const thrown = await thrownGlobally(async () => {
        expect((await toPromise(actor.start())).state).toEqual({ n: 3 })
      })

      expect(thrown).toEqual(['RangeError: listener'])
    },
  )

  it('in a listener of the application goes to its logger; the run goes on', async () => {
    const { lines, logger } = recorder()
    const app = createApplication(counter, { entrypoint: 'add', state: { n: 2 }, logger })
    app.on('step.end', () => {
      throw new RangeError('listener')
    })

    expect((await app.run()).state).toEqual({ n: 3 })
    expect(lines).toEqual(['A listener of "step.end" threw. RangeError: listener'])
  })

  it('in its inspector goes to its logger, also during creation; the run goes on', async () => {
    const { lines, logger } = recorder()
    const inspect = () => {
      throw new RangeError('inspector')
    }
    const app = createApplication(counter, { entrypoint: 'add', state: { n: 2 }, logger, inspect })

    expect((await app.run()).state).toEqual({ n: 3 })
    expect(app.actor.getSnapshot().context).toEqual({ n: 3 })
    expect(new Set(lines)).toEqual(new Set(['inspect threw. RangeError: inspector']))
  })

  it('in watch is emitted as a fault; the map goes on', async () => {
    const { lines, logger } = recorder()
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['done'],
      action: add,
      states: { a: {} },
      watch: () => {
        throw new RangeError('watch')
      },
      reduce: ({ results }) => ({ done: results.map(({ key }) => key) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 0 }, logger })
    const faults: unknown[] = []
    app.on('fault', ({ where, error }) => faults.push([where, String(error)]))

    expect((await app.run()).state.done).toEqual(['a'])
    expect(faults).toContainEqual(['watch of "map"', 'RangeError: watch'])
    expect(lines).toContain('watch of "map" threw. RangeError: watch')
  })
})

describe('identity', () => {
  it('is unique to each actor without a given one', async () => {
    const idOf = () => {
      const actor = createActor(counting, { input: { state: { n: 0 } } })
      return (actor.getPersistedSnapshot() as unknown as { readonly appId: string }).appId
    }

    expect(new Set(Array.from({ length: 100 }, idOf)).size).toBe(100)
  })

  it('of branches is the same in every process, and differs by map, visit and key', async () => {
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n', 'done'],
      action: add,
      states: { a: {}, b: {} },
      reduce: ({ state, results }) => ({ n: state.n + 1, done: results.map(({ appId }) => appId) }),
    })
    const graph = kit.graph({
      actions: { map, again: map },
      transitions: { map: [{ to: 'map', when: ({ state: { n } }) => n < 2 }, { to: 'again' }] },
    })
    const run = async () => {
      const app = createApplication(graph, { entrypoint: 'map', state: { n: 0 }, appId: 'same' })
      const ids: string[] = []
      app.on('step.end', (event) => {
        if (event.status === 'done' && event.path.length === 0) ids.push(...event.state.done)
      })
      await app.run()
      return ids
    }

    const first = await run()

    expect(first).toHaveLength(6)
    expect(new Set(first).size).toBe(6)
    expect(await run()).toEqual(first)
  })

  it('of a branch is the same after its map has ended', async () => {
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['done'],
      action: add,
      states: { a: {} },
      reduce: ({ results }) => ({ done: results.map(({ appId }) => appId) }),
    })
    const persisted: (() => unknown)[] = []
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: { n: 0 },
      inspect: (event) => {
        const ref = event.actorRef as unknown as { id: string; getPersistedSnapshot(): { appId: string } }
        if (event.type === '@xstate.actor' && ref.id === 'a') persisted.push(() => ref.getPersistedSnapshot().appId)
      },
    })

    const { state } = await app.run()

    expect(persisted.map((id) => id())).toEqual(state.done)
  })
})

describe('a race', () => {
  it('between done and stop: an unpublished end is dropped', async () => {
    const gate = defer<{ n: number }>()
    const wait = kit.action({ reads: [], writes: ['n'], run: () => gate.promise })
    const logic = actorLogic(kit.graph({ actions: { wait } }).runnable({ entrypoint: 'wait' }))
    const actor = createActor(logic, { input: { state: {} } })
    const started = emitted(actor, 'step.start')
    actor.start()
    await started

    gate.resolve({ n: 1 })
    actor.stop()
    await flush()

    expect(actor.getSnapshot()).toMatchObject({ status: 'stopped', state: {}, output: undefined })
  })

  it('between done and cancel: the cancel comes before the commit, and counts', async () => {
    const gate = defer<{ n: number }>()
    const wait = kit.action({ reads: [], writes: ['n'], run: () => gate.promise })
    const logic = actorLogic(kit.graph({ actions: { wait } }).runnable({ entrypoint: 'wait' }))
    const actor = createActor(logic, { input: { state: {} } })
    const started = emitted(actor, 'step.start')
    actor.start()
    await started

    gate.resolve({ n: 1 })
    actor.send({ type: 'cancel', reason: 'just now' })

    expect(await toPromise(actor)).toMatchObject({ status: 'cancelled', reason: 'just now', state: {} })
  })

  it('between an error and a cancel: the run is cancelled, and no error is left over', async () => {
    const gate = defer<never>()
    const wait = kit.action({ reads: [], writes: ['n'], run: () => gate.promise })
    const logic = actorLogic(kit.graph({ actions: { wait } }).runnable({ entrypoint: 'wait' }))
    const actor = createActor(logic, { input: { state: {} } })
    const started = emitted(actor, 'step.start')
    actor.start()
    await started

    const thrown = await thrownGlobally(async () => {
      gate.reject(new RangeError('no'))
      actor.send({ type: 'cancel' })
      await toPromise(actor)
    })

    expect(thrown).toEqual([])
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', output: { status: 'cancelled' } })
  })
})
