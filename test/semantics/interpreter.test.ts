import * as fc from 'fast-check'
import { createApplication, defineState } from 'teasel'
import { describe, expect, it } from 'vitest'

interface S {
  n: number
  trail: string
}
const kit = defineState<S>()

/** A nest of maps and graphs as data. */
type Nest =
  | { readonly kind: 'leaf'; readonly plus: number; readonly fails: boolean }
  | { readonly kind: 'states'; readonly child: Nest; readonly starts: readonly number[]; readonly collect: boolean }
  | { readonly kind: 'actions'; readonly children: readonly Nest[]; readonly collect: boolean }
  | { readonly kind: 'graph'; readonly steps: readonly Nest[] }

const nests: fc.Arbitrary<Nest> = fc.letrec<{ nest: Nest }>((tie) => ({
  nest: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({
      kind: fc.constant('leaf' as const),
      plus: fc.nat({ max: 5 }),
      fails: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    fc.record({
      kind: fc.constant('states' as const),
      child: tie('nest'),
      starts: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }),
      collect: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('actions' as const),
      children: fc.array(tie('nest'), { maxLength: 3 }),
      collect: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('graph' as const), steps: fc.array(tie('nest'), { minLength: 1, maxLength: 3 }) }),
  ),
})).nest

// ── the plain interpreter: recursion without concurrency ──

function interpret(nest: Nest, n: number): number {
  switch (nest.kind) {
    case 'leaf':
      if (nest.fails) throw new RangeError('leaf')
      return (n + nest.plus) % 100
    case 'graph':
      return nest.steps.reduce((value, step) => interpret(step, value), n)
    case 'states':
      return fold(
        nest.collect,
        nest.starts.map((start) => () => interpret(nest.child, (n + start) % 100)),
      )
    case 'actions':
      return fold(
        nest.collect,
        nest.children.map((child) => () => interpret(child, n)),
      )
  }
}

function fold(collect: boolean, branches: readonly (() => number)[]): number {
  return branches.reduce((sum, branch, i) => {
    try {
      return (sum * 3 + branch() + i) % 100
    } catch (error) {
      if (!collect) throw error
      return (sum * 3 + 7) % 100
    }
  }, 0)
}

// ── the same by the engine ──

type Made = ReturnType<typeof leafOf>

const leafOf = (plus: number, fails: boolean) =>
  kit.action({
    reads: ['n'],
    writes: ['n'],
    async run({ state }) {
      for (let i = 0; i < (state.n * 7) % 4; i++) await Promise.resolve() // branches end in another order
      if (fails) throw new RangeError('leaf')
      return { n: (state.n + plus) % 100 }
    },
  })

type Result = { readonly status: string; readonly state?: { readonly n?: number } }
const reduce = ({ results }: { readonly results: readonly Result[] }) => ({
  n: results.reduce(
    (sum, { status, state }, i) => (status === 'done' ? sum * 3 + (state?.n ?? 0) + i : sum * 3 + 7) % 100,
    0,
  ),
})

function build(nest: Nest): Made {
  switch (nest.kind) {
    case 'leaf':
      return leafOf(nest.plus, nest.fails)
    case 'graph': {
      const names = nest.steps.map((_, i) => `s${i}`)
      const actions: Record<string, Made> = Object.fromEntries(nest.steps.map((step, i) => [`s${i}`, build(step)]))
      const transitions = Object.fromEntries(names.slice(1).map((name, i) => [`s${i}`, name]))
      const graph = kit.graph({ actions, transitions }).runnable({ entrypoint: 's0' })
      return kit.subgraph({
        reads: ['n'],
        writes: ['n'],
        graph: graph as never,
        state: ({ state }) => state as never,
        reduce: ({ branch }) => ({ n: (branch.state as S).n }),
      })
    }
    case 'states':
      return kit.mapStates({
        reads: ['n'],
        writes: ['n'],
        action: build(nest.child),
        settle: nest.collect ? 'collect' : 'all',
        states: ({ state }) => nest.starts.map((start) => ({ n: (state.n + start) % 100 })),
        reduce,
      })
    case 'actions':
      return kit.mapActions({
        reads: ['n'],
        writes: ['n'],
        actions: nest.children.map(build),
        settle: nest.collect ? 'collect' : 'all',
        reduce,
      })
  }
}

describe('nests of maps, graphs and actions', () => {
  it('match a plain recursive interpreter, under any limit (500 random nests)', async () => {
    await fc.assert(
      fc.asyncProperty(
        nests,
        fc.nat({ max: 99 }),
        fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
        async (nest, n, concurrency) => {
          const plain = attempt(() => interpret(nest, n))
          const graph = kit.graph({ actions: { top: build(nest) } })
          const app = createApplication(graph, {
            entrypoint: 'top',
            state: { n, trail: '' },
            ...(concurrency === undefined ? {} : { concurrency }),
          })
          const end = await app.run().then(
            ({ state }) => state.n,
            () => 'failed' as const,
          )
          expect(end).toBe(plain)
        },
      ),
      { numRuns: Number(process.env['TEASEL_RUNS'] ?? 500) },
    )
  }, 60_000)
})

function attempt(work: () => number): number | 'failed' {
  try {
    return work()
  } catch {
    return 'failed'
  }
}
