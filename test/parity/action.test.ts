import { and, type Condition, createApplication, defineState, not, or, type, type When } from 'teasel'
import { machineGuards } from 'teasel/visualize'
import { describe, expect, expectTypeOf, it } from 'vitest'

interface S {
  a: number
  b: number
  text: string
}
const kit = defineState<S>()
const sum = kit.action({
  reads: ['a'],
  writes: ['b'],
  tags: ['sums'],
  inputs: { x: type<number>(), y: type<number>({ default: 100 }) },
  run: ({ state, inputs }) => ({ b: state.a + inputs.x + inputs.y }),
})
const add = (action: typeof sum) =>
  createApplication(kit.graph({ actions: { action } }), { entrypoint: 'action', state: { a: 1 } })

/** The names that pictures show for the transitions of an action. */
const namesOf = (...whens: readonly When<S>[]): string[] =>
  whens.flatMap((when) => {
    const look = kit.action({ reads: [], writes: [], run: () => ({}) })
    const graph = kit.graph({ actions: { look }, transitions: { look: [{ to: 'look', when }] } })
    return Object.keys(machineGuards(graph.runnable({ entrypoint: 'look' })))
  })
const holds = (condition: Condition<S>, state: Partial<S>) => condition({ state: state as S })

describe('an action, by the tests of Burr', () => {
  it('T-AC-02 is named by its key, and can have several keys', async () => {
    const graph = kit.graph({ actions: { first: sum, second: sum }, transitions: { first: 'second' } })
    const taken: string[] = []
    const one = createApplication(graph, { entrypoint: 'first', state: { a: 1 } })
    one.on('step.end', ({ action }) => taken.push(action))

    await one.run({ inputs: { x: 1 } })

    expect(taken).toEqual(['first', 'second'])
    expect(graph.actions.first).toBe(graph.actions.second)
  })

  it('T-AC-08 T-AC-12 shows its reads, writes and tags', () => {
    expect({ kind: sum.kind, reads: sum.reads, writes: sum.writes, tags: sum.tags }).toEqual({
      kind: 'action',
      reads: ['a'],
      writes: ['b'],
      tags: ['sums'],
    })
  })

  it('T-AC-09 T-AC-11 asks for the inputs without a binding or a default', async () => {
    const graph = kit.graph({ actions: { bound: sum.bind({ x: 10 }) } })
    const bound = () => createApplication(graph, { entrypoint: 'bound', state: { a: 1 } })

    expect((await add(sum).run({ inputs: { x: 5 } })).state.b).toBe(106)
    expect((await bound().run()).state.b).toBe(111)
    expect((await bound().run({ inputs: { y: 0 } })).state.b).toBe(11)
    // @ts-expect-error `x` is bound, so a run may not give it
    await expect(bound().run({ inputs: { x: 1 } })).rejects.toThrow('does not take the input "x".')
  })

  it('T-AC-10 is not changed by binding: each bind makes another', async () => {
    const actions = { small: sum.bind({ x: 1 }), large: sum.bind({ x: 1000, y: 0 }), sum }
    const graph = kit.graph({ actions })
    const run = async (entrypoint: keyof typeof actions) =>
      (await createApplication(graph, { entrypoint, state: { a: 1 } }).run({ inputs: { x: 2 } })).state.b

    expect([await run('small'), await run('large'), await run('sum')]).toEqual([102, 1001, 103])
  })

  it('T-AC-06 T-AC-07 copies inputs into state, and picks from state, in one line each', async () => {
    const input = kit.action({
      reads: [],
      writes: ['a', 'text'],
      inputs: { a: type<number>(), text: type<string>() },
      run: ({ inputs }) => inputs,
    })
    const one = createApplication(kit.graph({ actions: { input } }), { entrypoint: 'input', state: {} })

    const { a, text } = (await one.run({ inputs: { a: 3, text: 'x' } })).state

    expect({ a, text }).toEqual({ a: 3, text: 'x' })
  })

  it('T-AC-13 refuses a value that is no action, and names its type', () => {
    // @ts-expect-error a function is no action
    expect(() => kit.graph({ actions: { plain: () => ({ b: 1 }) } })).toThrow(
      'actions.plain: This is a function, not an action. Make one with action({ … }) or a map action.',
    )
  })

  it('T-AC-18 derives the inputs of a run from the declarations, and refuses undeclared names', () => {
    type Given = Parameters<ReturnType<typeof add>['step']>[0]
    expectTypeOf<{ inputs: { x: number } }>().toExtend<Given>()
    expectTypeOf<{ inputs: { x: number; y: number } }>().toExtend<Given>()
    expectTypeOf<{ inputs: { y: number } }>().not.toExtend<Given>()
    // @ts-expect-error no such input
    expect(() => sum.bind({ z: 1 })).toThrow('bind: "z" is not an input of the action. Known inputs: "x", "y".')
  })
})

