import { type ActionContext, createApplication, defineMessage, defineState, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// The cost of a cancel of one among many, in visited entries of collections, never in time.

interface Many {
  readonly count: number
  readonly n: number
  readonly sum: number
}
const kit = defineState<Many>()
const stop = defineMessage('stop', type<number>())
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

const iterators = [new Map().values(), new Set().values(), [].values()].map(
  (one) => Object.getPrototypeOf(one) as { next(): unknown },
)

/** Counts the entries of maps, sets and lists that are visited during a call. */
async function visits(work: () => unknown): Promise<number> {
  const natives = iterators.map((prototype) => prototype.next)
  let count = 0
  for (const [i, prototype] of iterators.entries()) {
    const native = natives[i] as () => unknown
    prototype.next = function next() {
      count += 1
      return Reflect.apply(native, this, [])
    }
  }
  try {
    await work()
  } finally {
    for (let i = 0; i < iterators.length; i++) Object.assign(iterators[i] as object, { next: natives[i] })
  }
  return count
}

type Door = 'app.cancel' | 'context.cancel' | 'watch' | 'timeoutMs' | 'the end of its grace'

/** The cost of cancelling one of `count` live branches, until it has settled. */
async function costOf(door: Door, count: number): Promise<number> {
  const clock = new ManualClock()
  const late = defer<{ n: number }>()
  const allLive = defer()
  let live = 0
  let first: ActionContext | undefined
  const wait = kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state, signal, context }) {
      if (state.n === 0) first = context
      live += 1
      if (live === count) allLive.resolve()
      return state.n === 5 && door === 'the end of its grace' ? late.promise : untilAborted(signal)
    },
  })
  const waits = kit.mapStates({
    reads: ['count'],
    writes: ['sum'],
    settle: 'collect',
    concurrency: count,
    action: wait,
    states: ({ state }) =>
      numbers(state.count).map((one) => [one, one.n === 5 && door === 'timeoutMs' ? { timeoutMs: 1 } : {}] as const),
    watch({ event, cancel }) {
      if (event.type === 'message') cancel('5', 'enough')
    },
    reduce: ({ results }) => ({ sum: results.length }),
  })
  const settled: string[] = []
  const options = { entrypoint: 'waits', state: { count }, clock, graceMs: 10, logger: quiet } as const
  await using app = createApplication(kit.graph({ actions: { waits } }), options)
  app.on('branch.settled', ({ key, status }) => settled.push(`${key} ${status}`))
  const run = app.run()
  await allLive.promise
  await flush()
  if (door === 'the end of its grace') first?.cancel('5')

  const cost = await visits(async () => {
    if (door === 'app.cancel') await app.cancel({ path: 'waits/5' })
    if (door === 'context.cancel') first?.cancel('5', 'enough')
    if (door === 'watch') await app.send(stop(5), { path: 'waits/7' })
    if (door === 'timeoutMs') clock.advance(1)
    if (door === 'the end of its grace') clock.advance(10)
    for (let i = 0; i < 20; i++) await undefined
  })

  expect(settled).toEqual([`5 ${door === 'timeoutMs' ? 'failed' : 'cancelled'}`])
  void app.cancel()
  await run
  return cost
}

describe('a cancel of one branch', () => {
  it.each<Door>(['app.cancel', 'context.cancel', 'watch', 'timeoutMs', 'the end of its grace'])(
    'by %s visits no sibling',
    async (door) => {
      const few = await costOf(door, 10)

      const many = await costOf(door, 1_000)

      expect(many).toBe(few)
    },
  )

  it('that an action created visits no other one', async () => {
    const costs: number[] = []
    for (const count of [10, 500]) {
      const allLive = defer()
      let live = 0
      const wait = kit.action({
        reads: ['n'],
        writes: ['n'],
        run({ signal }) {
          live += 1
          if (live === count) allLive.resolve()
          return untilAborted(signal)
        },
      })
      const below = kit.graph({ actions: { wait } })
      const host = kit.action({
        reads: ['count'],
        writes: ['sum'],
        async run({ context }) {
          const runs = numbers(count).map(({ n }) =>
            createApplication(below, { entrypoint: 'wait', state: { n }, parent: context, key: String(n) }).run(),
          )
          return { sum: (await Promise.all(runs)).length }
        },
      })
      await using app = createApplication(kit.graph({ actions: { host } }), { entrypoint: 'host', state: { count } })
      const run = app.run()
      await allLive.promise
      await flush()

      costs.push(await visits(() => app.cancel({ path: `host/${count - 1}` })))

      void app.cancel()
      await run
    }
    expect(costs[1]).toBe(costs[0])
  })
})

describe('a wait of one branch', () => {
  it('visits no sibling when it ends and the next one begins', async () => {
    const costs: number[] = []
    for (const count of [10, 1_000]) {
      const answers: number[] = []
      const wait = kit.action({
        reads: ['n'],
        writes: ['n'],
        async run({ context }) {
          for await (const { body } of context.receive(stop)) answers.push(body)
          return { n: 0 }
        },
      })
      const waits = kit.mapStates({
        reads: ['count'],
        writes: ['sum'],
        concurrency: count,
        action: wait,
        states: ({ state }) => numbers(state.count),
        reduce: ({ results }) => ({ sum: results.length }),
      })
      await using app = createApplication(kit.graph({ actions: { waits } }), { entrypoint: 'waits', state: { count } })
      await app.run({ whenWaiting: 'return' })

      costs.push(
        await visits(async () => {
          await app.send(stop(5), { path: 'waits/5' })
          for (let i = 0; i < 20; i++) await undefined
        }),
      )

      expect(answers).toEqual([5])
    }
    expect(costs[1]).toBe(costs[0])
  })
})
