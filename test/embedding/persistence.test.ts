import { actorLogic, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { assign, createActor, setup, toPromise, waitFor } from 'xstate'
import { defer, flush } from '../support/deferred.js'

interface Job {
  items: string[]
  done: string[]
  report: string
}
const kit = defineState<Job>()

/** `list`, then a map over the items, then `report`; each logs its run, and waits for its gate. */
function job(gates: Readonly<Record<string, Promise<void>>> = {}) {
  const ran: string[] = []
  const begins = new Map(['list', 'x', 'y', 'z', 'report'].map((name) => [name, defer()]))
  const tell = async (name: string) => {
    ran.push(name)
    begins.get(name)?.resolve()
    await gates[name]
  }
  const list = kit.action({
    reads: [],
    writes: ['items'],
    async run() {
      await tell('list')
      return { items: ['x', 'y', 'z'] }
    },
  })
  const work = kit.action({
    reads: ['report'],
    writes: ['report'],
    async run({ state }) {
      await tell(state.report)
      return { report: `${state.report}!` }
    },
  })
  const all = kit.mapStates({
    reads: ['items'],
    writes: ['done'],
    action: work,
    states: ({ state }) => state.items.map((report) => ({ report })),
    reduce: ({ results }) => ({ done: results.map((result) => result.state.report) }),
  })
  const report = kit.action({
    reads: ['done'],
    writes: ['report'],
    inputs: { title: type<string>() },
    async run({ state, inputs }) {
      await tell('report')
      return { report: `${inputs.title}: ${state.done.join(' ')}` }
    },
  })
  const graph = kit.graph({ actions: { list, all, report }, transitions: { list: 'all', all: 'report' } })
  const begun = (name: string) => begins.get(name)?.promise
  return { ran, begun, graph, logic: actorLogic(graph.runnable({ entrypoint: 'list' })) }
}
const input = { state: {}, inputs: { title: 'T' }, appId: 'job-1' }
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value))
const finished = {
  status: 'finished',
  action: 'report',
  next: undefined,
  state: { items: ['x', 'y', 'z'], done: ['x!', 'y!', 'z!'], report: 'T: x! y! z!' },
  sequenceId: 2,
  leaked: [],
}

