import { createApplication, defineState, type Interceptor, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'

interface S {
  count: number
  plus: number
  result: string
  log: string[]
}
const kit = defineState<S>()
const counter = kit.action({
  reads: ['count'],
  writes: ['count'],
  tags: ['tag1'],
  run: ({ state }) => ({ count: state.count + 1 }),
})
const plus = kit.action({
  reads: ['count'],
  writes: ['count'],
  inputs: { plus: type<number>() },
  run: async ({ state, inputs }) => ({ count: state.count + inputs.plus }),
})
const result = kit.action({
  reads: ['count'],
  writes: ['result'],
  tags: ['tag1', 'tag2'],
  run: ({ state }) => ({ result: `it is ${state.count}` }),
})
const below = (most: number) =>
  [
    { to: 'counter' as const, when: ({ state }: { state: Readonly<S> }) => state.count < most },
    { to: 'result' as const },
  ] as const
const counting = (most = 10) => kit.graph({ actions: { counter, result }, transitions: { counter: below(most) } })
const create = (most = 10) => createApplication(counting(most), { entrypoint: 'counter', state: { count: 0 } })
const alone = () =>
  createApplication(kit.graph({ actions: { counter } }), { entrypoint: 'counter', state: { count: 1 } })

/** A streaming action that yields `items` chunks. */
const streaming = (items = 10) =>
  kit.action({
    reads: ['count'],
    writes: ['count'],
    async *run({ state }) {
      for (let i = 1; i <= items; i++) yield { item: i }
      return { count: state.count + items }
    },
  })

describe('one action, by the tests of Burr', () => {
  it('T-AP-01 T-AP-05 returns its update and the state after it', async () => {
    const app = alone()

    expect(await app.step()).toMatchObject({ action: 'counter', update: { count: 2 }, state: { count: 2 } })
  })

  it('T-AP-02 T-AP-13 gets its inputs by name', async () => {
    const graph = kit.graph({ actions: { plus } })
    const app = createApplication(graph, { entrypoint: 'plus', state: { count: 1 } })

    expect((await app.run({ inputs: { plus: 5 } })).state.count).toBe(6)
  })

  // Updates that a plain JavaScript program may return.
  const wrongs = [
    ['nothing', undefined, 'nothing'],
    ['a text', 'count', '"count"'],
    ['an array, as the pair of Burr', [{}, { count: 1 }], 'an array'],
    ['a class instance', new Date(0), 'a Date'],
  ] as const
  it.each(wrongs)('T-AP-04 T-AP-12 T-AP-19 refuses %s as an update', async (_, value, told) => {
    const wrong = kit.action({ reads: [], writes: ['count'], run: () => value as unknown as { count: number } })
    const app = createApplication(kit.graph({ actions: { wrong } }), { entrypoint: 'wrong', state: {} })

    await expect(app.run()).rejects.toThrow(
      `Action "wrong" (step 0) returned ${told} instead of an update. Return a plain object with the keys declared in writes.`,
    )
    expect(app.state).toEqual({})
  })

  it('T-AP-17 refuses an invalid end of a stream', async () => {
    const wrong = kit.action({
      reads: [],
      writes: ['count'],
      async *run() {
        yield 1
        return 7 as unknown as { count: number }
      },
    })
    const app = createApplication(kit.graph({ actions: { wrong } }), { entrypoint: 'wrong', state: {} })

    await expect(app.run()).rejects.toThrow('returned 7 instead of an update')
  })

  const missing =
    'Action "short" (step 0) did not return "result", which it declares in writes. Return every declared key.'

  it('T-AP-07 T-AP-08 refuses an update without a declared key, and names the key', async () => {
    // @ts-expect-error `result` is declared and not returned
    const short = kit.action({ reads: [], writes: ['count', 'result'], run: () => ({ count: 1 }) })
    const app = createApplication(kit.graph({ actions: { short } }), { entrypoint: 'short', state: {} })

    await expect(app.run()).rejects.toThrow(missing)
    expect([app.state, app.sequenceId]).toEqual([{}, -1])
  })

  it('T-AP-09 T-AP-10 refuses the end of a stream without a declared key', async () => {
    const short = kit.action({
      reads: [],
      writes: ['count', 'result'],
      // @ts-expect-error `result` is declared and not returned
      async *run() {
        yield 1
        return { count: 1 }
      },
    })
    const app = createApplication(kit.graph({ actions: { short } }), { entrypoint: 'short', state: {} })
    const types: string[] = []
    app.on('*', (event) => types.push(event.type))

    await expect(app.run()).rejects.toThrow(missing)
    expect(types).toEqual(['run.start', 'step.start', 'chunk', 'step.end', 'run.end'])
  })

  it('T-AP-11 goes on from the state of the last step', async () => {
    const app = create()

    expect([(await app.step())?.state.count, (await app.step())?.state.count]).toEqual([1, 2])
  })

  it('T-AP-15 T-AP-16 T-AP-18 emits each chunk once, in order, and the update once', async () => {
    const app = createApplication(kit.graph({ actions: { pour: streaming() } }), {
      entrypoint: 'pour',
      state: { count: 0 },
    })
    const items: number[] = []
    const updates: unknown[] = []
    app.on('chunk', ({ chunk }) => items.push(chunk.item))
    app.on('step.end', (event) => updates.push(event.status === 'done' && event.update))

    await app.run()

    expect(items).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(updates).toEqual([{ count: 10 }])
  })
})

describe('step, by the tests of Burr', () => {
  it('T-AP-20 returns action, update and state, and counts the steps', async () => {
    const app = create()

    const step = await app.step()

    expect(step).toMatchObject({ action: 'counter', update: { count: 1 }, state: { count: 1 }, sequenceId: 0 })
    expect([app.position, app.sequenceId, app.next]).toEqual(['counter', 0, 'counter'])
  })

  it('T-AP-21 takes inputs, and names missing ones and the way to pass them', async () => {
    const app = createApplication(kit.graph({ actions: { plus } }), { entrypoint: 'plus', state: { count: 1 } })
    // @ts-expect-error the input is required
    await expect(app.step()).rejects.toThrow(
      'Action "plus" (step 0) needs the input "plus". Give it: run({ inputs: { plus } }), or bind.',
    )

    expect((await app.step({ inputs: { plus: 2 } }))?.state.count).toBe(3)
  })

  it('T-AP-22 has the thrown value as the cause of an error that names the action', async () => {
    const thrown = new RangeError('broken')
    const broken = kit.action({
      reads: [],
      writes: [],
      run: () => {
        throw thrown
      },
    })
    const app = createApplication(kit.graph({ actions: { broken } }), { entrypoint: 'broken', state: {} })

    await expect(app.step()).rejects.toMatchObject({
      message: 'Action "broken" failed (step 0): broken',
      action: 'broken',
      sequenceId: 0,
      cause: thrown,
    })
  })

  it('T-AP-23 returns undefined without a next action', async () => {
    const app = alone()

    await app.step()

    expect(await app.step()).toBeUndefined()
  })

  it('T-AP-24 T-AP-102 gives every step its context: the same application, the number of the step', async () => {
    const seen: unknown[] = []
    const look = kit.action({
      reads: ['count'],
      writes: ['count'],
      run: ({ state, context }) => {
        seen.push([context.appId, context.sequenceId, context.attempt, context.path])
        return { count: state.count + 1 }
      },
    })
    const graph = kit.graph({
      actions: { look },
      transitions: { look: [{ to: 'look', when: ({ state }) => state.count < 3 }] },
    })

    await createApplication(graph, { entrypoint: 'look', state: { count: 0 }, appId: 'mine' }).run()

    expect(seen).toEqual([0, 1, 2].map((step) => ['mine', step, 1, []]))
  })

  it('T-AP-25 takes a hundred steps around a loop', async () => {
    const graph = kit.graph({ actions: { counter }, transitions: { counter: 'counter' } })
    const app = createApplication(graph, { entrypoint: 'counter', state: { count: 0 } })

    for (let i = 0; i < 100; i++) await app.step()

    expect([app.state.count, app.sequenceId]).toEqual([100, 99])
  })
})

describe('iterate and run, by the tests of Burr', () => {
  it('T-AP-30 T-AP-32 yields each step, and returns the outcome', async () => {
    const app = create()
    const steps = app.iterate({ haltAfter: 'result' })
    const taken: string[] = []
    let next = await steps.next()
    for (; next.done !== true; next = await steps.next()) taken.push(next.value.action)

    expect(taken).toEqual([...Array(10).fill('counter'), 'result'])
    expect(next.value).toMatchObject({ action: 'result', state: { count: 10, result: 'it is 10' }, sequenceId: 10 })
  })

  it('T-AP-31 T-AP-34 passes inputs to the steps of iterate', async () => {
    const graph = kit.graph({ actions: { plus }, transitions: { plus: [{ to: 'plus', when: { count: 5 } }] } })
    const app = createApplication(graph, { entrypoint: 'plus', state: { count: 0 } })
    const seen: number[] = []
    for await (const { state } of app.iterate({ inputs: { plus: 5 } })) seen.push(state.count)

    expect(seen).toEqual([5, 10])
  })

  it('T-AP-33 T-AP-41 halts before an action, which is next and has not run', async () => {
    const app = create()

    const end = await app.run({ haltBefore: 'result' })

    expect(end).toMatchObject({ status: 'halted', action: 'counter', next: 'result', state: { count: 10 } })
    expect(end.state.result).toBeUndefined()
  })

  it('T-AP-40 T-AP-45 runs to a halt, with inputs', async () => {
    const graph = kit.graph({ actions: { plus, result }, transitions: { plus: 'result' } })
    const app = createApplication(graph, { entrypoint: 'plus', state: { count: 1 } })

    const end = await app.run({ inputs: { plus: 2 }, haltAfter: 'result' })

    expect(end).toMatchObject({ status: 'halted', action: 'result', state: { result: 'it is 3' } })
  })

  it('T-AP-46 passes the inputs of a run to each of its steps', async () => {
    const graph = kit.graph({
      actions: { first: plus, second: plus, third: plus, result },
      transitions: { first: 'second', second: 'third', third: 'result' },
    })
    const app = createApplication(graph, { entrypoint: 'first', state: { count: 3 } })

    const end = await app.run({ inputs: { plus: 8 } })

    expect([end.state.count, end.sequenceId]).toEqual([27, 3])
  })

  it('T-AP-47 runs synchronous and asynchronous actions side by side', async () => {
    const graph = kit.graph({ actions: { counter, plus }, transitions: { counter: 'plus' } })
    const app = createApplication(graph, { entrypoint: 'counter', state: { count: 0 } })

    expect((await app.run({ inputs: { plus: 1 } })).state.count).toBe(2)
  })

  it('T-AP-48 refuses every unknown halt of a list at once', async () => {
    const app = create()
    // @ts-expect-error no such actions
    const run = app.run({ haltAfter: ['count', 'resutl'] })

    await expect(run).rejects.toThrow(
      'The graph has 2 faults:\n  haltAfter: There is no action "count". Did you mean "counter"?\n  haltAfter: There is no action "resutl". Did you mean "result"?',
    )
  })

  it('T-AP-49 takes a tag for every action that has it', async () => {
    const both = await create().run({ haltAfter: { tag: 'tag1' } })
    const one = await create().run({ haltAfter: { tag: 'tag2' } })

    expect([both.action, one.action]).toEqual(['counter', 'result'])
  })
})

describe('streams, by the tests of Burr', () => {
  const two = kit.graph({ actions: { first: streaming(), second: streaming() }, transitions: { first: 'second' } })
  const app = () => createApplication(two, { entrypoint: 'first', state: { count: 0 } })

  it('T-AP-50 T-AP-51 T-AP-52 yields the chunks of every streaming action, each with its action and step', async () => {
    const counts = new Map<string, number>()
    const types: string[] = []
    for await (const event of app().stream({ haltAfter: 'second' })) {
      if (event.type !== 'chunk') types.push(event.type)
      else
        counts.set(`${event.action} ${event.sequenceId}`, (counts.get(`${event.action} ${event.sequenceId}`) ?? 0) + 1)
    }

    expect([...counts]).toEqual([
      ['first 0', 10],
      ['second 1', 10],
    ])
    expect(types).toEqual(['run.start', 'step.start', 'transition', 'step.end', 'step.start', 'step.end', 'run.end'])
  })

  it('T-AP-53 goes through ordinary steps to the streaming one', async () => {
    const graph = kit.graph({
      actions: { counter, pour: streaming(), result },
      transitions: {
        counter: [{ to: 'counter', when: ({ state }) => state.count < 10 }, { to: 'pour' }],
        pour: 'result',
      },
    })
    const steps: number[] = []
    let chunks = 0
    for await (const event of createApplication(graph, { entrypoint: 'counter', state: { count: 0 } }).stream({
      haltAfter: 'pour',
    })) {
      if (event.type === 'step.end') steps.push(event.sequenceId)
      if (event.type === 'chunk') chunks += 1
    }

    expect([steps, chunks]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10])
  })

  it('T-AP-54 yields no chunk without a streaming action, and ends with its outcome', async () => {
    const stream = create(1).stream({ haltAfter: 'result' })
    let chunks = 0
    let next = await stream.next()
    // @ts-expect-error no action of this graph streams, so there is no event of that type
    for (; next.done !== true; next = await stream.next()) if (next.value.type === 'chunk') chunks += 1

    expect(chunks).toBe(0)
    expect(next.value).toMatchObject({ action: 'result', state: { result: 'it is 1' } })
  })

  it('T-AP-55 halts before a streaming action, and yields nothing of it', async () => {
    const stream = app().stream({ haltBefore: 'second' })
    const seen = new Set<string>()
    let next = await stream.next()
    for (; next.done !== true; next = await stream.next()) if (next.value.type === 'chunk') seen.add(next.value.action)

    expect([...seen]).toEqual(['first'])
    expect(next.value).toMatchObject({ status: 'halted', action: 'first', next: 'second' })
  })
})

