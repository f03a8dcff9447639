import * as fc from 'fast-check'
import { actorLogic, createApplication, defineState } from 'teasel'
import { machineGuards, toMachine } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { type AnyMachineSnapshot, createActor, createMachine, initialTransition, transition } from 'xstate'
import { quiet } from '../support/quiet-logger.js'

interface S {
  n: number
}
const kit = defineState<S>()

/** A graph as data, the source of the engine's and the machine's. */
interface Drawn {
  readonly actions: readonly {
    readonly times: number
    readonly plus: number
    readonly tag: boolean
    readonly edges: readonly DrawnEdge[]
  }[]
  readonly halt: number | undefined
}
interface DrawnEdge {
  readonly to: number
  /** `n % mod === rest`, an equality, or always. */
  readonly when: { readonly mod: number; readonly rest: number } | { readonly n: number } | undefined
}

const MODULUS = 7
const MOST = 25
const nameOf = (index: number): string => `a${index}`

const drawn: fc.Arbitrary<Drawn> = fc.integer({ min: 1, max: 6 }).chain((count) => {
  const to = fc.nat({ max: count - 1 })
  const when = fc.oneof(
    fc.record({ mod: fc.integer({ min: 1, max: 4 }), rest: fc.nat({ max: 3 }) }),
    fc.record({ n: fc.nat({ max: MODULUS - 1 }) }),
  )
  const edges = fc
    .tuple(
      fc.uniqueArray(fc.record({ to, when }), { maxLength: 4, selector: ({ when: one }) => JSON.stringify(one) }),
      fc.option(to, { nil: undefined }),
    )
    .map(([list, last]): DrawnEdge[] => [...list, ...(last === undefined ? [] : [{ to: last, when: undefined }])])
  const action = fc.record({
    times: fc.integer({ min: 1, max: 4 }),
    plus: fc.nat({ max: 6 }),
    tag: fc.boolean(),
    edges,
  })
  return fc.record({
    actions: fc.array(action, { minLength: count, maxLength: count }),
    halt: fc.option(to, { nil: undefined }),
  })
})

const step = ({ times, plus }: { times: number; plus: number }, n: number): number => (n * times + plus) % MODULUS

/** @param order the transitions of an action for the engine: as drawn, or changed by a mutant */
function build({ actions }: Drawn, order: (edges: readonly DrawnEdge[]) => readonly DrawnEdge[] = (edges) => edges) {
  const made = actions.map((one) =>
    kit.action({
      reads: ['n'],
      writes: ['n'],
      tags: one.tag ? ['tagged'] : [],
      run: ({ state }) => ({ n: step(one, state.n) }),
    }),
  )
  const conditionOf = ({ when }: DrawnEdge) => {
    if (when === undefined || 'n' in when) return when
    const { mod, rest } = when
    return ({ state }: { state: Readonly<S> }) => state.n % mod === rest
  }
  const list = (edges: readonly DrawnEdge[]) =>
    order(edges).map((edge) => {
      const condition = conditionOf(edge)
      return condition === undefined ? { to: nameOf(edge.to) } : { to: nameOf(edge.to), when: condition }
    })
  return kit.graph({
    actions: Object.fromEntries(made.map((action, i) => [nameOf(i), action])),
    transitions: Object.fromEntries(
      actions.flatMap(({ edges }, i) => (edges.length === 0 ? [] : [[nameOf(i), list(edges)]])),
    ) as never,
  })
}

/** The actions that the engine commits, and the end of its run. */
async function engineTrace(graph: ReturnType<typeof build>, { halt }: Drawn): Promise<string[]> {
  const app = createApplication(graph, { entrypoint: 'a0', state: { n: 0 }, logger: quiet })
  const trace: string[] = []
  try {
    const steps = app.iterate({ maxSteps: MOST, ...(halt === undefined ? {} : { haltAfter: nameOf(halt) }) })
    let next = await steps.next()
    for (; next.done !== true; next = await steps.next()) trace.push(`${next.value.action}:${next.value.state.n}`)
    trace.push(next.value.status)
  } catch {
    trace.push('endless')
  }
  return trace
}

/** The same by XState: its guards see only the state after each action. */
function machineTrace(graph: ReturnType<typeof build>, { actions, halt }: Drawn): string[] {
  const runnable = graph.runnable({ entrypoint: 'a0' })
  const machine = createMachine(toMachine(runnable) as never).provide({ guards: machineGuards(runnable) as never })
  const trace: string[] = []
  let n = 0
  let [snapshot] = initialTransition(machine) as unknown as [AnyMachineSnapshot]
  while (trace.length < MOST) {
    const name = String(snapshot.value)
    const action = actions[Number(name.slice(1))]
    if (action === undefined) break
    n = step(action, n)
    trace.push(`${name}:${n}`)
    if (halt !== undefined && name === nameOf(halt)) return [...trace, 'halted']
    ;[snapshot] = transition(
      machine,
      snapshot as never,
      { type: `done.${name}`, state: { n } } as never,
    ) as unknown as [AnyMachineSnapshot]
    if (snapshot.status === 'done') return [...trace, 'finished']
  }
  return [...trace, 'endless']
}

