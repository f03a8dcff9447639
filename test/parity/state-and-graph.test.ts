import { createApplication, defineState, type } from 'teasel'
import { toMermaid } from 'teasel/visualize'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'

interface S {
  a: number
  b: string
  list: number[]
  more: number[]
}
const kit = defineState<S>()

describe('state, by the tests of Burr', () => {
  const run = <U extends Partial<S>>(update: (state: S) => U, writes: readonly (keyof U & keyof S)[]) => {
    const action = kit.action({
      reads: ['a', 'b', 'list', 'more'],
      writes: writes as readonly (keyof S)[],
      run: ({ state }) => update(state) as unknown as S,
    })
    const app = createApplication(kit.graph({ actions: { action } }), {
      entrypoint: 'action',
      state: { a: 1, b: 'x', list: [1], more: [] },
    })
    return app.run().then(({ state }) => state)
  }

  it('T-ST-01 reads a key, and refuses an unset one with a list of the set keys', async () => {
    const begin = kit.action({ reads: [], writes: ['a'], inputs: { a: type<number>() }, run: ({ inputs }) => inputs })
    const fill = kit.action({ reads: [], writes: ['b'], run: () => ({ b: 'filled' }) })
    const look = kit.action({ reads: ['b'], writes: ['list'], run: ({ state }) => ({ list: [state.b.length] }) })
    const graph = kit.graph({
      actions: { begin, fill, look },
      transitions: { begin: [{ to: 'fill', when: { a: 1 } }, { to: 'look' }], fill: 'look' },
    })
    const run = (a: number) => createApplication(graph, { entrypoint: 'begin', state: {} }).run({ inputs: { a } })

    expect((await run(1)).state.list).toEqual([6])
    await expect(run(0)).rejects.toThrow(
      'Action "look" (step 1) reads "b", which is not set. Give it in the initial state, let an earlier action write it, or read "b?".',
    )
  })

  it('T-ST-02 shows whether an optional key is set', async () => {
    const look = kit.action({
      reads: ['a?'],
      writes: ['b'],
      run: ({ state }) => ({ b: `${'a' in state} ${state.a ?? 'none'}` }),
    })
    const graph = kit.graph({ actions: { look } })

    const without = await createApplication(graph, { entrypoint: 'look', state: {} }).run()
    const held = await createApplication(graph, { entrypoint: 'look', state: { a: 7 } }).run()

    expect([without.state.b, held.state.b]).toEqual(['false none', 'true 7'])
  })

  it('T-ST-03 is a plain object: spread, keys and JSON work', async () => {
    const state = await run(({ a }) => ({ a: a + 1 }), ['a'])

    expect(JSON.parse(JSON.stringify(state))).toEqual({ a: 2, b: 'x', list: [1], more: [] })
    expect(Object.keys({ ...state })).toEqual(['a', 'b', 'list', 'more'])
  })

  it('T-ST-04 T-ST-08 merges an update, and leaves the other keys alone', async () => {
    const before = { a: 1, b: 'x', list: [1], more: [] }

    expect(await run(() => ({ b: 'y' }), ['b'])).toEqual({ ...before, b: 'y' })
  })

  it('T-ST-05 shows an action only the keys that it reads', async () => {
    const seen: string[][] = []
    const look = kit.action({
      reads: ['a', 'b'],
      writes: [],
      run: ({ state }) => {
        seen.push(Object.keys(state))
        return {}
      },
    })
    const state = { a: 1, b: 'x', list: [1], more: [] }

    await createApplication(kit.graph({ actions: { look } }), { entrypoint: 'look', state }).run()

    expect(seen).toEqual([['a', 'b']])
  })

  it('T-ST-06 T-ST-07 appends and extends in plain TypeScript, several keys at once', async () => {
    const state = await run(({ list, more }) => ({ list: [...list, 2], more: [...more, 3, 4] }), ['list', 'more'])

    expect([state.list, state.more]).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('T-ST-10 refuses a value that is no list, at compile time and with a schema at run time', async () => {
    const checked = defineState(z.object({ list: z.array(z.number()) }))
    const wrong = checked.action({
      reads: ['list'],
      writes: ['list'],
      // @ts-expect-error a number is no list of numbers
      run: ({ state }) => ({ list: state.list.length }),
    })
    const app = createApplication(checked.graph({ actions: { wrong } }), { entrypoint: 'wrong', state: { list: [1] } })

    await expect(app.run()).rejects.toThrow(
      'Action "wrong" (step 0) does not fit the schema: list: Invalid input: expected array, received number.',
    )
    expect(app.state).toEqual({ list: [1] })
  })

  it('T-ST-11 counts in plain TypeScript, also from an unset key, and the compiler refuses other types', async () => {
    const count = kit.action({ reads: ['a?'], writes: ['a'], run: ({ state }) => ({ a: (state.a ?? 0) + 5 }) })
    const app = createApplication(
      kit.graph({ actions: { count }, transitions: { count: [{ to: 'count', when: { a: 5 } }] } }),
      { entrypoint: 'count', state: {} },
    )
    // @ts-expect-error a text is no number
    kit.action({ reads: ['b'], writes: ['a'], run: ({ state }) => ({ a: state.b }) })

    expect((await app.run()).state.a).toBe(10)
  })

  it('T-ST-15 keeps its type through every update', async () => {
    const state = await run(({ a }) => ({ a }), ['a'])

    expectTypeOf(state).toEqualTypeOf<Readonly<S>>()
    expect(Object.isFrozen(state)).toBe(true)
  })
})

describe('a graph, by the tests of Burr', () => {
  const add = kit.action({ reads: ['a'], writes: ['a'], tags: ['count'], run: ({ state }) => ({ a: state.a + 1 }) })
  const say = kit.action({
    reads: ['a'],
    writes: ['b'],
    tags: ['count', 'say'],
    run: ({ state }) => ({ b: `${state.a}` }),
  })

  it('T-GR-01 refuses an unknown target and a transition that can never be taken', () => {
    expect(() => kit.graph({ actions: { add, say }, transitions: { add: 'say' } })).not.toThrow()
    // @ts-expect-error no such action
    expect(() => kit.graph({ actions: { add, say }, transitions: { add: 'sya' } })).toThrow(
      'There is no action "sya" to go to. Did you mean "say"?',
    )
    expect(() =>
      // @ts-expect-error two that are always taken
      kit.graph({ actions: { add, say }, transitions: { add: [{ to: 'say' }, { to: 'add' }] } }),
    ).toThrow('Unreachable: transitions.add[0] always matches first')
  })

  it('T-GR-02 needs at least one action; a name is unique, since it is a key of a record', () => {
    expect(() => kit.graph({ actions: {} })).toThrow('A graph needs at least one action.')
    expect(() => kit.graph({ actions: { add } })).not.toThrow()
  })

  it('T-GR-03 T-GR-04 is composed by spreading actions and transitions', async () => {
    const first = {
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state }: { state: { a: number } }) => state.a < 3 }, { to: 'say' }] },
    } as const
    const second = { actions: { say }, transitions: { say: 'end' } } as const
    const end = kit.action({ reads: ['b'], writes: ['list'], run: ({ state }) => ({ list: [Number(state.b)] }) })

    const whole = kit.graph({
      actions: { ...first.actions, ...second.actions, end },
      transitions: { ...first.transitions, ...second.transitions },
    })

    expect((await createApplication(whole, { entrypoint: 'add', state: { a: 0 } }).run()).state.list).toEqual([3])
  })

  it('T-GR-05 T-AP-61 begins at the entrypoint, then follows the transitions, also around a cycle', async () => {
    const graph = kit.graph({ actions: { add, say }, transitions: { add: 'say', say: 'add' } })
    const app = createApplication(graph, { entrypoint: 'add', state: { a: 0 } })
    const order = [app.next]
    for (let i = 0; i < 3; i++) {
      await app.step()
      order.push(app.next)
    }

    expect(order).toEqual(['add', 'say', 'add', 'say'])
  })

  it('T-GR-06 finds actions by tag, and lists the known tags', async () => {
    const graph = kit.graph({ actions: { add, say }, transitions: { add: 'say', say: 'add' } })
    const app = createApplication(graph, { entrypoint: 'add', state: { a: 0 } })

    const ends = [await app.run({ haltAfter: { tag: 'count' } }), await app.run({ haltAfter: { tag: 'say' } })]

    expect(ends.map(({ action }) => action)).toEqual(['add', 'say'])
    // @ts-expect-error no such tag
    await expect(app.run({ haltAfter: { tag: 'cuont' } })).rejects.toThrow(
      'No action has the tag "cuont". Did you mean "count"?',
    )
  })

  it('T-GR-07 draws itself as text, and writes no file', () => {
    const graph = kit.graph({ actions: { add, say }, transitions: { add: [{ to: 'say', when: { a: 3 } }] } })

    expect(toMermaid(graph.runnable({ entrypoint: 'add' })).split('\n')).toEqual([
      'stateDiagram-v2',
      '  direction TB',
      '  state "add" as n0',
      '  state "say" as n1',
      '  [*] --> n0',
      '  n0 --> n1 : a = 3',
      '  n0 --> [*] : otherwise',
      '  n1 --> [*]',
    ])
  })

  it('T-GR-09 takes a placeholder for an action that is not written yet: it draws, and fails when it runs', async () => {
    const later = kit.action({
      reads: ['a'],
      writes: ['b'],
      run: (): { b: string } => {
        throw new TypeError('not written yet')
      },
    })
    const app = createApplication(kit.graph({ actions: { later } }), { entrypoint: 'later', state: { a: 1 } })

    await expect(app.run()).rejects.toThrow('Action "later" failed (step 0): not written yet')
  })

  it('T-AP-70 T-AP-74 makes an application of actions, transitions, an entrypoint and a state', () => {
    const graph = kit.graph({ actions: { add, say }, transitions: { add: 'say' } })
    const app = createApplication(graph, { entrypoint: 'add', state: { a: 0 } })

    expect({ next: app.next, position: app.position, state: app.state }).toEqual({
      next: 'add',
      position: undefined,
      state: { a: 0 },
    })
    expect(Object.keys(graph.actions)).toEqual(['add', 'say'])
  })

  it('T-AP-71 T-AP-72 refuses an unknown entrypoint and empty options', () => {
    const graph = kit.graph({ actions: { add, say } })

    // @ts-expect-error no such action
    expect(() => createApplication(graph, { entrypoint: 'ad', state: { a: 0 } })).toThrow(
      'There is no action "ad". Did you mean "add"?',
    )
    // @ts-expect-error neither entrypoint nor state
    expect(() => createApplication(graph, {})).toThrow('entrypoint: It must name the first action.')
  })

  it('T-AP-75 types the state of an application and of its outcome', async () => {
    const typed = defineState(type<{ a: number }>())
    const count = typed.action({ reads: ['a'], writes: ['a'], run: ({ state }) => ({ a: state.a + 1 }) })
    const app = createApplication(typed.graph({ actions: { count } }), { entrypoint: 'count', state: { a: 1 } })

    const { state } = await app.run()

    expectTypeOf(app.state).toEqualTypeOf<Readonly<{ a: number }>>()
    expectTypeOf(state).toEqualTypeOf<Readonly<{ a: number }>>()
    expect(state.a).toBe(2)
  })
})
