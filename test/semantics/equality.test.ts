import { and, type Condition, createApplication, defineState, not, or } from 'teasel'
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
    [0, -0],
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

describe('conditions that are joined', () => {
  it('ask no further than they must', () => {
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
    ).rejects.toThrow('the condition "not (1)" (x → y) threw: 1 answered number, not true or false')
  })

  it('are named so that a person reads what comes first', () => {
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

  it('by its own name, where it has one', () => {
    function enough(): boolean {
      return true
    }
    expect(nameOf(enough)).toBe('enough')
  })

  it('with a number, where another of the graph has the same name', () => {
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
