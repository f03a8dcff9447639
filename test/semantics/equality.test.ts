import { and, type Condition, createApplication, defineState, not, or } from 'teasel'
import { registerClass } from 'teasel/persistence'
import { toMachine } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'

interface S {
  v: unknown
  a: number
  b: number
}
const kit = defineState<S>()
const stay = kit.action({ reads: [], writes: [], run: () => ({}) })
const holds = (expected: unknown, v: unknown) => and<S>({ v: expected })({ state: { v, a: 0, b: 0 } })
/** The name that a statechart gives a condition. */
const nameOf = (when: Condition<S>) => {
  const graph = kit.graph({ actions: { x: stay, y: stay }, transitions: { x: [{ to: 'y', when }] } })
  return toMachine(graph.runnable({ entrypoint: 'x' })).states['x']?.on?.['done.x']?.[0]?.guard
}

describe('a record as a condition compares by content', () => {
  it.each<[unknown, unknown]>([
    [1, 1],
    [Number.NaN, Number.NaN],
    [0, -0],
    [[-0], [0]],
    [undefined, undefined],
    [
      [1, 2],
      [1, 2],
    ],
    [[], []],
    [{ a: 1 }, { a: 1 }],
    [
      { a: 1, b: { c: [{ d: 2 }] } },
      { b: { c: [{ d: 2 }] }, a: 1 },
    ],
  ])('%j is %j', (expected, v) => {
    expect(holds(expected, v)).toBe(true)
  })

  it.each<[unknown, unknown]>([
    [1, '1'],
    [[1], [1, 2]],
    [[1, 2], [1]],
    [
      [1, 2],
      [1, 3],
    ],
    [
      [1, 2],
      [3, 2],
    ],
    [[1], { 0: 1, length: 1 }],
    [{ a: 1 }, [1]],
    [5, [5]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [
      { a: 1, b: 2 },
      { a: 1, b: 3 },
    ],
    [
      { a: 1, b: 2 },
      { a: 3, b: 2 },
    ],
    [{ a: undefined }, { b: undefined }],
    [{}, new Map()],
    [new Map(), {}],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
    [{ a: 1 }, 'a'],
    [{ a: 1 }, null],
  ])('%j is not %j', (expected, v) => {
    expect(holds(expected, v)).toBe(false)
  })
})

class Price {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}
registerClass('equality.price', Price, { save: ({ cents }) => cents, load: (cents) => new Price(cents) })

describe('a record as a condition compares every value of state', () => {
  it.each<[string, () => unknown, () => unknown]>([
    ['a bigint', () => 1n, () => 2n],
    ['a date', () => new Date(5), () => new Date(6)],
    ['an invalid date', () => new Date(Number.NaN), () => new Date(0)],
    ['a map', () => new Map([['a', [1]]]), () => new Map([['a', [2]]])],
    ['a map by another key', () => new Map([['a', 1]]), () => new Map([['b', 1]])],
    [
      'a map with objects as keys',
      () =>
        new Map([
          [{ a: 1 }, 1],
          [{ a: 2 }, 2],
        ]),
      () =>
        new Map([
          [{ a: 1 }, 2],
          [{ a: 2 }, 1],
        ]),
    ],
    ['a set', () => new Set([1, { a: 1 }]), () => new Set([1, { a: 2 }])],
    ['a smaller set', () => new Set([1, 2]), () => new Set([1])],
    ['bytes', () => Uint8Array.of(1, 2), () => Uint8Array.of(1, 3)],
    ['bytes of another kind', () => Uint8Array.of(1), () => Int8Array.of(1)],
    ['a Buffer', () => Buffer.from('a'), () => Uint8Array.from(Buffer.from('a'))],
    ['a view', () => new DataView(Uint8Array.of(1).buffer), () => new DataView(Uint8Array.of(2).buffer)],
    ['a registered class', () => new Price(1), () => new Price(2)],
    ['all of them', () => [new Map([['a', { at: new Date(1) }]])], () => [new Map([['a', { at: new Date(2) }]])]],
  ])('%s', async (_, make, makeOther) => {
    expect([holds(make(), make()), holds(make(), makeOther()), holds(makeOther(), make())]).toEqual([
      true,
      false,
      false,
    ])
    const go = kit.action({ reads: [], writes: ['v'], run: () => ({ v: make() }) })
    const graph = kit.graph({
      actions: { go, no: stay, yes: stay },
      transitions: {
        go: [
          { to: 'no', when: { v: makeOther() } },
          { to: 'yes', when: { v: make() } },
        ],
      },
    })

    expect((await createApplication(graph, { entrypoint: 'go', state: {} }).run()).action).toBe('yes')
  })

  it('in any order of its keys', () => {
    expect(holds(new Set([1, 2]), new Set([2, 1]))).toBe(true)
    expect(
      holds(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    ).toBe(true)
  })

  it('and is unaffected by later changes of the record', () => {
    const expected = new Set([1])
    const condition = and<S>({ v: expected })
    expected.add(2)

    expect(condition({ state: { v: new Set([1]), a: 0, b: 0 } })).toBe(true)
  })

  it('under a readable name that a statechart can hold as JSON', () => {
    const values = [1n, new Date(5), new Set([1]), new Map([['a', -0]]), Uint8Array.of(1), Number.NaN, { a: ['x'] }]

    expect(values.map((v) => nameOf(and<S>({ v })))).toEqual([
      'v = 1n',
      'v = Date(5)',
      'v = Set[1]',
      'v = Map[["a",0]]',
      'v = an Uint8Array',
      'v = NaN',
      'v = {"a":["x"]}',
    ])
  })
})

describe('joined conditions', () => {
  it('evaluate no more than needed', () => {
    const asked: string[] = []
    const say = (name: string, answer: boolean) => () => {
      asked.push(name)
      return answer
    }
    const state = { v: 0, a: 0, b: 0 }

    expect(and<S>(say('a', false), say('b', true))({ state })).toBe(false)
    expect(or<S>(say('c', true), say('d', true))({ state })).toBe(true)
    expect(not<S>(say('e', true))({ state })).toBe(false)
    expect(asked).toEqual(['a', 'c', 'e'])
  })

  it('refuse an answer that is neither true nor false', async () => {
    const graph = kit.graph({
      actions: { x: stay, y: stay },
      transitions: { x: [{ to: 'y', when: not(Object.assign(() => 1 as never, { toString: () => '() => 1' })) }] },
    })

    await expect(
      createApplication(graph, { entrypoint: 'x', state: {}, logger: { ...console, error() {} } }).run(),
    ).rejects.toThrow('the condition "not (1)" (x → y) threw: 1 returned a number, not true or false')
  })

  it('are named for the reader: the first condition first', () => {
    expect([
      nameOf(and({ a: 1 }, or({ b: 2 }, { b: 3 }))),
      nameOf(or({ a: 1 }, and({ b: 2 }, { v: 3 }))),
      nameOf(not(or({ a: 1 }, { b: 2 }))),
    ]).toEqual(['a = 1 and (b = 2 or b = 3)', 'a = 1 or b = 2 and v = 3', 'not (a = 1 or b = 2)'])
  })
})

describe('a function as a condition is named', () => {
  const sixty = `state.a > ${'1'.repeat(50)}`
  const named = (source: string) => nameOf(Object.assign([() => true][0] ?? stay, { toString: () => source }) as never)

  it.each([
    ['a=>a.state.n', 'a.state.n'],
    ['args =>args.state.n', 'args.state.n'],
    ['async ({ state }) => state.ok', 'state.ok'],
    ['({ state }) =>\n      state.a &&\n      state.b', 'state.a && state.b'],
    [`({ state }) => ${sixty}`, sixty],
    [`({ state }) => ${sixty}1`, 'condition'],
    ['({ state }) => { return true }', 'condition'],
    ['function ({ state }) { return state.a }', 'condition'],
    ['wrapped((a) => a)', 'condition'],
  ])('%j as %j', (source, name) => {
    expect(named(source)).toBe(name)
  })

  it('by its own name, if it has one', () => {
    function enough(): boolean {
      return true
    }
    expect(nameOf(enough)).toBe('enough')
  })

  it('with a number when another condition of the graph has the same name', () => {
    const graph = kit.graph({
      actions: { x: stay, y: stay, z: stay },
      transitions: {
        x: [{ to: 'y', when: { a: 1 } }],
        y: [
          { to: 'x', when: { a: 1 } },
          { to: 'z', when: { b: 2 } },
        ],
      },
    })
    const { states } = toMachine(graph.runnable({ entrypoint: 'x' }))

    const guards = ['x', 'y'].flatMap((name) => states[name]?.on?.[`done.${name}`]?.map(({ guard }) => guard))
    expect(guards).toEqual(['a = 1', undefined, 'a = 1 (2)', 'b = 2', undefined])
  })
})

it('a condition that throws is the cause of the error', async () => {
  const thrown = new RangeError('odd')
  const graph = kit.graph({
    actions: { x: stay, y: stay },
    transitions: {
      x: [
        {
          to: 'y',
          when: () => {
            throw thrown
          },
        },
      ],
    },
  })

  const error = await createApplication(graph, { entrypoint: 'x', state: {} })
    .run()
    .catch((fault: unknown) => fault)

  expect((error as Error).cause).toBe(thrown)
})