describe('a persisted snapshot', () => {
  it('is plain data: the position, the state and the given options', async () => {
    const { begun, logic } = job({ y: defer().promise })
    const actor = createActor(logic, { input }).start()

    await begun('y')

    expect(json(actor.getPersistedSnapshot())).toEqual({
      version: 1,
      status: 'active',
      appId: 'job-1',
      value: 'list',
      next: 'all',
      sequenceId: 0,
      context: { items: ['x', 'y', 'z'] },
      inputs: { title: 'T' },
      visits: { list: 1, all: 0, report: 0 },
    })
    actor.stop()
  })

  it('is without an input that is no data, such as a client', async () => {
    const wait = kit.action({
      reads: [],
      writes: ['report'],
      inputs: { title: type<string>(), client: type<() => Promise<string>>() },
      run: async ({ inputs }) => ({ report: await inputs.client() }),
    })
    const runnable = kit.graph({ actions: { wait } }).runnable({ entrypoint: 'wait' })
    const client = () => new Promise<string>(() => {})
    const actor = createActor(actorLogic(runnable), { input: { state: {}, inputs: { title: 'T', client } } }).start()

    expect(json(actor.getPersistedSnapshot())).toHaveProperty('inputs', { title: 'T' })
    actor.stop()
  })

  it('is JSON for every value of state and inputs, and restores it', async () => {
    const held = defer<void>()
    const kit = defineState<{ at: Date; seen: Map<string, Set<bigint>>; bytes: Uint8Array; told: unknown[] }>()
    const begin = kit.action({
      reads: [],
      writes: ['at', 'seen', 'bytes'],
      run: () => ({ at: new Date(5), seen: new Map([['a', new Set([7n])]]), bytes: new Uint8Array([1, 2]) }),
    })
    const wait = kit.action({
      reads: ['at', 'seen', 'bytes'],
      writes: ['told'],
      inputs: { since: type<Date>(), client: type<() => void>() },
      async run({ state: { at, seen, bytes }, inputs: { since } }) {
        await held.promise
        return { told: [at, seen, bytes, since, Number.NaN] }
      },
    })
    const graph = kit.graph({ actions: { begin, wait }, transitions: { begin: 'wait' } })
    const logic = actorLogic(graph.runnable({ entrypoint: 'begin' }).bind({ client: () => {} }))
    const before = createActor(logic, { input: { state: {}, inputs: { since: new Date(9) } } }).start()
    await waitFor(before, ({ value }) => value === 'begin')

    const persisted = before.getPersistedSnapshot()
    const kept = json(persisted)
    before.stop()
    const after = createActor(logic, { input: { state: {} } as never, snapshot: kept }).start()
    held.resolve()
    const { state } = (await toPromise(after)) as { state: { told: unknown[] } }
    const ended = json(after.getPersistedSnapshot())
    const again = createActor(logic, { input: { state: {} } as never, snapshot: ended })

    expect(persisted).toEqual(kept)
    const told = [new Date(5), new Map([['a', new Set([7n])]]), new Uint8Array([1, 2]), new Date(9), Number.NaN]
    expect(state.told).toEqual(told)
    expect((again.getSnapshot().output as { state: { told: unknown[] } }).state.told).toEqual(told)
  })

  it('taken before the first step runs everything', async () => {
    const before = createActor(job().logic, { input })
    const { ran, logic } = job()

    const after = createActor(logic, { input, snapshot: json(before.getPersistedSnapshot()) }).start()

    expect(json(await toPromise(after))).toEqual(json(finished))
    expect(ran).toEqual(['list', 'x', 'y', 'z', 'report'])
  })

  it('taken in the middle of a map runs the map again, and nothing before it', async () => {
    const { begun, logic } = job({ y: defer().promise })
    const before = createActor(logic, { input }).start()
    await begun('y')
    const kept = json(before.getPersistedSnapshot())
    before.stop()
    const later = job()

    const after = createActor(later.logic, { input, snapshot: kept }).start()

    expect(await toPromise(after)).toEqual(finished)
    expect(later.ran).toEqual(['x', 'y', 'z', 'report'])
    expect(json(after.getPersistedSnapshot())).toMatchObject({
      appId: 'job-1',
      status: 'done',
      visits: { list: 1, all: 1, report: 1 },
    })
  })

  it('taken during an action runs that action again', async () => {
    const gate = defer()
    const first = job({ report: gate.promise })
    const before = createActor(first.logic, { input }).start()
    await first.begun('report')
    const kept = json(before.getPersistedSnapshot())
    before.stop()
    gate.resolve()
    await flush()
    const later = job()

    const after = createActor(later.logic, { input, snapshot: kept }).start()

    expect(await toPromise(after)).toEqual(finished)
    expect([first.ran, later.ran]).toEqual([['list', 'x', 'y', 'z', 'report'], ['report']])
  })

  it('taken when done stays done, with its output, and runs nothing', async () => {
    const first = job()
    const before = createActor(first.logic, { input }).start()
    await toPromise(before)
    const later = job()

    const after = createActor(later.logic, { input, snapshot: json(before.getPersistedSnapshot()) }).start()
    await flush()

    expect(after.getSnapshot().status).toBe('done')
    expect(json(await toPromise(after))).toEqual(json(finished))
    expect(later.ran).toEqual([])
  })

  it('taken when cancelled stays cancelled; taken before a cancelled action has ended, it resumes the run', async () => {
    const gate = defer()
    const { begun, logic } = job({ list: gate.promise })
    const before = createActor(logic, { input }).start()
    await begun('list')
    before.send({ type: 'cancel', reason: 'enough' })
    const ending = json(before.getPersistedSnapshot())
    gate.resolve()
    await toPromise(before)
    const ended = json(before.getPersistedSnapshot())

    const [early, late] = [ending, ended].map((snapshot) => createActor(job().logic, { input, snapshot }).start())

    expect(await toPromise(early as NonNullable<typeof early>)).toEqual(finished)
    expect(await toPromise(late as NonNullable<typeof late>)).toEqual({
      status: 'cancelled',
      action: 'list',
      next: 'list',
      state: {},
      sequenceId: -1,
      leaked: [],
      reason: 'enough',
      by: 'app',
    })
  })

  it('taken when failed names the failure, and fails again with it', async () => {
    const fail = kit.action({
      reads: [],
      writes: [],
      run: () => {
        throw new RangeError('out of paper')
      },
    })
    const logic = actorLogic(kit.graph({ actions: { fail } }).runnable({ entrypoint: 'fail' }))
    const before = createActor(logic, { input: { state: {} } })
    before.subscribe({ error: () => {} })
    before.start()
    await toPromise(before).catch(() => {})
    const kept = json(before.getPersistedSnapshot())

    const after = createActor(logic, { input: { state: {} }, snapshot: kept })
    const errors: unknown[] = []
    after.subscribe({ error: (error) => errors.push(error) })
    after.start()

    expect(errors).toEqual([expect.any(Error)])
    expect(errors).toMatchObject([
      { name: 'ActionError', code: 'action', action: 'fail', message: 'Action "fail" failed (step 0): out of paper' },
    ])
  })

  it('of an error holds only its plain data', async () => {
    const cause = new RangeError('deep')
    const fail = kit.action({
      reads: [],
      writes: [],
      run: () => {
        throw Object.assign(new Error('odd', { cause }), { retryAfter: 3, nested: { a: 1 }, call: () => 1 })
      },
    })
    const logic = actorLogic(kit.graph({ actions: { fail } }).runnable({ entrypoint: 'fail' }))
    const before = createActor(logic, { input: { state: {} } })
    before.subscribe({ error: () => {} })
    before.start()
    await toPromise(before).catch(() => {})

    const { error } = json(before.getPersistedSnapshot()) as unknown as { error: object }
    const after = createActor(logic, { input: { state: {} }, snapshot: json(before.getPersistedSnapshot()) })
    const restored = (after.getSnapshot() as unknown as { error: Error }).error

    expect(error).toEqual({
      name: 'ActionError',
      message: 'Action "fail" failed (step 0): odd',
      stack: expect.stringContaining('ActionError'),
      code: 'action',
      action: 'fail',
      sequenceId: 0,
      path: '',
      attempt: 1,
    })
    expect(restored.stack).toBe((error as Error).stack)
    expect(Object.keys(restored)).not.toContain('stack')
  })

  it.each([
    ['a text', 'x'],
    ['another version', { version: 2, context: {} }],
    ['no version', { context: {} }],
    ['no state', { version: 1 }],
    ['an invalid state', { version: 1, context: [] }],
  ])('is refused when it is %s', (_, snapshot) => {
    const actor = createActor(job().logic, { input, snapshot: snapshot as never })

    expect((actor.getSnapshot() as unknown as { error: unknown }).error).toMatchObject({
      name: 'SnapshotError',
      message: expect.stringContaining('This is no snapshot of an application'),
    })
  })

  it('taken at the step that halts goes no further', async () => {
    const { graph, ran } = job()
    const logic = actorLogic(graph.runnable({ entrypoint: 'list', haltAfter: 'all' }))
    const kept: unknown[] = []
    const before = createActor(logic, { input })
    before.subscribe(({ value, status }) => {
      if (value === 'all' && status === 'active') kept.push(json(before.getPersistedSnapshot()))
    })
    before.start()
    const output = await toPromise(before)
    const ranBefore = [...ran]

    const after = createActor(logic, { input, snapshot: kept[0] as never }).start()

    expect(await toPromise(after)).toEqual(output)
    expect(output).toMatchObject({ status: 'halted', action: 'all', next: 'report', sequenceId: 1 })
    expect(ran).toEqual(ranBefore)
  })

  it('is restored into a frozen state', async () => {
    const { logic } = job()
    const before = createActor(logic, { input }).start()
    await toPromise(before)

    const after = createActor(logic, { input, snapshot: json(before.getPersistedSnapshot()) })

    expect(() => (after.getSnapshot().state.items as string[]).push('w')).toThrow(TypeError)
  })
})

describe('a machine that holds an application', () => {
  it('is persisted with it, and both continue', async () => {
    const machineOf = (logic: ReturnType<typeof job>['logic']) =>
      setup({
        types: {} as { context: { report: string } },
        actors: { job: logic },
      }).createMachine({
        context: { report: '' },
        initial: 'working',
        states: {
          working: {
            invoke: {
              id: 'job',
              src: 'job',
              input,
              onDone: { target: 'done', actions: assign({ report: ({ event }) => event.output.state.report }) },
            },
          },
          done: { type: 'final' },
        },
      })
    const first = job({ report: defer().promise })
    const before = createActor(machineOf(first.logic)).start()
    await first.begun('report')
    const kept = json(before.getPersistedSnapshot())
    before.stop()
    const later = job()

    const after = createActor(machineOf(later.logic), { snapshot: kept }).start()
    await waitFor(after, ({ status }) => status === 'done')

    expect(after.getSnapshot().context.report).toBe('T: x! y! z!')
    expect([first.ran, later.ran]).toEqual([['list', 'x', 'y', 'z', 'report'], ['report']])
  })
})
