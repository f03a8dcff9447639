import { type AnyEvent, createApplication, defineState, resumeOrCreate } from 'teasel'
import { registerClass } from 'teasel/codec'
import { createPersister, memoryPersister, type Persister } from 'teasel/persistence'
import { EventRecorder } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

/** A map of two branches, and the ids of their applications. */
interface Pair {
  n: number
  ids: string[]
}
const kit = defineState<Pair>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

function pairOf(persister?: null | Persister) {
  const each = kit.mapStates({
    reads: ['n'],
    writes: ['ids'],
    ...(persister === undefined ? {} : { persister }),
    action: add,
    states: [{ n: 1 }, { n: 2 }],
    reduce: ({ results }) => ({ ids: results.map(({ appId }) => appId) }),
  })
  return kit.graph({ actions: { each } })
}
const start = { entrypoint: 'each', appId: 'app', state: { n: 0 }, logger: quiet } as const

/** Runs the map, and loads each branch from a persister. */
async function branchesIn(store: Persister, graph: ReturnType<typeof pairOf>, persister: Persister) {
  const { ids } = (await createApplication(graph, { ...start, persister }).run()).state
  return Promise.all(ids.map((appId) => store.load({ appId })))
}

describe('the store of branches, as with a cascading adapter', () => {
  it('T-PA-11 stores branches with their application by default', async () => {
    const persister = memoryPersister()

    const stored = await branchesIn(persister, pairOf(), persister)

    expect(stored.map((record) => record?.state)).toEqual([{ n: 2 }, { n: 3 }])
  })

  it('T-PA-12 stores no branch of a map with the persister null', async () => {
    const persister = memoryPersister()

    const stored = await branchesIn(persister, pairOf(null), persister)

    expect(stored).toEqual([undefined, undefined])
    expect((await persister.load({ appId: 'app' }))?.position).toBe('each')
  })

  it('T-PA-13 stores the branches of a map only in its own persister', async () => {
    const [own, persister] = [memoryPersister(), memoryPersister()]

    const stored = await branchesIn(own, pairOf(own), persister)

    expect(stored.map((record) => record?.state)).toEqual([{ n: 2 }, { n: 3 }])
    expect(await persister.load({ appId: stored[0]?.appId ?? '' })).toBeUndefined()
  })
})

/** Numbers that count down to 1, and the number of steps. */
interface Collatz {
  numbers: number[]
  counts: number[]
  value: number
  steps: number
}

const isFirst = (event: AnyEvent): boolean =>
  event.type === 'step.end' && event.source === 'first' && event.status === 'done'

/** Runs a map over twenty numbers, whose steps fail now and then, again until it succeeds. */
async function unreliable(asynchronous: boolean) {
  const collatz = defineState<Collatz>()
  const numbers = Array.from({ length: 20 }, (_, i) => i + 3)
  const tracker = new EventRecorder()
  const persister = memoryPersister()
  let calls = 0
  const stumble = () => {
    calls += 1
    if (calls % 20 === 0) throw new Error('one call in twenty fails')
  }
  const first = collatz.action({
    reads: ['value'],
    writes: ['steps'],
    run: () => ({ steps: 0 }),
  })
  const next = collatz.action({
    reads: ['value', 'steps'],
    writes: ['value', 'steps'],
    run({ state: { value, steps } }) {
      stumble()
      return { value: value % 2 === 0 ? value / 2 : value * 3 + 1, steps: steps + 1 }
    },
  })
  const action = collatz
    .graph({
      actions: { first, next },
      transitions: { first: 'next', next: [{ to: 'next', when: ({ state }) => state.value > 1 }] },
    })
    .runnable({ entrypoint: 'first' })
  const shared = { reads: ['numbers'], writes: ['counts'], settle: 'all', action } as const
  const each = asynchronous
    ? collatz.mapStates({
        ...shared,
        async *states({ state }) {
          for (const value of state.numbers) yield { value }
        },
        reduce: async ({ results }) => ({ counts: results.map(({ state }) => state.steps) }),
      })
    : collatz.mapStates({
        ...shared,
        states: ({ state }) => state.numbers.map((value) => ({ value })),
        reduce: ({ results }) => ({ counts: results.map(({ state }) => state.steps) }),
      })
  const graph = collatz.graph({ actions: { each } })
  const options = { entrypoint: 'each', appId: 'app', state: { numbers }, persister, tracker, logger: quiet } as const
  for (let tries = 1; ; tries++) {
    const app = await resumeOrCreate(graph, options)
    const ended = await app.run().catch(() => undefined)
    await app[Symbol.asyncDispose]()
    if (ended === undefined) continue
    const committed = tracker.appIds
      .filter((appId) => appId !== 'app')
      .map((appId) => tracker.of(appId).filter(isFirst).length)
    return { counts: ended.state.counts, committed, tries }
  }
}
const stepsOf = (value: number): number => (value === 1 ? 0 : 1 + stepsOf(value % 2 === 0 ? value / 2 : value * 3 + 1))
const expected = Array.from({ length: 20 }, (_, i) => stepsOf(i + 3))

