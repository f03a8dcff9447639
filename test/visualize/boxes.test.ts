import { instance } from '@viz-js/viz'
import fc from 'fast-check'
import { createApplication, defineState, task } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { type RunMarks, readMarks, toDot, toMachine, toMermaid, toOutline, toSvg } from 'teasel/visualize'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromDataPath, toDataPath } from '../../src/visualize/data-path.js'
import { printedName } from '../../src/visualize/picture.js'
import { pictureOf } from '../../src/visualize/picture-of.js'
import { pictureAt, pictureOfRun, shapeOf } from '../../src/visualize/run-picture.js'
import { untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { checkXml } from './xml.js'

// Owns: the picture of a run, whose branches are boxes of their own.

const HOSTILE = '<b onclick="x()">a</b> "q"; #35; \\d\n\u0001\u001b[31m \u202e -- %% [*] } ~/# 表🌱'

const kit = defineState<{ n: number; all: readonly number[]; keys: readonly string[] }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const check = kit.action({
  reads: ['n'],
  writes: ['n'],
  run: ({ state: { n } }) => {
    if (n === 3) throw new Error('three is too many')
    return { n }
  },
})
const both = kit.graph({ actions: { add, check }, transitions: { add: 'check' } }).runnable({ entrypoint: 'add' })
const reduce = ({ results }: { readonly results: readonly unknown[] }) => ({ all: [results.length] })
const common = { writes: ['all'], settle: 'collect', reduce } as const
const keyed = ({ state }: { readonly state: { readonly keys: readonly string[] } }) =>
  Object.fromEntries(state.keys.map((key, n) => [key, { n }]))
const each = kit.mapStates({ ...common, reads: ['keys'], action: both, states: keyed })
const inner = kit.graph({ actions: { add, each }, transitions: { add: 'each' } }).runnable({ entrypoint: 'add' })

const GRAPHS = {
  each: kit.graph({ actions: { start: add, each, end: add }, transitions: { start: 'each', each: 'end' } }),
  grid: kit.graph({
    actions: {
      start: kit.mapActionsAndStates({
        ...common,
        reads: ['n'],
        actions: { one: both, 'one.more': add },
        states: { x: {}, y: { n: 2 } },
      }),
    },
  }),
  wide: kit.graph({
    actions: {
      start: kit.mapActionsAndStates({
        ...common,
        reads: ['keys'],
        actions: { one: both, 'one.more': add },
        states: keyed,
      }),
    },
  }),
  tasks: kit.graph({
    actions: {
      start: kit.parallel({
        ...common,
        reads: ['n'],
        tasks: ({ state }) => [
          task({ key: 'first', action: add, state }),
          task({ key: 'second', action: both, state }),
        ],
      }),
    },
  }),
  nested: kit.graph({
    actions: {
      start: kit.mapStates({ ...common, reads: ['keys'], action: inner, states: () => ({ a: { n: 0 }, b: { n: 1 } }) }),
    },
  }),
}

interface Given {
  readonly appId: string
  readonly persister: Persister
}

async function marksOf(name: keyof typeof GRAPHS, keys: readonly string[]): Promise<RunMarks> {
  const persister = memoryPersister()
  const given: Given = { appId: name, persister }
  const state = { n: 0, all: [], keys }
  const start = () => {
    switch (name) {
      case 'each':
        return createApplication(GRAPHS.each, { ...given, entrypoint: 'start', state, logger: quiet }).run()
      case 'grid':
        return createApplication(GRAPHS.grid, { ...given, entrypoint: 'start', state, logger: quiet }).run()
      case 'wide':
        return createApplication(GRAPHS.wide, { ...given, entrypoint: 'start', state, logger: quiet }).run()
      case 'tasks':
        return createApplication(GRAPHS.tasks, { ...given, entrypoint: 'start', state, logger: quiet }).run()
      case 'nested':
        return createApplication(GRAPHS.nested, { ...given, entrypoint: 'start', state, logger: quiet }).run()
    }
  }
  await start()
  return (await readMarks(persister, { runId: name, partitionKey: null })) ?? { actions: {}, taken: {} }
}

const runnables = {
  each: GRAPHS.each.runnable({ entrypoint: 'start' }),
  grid: GRAPHS.grid.runnable({ entrypoint: 'start' }),
  wide: GRAPHS.wide.runnable({ entrypoint: 'start' }),
  tasks: GRAPHS.tasks.runnable({ entrypoint: 'start' }),
  nested: GRAPHS.nested.runnable({ entrypoint: 'start' }),
}
const letters = (n: number): readonly string[] => [...'abcdefghijklmnopqrstuvwxyz'].slice(0, n)
const boxesIn = (svg: string): readonly (string | undefined)[] =>
  [...svg.matchAll(/<g data-path="([^"]*)"/g)].map(([, path]) => path)

const CASES = [
  ['dozen', 'each', letters(12)],
  ['baker', 'each', letters(13)],
  ['names', 'each', [HOSTILE, 'constructor', '__proto__', 'a', '']],
  ['product', 'grid', []],
  ['wide', 'wide', letters(7)],
  ['tasks', 'tasks', []],
  ['deep', 'nested', ['1790', '1862', '1941']],
] as const
const runs = new Map<string, RunMarks>()
const runOf = (name: string): RunMarks => runs.get(name) ?? { actions: {}, taken: {} }

beforeAll(async () => {
  for (const [name, graph, keys] of CASES) runs.set(name, await marksOf(graph, keys))
})

describe.each(CASES)('the picture of the run %s', (name, graph) => {
  const runnable = runnables[graph]

  it('is read by Mermaid, by Graphviz, as XML and as lines', async () => {
    const run = runOf(name)
    const { default: mermaid } = await withDocument(() => import('mermaid'))
    const texts = {
      mmd: toMermaid(runnable, { depth: 3, run }),
      dot: toDot(runnable, { depth: 3, run }),
      svg: toSvg(runnable, { depth: 3, run, state: true }),
      txt: toOutline(runnable, { depth: 3, run }),
    }
    for (const [format, text] of Object.entries(texts))
      await expect(`${text}\n`).toMatchFileSnapshot(`golden/boxes/${name}.${format}`)

    expect(await mermaid.parse(texts.mmd)).toMatchObject({ diagramType: 'stateDiagram' })
    const { status, errors } = (await instance()).render(texts.dot, { format: 'json' })
    const faults = errors.filter(({ message }) => !message.includes('no value for width'))
    expect([status, faults]).toEqual(['success', []])
    const names = checkXml(texts.svg)
    expect([...names].sort()).toEqual(
      ['circle', 'g', 'path', 'rect', 'svg', 'text', 'title'].filter((one) => names.has(one)),
    )
    expect(texts.txt.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })
})

describe('the branches of a run', () => {
  it('are counted at their actions, their steps only where all of them are read', () => {
    const outline = toOutline(runnables.each, { run: runOf('baker') })

    expect(outline).toContain('∥ ✕ each branch × N\n')
    expect(outline).toContain('    ✓ add (✓13) (entry): n → n\n')
    expect(outline).toContain('    ✕ check (✓12 ✕1): n → n\n')
    expect(outline).toContain('      → check\n')
    expect(runOf('baker').actions['each/*/check']).toMatchObject({ status: 'failed', at: { done: 12, failed: 1 } })
    expect(runOf('baker').actions['each/*/add']?.at).toBeUndefined()
    expect(runOf('baker').taken).toMatchObject({ 'each/*/add > each/*/check': 0, 'each/a/add > each/a/check': 1 })
  })

  it('have done the actions before the one at which they are, where their graph is one way', () => {
    const shape = (transitions: { readonly [name: string]: readonly string[] }, onError?: { readonly b: 'c' }) => {
      const actions = { c: add, b: add, a: add } // their order is not that of the way
      const ways = Object.entries(transitions).map(([from, to]) => [
        from,
        to.map((name, i) => ({ to: name, ...(i + 1 < to.length && { when: { n: i } }) })),
      ])
      const one = kit.graph({ actions, transitions: Object.fromEntries(ways), ...(onError && { onError }) })
      const map = kit.mapStates({
        ...{ ...common, reads: ['n'], states: () => [{}] },
        action: one.runnable({ entrypoint: 'a' }),
      })
      return kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' })
    }
    const none = { queued: 0, running: 0, waiting: 0, retrying: 0, interrupted: 0, done: 0, failed: 0, cancelled: 0 }
    const at = (counts: object) => ({ status: 'running', steps: 0, at: { ...none, ...counts } }) as const
    const actions = { 'map/*/b': at({ running: 2, failed: 1 }), 'map/*/c': at({ done: 5, cancelled: 4 }) }
    const linesOf = (runnable: ReturnType<typeof shape>): readonly string[] =>
      toOutline(runnable, { run: { actions, taken: {} } })
        .split('\n')
        .flatMap((line) => /^ {4}(\S? ?[abc]\b[^:]*)/.exec(line)?.[1]?.replace(' (entry)', '') ?? [])

    expect(linesOf(shape({ a: ['b'], b: ['c'] }))).toEqual(['▶ c (✓5 ⊘4)', '▶ b (✓9 ▶2 ✕1)', '✓ a (✓12)'])
    const unknown = ['▶ c (✓5 ⊘4)', '▶ b (▶2 ✕1)', 'a']
    expect(linesOf(shape({ a: ['b', 'c'], b: ['c'] }))).toEqual(unknown)
    expect(linesOf(shape({ a: ['b'], b: ['c'], c: ['a'] }))).toEqual(unknown)
    expect(linesOf(shape({ a: ['b'], b: ['c'] }, { b: 'c' }))).toEqual(unknown)
  })

  it('show at which action one was cancelled', async () => {
    const hang = kit.action({ reads: ['n'], writes: ['n'], run: ({ signal }) => untilAborted(signal) })
    const action = kit.graph({ actions: { add, hang }, transitions: { add: 'hang' } }).runnable({ entrypoint: 'add' })
    const map = kit.mapStates({
      ...common,
      reads: ['n'],
      action,
      states: { a: {} },
      watch: ({ event, cancel }) => {
        if (event.type === 'step.end') cancel(event.key, 'enough')
      },
    })
    const persister = memoryPersister()
    await createApplication(kit.graph({ actions: { map } }), {
      ...{ appId: 'cut', entrypoint: 'map', state: { n: 0, all: [], keys: [] }, persister, logger: quiet },
    }).run()
    const run = await readMarks(persister, { runId: 'cut', partitionKey: null })

    expect(run?.actions).toMatchObject({
      'map/a': { status: 'cancelled' },
      'map/a/hang': { status: 'cancelled', steps: 0 },
    })
    expect(run?.taken).toEqual({ 'map/a/add > map/a/hang': 1, 'map/*/add > map/*/hang': 1, 'map > ': 1 })
  })

  it('have the maps in them, also where a map is all that they do', () => {
    const alone = kit.graph({ actions: { each } }).runnable({ entrypoint: 'each' })
    const map = kit.mapStates({ ...common, reads: ['keys'], action: alone, states: { a: { keys: ['x'] } } })
    const runnable = kit.graph({ actions: { map } }).runnable({ entrypoint: 'map' })
    const open = { status: 'running', steps: 0, visit: 1 } as const
    const run = { actions: { map: { ...open, keys: ['a'] }, 'map/a/each': { ...open, keys: ['x'] } }, taken: {} }

    expect(boxesIn(toSvg(runnable, { run, depth: 2 }))).toEqual([
      'map',
      'map/a',
      'map/a/each',
      'map/a/each/x',
      'map/a/each/x/add',
      'map/a/each/x/check',
    ])
  })

  it('are boxes up to twelve, and one for all of them from thirteen', () => {
    const twelve = boxesIn(toSvg(runnables.each, { run: runOf('dozen') }))
    const thirteen = boxesIn(toSvg(runnables.each, { run: runOf('baker') }))

    expect(twelve).toEqual([
      ...['start', 'each'],
      ...letters(12).flatMap((key) => [`each/${key}`, `each/${key}/add`, `each/${key}/check`]),
      'end',
    ])
    expect(thirteen).toEqual(['start', 'each', 'each/*', 'each/*/add', 'each/*/check', 'end'])
  })

  it('have their own status, as a sign too', () => {
    const run = runOf('dozen')
    const svg = toSvg(runnables.each, { run })

    expect(svg).toContain('<g data-path="each/b" data-status="done"')
    expect(svg).toContain('<g data-path="each/c" data-status="failed"')
    expect(svg).toContain('>✕ c</text>')
    expect(toOutline(runnables.each, { run })).toContain('∥ ✕ c\n')
  })

  it('have the graph of their action, or none where it is not known', () => {
    expect(boxesIn(toSvg(runnables.grid, { run: runOf('product') }))).toEqual([
      'start',
      ...['x', 'y'].flatMap((key) => [`start/one.${key}`, `start/one.${key}/add`, `start/one.${key}/check`]),
      ...['start/one.more.x', 'start/one.more.y'],
    ])
    expect(boxesIn(toSvg(runnables.tasks, { run: runOf('tasks') }))).toEqual(['start', 'start/first', 'start/second'])
  })

  it('are one for each action of a product, before a run and from thirteen on', () => {
    for (const run of [undefined, runOf('wide')]) {
      const svg = toSvg(runnables.wide, { run })

      expect(boxesIn(svg)).toEqual(['start', 'start/one.*', 'start/one.*/add', 'start/one.*/check', 'start/one.more.*'])
      expect(svg).toContain(run === undefined ? '>one × N</text>' : '>✕ one (✓6 ✕1) × N</text>')
      expect(toOutline(runnables.wide, { run })).toMatch(/∥ (✓ one.more \(✓7\)|one.more) × N\n/)
      expect(toMermaid(runnables.wide, { run })).toMatch(/state "(✕ one × N \(✓6 ✕1\)|one × N)"/)
      expect(toDot(runnables.wide, { run })).toMatch(/\[label="(✓ one.more × N \(✓7\)|one.more × N)"/)
    }
  })

  it('are drawn as many levels deep as asked for', () => {
    const run = runOf('deep')

    expect(boxesIn(toSvg(runnables.nested, { run, depth: 0 }))).toEqual(['start'])
    expect(boxesIn(toSvg(runnables.nested, { run }))).not.toContain('start/a/each/1790')
    expect(boxesIn(toSvg(runnables.nested, { run, depth: 2 }))).toContain('start/b/each/1941/check')
  })

  it('of maps nearer to the root come first, and are 60 at most', () => {
    const keys = letters(12)
    const map = (path: string) => [path, { status: 'running', steps: 0, keys, visit: 1 }] as const
    const actions = Object.fromEntries([map('start'), ...keys.map((key) => map(`start/${key}/each`))])
    const svg = toSvg(runnables.nested, { depth: 3, run: { actions, taken: {} } })
    const branches = boxesIn(svg).filter((path) => (path ?? '').split('/').length % 2 === 0)

    expect(branches.filter((path) => path?.split('/').length === 2)).toHaveLength(12)
    const own = branches.filter((path) => path?.split('/').length === 4 && !path.endsWith('*'))
    expect(own).toEqual(['a', 'b', 'c', 'd'].flatMap((one) => keys.map((key) => `start/${one}/each/${key}`)))
    expect(branches.filter((path) => path?.endsWith('*'))).toHaveLength(8)
  })

  it('are one for all of them where a key is the sign of that', async () => {
    const run = await marksOf('each', ['a', '*'])

    expect(boxesIn(toSvg(runnables.each, { run }))).toEqual([
      'start',
      'each',
      'each/*',
      'each/*/add',
      'each/*/check',
      'end',
    ])
  })
})

describe('the statechart of a run', () => {
  it('has how many branches are at each action of a map of many, or have done it', () => {
    const { states } = toMachine(runnables.each, { run: runOf('baker') }).states['each']?.states?.['*'] ?? {}

    expect(states?.['add']?.meta.run?.at).toMatchObject({ done: 13, failed: 0 })
    expect(states?.['check']?.meta.run?.at).toMatchObject({ done: 12, failed: 1 })
  })

  it('has at an action of a product what its branches did, or how many are where', () => {
    const { states } = toMachine(runnables.grid, { run: runOf('product') }).states['start'] ?? {}

    expect(states?.['one']?.meta.run).toEqual({ status: 'failed', steps: 0 })
    expect(states?.['one']?.states?.['add']?.meta.run).toEqual({
      ...{ status: 'done', steps: 2 },
      taken: { 'app/start/one/check': 2 },
    })
    expect(states?.['one']?.states?.['check']?.meta.run).toEqual({
      ...{ status: 'failed', steps: 1 },
      taken: { 'app/start/one/(finished)': 1 },
    })
    expect(states?.['one.more']?.meta.run).toEqual({ status: 'done', steps: 0 })

    const wide = toMachine(runnables.wide, { run: runOf('wide') }).states['start']
    expect(wide?.meta.run?.branches?.done).toBe(13)
    const at = (name: string) => wide?.states?.['one']?.states?.[name]?.meta.run?.at
    expect(wide?.states?.['one.more']?.meta.run?.at).toMatchObject({ done: 7, failed: 0 })
    expect([at('add'), at('check')]).toMatchObject([
      { done: 7, failed: 0 },
      { done: 6, failed: 1 },
    ])
  })
})

describe('the picture of a branch', () => {
  it('has the addresses of that branch', () => {
    const picture = pictureOf(runnables.nested, { depth: 5 })
    const at = pictureAt(picture, [
      ['start', 1, 'b/c'],
      ['each', 2, '1790'],
    ])

    expect(at?.entry).toBe('start/b~1c/each/1790/add')
    expect(at?.edges.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'start/b~1c/each/1790/add > start/b~1c/each/1790/check',
      'start/b~1c/each/1790/check > undefined',
    ])
    expect(pictureAt(picture, [['nothing', 1, 'a']])).toBeUndefined()
  })
})

describe('addresses as attributes', () => {
  it('hold any key, and give it back', () => {
    const keys = fc.string({
      unit: fc.oneof(fc.constantFrom(...'~/#u\u001b\n\ud800\u202e01'), fc.string({ unit: 'binary' })),
    })
    fc.assert(
      fc.property(fc.array(keys, { minLength: 1 }), (names) => {
        const path = names.map(printedName).join('/')

        expect(fromDataPath(toDataPath(path))).toBe(path)
        expect(toDataPath(path)).not.toMatch(/[\p{Cc}\p{Surrogate}\u202e]/u)
      }),
    )
  })
})

describe('the shape of a run', () => {
  it('changes with its boxes, and with nothing else', () => {
    const picture = pictureOf(runnables.each)
    const run = runOf('dozen')
    const shape = shapeOf('g', picture, run)
    const taken = { ...run, taken: {} }
    const { each: map, ...rest } = run.actions

    expect(shapeOf('g', picture, taken)).toBe(shape)
    expect(shapeOf('h', picture, run)).not.toBe(shape)
    expect(shapeOf('g', picture, { ...run, actions: rest })).not.toBe(shape)
    expect(map?.keys).toHaveLength(12)
    expect(pictureOfRun(picture, undefined)).toBe(picture)
  })
})

async function withDocument<T>(use: () => Promise<T>): Promise<T> {
  const { Window } = await import('happy-dom')
  const page = new Window()
  Object.assign(globalThis, { window: page, document: page.document })
  return use()
}
