import { ContractError, createApplication, defineState, type } from 'teasel'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'

interface Data {
  a: number
  b?: string
  list: { name: string }[]
  bag: Map<string, number>
  out: unknown
}
const data = defineState<Data>()
const look = (run: (state: { readonly a: number; readonly b?: string | undefined }) => unknown) => {
  const action = data.action({ reads: ['a', 'b?'], writes: ['out'], run: ({ state }) => ({ out: run(state) }) })
  const graph = data.graph({ actions: { action } })
  return createApplication(graph, { entrypoint: 'action', state: { a: 1, list: [], bag: new Map() } }).run()
}

describe('the view of an action', () => {
  it('holds the declared keys, and survives spread, JSON, structuredClone, await and keys', async () => {
    const { state } = await look((view) => ({
      spread: { ...view },
      json: JSON.stringify(view),
      clone: structuredClone({ ...view }),
      keys: Object.keys(view),
      has: ['a' in view, 'b' in view],
    }))
    const awaited = await look((view) => {
      void (async () => await (view as unknown as Promise<void>))()
      return 1
    })

    expect(state.out).toEqual({ spread: { a: 1 }, json: '{"a":1}', clone: { a: 1 }, keys: ['a'], has: [true, false] })
    expect(awaited.state.out).toBe(1)
  })

  it('reads an unset optional key as undefined, and refuses any other', async () => {
    expect((await look((view) => String(view.b))).state.out).toBe('undefined')
    await expect(look((view) => (view as unknown as Data).list)).rejects.toMatchObject({
      code: 'contract',
      fault: { kind: 'undeclared-read', key: 'list', declared: ['a', 'b'] },
    })
  })

  it('refuses a step with an unset required key, before the action runs', async () => {
    let ran = false
    const fill = data.action({ reads: [], writes: ['b'], run: () => ({ b: 'x' }) })
    const use = data.action({
      reads: ['b'],
      writes: [],
      run() {
        ran = true
        return {}
      },
    })
    const skip = data.action({ reads: [], writes: [], run: () => ({}) })
    const graph = data.graph({
      actions: { skip, fill, use },
      transitions: { skip: [{ to: 'fill', when: () => false }, { to: 'use' }], fill: 'use' },
    })
    const app = createApplication(graph, { entrypoint: 'skip', state: {} })

    await expect(app.run()).rejects.toThrow('Action "use" (step 1) reads "b", which is not set.')
    expect(ran).toBe(false)
  })
})

