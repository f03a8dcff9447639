import { actorLogic, createApplication, defineState, type ParallelError, SnapshotError, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { assign, createActor, sendTo, setup, toPromise, waitFor } from 'xstate'
import { defer, untilAborted } from '../support/deferred.js'

interface Research {
  query: string
  notes: string[]
  report: string
}
const kit = defineState<Research>()
const gather = kit.action({
  reads: ['query', 'notes?'],
  writes: ['notes'],
  run: ({ state }) => ({ notes: [...(state.notes ?? []), state.query] }),
})
const write = kit.action({
  reads: ['notes'],
  writes: ['report'],
  inputs: { style: type<string>() },
  async *run({ state, inputs }) {
    yield state.notes.length
    return { report: `${inputs.style}: ${state.notes.join()}` }
  },
})
const runnable = kit
  .graph({
    actions: { gather, write },
    transitions: { gather: [{ to: 'gather', when: ({ state }) => state.notes.length < 3 }, { to: 'write' }] },
  })
  .runnable({ entrypoint: 'gather', haltAfter: 'write' })
const input = { state: { query: 'q' }, inputs: { style: 'dry' } }

describe('an application as an actor', () => {
  it('runs by createActor, and resolves toPromise with its output', async () => {
    const actor = createActor(actorLogic(runnable), { input })
    const chunks: number[] = []
    const steps: string[] = []
    actor.on('chunk', ({ chunk }) => chunks.push(chunk))
    actor.on('step.end', (event) => steps.push(event.action))

    const output = await toPromise(actor.start())

    expect(output).toEqual({
      status: 'halted',
      action: 'write',
      next: undefined,
      sequenceId: 3,
      leaked: [],
      state: { query: 'q', notes: ['q', 'q', 'q'], report: 'dry: q,q,q' },
    })
    expect({ chunks, steps }).toEqual({ chunks: [3], steps: ['gather', 'gather', 'gather', 'write'] })
  })

  it('publishes one snapshot per step, which waitFor and subscribe see', async () => {
    const actor = createActor(actorLogic(runnable), { input })
    const seen: unknown[] = []
    actor.subscribe(({ value, sequenceId, status, next }) => seen.push([value, sequenceId, status, next]))

    const early = waitFor(actor, ({ state }) => (state.notes ?? []).length === 2)
    actor.start()

    expect((await early).sequenceId).toBe(1)
    await toPromise(actor)
    expect(seen).toEqual([
      [undefined, -1, 'active', 'gather'],
      ['gather', 0, 'active', 'gather'],
      ['gather', 1, 'active', 'gather'],
      ['gather', 2, 'active', 'write'],
      ['write', 3, 'active', undefined],
      ['write', 3, 'done', undefined],
    ])
  })

  it('is invoked by a machine, with typed input and output', async () => {
    const machine = setup({
      types: {} as { context: { q: string; report: string } },
      actors: { research: actorLogic(runnable) },
    }).createMachine({
      context: { q: 'why', report: '' },
      initial: 'asking',
      states: {
        asking: {
          invoke: {
            src: 'research',
            input: ({ context }) => ({ state: { query: context.q }, inputs: { style: 'dry' } }),
            onDone: { target: 'done', actions: assign({ report: ({ event }) => event.output.state.report }) },
          },
        },
        done: { type: 'final' },
      },
    })
    const actor = createActor(machine).start()

    const { context } = await waitFor(actor, ({ status }) => status === 'done')

    expect(context.report).toBe('dry: why,why,why')
  })

  it("passes a failure to the machine's onError, and leaves no unhandled rejection", async () => {
    const failing = kit.action({
      reads: [],
      writes: [],
      run: () => {
        throw new RangeError('no')
      },
    })
    const broken = kit.graph({ actions: { failing } }).runnable({ entrypoint: 'failing' })
    const machine = setup({
      types: {} as { context: { said: string } },
      actors: { broken: actorLogic(broken) },
    }).createMachine({
      context: { said: '' },
      initial: 'trying',
      states: {
        trying: {
          invoke: {
            src: 'broken',
            input: { state: {} },
            onError: { target: 'failed', actions: assign({ said: ({ event }) => String(event.error) }) },
          },
        },
        failed: { type: 'final' },
      },
    })

    const { context } = await waitFor(createActor(machine).start(), ({ status }) => status === 'done')

    expect(context.said).toBe('ActionError: Action "failing" failed (step 0): no')
  })

  it('is cancelled by an event, and stopped when its state is left', async () => {
    const aborted: unknown[] = []
    const begun = [defer(), defer()]
    let calls = 0
    const wait = kit.action({
      reads: [],
      writes: ['report'],
      run: ({ signal }) => {
        begun[calls++]?.resolve()
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        return untilAborted(signal)
      },
    })
    const waiting = kit.graph({ actions: { wait } }).runnable({ entrypoint: 'wait' })
    const machine = setup({
      types: {} as { context: { end: string }; events: { type: 'cancel' } | { type: 'leave' } },
      actors: { waiting: actorLogic(waiting) },
    }).createMachine({
      context: { end: '' },
      initial: 'first',
      states: {
        first: {
          invoke: {
            id: 'w',
            src: 'waiting',
            input: { state: {} },
            onDone: {
              target: 'second',
              actions: assign({
                end: ({ event }) =>
                  `${event.output.status} ${event.output.status === 'cancelled' ? event.output.reason : ''}`,
              }),
            },
          },
          on: { cancel: { actions: sendTo('w', { type: 'cancel', reason: 'enough' }) } },
        },
        second: { invoke: { src: 'waiting', input: { state: {} } }, on: { leave: 'third' } },
        third: { type: 'final' },
      },
    })
    const actor = createActor(machine).start()

    await begun[0]?.promise
    actor.send({ type: 'cancel' })
    const second = await waitFor(actor, (snapshot) => snapshot.matches('second'))
    await begun[1]?.promise
    actor.send({ type: 'leave' })

    expect(second.context.end).toBe('cancelled enough')
    expect(aborted).toEqual(['enough', expect.objectContaining({ name: 'CancelledError', cancelCause: 'stop' })])
  })

  it('is resumed from a persisted snapshot, at the next step', async () => {
    const gate = defer()
    let calls = 0
    const first = kit.action({ reads: [], writes: ['notes'], run: () => ({ notes: [`call ${++calls}`] }) })
    const second = kit.action({
      reads: ['notes'],
      writes: ['report'],
      async run({ state }) {
        await gate.promise
        return { report: state.notes.join() }
      },
    })
    const logic = actorLogic(
      kit.graph({ actions: { first, second }, transitions: { first: 'second' } }).runnable({ entrypoint: 'first' }),
    )
    const before = createActor(logic, { input: { state: {}, appId: 'same' } }).start()

    await waitFor(before, ({ sequenceId }) => sequenceId === 0)
    const kept = JSON.parse(JSON.stringify(before.getPersistedSnapshot()))
    before.stop()
    gate.resolve()
    const after = createActor(logic, { snapshot: kept, input: { state: {} } }).start()
    const output = await toPromise(after)

    expect(kept).toMatchObject({ version: 1, appId: 'same', value: 'first', next: 'second', sequenceId: 0 })
    expect(output).toMatchObject({ status: 'finished', sequenceId: 1, state: { report: 'call 1' } })
    expect(calls).toBe(1)
  })

  it('that failed is persisted with the plain fields of its error, and no value that JSON would lose', async () => {
    const fail = kit.action({ reads: [], writes: ['report'], run: () => Promise.reject(new RangeError('boom')) })
    const over = kit.mapStates({
      reads: [],
      writes: ['report'],
      action: fail,
      states: { a: {} },
      reduce: () => ({ report: '' }),
    })
    const logic = actorLogic(kit.graph({ actions: { over } }).runnable({ entrypoint: 'over' }))
    const actor = createActor(logic, { input: { state: {} } })
    const failed = defer<unknown>()
    actor.subscribe({ error: failed.resolve })
    actor.start()
    const thrown = (await failed.promise) as ParallelError

    const { error } = actor.getPersistedSnapshot() as unknown as { error: object }

    expect(thrown.results).toHaveLength(1)
    expect(error).toEqual({
      name: 'ParallelError',
      message: thrown.message,
      stack: thrown.stack,
      code: thrown.code,
      action: 'over',
    })
  })

  it('refuses a foreign snapshot', () => {
    const errorOf = (snapshot: object) =>
      (createActor(actorLogic(runnable), { snapshot: snapshot as never, input }).getSnapshot() as { error: unknown })
        .error
    const persisted = { version: 1, status: 'active', context: {}, value: null, sequenceId: 0, inputs: {}, visits: {} }

    expect(errorOf({ status: 'active' })).toBeInstanceOf(SnapshotError)
    expect(errorOf({ ...persisted, next: 'writ' })).toMatchObject({
      message: 'The snapshot stands at the action "writ", which the graph lacks. Did you mean "write"?',
    })
  })

  it('shows its position by its actor', async () => {
    const graph = kit.graph({ actions: { gather } })
    const app = createApplication(graph, { entrypoint: 'gather', state: { query: 'q' } })

    await app.run()

    expect(app.actor.getSnapshot()).toMatchObject({
      status: 'active',
      value: 'gather',
      context: { query: 'q', notes: ['q'] },
      sequenceId: 0,
    })
  })
})
