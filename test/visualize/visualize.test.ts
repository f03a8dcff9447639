import { getShortestPaths } from '@xstate/graph'
import { defineState } from 'teasel'
import { analyse, machineGuards, toMachine, toMermaid } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'

const kit = defineState<{ n: number }>()
const act = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })

describe('analyse', () => {
  it('finds unreachable actions, dead ends, and the shortest ways', () => {
    const graph = kit.graph({
      actions: { a: act, b: act, c: act, lost: act, loop: act },
      transitions: {
        a: [{ to: 'b', when: { n: 1 } }, { to: 'loop' }],
        b: 'c',
        loop: 'loop',
        c: [{ to: 'a', when: { n: 2 } }],
      },
    })

    expect(analyse(graph.runnable({ entrypoint: 'a' }))).toEqual({
      unreachable: ['lost'],
      deadEnds: ['loop'],
      shortest: { a: [], b: ['a'], loop: ['a'], c: ['a', 'b'], '(finished)': ['a', 'b', 'c'] },
    })
  })

  it('counts halts as ways out, and error transitions as ways', () => {
    const graph = kit.graph({
      actions: { a: act, b: act },
      transitions: { a: 'a', b: 'b' },
      onError: { a: 'b' },
    })

    expect(analyse(graph.runnable({ entrypoint: 'a' }))).toMatchObject({ unreachable: [], deadEnds: ['a', 'b'] })
    expect(analyse(graph.runnable({ entrypoint: 'a', haltAfter: 'b' })).deadEnds).toEqual([])
  })
})

describe('the guards of a statechart', () => {
  const ready = { name: 'ready', when: ({ state }: { readonly state: { readonly n: number } }) => state.n > 0 }
  const branch = (more: number) =>
    kit
      .graph({
        actions: { one: act, two: act },
        transitions: { one: [{ ...ready, to: 'two', when: ({ state }) => state.n > more }] },
      })
      .runnable({ entrypoint: 'one' })
  const map = kit.mapActions({
    reads: ['n'],
    writes: ['n'],
    actions: { a: branch(1), b: branch(2) },
    reduce: ({ state }) => state,
  })
  const runnable = kit
    .graph({ actions: { map, after: act }, transitions: { map: [{ ...ready, to: 'after' }] } })
    .runnable({ entrypoint: 'map' })

  it('are named with the path of their branch', () => {
    const guards = machineGuards(runnable)

    expect(Object.keys(guards)).toEqual(['ready', 'map/a/ready', 'map/b/ready'])
    const event = { type: 'done.one', state: { n: 2 } }
    expect(Object.values(guards).map((guard) => guard({ event }))).toEqual([true, true, false])
  })

  it('let a walk reach every branch without events', () => {
    const guards = machineGuards(runnable) as never
    const machine = createMachine(toMachine(runnable) as never).provide({ guards })

    const paths = getShortestPaths(machine)

    const values = paths.map(({ state }) => JSON.stringify(state.value))
    expect(values).toContain('{"map":{"a":"(finished)","b":"two"}}')
    expect(values).toContain('"(finished)"')
  })
})

describe('toMermaid', () => {
  it('explains how to give a graph an entrypoint', () => {
    const careless = toMermaid as (graph: unknown) => string

    expect(() => careless(kit.graph({ actions: { act } }))).toThrow(
      new TypeError('Expected an action, or graph.runnable({ entrypoint }).'),
    )
  })

  it('draws actions, conditions in their order, errors, halts and the end', () => {
    const graph = kit.graph({
      actions: { start: act, 'my "end"; now': act, giveUp: act },
      transitions: {
        start: [
          { to: 'start', when: ({ state }) => state.n < 3 },
          { to: 'giveUp', when: { n: 9 } },
          { to: 'my "end"; now' },
        ],
      },
      onError: { start: 'giveUp' },
    })

    expect(
      toMermaid(graph.runnable({ entrypoint: 'start', haltAfter: 'giveUp' }), { direction: 'LR' }),
    ).toBe(`stateDiagram-v2
  direction LR
  state "start" as n0
  state "my #quot;end#quot;#59; now" as n1
  state "giveUp" as n2
  [*] --> n0
  n0 --> n0 : 1. state.n < 3
  n0 --> n2 : 2. n = 9
  n0 --> n1 : otherwise
  n0 --> n2 : error
  n1 --> [*]
  n2 --> [*] : halt`)
  })

  it('draws a dozen branches of a map, and the number of further ones', () => {
    const actions = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`b${i}`, act]))
    const map = kit.mapActions({ reads: ['n'], writes: ['n'], actions, reduce: () => ({ n: 0 }) })
    const runnable = kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' })
    const picture = toMermaid(runnable)

    expect(picture.match(/state "b\d+"/g)).toHaveLength(12)
    expect(picture).toContain('state "… 3 more"')
    expect(toMermaid(runnable, { depth: 0 })).not.toContain('b0')
  })
})
