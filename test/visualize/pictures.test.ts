import { instance } from '@viz-js/viz'
import { getShortestPaths } from '@xstate/graph'
import { type AnyRunnable, createApplication, defineState } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import {
  machineGuards,
  type RunMarks,
  readMarks,
  toDot,
  toMachine,
  toMermaid,
  toOutline,
  toSvg,
} from 'teasel/visualize'
import { beforeAll, describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { quiet } from '../support/quiet-logger.js'
import { checkXml } from './xml.js'

// Owns: pictures of a few graphs as files, each read by the program that it is for.

const kit = defineState<{ n: number; all: readonly number[] }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const check = kit.action({
  reads: ['n'],
  writes: ['n'],
  run: ({ state: { n } }) => {
    if (n > 6) throw new Error('too much')
    return { n }
  },
})
const reduce = ({ results }: { readonly results: readonly { readonly status: string }[] }) => ({
  all: results.map(({ status }) => (status === 'done' ? 1 : 0)),
})
const one = kit
  .graph({
    actions: { add, check },
    transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 4 }, { to: 'check' }] },
  })
  .runnable({ entrypoint: 'add' })
const each = kit.mapStates({
  reads: ['n'],
  writes: ['all'],
  action: one,
  states: () => [1, 2, 3, 9].map((n) => ({ n })),
  settle: 'collect',
  reduce,
})
const inner = kit.graph({ actions: { add, each }, transitions: { add: 'each' } }).runnable({ entrypoint: 'add' })

const HOSTILE = 'a "b"; <c> & \\d\ne\u0001\u001b[31m -- %% : # / ~ 表🌱 end --> [*]'
const loop = kit.graph({
  actions: { add, each, check, done: add },
  transitions: {
    add: [{ to: 'add', when: ({ state }) => state.n < 2 }, { to: 'each' }],
    each: [{ to: 'check', when: { n: 100 } }, { to: 'done' }],
    check: 'add',
  },
  onError: { each: 'check' },
})
const nested = kit.graph({
  actions: {
    start: add,
    both: kit.mapActions({
      reads: ['n'],
      writes: ['all'],
      actions: { inner, plain: add },
      settle: 'collect',
      reduce,
    }),
    sub: kit.subgraph({
      reads: ['n'],
      writes: ['n'],
      graph: one,
      state: ({ state }) => state,
      reduce: ({ branch: { state } }) => ({ n: state.n }),
    }),
  },
  transitions: { start: 'both', both: 'sub' },
})
const many = kit.graph({
  actions: {
    all: kit.mapActions({
      reads: ['n'],
      writes: ['all'],
      actions: Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`b${i}`, add])),
      reduce,
    }),
  },
})
const hostile = kit.graph({
  actions: { [HOSTILE]: add, end: add, graph: add, n0: add },
  transitions: {
    [HOSTILE]: [{ to: 'end', name: HOSTILE, when: ({ state }) => state.n > 0 }, { to: 'graph' }],
    end: 'n0',
  },
})

interface Given {
  readonly appId: string
  readonly state: { readonly n: number; readonly all: readonly number[] }
  readonly persister: Persister
  readonly logger: typeof quiet
}
const HALTS = { entrypoint: 'start', haltAfter: 'sub' } as const
const GRAPHS = {
  loop: {
    runnable: loop.runnable({ entrypoint: 'add' }),
    run: (given: Given) => createApplication(loop, { entrypoint: 'add', ...given }).run(),
  },
  nested: {
    runnable: nested.runnable(HALTS),
    run: (given: Given) => createApplication(nested, { entrypoint: 'start', ...given }).run({ haltAfter: 'sub' }),
  },
  many: {
    runnable: many.runnable({ entrypoint: 'all' }),
    run: (given: Given) => createApplication(many, { entrypoint: 'all', ...given }).run(),
  },
  hostile: {
    runnable: hostile.runnable({ entrypoint: HOSTILE }),
    run: (given: Given) => createApplication(hostile, { entrypoint: HOSTILE, ...given }).run(),
  },
}
const NAMES = Object.keys(GRAPHS) as (keyof typeof GRAPHS)[]

interface Drawn {
  readonly runnable: AnyRunnable
  readonly run: RunMarks
}
const drawn = new Map<string, Drawn>()
const of = (name: string): Drawn => {
  const found = drawn.get(name)
  if (found === undefined) throw new Error(`There is no ${name}.`)
  return found
}

beforeAll(async () => {
  for (const name of NAMES) {
    const { runnable, run: start } = GRAPHS[name]
    const persister = memoryPersister()
    await start({ appId: name, state: { n: 0, all: [] }, persister, logger: quiet })
    const run = await readMarks(persister, { runId: name, partitionKey: null })
    if (run !== undefined) drawn.set(name, { runnable, run })
  }
})

const golden = (file: string): string => `golden/${file}`