describe('an application that is created again until it succeeds', () => {
  it('T-E2E-02 T-PA-14 commits the first step of each branch once, and resumes from the store it saves to', async () => {
    const { counts, committed, tries } = await unreliable(false)

    expect(counts).toEqual(expected)
    expect(committed).toEqual(Array(20).fill(1))
    expect(tries).toBeGreaterThan(1)
  })

  it('T-E2E-03 does the same with an async generator of states and an async reducer', async () => {
    const { counts, committed, tries } = await unreliable(true)

    expect(counts).toEqual(expected)
    expect(committed).toEqual(Array(20).fill(1))
    expect(tries).toBeGreaterThan(1)
  })

  it('T-E2E-05 continues a stored history', async () => {
    const history = defineState<{ items: number[] }>()
    const append = history.action({
      reads: ['items'],
      writes: ['items'],
      run: async ({ state: { items } }) => ({ items: [...items, items.length + 1] }),
    })
    const graph = history.graph({ actions: { append }, transitions: { append: 'append' } })
    const persister = memoryPersister()
    const empty: { items: number[] } = { items: [] }
    const options = { entrypoint: 'append', appId: 'app', state: empty, persister } as const

    const before = await (await resumeOrCreate(graph, options))
      .run({ maxSteps: 2 })
      .catch(() => persister.load(options))
    const again = await resumeOrCreate(graph, options)
    await again.step()
    await again.step()

    expect(before?.state).toEqual({ items: [1, 2] })
    expect(again.state).toEqual({ items: [1, 2, 3, 4] })
  })
})

const counter = defineState<{ n: number }>()
const count = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const loop = counter.graph({ actions: { count }, transitions: { count: 'count' } })
const begin = { entrypoint: 'count', appId: 'app', state: { n: 0 }, logger: quiet } as const

describe('starting from a store', () => {
  it('T-AP-91 refuses a broken record', async () => {
    const { driver } = memoryPersister()
    await (await resumeOrCreate(loop, { ...begin, persister: createPersister(driver) })).step()
    const broken = createPersister(
      overDriver(driver, {
        name: 'broken',
        load: async (...args) =>
          (await driver.load(...args)).map(
            (tail) => tail && { ...tail, rows: tail.rows.map((row) => ({ ...row, data: 'null' })) },
          ),
      }),
    )

    await expect(resumeOrCreate(loop, { ...begin, persister: broken })).rejects.toMatchObject({ code: 'persistence' })
  })

  it('T-AP-96 refuses a fork without the id of an application', async () => {
    const persister = memoryPersister()
    const forkFrom = JSON.parse('{ "sequenceId": 1 }')

    await expect(resumeOrCreate(loop, { ...begin, persister, forkFrom })).rejects.toThrow(TypeError)
  })

  it('T-AP-97 refuses a fork of an application from itself', async () => {
    const persister = memoryPersister()

    await expect(resumeOrCreate(loop, { ...begin, persister, forkFrom: { appId: 'app' } })).rejects.toThrow(
      'forkFrom is the application "app" itself. Rewind it, or fork it under another appId.',
    )
  })

  it('T-AP-98 forks an application under another id, at its step, and records its origin', async () => {
    const persister = memoryPersister()
    const app = await resumeOrCreate(loop, { ...begin, persister })
    for (let i = 0; i < 6; i++) await app.step()

    const fork = await resumeOrCreate(loop, {
      ...begin,
      appId: 'fork',
      persister,
      forkFrom: { appId: 'app', sequenceId: 4 },
    })

    expect([fork.state, fork.position, fork.sequenceId]).toEqual([{ n: 5 }, 'count', 4])
    expect((await fork.step())?.state).toEqual({ n: 6 })
    expect((await persister.load({ appId: 'fork', sequenceId: 4 }))?.from).toMatchObject({
      appId: 'app',
      sequenceId: 4,
    })
  })
})

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}
class Broken {
  readonly open = true
}

describe('values of user-defined classes in a store', () => {
  const wallet = defineState<{ held: unknown; note: string }>()
  const stored = async (held: unknown) => {
    const hold = wallet.action({ reads: [], writes: ['held', 'note'], run: () => ({ held, note: 'plain' }) })
    const persister = memoryPersister()
    const options = { entrypoint: 'hold', appId: 'app', state: {}, persister, logger: quiet } as const
    await createApplication(wallet.graph({ actions: { hold } }), options).run()
    return (await persister.load({ appId: 'app' }))?.state
  }

  it('T-ST-12 stores and loads instances of a registered class in its own form, and other values unchanged', async () => {
    registerClass('parity.money', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })

    expect(await stored(new Money(250))).toEqual({ held: new Money(250), note: 'plain' })
  })

  it('T-ST-13 fails the step when the form of a class cannot be stored', async () => {
    registerClass('parity.broken', Broken, { save: () => () => {}, load: () => new Broken() })

    await expect(stored(new Broken())).rejects.toMatchObject({ code: 'serialization' })
  })
})