describe('interceptors and context, by the tests of Burr', () => {
  const recorder = (log: string[], wait = false): Interceptor => ({
    beforeRun: () => void log.push('before run'),
    afterRun: () => void log.push('after run'),
    async beforeStep({ action, sequenceId }) {
      if (wait) await Promise.resolve()
      log.push(`before ${action} ${sequenceId}`)
    },
    afterStep: ({ action, sequenceId }) => void log.push(`after ${action} ${sequenceId}`),
  })

  it('T-AP-80 T-AP-81 run around every step, once, and around the run, once', async () => {
    const log: string[] = []
    const app = createApplication(counting(), {
      entrypoint: 'counter',
      state: { count: 0 },
      interceptors: [recorder(log, true)],
    })

    await app.run()

    expect(log).toHaveLength(2 + 2 * 11)
    expect([log[0], log[1], log[2], log.at(-2), log.at(-1)]).toEqual([
      'before run',
      'before counter 0',
      'after counter 0',
      'after result 10',
      'after run',
    ])
  })

  it('T-AP-82 calls each of several interceptors once, synchronous and asynchronous ones', async () => {
    const logs: [string[], string[]] = [[], []]
    const app = createApplication(counting(), {
      entrypoint: 'counter',
      state: { count: 0 },
      interceptors: [recorder(logs[0], true), recorder(logs[1])],
    })

    await app.step()

    const each = ['before run', 'before counter 0', 'after counter 0', 'after run']
    expect(logs).toEqual([each, each])
  })

  it('T-AP-84 T-AP-104 run around the runs of applications created by actions as well, 62 of them', async () => {
    const log: string[] = []
    const parents = new Map<string, number>()
    const tree: ReturnType<typeof leaf> = kit.action({
      reads: ['count'],
      writes: ['plus'],
      async run({ state, context }) {
        if (state.count === 0) return { plus: 1 }
        const children = ['left', 'right'].map((key) =>
          createApplication(kit.graph({ actions: { tree } }), {
            entrypoint: 'tree',
            state: { count: state.count - 1 },
            parent: context,
            key,
          }),
        )
        const sums: number[] = []
        for (const child of children) sums.push((await child.run()).state.plus)
        parents.set(context.path.map(({ key }) => key).join('.'), children.length)
        return { plus: sums.reduce((a, b) => a + b, 0) }
      },
    })
    const app = createApplication(kit.graph({ actions: { tree } }), {
      entrypoint: 'tree',
      state: { count: 5 },
      interceptors: [recorder(log)],
    })

    const { state } = await app.run()

    expect(state.plus).toBe(32)
    expect(log.filter((line) => line === 'before run')).toHaveLength(63)
    expect(log.filter((line) => line === 'after run')).toHaveLength(63)
    expect(parents.get('left.right')).toBe(2)
  })
  const leaf = () => kit.action({ reads: ['count'], writes: ['plus'], run: ({ state }) => ({ plus: state.count }) })

  it('T-AP-100 names the application', () => {
    const app = createApplication(counting(), {
      entrypoint: 'counter',
      state: { count: 0 },
      appId: 'one',
      logger: quiet,
    })

    expect([app.appId, app.sequenceId]).toEqual(['one', -1])
    expect(create().appId).not.toBe(create().appId)
  })
})