describe.each(NAMES)('the graph %s', (name) => {
  it('is drawn for Mermaid, which reads it', async () => {
    const { runnable, run } = of(name)
    const { default: mermaid } = await withDocument(() => import('mermaid'))
    for (const [file, text] of [
      [`${name}.mmd`, toMermaid(runnable, { depth: 3 })],
      [`${name}.run.mmd`, toMermaid(runnable, { depth: 3, run })],
    ] as const) {
      await expect(`${text}\n`).toMatchFileSnapshot(golden(file))
      expect(await mermaid.parse(text)).toMatchObject({ diagramType: 'stateDiagram' })
    }
  })

  it('is drawn for Graphviz, which lays it out without a warning', async () => {
    const { runnable, run } = of(name)
    const viz = await instance()
    for (const [file, text] of [
      [`${name}.dot`, toDot(runnable, { depth: 3, state: true })],
      [`${name}.run.dot`, toDot(runnable, { depth: 3, run, direction: 'LR' })],
    ] as const) {
      await expect(`${text}\n`).toMatchFileSnapshot(golden(file))
      const { status, errors } = viz.render(text, { format: 'json' })
      // Its own table of widths has no signs of other scripts.
      const faults = errors.filter(({ message }) => !message.includes('no value for width'))
      expect([status, faults]).toEqual(['success', []])
    }
  })

  it('is data for XState, which walks it', async () => {
    const { runnable, run } = of(name)
    const config = toMachine(runnable)
    const marked = toMachine(runnable, { run })
    await expect(`${JSON.stringify(config, undefined, 2)}\n`).toMatchFileSnapshot(golden(`${name}.machine.txt`))
    await expect(`${JSON.stringify(marked, undefined, 2)}\n`).toMatchFileSnapshot(golden(`${name}.run.machine.txt`))
    expect(withoutRun(marked)).toEqual(JSON.parse(JSON.stringify(config)))
    const machine = createMachine(marked as never).provide({ guards: machineGuards(runnable) as never })
    // Fifteen regions have 32 768 states.
    if (name === 'many') return
    const events = [...JSON.stringify(config).matchAll(/"((?:done|error)\..*?)":\[/g)].flatMap(([, type]) =>
      [0, 5, 100].map((n) => ({ type: JSON.parse(`"${type}"`) as string, state: { n } })),
    )
    const walked = getShortestPaths(machine, { events })
    expect(walked.length).toBeGreaterThan(2)
    expect(walked.some(({ state }) => state.status === 'done')).toBe(true)
  })

  it('is an outline without control characters, one line a fact', async () => {
    const { runnable, run } = of(name)
    const text = toOutline(runnable, { depth: 3, run })
    await expect(`${text}\n`).toMatchFileSnapshot(golden(`${name}.txt`))
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it('is drawn as SVG that is well formed and has no markup of a name', async () => {
    const { runnable, run } = of(name)
    for (const [file, text] of [
      [`${name}.svg`, toSvg(runnable, { depth: 3, state: true })],
      [`${name}.run.svg`, toSvg(runnable, { depth: 3, run, theme: 'dark', direction: 'LR' })],
    ] as const) {
      await expect(`${text}\n`).toMatchFileSnapshot(golden(file))
      const names = checkXml(text)
      expect([...names].sort()).toEqual(
        ['circle', 'g', 'path', 'rect', 'svg', 'text', 'title'].filter((one) => names.has(one)),
      )
    }
  })
})

describe('an SVG picture', () => {
  it('has each action and each way once, by its address', () => {
    const { runnable, run } = of('loop')
    const text = toSvg(runnable, { run })
    const paths = [...text.matchAll(/<g data-path="([^"]*)"(?: data-status="([a-z]+)")?/g)].map(([, path, status]) => [
      path,
      status,
    ])
    expect(paths).toEqual([
      ['add', 'done'],
      ['each', 'done'],
      ...[0, 1, 2, 3].flatMap((key) => {
        const status = key === 3 ? 'failed' : 'done'
        return [
          [`each/${key}`, status],
          [`each/${key}/add`, 'done'],
          [`each/${key}/check`, status],
        ]
      }),
      ['check', undefined],
      ['done', 'done'],
    ])
    const ways = [...text.matchAll(/data-from="([^"]*)" data-to="([^"]*)"/g)].map(([, from, to]) => `${from} > ${to}`)
    expect(ways.filter((way) => !way.startsWith('each/')).sort()).toEqual(
      ['add > add', 'add > each', 'check > add', 'done > ', 'each > check', 'each > check', 'each > done'].sort(),
    )
  })
})

describe('the marks of a run', () => {
  it('are those of its steps, ways and branches, at every level', () => {
    const { run } = of('nested')
    expect(run.actions['start']).toEqual({ status: 'done', steps: 1 })
    expect(run.actions['both/inner/each']).toMatchObject({ status: 'done', branches: { done: 3, failed: 1 } })
    expect(run.actions['both/inner/each/*/check']).toEqual({ status: 'failed', steps: 3 })
    expect(run.actions['both/inner/each/2/check']).toEqual({ status: 'done', steps: 1 })
    expect(run.actions['both/plain']).toEqual({ status: 'done', steps: 0 })
    expect(run.actions['both/inner/each/*']).toEqual({ status: 'failed', steps: 0 })
    expect(run.taken).toMatchObject({
      'start > both': 1,
      'both > sub': 1,
      'sub > ': 1,
      'both/inner/add > both/inner/each': 1,
    })
    expect(run.taken['both/inner/each/*/add > both/inner/each/*/check']).toBe(4)
  })

  it('count each turn of a loop', () => {
    const { run } = of('loop')
    expect(run.taken).toMatchObject({ 'add > add': 1, 'add > each': 1, 'each > done': 1, 'done > ': 1 })
    expect(run.actions['add']).toEqual({ status: 'done', steps: 2 })
    expect(run.actions['check']).toBeUndefined()
  })

  it('are undefined for an unknown run', async () => {
    expect(await readMarks(memoryPersister(), { runId: 'none', partitionKey: null })).toBeUndefined()
  })
})

/** The same JSON without what the run did. */
const withoutRun = (config: object): unknown =>
  JSON.parse(JSON.stringify(config, (key, value: unknown) => (key === 'run' ? undefined : value)))

async function withDocument<T>(use: () => Promise<T>): Promise<T> {
  const { Window } = await import('happy-dom')
  const page = new Window()
  Object.assign(globalThis, { window: page, document: page.document })
  return use()
}
