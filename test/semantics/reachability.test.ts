import { actorLogic, createApplication, defineState, GraphError } from 'teasel'
import { toMachine } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'

interface S {
  x: string
  y: string
  z: string
}
const kit = defineState<S>()
const pass = kit.action({ reads: [], writes: [], run: () => ({}) })
const setX = kit.action({ reads: [], writes: ['x'], run: () => ({ x: 'x' }) })
const setY = kit.action({ reads: [], writes: ['y'], run: () => ({ y: 'y' }) })
const needX = kit.action({ reads: ['x'], writes: [], run: () => ({}) })
const needXY = kit.action({ reads: ['x', 'y'], writes: [], run: () => ({}) })
const needXYZ = kit.action({ reads: ['x', 'y', 'z'], writes: [], run: () => ({}) })
const issuesOf = (make: () => unknown) => {
  try {
    make()
  } catch (error) {
    if (GraphError.is(error)) return error.issues.map(({ kind, at }) => `${kind} ${at}`)
  }
  return []
}

describe('the analysis of written keys', () => {
  it.each([['left'], ['right']] as const)('counts a way that sets a key late, also the %s of two', (writes) => {
    const left = writes === 'left' ? setX : pass
    const right = writes === 'right' ? setX : pass
    const graph = kit.graph({
      actions: { start: pass, left, right, join: pass, needX },
      transitions: {
        start: [{ to: 'left', when: () => true }, { to: 'right' }],
        left: 'join',
        right: 'join',
        join: 'needX',
      },
    })

    expect(issuesOf(() => graph.runnable({ entrypoint: 'start' }))).toEqual([])
  })

  it('excludes the keys that an action writes when it fails', () => {
    const graph = kit.graph({ actions: { setX, needX }, onError: { setX: 'needX' } })

    expect(issuesOf(() => createApplication(graph, { entrypoint: 'setX', state: {} }))).toEqual([
      'unwritten-read actions.needX',
    ])
  })

  it('asks the initial state for keys that no action writes, whichever action reads them', () => {
    const graph = kit.graph({ actions: { start: pass, needX }, transitions: { start: 'needX' } })

    expect(issuesOf(() => graph.runnable({ entrypoint: 'start' }))).toEqual([])
    expect(issuesOf(() => createApplication(graph, { entrypoint: 'start', state: {} as S }))).toEqual([
      'unwritten-read actions.needX',
    ])
    expect(issuesOf(() => createApplication(graph, { entrypoint: 'needX', state: {} as S }))).toEqual([
      'missing-state state',
    ])
  })

  it('names the possible writers of a missing key, and the number of missing keys', () => {
    const graph = kit.graph({
      actions: { needXY, setX, setY },
      transitions: { needXY: 'setX', setX: 'setY' },
    })

    expect(() => createApplication(graph, { entrypoint: 'needXY', state: {} as S })).toThrow(
      'state: "needXY" reads "x" and "y", which only "setX" and "setY" can write, later or on another path. Give them in the initial state.',
    )
    const more = kit.graph({ actions: { needXYZ, setX }, transitions: { needXYZ: 'setX' } })
    expect(() => createApplication(more, { entrypoint: 'needXYZ', state: { y: 'y' } as S })).toThrow(
      'state: "needXYZ" reads "x" and "z", which only "setX" can write',
    )
  })

  describe('an analysis without known initial keys', () => {
    const counter = defineState<{ start: number; n: number; log: string[] }>()
    const begin = counter.action({ reads: ['start'], writes: [], run: () => ({}) })
    const count = counter.action({
      reads: ['n', 'log'],
      writes: ['n', 'log'],
      run: ({ state }) => ({ n: state.n + 1, log: [...state.log, String(state.n)] }),
    })
    const counting = counter
      .graph({ actions: { begin, count }, transitions: { begin: 'count' } })
      .runnable({ entrypoint: 'begin' })
    const above = defineState<{ ends: number[]; n: number }>()
    const each = (states: (typeof counting extends { '~needs': (needs: infer N) => void } ? Partial<N> : never)[]) =>
      above.mapStates({
        reads: [],
        writes: ['ends'],
        action: counting,
        states: states as { start: number; n: number; log: string[] }[],
        reduce: ({ results }) => ({ ends: results.map(({ state }) => state.n) }),
      })
    const inside = above.subgraph({
      reads: ['n'],
      writes: ['ends'],
      graph: counting,
      state: ({ state }) => ({ start: 0, n: state.n, log: [] }),
      reduce: ({ branch }) => ({ ends: [branch.state.n] }),
    })
    const run = async (action: ReturnType<typeof each> | typeof inside) => {
      const graph = above.graph({ actions: { each: action } })
      const { state } = await createApplication(graph, { entrypoint: 'each', state: { n: 4 } }).run()
      return state.ends
    }

    it('counts the keys that a map or sub-graph passes to its graph', async () => {
      expect(
        await run(
          each([
            { start: 0, n: 1, log: [] },
            { start: 0, n: 2, log: [] },
          ]),
        ),
      ).toEqual([2, 3])
      expect(await run(inside)).toEqual([5])
    })

    it('refuses a branch before its first step, and names its map and entry', async () => {
      await expect(
        run(
          each([
            { start: 0, n: 1, log: [] },
            { start: 0, n: 2 },
          ]),
        ),
      ).rejects.toThrow(
        'Action "each" (step 0): branch "1" cannot run: "count" reads "log", which only "count" can write, later or on another path. Give that in the entry "1", or let the map read it.',
      )
    })

    it('refuses a sub-graph, and an actor, whose state lacks a key', async () => {
      const bare = above.subgraph({
        reads: [],
        writes: ['ends'],
        graph: counting,
        state: () => ({ start: 0 }),
        reduce: () => ({ ends: [] }),
      })

      await expect(run(bare)).rejects.toThrow(
        'Action "each" (step 0): its graph cannot run: "count" reads "n" and "log", which only "count" can write, later or on another path. Give that in its state.',
      )
      expect(issuesOf(() => actorLogic(counting).getInitialSnapshot({} as never, { state: { start: 0 } }))).toEqual([
        'unwritten-read input.state',
      ])
    })
  })

  it('warns of unreachable actions', () => {
    const graph = kit.graph({ actions: { start: pass, next: pass, lost: pass }, transitions: { start: 'next' } })

    expect(graph.runnable({ entrypoint: 'start' }).warnings).toEqual([
      { kind: 'unreachable-action', at: 'actions.lost', message: 'No transition leads from "start" to "lost".' },
    ])
  })

  it('begins a warning on the logger with its subject', () => {
    const graph = kit.graph({ actions: { start: pass, lost: pass } })
    const warned: string[] = []
    const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} }

    createApplication(graph, { entrypoint: 'start', state: {}, logger })

    expect(warned).toEqual(['The graph: No transition leads from "start" to "lost".'])
  })
})