describe('state', () => {
  it('is deeply frozen when it enters, in the initial state and in updates', async () => {
    const list = [{ name: 'one' }]
    const grow = data.action({
      reads: ['list'],
      writes: ['list'],
      run: ({ state }) => ({ list: [...state.list, { name: 'two' }] }),
    })
    const app = createApplication(data.graph({ actions: { grow } }), { entrypoint: 'grow', state: { list } })

    const { state } = await app.run()

    expect([state, state.list, state.list[0], state.list[1], list].map(Object.isFrozen)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    expect(state.list[0]).toBe(list[0])
  })

  it('is unchanged with freeze: false', async () => {
    const open = defineState(type<Data>(), { freeze: false })
    const grow = open.action({ reads: ['list'], writes: ['list'], run: ({ state }) => ({ list: [...state.list] }) })
    const { state } = await createApplication(open.graph({ actions: { grow } }), {
      entrypoint: 'grow',
      state: { list: [] },
    }).run()

    expect(Object.isFrozen(state.list)).toBe(false)
  })

  it('starts from its defaults, which an initial state overrides', async () => {
    const kit = defineState(type<{ n: number; name: string }>(), { defaults: { n: 7 } })
    const show = kit.action({ reads: ['n'], writes: ['name'], run: ({ state }) => ({ name: `#${state.n}` }) })
    const graph = kit.graph({ actions: { show } })

    expect((await createApplication(graph, { entrypoint: 'show', state: {} }).run()).state).toEqual({
      n: 7,
      name: '#7',
    })
    expect((await createApplication(graph, { entrypoint: 'show', state: { n: 1 } }).run()).state.name).toBe('#1')
  })

  it('starts from its defaults also in a branch, and in one that was cancelled before it started', async () => {
    const kit = defineState(type<{ n: number; name: string; outs: unknown[] }>(), { defaults: { n: 7 } })
    const show = kit.action({ reads: ['n', 'name'], writes: ['name'], run: ({ state }) => ({ name: `#${state.n}` }) })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: { atLeast: 1 },
      concurrency: 1,
      action: kit.graph({ actions: { show } }).runnable({ entrypoint: 'show' }),
      states: { a: { name: 'a' }, b: { name: 'b' } },
      reduce: ({ results }) => ({ outs: results.map(({ status, state }) => [status, state]) }),
    })

    const { state } = await createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()

    expect(state.outs).toEqual([
      ['done', { n: 7, name: '#7' }],
      ['cancelled', { n: 7, name: 'b' }],
    ])
  })

  it('has the values of its schema also in a branch that was cancelled before it started', async () => {
    const kit = defineState({
      n: z.number().max(9).default(7),
      name: z.string().trim(),
      outs: z.array(z.unknown()),
    })
    const show = kit.action({ reads: ['n', 'name'], writes: ['name'], run: ({ state }) => ({ name: `#${state.n}` }) })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: { atLeast: 1 },
      concurrency: 1,
      action: kit.graph({ actions: { show } }).runnable({ entrypoint: 'show' }),
      states: { a: { name: 'a' }, b: { name: ' b ' }, c: { name: ' c ', n: 10 } },
      reduce: ({ results }) => ({ outs: results.map(({ status, state }) => [status, state]) }),
    })

    const { state } = await createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {} as never,
    }).run()

    expect(state.outs).toEqual([
      ['done', { n: 7, name: '#7' }],
      ['cancelled', { n: 7, name: 'b' }],
      ['cancelled', { n: 10, name: ' c ' }], // it could not have started
    ])
  })

  it.each([
    ['zod', defineState(z.object({ n: z.number().max(3), tags: z.array(z.string().trim()) }))],
    [
      'valibot',
      defineState(v.object({ n: v.pipe(v.number(), v.maxValue(3)), tags: v.array(v.pipe(v.string(), v.trim())) })),
    ],
  ])('is checked and coerced by a %s schema, key by key as it is written', async (_, kit) => {
    const grow = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 2 }) })
    const tag = kit.action({ reads: [], writes: ['tags'], run: () => ({ tags: [' a '] }) })
    const graph = kit.graph({ actions: { grow, tag }, transitions: { grow: 'tag', tag: 'grow' } })
    const app = createApplication(graph, { entrypoint: 'grow', state: { n: 1 } })

    const { state } = await app.run({ haltAfter: 'tag' })
    const failure = await app.run().catch((error: unknown) => error)

    expect(state).toEqual({ n: 3, tags: ['a'] })
    expect(failure).toBeInstanceOf(ContractError)
    expect(failure).toMatchObject({ fault: { kind: 'schema' }, at: { action: 'grow', sequenceId: 2, path: '' } })
    expect(app.state).toEqual({ n: 3, tags: ['a'] })
  })

  it('gives a branch its own copy of values that cannot be frozen', async () => {
    const fill = data.action({
      reads: ['bag', 'a'],
      writes: ['bag'],
      run({ state }) {
        state.bag.set(`b${state.a}`, state.a)
        return { bag: state.bag }
      },
    })
    const map = data.mapStates({
      reads: ['bag', 'a'],
      writes: ['out'],
      action: fill,
      states: [{ a: 1 }, { a: 2 }],
      reduce: ({ results }) => ({ out: results.map((r) => [...r.state.bag.keys()]) }),
    })
    const bag = new Map([['parent', 0]])
    const app = createApplication(data.graph({ actions: { map } }), { entrypoint: 'map', state: { a: 0, bag } })

    const { state } = await app.run()

    expect(state.out).toEqual([
      ['parent', 'b1'],
      ['parent', 'b2'],
    ])
    expect([...bag.keys()]).toEqual(['parent'])
  })

  it('ignores the inherited keys of an update', async () => {
    const base: object = Object.assign(Object.create(null), { inherited: 1 })
    const write = data.action({
      reads: [],
      writes: ['a'],
      run: (): { a: number } => Object.assign(Object.create(base), { a: 2 }),
    })
    const app = createApplication(data.graph({ actions: { write } }), { entrypoint: 'write', state: {} })

    const { state } = await app.run()

    expect({ keys: Object.keys(state), inherited: 'inherited' in state }).toEqual({ keys: ['a'], inherited: false })
  })

  it('costs a step nothing for untouched values', async () => {
    const big = Array.from({ length: 1000 }, (_, i) => ({ name: String(i) }))
    const tick = data.action({ reads: ['a'], writes: ['a'], run: ({ state }) => ({ a: state.a + 1 }) })
    const graph = data.graph({
      actions: { tick },
      transitions: { tick: [{ to: 'tick', when: ({ state }) => state.a < 3 }] },
    })
    const app = createApplication(graph, { entrypoint: 'tick', state: { a: 0, list: big } })

    const { state } = await app.run()

    expect(state.list).toBe(big)
  })
})