/** Whether a halt is reachable: the engine refuses others, by design. */
function sane({ actions, halt }: Drawn): boolean {
  const seen = new Set([0])
  for (const index of seen) for (const { to } of actions[index]?.edges ?? []) seen.add(to)
  return halt === undefined || seen.has(halt)
}

describe('the derived statechart', () => {
  it('is walked by XState as the graph by the engine (2 000 random graphs)', async () => {
    await fc.assert(
      fc.asyncProperty(drawn.filter(sane), async (one) => {
        const graph = build(one)
        expect(await engineTrace(graph, one)).toEqual(machineTrace(graph, one))
      }),
      { numRuns: Number(process.env['TEASEL_RUNS'] ?? 2000) },
    )
  }, 120_000)

  it('catches an engine that takes the last true transition', async () => {
    const last = (edges: readonly DrawnEdge[]) => {
      const always = { mod: 1, rest: 0 } // reversed, an unconditional transition comes first: it needs a condition
      return edges.map((edge) => ({ to: edge.to, when: edge.when ?? always })).reverse()
    }
    const differs = async (one: Drawn) => {
      const [mutant, machine] = [await engineTrace(build(one, last), one), machineTrace(build(one), one)]
      return JSON.stringify(mutant) !== JSON.stringify(machine)
    }
    const samples = fc.sample(drawn.filter(sane), { numRuns: 200, seed: 42 })
    const caught = await Promise.all(samples.map(differs))

    expect(caught.filter(Boolean).length).toBeGreaterThan(20)
  })

  it('is plain data with the names of actions, the conditions as guards, and the reads and writes of each action', () => {
    const add = kit.action({ reads: ['n'], writes: ['n'], tags: ['count'], run: ({ state }) => ({ n: state.n + 1 }) })
    const small = ({ state }: { state: Readonly<S> }) => state.n < 3
    const runnable = kit
      .graph({
        actions: { add, end: add },
        transitions: { add: [{ to: 'add', when: small }, { to: 'end' }] },
        onError: { add: 'end' },
      })
      .runnable({ entrypoint: 'add', haltAfter: 'end' })

    const config = toMachine(runnable)

    expect(JSON.parse(JSON.stringify(config))).toEqual({
      id: 'app',
      initial: 'add',
      states: {
        add: {
          id: 'app/add',
          tags: ['count'],
          meta: { kind: 'action', reads: ['n'], writes: ['n'], halts: false },
          on: {
            'done.add': [{ target: '#app/add', guard: 'small' }, { target: '#app/end' }],
            'error.add': [{ target: '#app/end' }],
          },
        },
        end: {
          id: 'app/end',
          tags: ['count'],
          meta: { kind: 'action', reads: ['n'], writes: ['n'], halts: true },
          on: { 'done.end': [{ target: '#app/(finished)' }] },
        },
        '(finished)': { id: 'app/(finished)', type: 'final', meta: { kind: 'end' } },
      },
    })
    expect(actorLogic(runnable).config).toEqual(config)
  })

  it('has the graphs of branches inside map actions, which XState accepts', () => {
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const branch = kit
      .graph({ actions: { one: add, 'two.b': add }, transitions: { one: 'two.b' } })
      .runnable({ entrypoint: 'one' })
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['n'],
      actions: { x: branch, y: add },
      reduce: () => ({ n: 0 }),
    })
    const each = kit.mapStates({ reads: ['n'], writes: ['n'], action: branch, states: [{}], reduce: () => ({ n: 0 }) })
    const runnable = kit.graph({ actions: { map, each }, transitions: { map: 'each' } }).runnable({ entrypoint: 'map' })

    const actor = createActor(createMachine(toMachine(runnable) as never)).start()
    const seen = [actor.getSnapshot().value]
    actor.send({ type: 'done.map/x/one', state: {} } as never)
    seen.push(actor.getSnapshot().value)
    actor.send({ type: 'done.map', state: {} } as never)
    seen.push(actor.getSnapshot().value)

    expect(seen).toEqual([{ map: { x: 'one', y: 'y' } }, { map: { x: 'two.b', y: 'y' } }, { each: { '*': 'one' } }])
  })

  it('numbers conditions with the same name', () => {
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const runnable = kit
      .graph({
        actions: { a: add, b: add },
        transitions: {
          a: [
            { to: 'b', when: ({ state }) => state.n === 1, name: 'same' },
            { to: 'a', when: ({ state }) => state.n === 2, name: 'same' },
          ],
        },
      })
      .runnable({ entrypoint: 'a' })

    expect(toMachine(runnable).states['a']?.on?.['done.a']?.map(({ guard }) => guard)).toEqual([
      'same',
      'same (2)',
      undefined,
    ])
    expect(Object.keys(machineGuards(runnable))).toEqual(['same', 'same (2)'])
  })
})
