import { macrotask } from '../internal/platform.js'
import { entry } from '../parallel/source.js'
import { assertSame } from './contract-case.js'
import * as branches from './executor-graphs.js'
import { add, fails, falls, hangs, kit, mirror, pours, retried, retries, twice } from './executor-graphs.js'
import { appOf, collect, type ExecutorCase, endsOf, heard, next, typesAt } from './executor-rig.js'

/** Contract of an executor for results, failures, events and streams. */
export const RESULTS: Readonly<Record<string, ExecutorCase>> = {
  'runs a branch, whose last state is its result': {
    async check({ executor }) {
      const map = kit.mapStates({ reads: [], writes: ['ends'], action: twice, states: [{ n: 5 }], reduce: collect })
      assertSame('ends', await endsOf(executor, map), ['0 done 7'])
    },
  },

  'runs two trees whose branches have the same ids side by side': {
    async check({ executor }) {
      const of = (n: number) =>
        kit.mapStates({ reads: [], writes: ['ends'], action: twice, states: [{ n }, { n: n + 1 }], reduce: collect })
      const run = (n: number) => appOf(executor, of(n), { appId: 'same' }).run()
      const both = await Promise.all([run(1), run(10)])
      assertSame(
        'ends',
        both.map(({ state }) => state.ends),
        [
          ['0 done 3', '1 done 4'],
          ['0 done 12', '1 done 13'],
        ],
      )
    },
  },

  'carries data of every kind, there and back': {
    async check({ executor }) {
      const seen = [
        ...['text', 'ä🌱', 1.5, -0, Number.NaN, 12n, true, null, undefined],
        new Date(5),
        new Map([['a', new Set([1])]]),
        new Uint8Array([1, 2, 255]),
        { $: 'tag', nested: { list: [1, [2]] } },
      ]
      const map = kit.mapStates({
        reads: [],
        writes: ['seen'],
        action: mirror,
        states: [{ seen }],
        reduce: ({ results: [only] }) => ({ seen: only?.state.seen ?? [] }),
      })
      const { state } = await appOf(executor, map).run()
      const [back, sent] = [state.seen, seen].map((all) => all.map(describe))
      assertSame('values', back, sent)
    },
  },

  'carries a state of megabytes: of text, and of bytes, each end of which has its own': {
    async check({ executor }) {
      const text = 'x'.repeat(1_000_000)
      const bytes = Uint8Array.from({ length: 500_000 }, (_, i) => i)
      const views = [
        bytes,
        bytes.subarray(3, 400_003),
        new Float64Array(bytes.buffer, 8),
        new DataView(bytes.buffer, 1),
      ]
      const seen = [text, ...views]
      const whole = wholeOf(seen)
      const map = kit.mapStates({
        reads: [],
        writes: ['n'],
        action: mirror,
        states: [{ seen }, { seen }],
        reduce: ({ results }) => ({ n: results.filter(({ state }) => wholeOf(state.seen) === whole).length }),
      })
      assertSame('whole states', (await appOf(executor, map).run()).state.n, 2)
      assertSame('the bytes of the caller', wholeOf(seen), whole)
    },
  },

  'keys results, and keeps the order of their declaration': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        state: () => ({ n: 2 }),
        actions: { slow: pours, quick: add, twice },
        reduce: ({ results, branches: { quick, slow } }) => ({
          ends: [...collect({ results }).ends, `${slow.state.n} ${quick.state.n}`],
        }),
      })
      assertSame('ends', await endsOf(executor, map), ['slow done 2', 'quick done 3', 'twice done 4', '2 3'])
    },
  },

  'gives a failure as data: its class, its cause, its fields': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['seen'],
        settle: 'collect',
        actions: { a: fails },
        reduce({ results: [only] }) {
          if (only?.status !== 'failed') return { seen: [only?.status] }
          const { error } = only
          const thrown: unknown = error.cause
          if (!(thrown instanceof TypeError)) return { seen: [String(thrown)] }
          const { cause } = thrown
          const status: unknown = Reflect.get(thrown, 'status')
          return { seen: [error.name, Reflect.get(error, 'code'), thrown.message, cause instanceof RangeError, status] }
        },
      })
      const { state } = await appOf(executor, map).run()
      assertSame('failure', state.seen, ['ActionError', 'action', 'It fails.', true, 503])
    },
  },

  'rejects the run with the failure of a branch that nothing collects': {
    async check({ executor }) {
      const map = kit.mapActions({ reads: [], writes: ['ends'], actions: { a: fails, b: hangs }, reduce: collect })
      const failed = await appOf(executor, map)
        .run()
        .catch((error: unknown) => error)
      assertSame('rejects with an error', failed instanceof Error && failed.message.includes('It fails.'), true)
    },
  },

  'emits the events of a branch in their order, and numbers those of the run without a gap': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        state: () => ({ n: 0 }),
        actions: { a: twice, b: branches.logs },
        reduce: collect,
      })
      const app = appOf(executor, map)
      const events = heard(app)
      await app.run()
      const steps = ['step.start', 'transition', 'step.end', 'step.start', 'step.end']
      const order = typesAt(events, 'map/a').filter((type) => steps.includes(type))
      assertSame('of the branch', order, steps)
      assertSame('log', typesAt(events, 'map/b').includes('log'), true)
      const [first] = events
      assertSame(
        'numbers',
        events.map(({ seq }) => seq),
        events.map((_, i) => (first?.seq ?? 0) + i),
      )
      assertSame('run', new Set(events.map(({ runId }) => runId)).size, 1)
    },
  },

  'numbers events without a gap also where only some are heard': {
    async check({ executor }) {
      const states = [1, 2, 3].map((n) => ({ n }))
      const map = kit.mapStates({ reads: [], writes: ['ends'], action: twice, states, reduce: collect })
      const app = appOf(executor, map)
      const ends: number[] = []
      app.on('run.end', ({ seq }) => void ends.push(seq))
      await app.run()
      const heardBy = appOf(executor, map)
      const all = heard(heardBy)
      await heardBy.run()
      assertSame('number of the last event', ends, [all.at(-1)?.seq])
    },
  },

  'streams chunks in their order, and waits for a slow reader': {
    async check({ executor }) {
      const count = 500
      const map = kit.mapStates({
        reads: [],
        writes: ['ends'],
        action: pours,
        states: [{ n: count }, { n: count }],
        reduce: collect,
      })
      const app = appOf(executor, map)
      const seen: Record<string, unknown[]> = {}
      for await (const event of app.stream({ include: ['chunk'] })) {
        const key = event.path[0]?.key ?? ''
        const of = seen[key] ?? []
        seen[key] = of
        of.push(event.chunk)
        if (of.length % 50 === 0) await null // a reader that does something else meanwhile
      }
      const all = Array.from({ length: count }, (_, i) => i)
      assertSame('chunks', [seen['0'], seen['1']], [all, all])
    },
  },

  'holds back a branch whose reader does not read': {
    async check({ executor }) {
      const map = kit.mapStates({ reads: [], writes: ['ends'], action: pours, states: [{ n: 5_000 }], reduce: collect })
      const app = appOf(executor, map)
      const reader = app.stream({ include: ['chunk'] })
      await reader.next()
      const settled = next(app, 'branch.settled', '').then(() => 'settled')
      const first = await Promise.race([settled, turns(200).then(() => 'held back')])
      assertSame('after the first chunk', first, 'held back')
      await reader.return({} as never)
    },
  },

  'tries an action again by its own retry, and a branch by that of its map': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        state: () => ({ n: 1 }),
        actions: { own: retries, map: entry(retried, { retry: { attempts: 3, delayMs: 0 } }) },
        reduce: ({ results }) => ({ ends: results.map((one) => `${one.key} ${one.state.n} ${one.attempts}`) }),
      })
      assertSame('ends and attempts of the branch', await endsOf(executor, map), ['own 4 1', 'map 5 3'])
    },
  },

  'asks the retry of the map, which may refuse': {
    async check({ executor }) {
      const asked: string[] = []
      const when = ({ error, attempt }: { readonly error: unknown; readonly attempt: number }): boolean => {
        asked.push(`${attempt} ${error instanceof Error && error.cause instanceof TypeError}`)
        return false
      }
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        settle: 'collect',
        actions: { a: entry(fails, { retry: { attempts: 5, delayMs: 0, when } }) },
        reduce: ({ results }) => ({ ends: results.map(({ status }) => status) }),
      })
      assertSame('ends', await endsOf(executor, map), ['failed'])
      assertSame('asked', asked.length, 1)
    },
  },

  'has the value of a fallback: of the action, and of the branch': {
    async check({ executor }) {
      const map = kit.mapActions({
        reads: [],
        writes: ['ends'],
        actions: { action: falls, branch: entry(fails, { fallback: () => ({ n: 8 }) }) },
        reduce: ({ results }) => ({
          ends: results.map((one) => `${one.key} ${one.state.n} ${one.status === 'done' && one.recovered}`),
        }),
      })
      assertSame('ends', await endsOf(executor, map), ['action 7 true', 'branch 8 true'])
    },
  },

  'runs nested maps: depth 4, where one task runs at a time': {
    concurrency: 1,
    async check({ executor }) {
      const map = kit.mapStates({
        reads: [],
        writes: ['ends'],
        action: branches.deep2,
        states: [{ n: 0 }, { n: 0 }],
        reduce: collect,
      })
      assertSame('ends', await endsOf(executor, map), ['0 done 20', '1 done 20'])
    },
  },

  'runs a thousand branches': {
    async check({ executor }) {
      const map = kit.mapStates({
        reads: [],
        writes: ['n'],
        action: add,
        states: Array.from({ length: 1_000 }, (_, n) => ({ n })),
        initial: { n: 0 },
        reduceEach: ({ acc, result }) => ({ n: acc.n + result.state.n }),
      })
      assertSame('sum', (await appOf(executor, map).run()).state.n, 500_500)
    },
  },
}

/** A text that tells values apart that JSON does not. */
function describe(value: unknown): string {
  if (value instanceof Map) return `Map ${JSON.stringify([...value].map(([key, one]) => [key, describe(one)]))}`
  if (value instanceof Set) return `Set ${JSON.stringify([...value])}`
  if (value instanceof Uint8Array) return `${value.constructor.name} ${value.join()}`
  if (value instanceof Date) return `Date ${value.getTime()}`
  if (Object.is(value, -0)) return '-0'
  return typeof value === 'object' ? JSON.stringify(value) : `${typeof value} ${String(value)}`
}

/** Values as a text: of bytes their kind and a sum. */
const wholeOf = (values: readonly unknown[]): string =>
  values.map((one) => (ArrayBuffer.isView(one) ? `${one.constructor.name} ${sumOf(one)}` : one)).join()
const sumOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): number =>
  new Uint8Array(buffer, byteOffset, byteLength).reduce((sum, byte, i) => (sum + byte * (i % 97)) % 1e9, byteLength)

/** Turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => macrotask(resolve))
}