it('gives a statechart all facts about a graph, and nothing else', () => {
  const tagged = kit.action({ reads: ['y?'], writes: ['x'], tags: ['slow'], run: () => ({ x: '' }) })
  const inner = kit.graph({ actions: { pass } }).runnable({ entrypoint: 'pass', haltAfter: 'pass' })
  const map = kit.mapActions({
    reads: [],
    writes: [],
    actions: [tagged, [inner, { key: 'sub' }]],
    reduce: () => ({}),
  })
  const late = kit.mapActions({ reads: [], writes: [], actions: () => [pass], reduce: () => ({}) })
  const below = kit.subgraph({ reads: [], writes: [], graph: inner, state: () => ({}), reduce: () => ({}) })
  const graph = kit.graph({
    actions: { tagged, map, late, below },
    transitions: { tagged: [{ to: 'map', when: { x: 'a' } }], map: 'late', late: 'below' },
    onError: { tagged: [{ to: 'late', when: ({ error }) => error instanceof RangeError, name: 'out of range' }] },
  })
  const end = { id: 'app/(finished)', type: 'final', meta: { kind: 'end' } }
  const passState = (id: string, path: string, halts: boolean) => ({
    id: `${id}/pass`,
    meta: { kind: 'action', reads: [], writes: [], halts },
    on: { [`done.${path}/pass`]: [{ target: `#${id}/(finished)` }] },
  })
  const innerStates = (id: string, path: string) => ({
    id,
    meta: { kind: 'branch' },
    initial: 'pass',
    states: { pass: passState(id, path, true), '(finished)': { ...end, id: `${id}/(finished)` } },
  })

  expect(toMachine(graph.runnable({ entrypoint: 'tagged' }))).toStrictEqual({
    id: 'app',
    initial: 'tagged',
    states: {
      tagged: {
        id: 'app/tagged',
        tags: ['slow'],
        meta: { kind: 'action', reads: ['y'], writes: ['x'], halts: false },
        on: {
          'done.tagged': [{ target: '#app/map', guard: 'x = "a"' }, { target: '#app/(finished)' }],
          'error.tagged': [{ target: '#app/late', guard: 'out of range' }],
        },
      },
      map: {
        id: 'app/map',
        type: 'parallel',
        meta: { kind: 'map', reads: [], writes: [], halts: false },
        on: { 'done.map': [{ target: '#app/late' }] },
        states: {
          0: {
            id: 'app/map/0',
            meta: { kind: 'branch' },
            initial: 'map',
            states: {
              map: {
                id: 'app/map/0/map',
                tags: ['slow'],
                meta: { kind: 'action', reads: ['y'], writes: ['x'], halts: false },
                on: { 'done.map/0/map': [{ target: '#app/map/0/(finished)' }] },
              },
              '(finished)': { ...end, id: 'app/map/0/(finished)' },
            },
          },
          sub: innerStates('app/map/sub', 'map/sub'),
        },
      },
      late: {
        id: 'app/late',
        meta: { kind: 'map', reads: [], writes: [], halts: false },
        on: { 'done.late': [{ target: '#app/below' }] },
      },
      below: {
        id: 'app/below',
        type: 'parallel',
        meta: { kind: 'map', reads: [], writes: [], halts: false },
        on: { 'done.below': [{ target: '#app/(finished)' }] },
        states: { '(graph)': innerStates('app/below/(graph)', 'below/(graph)') },
      },
      '(finished)': end,
    },
  })
})