describe('conditions, by the tests of Burr', () => {
  it('T-AC-03 are an equality, several equalities, a function with a name or an expression', () => {
    const isLarge = ({ state }: { readonly state: Readonly<S> }) => state.a > 10

    expect(namesOf({ a: 1 }, { a: 1, text: 'x' }, isLarge, ({ state }) => state.b === 2)).toEqual([
      'a = 1',
      'a = 1, text = "x"',
      'isLarge',
      expect.stringContaining('state.b === 2'),
    ])
    const both = and<S>({ a: 1, text: 'x' })
    expect([holds(both, { a: 1, text: 'x' }), holds(both, { a: 1, text: 'y' }), holds(both, {})]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('T-AC-04 read an unset key as undefined, and name the condition that throws', async () => {
    const length = ({ state }: { readonly state: Readonly<S> }) => state.text.length > 3
    const look = kit.action({ reads: [], writes: [], run: () => ({}) })
    const graph = kit.graph({ actions: { look, next: look }, transitions: { look: [{ to: 'next', when: length }] } })
    const one = createApplication(graph, { entrypoint: 'look', state: {} })

    expect(holds(or<S>({ text: 'x' }), {})).toBe(false)
    await expect(one.run()).rejects.toThrow(
      'Action "look" (step 0) chose no transition: the condition "length" (look → next) threw: Cannot read properties of undefined',
    )
  })

  it('T-AC-05 are joined by not, and, or, as are their names', () => {
    const truth = (condition: Condition<S>) =>
      [
        { a: 1, b: 1 },
        { a: 1, b: 2 },
        { a: 2, b: 1 },
        { a: 2, b: 2 },
      ].map((state) => holds(condition, state))

    expect(truth(and<S>({ a: 1 }, { b: 1 }))).toEqual([true, false, false, false])
    expect(truth(or<S>({ a: 1 }, { b: 1 }))).toEqual([true, true, true, false])
    expect(truth(not<S>({ a: 1 }))).toEqual([false, false, true, true])
    expect(namesOf(and<S>({ a: 1 }, { b: 1 }), or<S>({ a: 1 }, { b: 1 }), not<S>({ a: 1 }))).toEqual([
      'a = 1 and b = 1',
      'a = 1 or b = 1',
      'not (a = 1)',
    ])
  })
})

describe('a streaming action, by the tests of Burr', () => {
  const pour = kit.action({
    reads: ['a'],
    writes: ['text'],
    async *run({ state }) {
      for (let i = 0; i < 3; i++) yield i
      return { text: `${state.a} poured` }
    },
  })
  const poured = () => createApplication(kit.graph({ actions: { pour } }), { entrypoint: 'pour', state: { a: 1 } })

  it('T-AC-14 is drained by a plain run', async () => {
    expect((await poured().run()).state.text).toBe('1 poured')
  })

  it('T-AC-15 T-AC-16 streams its chunks, and ends once', async () => {
    const seen: unknown[] = []
    for await (const event of poured().stream()) {
      if (event.type === 'chunk') seen.push(event.chunk)
      if (event.type === 'step.end') seen.push(event.status)
    }

    expect(seen).toEqual([0, 1, 2, 'done'])
  })

  it('T-AC-17 ends without a commit when its reader throws, and its finally block has run', async () => {
    let cleaned = 0
    const careful = kit.action({
      reads: [],
      writes: ['text'],
      async *run() {
        try {
          for (let i = 0; ; i++) yield i
        } finally {
          cleaned += 1
        }
      },
    })
    const one = createApplication(kit.graph({ actions: { careful } }), { entrypoint: 'careful', state: { a: 1 } })
    const reading = async () => {
      for await (const event of one.stream()) if (event.type === 'chunk') throw new RangeError('the reader')
    }

    await expect(reading()).rejects.toThrow('the reader')
    expect({ cleaned, state: one.state, sequenceId: one.sequenceId }).toEqual({
      cleaned: 1,
      state: { a: 1 },
      sequenceId: -1,
    })
  })
})
